"""Methods on the same problems: paired, with exact tests and intervals, and what is not comparable is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mendloop.runs.comparison import Pair, compare
from mendloop.runs.comparison_text import pair_lines, table
from tests.runs.judged_run import Session, Turn, cases, written

CODE = "def f(x):\n    return x + x\n"
SUITE = cases(("f(2)", "4"))


def tried(problem: int, *, kept: bool, tokens: int = 0, failing: int = 1, tier: Any = "B") -> Session:
    """Return a session with some failing turns; a kept one has a passing turn more."""
    turns = [Turn(f"{CODE}# {turn}\n", SUITE, "code_fault") for turn in range(failing)]
    turns += [Turn(CODE, SUITE, "passed")] if kept else []
    return Session(f"p{problem}", tuple(turns), tier=tier if kept else None, reason="out_of_repairs", tokens=tokens)


def paired(folder: Path, first: list[Session], second: list[Session], **scenario: Any) -> Pair:
    one = written(folder / "one", first)
    two = written(folder / "two", second, scenario)
    return compare([one, two]).pairs[0]


def test_kept_sessions_are_paired_by_problem(tmp_path: Path) -> None:
    first = [tried(n, kept=n < 12) for n in range(20)]
    second = [tried(n, kept=4 <= n < 6) for n in reversed(range(20))]
    kept = paired(tmp_path, first, second).kept
    assert kept is not None
    assert (kept.both, kept.only_first, kept.only_second, kept.neither) == (2, 10, 0, 8)
    assert (kept.difference, kept.p) == (0.5, 0.001953)  # 2 / 2**10
    assert kept.interval is not None
    assert 0.25 <= kept.interval.low < 0.5 < kept.interval.high <= 0.75


def test_methods_that_keep_the_same_are_not_told_apart(tmp_path: Path) -> None:
    sessions = [tried(n, kept=n % 2 == 0) for n in range(8)]
    kept = paired(tmp_path, sessions, sessions).kept
    assert kept is not None
    assert (kept.difference, kept.p, kept.interval) == (0.0, 1.0, None)


def test_only_tier_b_or_better_with_a_failing_turn_is_strong(tmp_path: Path) -> None:
    first = [tried(0, kept=True), tried(1, kept=True, tier="C"), tried(2, kept=True, failing=0)]
    strong = paired(tmp_path, first, [tried(n, kept=False) for n in range(3)]).strong
    assert strong is not None
    assert (strong.only_first, strong.neither) == (1, 2)


def test_tokens_are_compared_on_the_problems_that_both_tried(tmp_path: Path) -> None:
    first = [tried(n, kept=True, tokens=100 + n) for n in range(10)] + [tried(99, kept=True, tokens=100_000)]
    second = [tried(n, kept=True, tokens=300 + 2 * n) for n in range(10)]
    tokens = paired(tmp_path, first, second).tokens
    assert tokens is not None
    assert (tokens.first, tokens.second, tokens.difference) == (104.5, 309.0, -204.5)
    assert tokens.interval is not None
    assert -209 < tokens.interval.low < -204.5 < tokens.interval.high < -200


def test_what_100k_tokens_gave_is_compared_with_its_interval(tmp_path: Path) -> None:
    first = [tried(n, kept=n % 2 == 0, tokens=1_000 + n) for n in range(40)]
    second = [tried(n, kept=n % 4 == 0, tokens=2_000 - n) for n in range(40)]
    pair = paired(tmp_path, first, second)
    gave = pair.strong_per_100k
    assert gave is not None
    spent = (sum(1_000 + n for n in range(40)), sum(2_000 - n for n in range(40)))
    assert (gave.first, gave.second) == (round(20e5 / spent[0], 3), round(10e5 / spent[1], 3))
    assert gave.ratio == round(2 * spent[1] / spent[0], 3)
    assert gave.interval is not None
    assert 2 < gave.interval.low < gave.ratio < gave.interval.high < 9
    assert f"{gave.ratio:.3g} times as many (95 % interval " in "\n".join(pair_lines(pair))


def test_nothing_is_no_multiple_of_nothing(tmp_path: Path) -> None:
    first = [tried(n, kept=True, tokens=100) for n in range(4)]
    gave = paired(tmp_path, first, [tried(n, kept=False, tokens=100) for n in range(4)]).strong_per_100k
    assert gave is not None
    assert (gave.first, gave.second, gave.ratio, gave.interval) == (1000, 0, None, None)


def test_a_problem_that_came_twice_is_paired_in_the_order_it_came(tmp_path: Path) -> None:
    first = [tried(0, kept=True), tried(0, kept=False), tried(0, kept=True)]
    pair = paired(tmp_path, first, [tried(0, kept=True), tried(0, kept=True)])
    assert pair.kept is not None
    assert (pair.sessions, pair.only_in_first, pair.kept.both, pair.kept.only_second) == (2, 1, 1, 1)


def test_without_models_there_are_no_tokens_to_compare(tmp_path: Path) -> None:
    assert paired(tmp_path, [tried(0, kept=True)], [tried(0, kept=True)]).tokens is None


def test_what_else_differs_is_said(tmp_path: Path) -> None:
    pair = paired(tmp_path, [tried(0, kept=True)], [tried(0, kept=True), tried(1, kept=True)], model="large")
    assert pair.caveats == (
        "1 sessions are about problems of one run only; only the paired figures compare like with like",
        "another programmer: no model and large",
    )


def test_runs_about_other_problems_have_no_paired_figures(tmp_path: Path) -> None:
    pair = paired(tmp_path, [tried(0, kept=True)], [tried(1, kept=True)])
    assert (pair.sessions, pair.kept, pair.tokens, pair.failed_turns) == (0, None, None, None)
    assert pair.strong_per_100k is None
    assert pair.caveats == ("no problem is in both runs: their figures are about different problems",)


def test_more_than_two_runs_stand_in_one_table_and_are_paired_with_the_first(tmp_path: Path) -> None:
    kept = {"one": 3, "two": 2, "three": 0}
    runs = [
        written(tmp_path / name, [tried(n, kept=n < number) for n in range(4)], {"loop": {"method": name}})
        for name, number in kept.items()
    ]
    found = compare(runs)
    heads, rows = table(found)
    shares = next(row for row in rows if row[0] == "kept_share")
    assert heads == ("figure", *map(str, runs))
    assert rows[0] == ("method", "one", "two", "three")
    assert [cell.partition(" ")[0] for cell in shares] == ["kept_share", "0.75", "0.5", "0"]
    assert [(pair.first, pair.second) for pair in found.pairs] == [(str(runs[0]), str(each)) for each in runs[1:]]


def test_the_lines_of_a_pair_say_counts_difference_and_p(tmp_path: Path) -> None:
    pair = paired(tmp_path, [tried(0, kept=True), tried(1, kept=True)], [tried(0, kept=False), tried(1, kept=False)])
    lines = list(pair_lines(pair))
    assert lines[0].endswith("/two: 2 sessions about the same problems (0 and 0 without a partner)")
    kept = "both 0, only first 2, only second 0, neither 0; +100.0 points; exact McNemar p 0.5"
    assert lines[1] == f"  kept                     {kept}"


@pytest.mark.parametrize("sessions", [[], [tried(0, kept=False)]])
def test_a_run_that_kept_nothing_can_be_compared(tmp_path: Path, sessions: list[Session]) -> None:
    found = compare([written(tmp_path / "run", sessions)] * 2)
    assert found.runs[0] == found.runs[1]
