"""A run against an oracle: what is right is executed to be so, in the sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mendloop import api
from mendloop.errors import SourceError
from mendloop.judgement.shares import wilson
from mendloop.runs.against_model import Against, Blamed
from mendloop.runs.against_text import against_lines
from mendloop.runs.oracle import read_oracle
from tests.runs.judged_run import Session, Turn, cases, written

TWICE = "def f(x):\n    return x + x\n"
SQUARE = "def f(x):\n    return x * x\n"
STUCK = "def f(x):\n    while x != 2:\n        pass\n    return 4\n"
RIGHT, SAME, WRONG = ("f(3)", "6"), ("f(2)", "4"), ("f(5)", "25")
"""A case that only the right program passes, one that both pass, and one that only the wrong one does."""


def kept(problem: str, code: str, tier: Any = "B", **more: Any) -> Session:
    return Session(problem, (Turn(code, cases(SAME), "passed"),), tier=tier, **more)


def dropped(problem: str, code: str, reason: str, verdict: Any = "undecided") -> Session:
    return Session(problem, (Turn(code, cases(SAME), verdict),), reason=reason)


def oracle(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return path


def told_by_cases(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "cases": [{"call": "f(3)", "expect": "6"}, {"call": "f(-1)", "expect": "-2"}], **more}


def weighed(folder: Path, sessions: list[Session], *rows: dict[str, Any]) -> Against:
    run = written(folder / "run", sessions)
    return api.open_run(run).against(oracle(folder / "oracle.jsonl", *rows), "local")


# --- programs --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Against:
    sessions = [
        kept("p0", TWICE, "A"),
        kept("p1", SQUARE, "B"),
        kept("p2", TWICE, "B"),
        dropped("p3", TWICE, "out_of_repairs"),
        dropped("p4", SQUARE, "out_of_repairs"),
        dropped("p5", TWICE, "fails_held_out", "passed"),
        kept("elsewhere", TWICE),
    ]
    rows = [told_by_cases(f"p{number}") for number in range(7)]
    return weighed(tmp_path_factory.mktemp("against"), sessions, *rows)


def test_precision_is_by_tier_with_an_interval(found: Against) -> None:
    shares = {name: (share.share, share.n) for name, share in found.precision.items()}
    assert shares == {"all": (0.666667, 3), "A": (1.0, 1), "B": (0.5, 2)}
    assert (found.precision["all"].low, found.precision["all"].high) == wilson(2, 3)


def test_yield_is_of_the_sessions_about_its_problems(found: Against) -> None:
    assert found.yield_kept is not None
    assert found.yield_right is not None
    assert (found.yield_kept.share, found.yield_right.share) == (0.5, 0.333333)
    assert (found.sessions, found.unmatched, found.solved, found.problems) == (6, 1, 2, 7)


def test_a_dropped_session_whose_last_program_is_right_is_a_false_reject(found: Against) -> None:
    assert found.rejects.model_dump() == {
        "n": 3,
        "right": 2,
        "accepted": 1,
        "accepted_right": 1,
        "by_reason": {"fails_held_out": 1, "out_of_repairs": 1},
    }


def test_every_session_says_what_was_found_of_it(found: Against) -> None:
    assert [(each.session, each.right) for each in found.judged] == [
        ("s0000", True),
        ("s0001", False),
        ("s0002", True),
        ("s0003", True),
        ("s0004", False),
        ("s0005", True),
    ]


def test_without_a_reference_the_tests_validity_says_why_it_is_not_there(found: Against) -> None:
    assert found.test_validity is None
    assert set(found.not_measured) == {"test_validity"}


def test_the_lines_say_precision_first(found: Against) -> None:
    lines = list(against_lines(found))
    assert lines[0] == "against oracle.jsonl: 6 sessions about its problems, 1 about none of them"
    assert lines[1] == "kept and right             66.7 % of 3 (95 % interval 20.8 % to 93.9 %; 3 problems)"
    assert "dropped though right       2 of 3 dropped programs (fails_held_out x1, out_of_repairs x1)" in lines
    assert all(line.isprintable() for line in lines)


def test_several_sessions_about_one_problem_count_as_one_in_the_interval(tmp_path: Path) -> None:
    told = weighed(
        tmp_path, [kept("p0", TWICE)] * 4 + [kept("p1", SQUARE)] * 4, told_by_cases("p0"), told_by_cases("p1")
    )
    share = told.precision["all"]
    assert (share.share, share.n, share.clusters) == (0.5, 8, 2)
    assert (share.low, share.high) == pytest.approx(wilson(1, 2), abs=2e-6)


def test_a_program_that_does_not_end_is_wrong(tmp_path: Path) -> None:
    limits = {"sandbox": {"kind": "local", "limits": {"cpu_s": 0.3, "wall_s": 0.6}}}
    run = written(tmp_path / "run", [kept("p0", STUCK)], limits)
    told = api.open_run(run).against(oracle(tmp_path / "oracle.jsonl", told_by_cases("p0")))
    assert [each.right for each in told.judged] == [False]


# --- a reference -----------------------------------------------------------------------------------------------------


def test_a_reference_alone_judges_on_the_sessions_own_inputs(tmp_path: Path) -> None:
    seen = Session("p0", (Turn(SQUARE, cases(SAME, RIGHT), "passed"),), tier="C")
    blind = Session("p1", (Turn(SQUARE, cases(SAME), "passed"),), tier="C")
    told = weighed(tmp_path, [seen, blind], {"id": "p0", "solution": TWICE}, {"id": "p1", "solution": TWICE})
    assert [each.right for each in told.judged] == [False, True]


def test_inputs_at_which_the_reference_raises_judge_nobody(tmp_path: Path) -> None:
    careful = "def f(x):\n    if x < 0:\n        raise ValueError(x)\n    return x + x\n"
    suite = cases(RIGHT, ("f(-1)", "-2"))
    session = Session("p0", (Turn(TWICE, suite, "passed"),), tier="C")
    told = weighed(tmp_path, [session], {"id": "p0", "solution": careful})
    assert [each.right for each in told.judged] == [True]


def test_generated_tests_are_checked_as_written_and_as_they_judged(tmp_path: Path) -> None:
    turns = (
        Turn(TWICE, cases(RIGHT, WRONG), "test_fault", failing=("c2",)),
        Turn(TWICE, cases(RIGHT), "passed"),
    )
    session = Session("p0", turns, held_out=cases(("f(7)", "14"), ("f(8)", "64")), tier="B")
    validity = weighed(tmp_path, [session], {"id": "p0", "solution": TWICE}).test_validity
    assert validity is not None
    assert validity.designed is not None
    assert validity.shown is not None
    assert validity.held_out is not None
    assert [each.share for each in (validity.designed, validity.shown, validity.held_out)] == [0.5, 1.0, 0.5]


def test_cases_that_somebody_gave_are_not_counted_among_generated_ones(tmp_path: Path) -> None:
    session = Session("p0", (Turn(TWICE, cases(RIGHT, origin="given"), "passed"),), tier="B")
    assert weighed(tmp_path, [session], {"id": "p0", "solution": TWICE}).test_validity is None


def test_tests_that_their_own_reference_fails_decide_nothing(tmp_path: Path) -> None:
    told = weighed(tmp_path, [kept("p0", TWICE)], told_by_cases("p0", solution=SQUARE))
    assert told.unusable == {"p0": "its own reference fails its tests"}
    assert (told.sessions, told.precision) == (0, {})


# --- verdicts --------------------------------------------------------------------------------------------------------


def test_verdicts_are_right_where_they_blame_what_is_wrong(tmp_path: Path) -> None:
    turns = (
        Turn(SQUARE, cases(SAME, RIGHT), "code_fault", "peers_pass", ("c2",)),
        Turn(TWICE, cases(SAME, WRONG), "code_fault", "critic_cites", ("c2",)),
        Turn(TWICE, cases(SAME, WRONG), "test_fault", "no_peer_passes", ("c2",)),
        Turn(SQUARE, cases(SAME, RIGHT), "test_fault", "no_peer_passes", ("c2",)),
        Turn(TWICE, cases(SAME), "passed"),
    )
    told = weighed(tmp_path, [Session("p0", turns, tier="B")], told_by_cases("p0", solution=TWICE))
    assert told.adjudication == {
        "code_fault": Blamed(right=1, wrong=1, unclear=0),
        "test_fault": Blamed(right=1, wrong=1, unclear=0),
    }
    assert told.adjudication_by_rule["no_peer_passes"] == Blamed(right=1, wrong=1, unclear=0)


def test_without_a_reference_a_wrong_program_says_nothing_of_a_test(tmp_path: Path) -> None:
    turns = tuple(Turn(code, cases(WRONG), "test_fault", failing=("c1",)) for code in (TWICE, SQUARE))
    told = weighed(tmp_path, [Session("p0", turns, reason="too_many_test_faults")], told_by_cases("p0"))
    assert told.adjudication == {"test_fault": Blamed(right=1, wrong=0, unclear=1)}


# --- the forms of an oracle ------------------------------------------------------------------------------------------

MBPP = {"task_id": 7, "code": TWICE, "test_list": ["assert f(3) == 6", "assert f(0) == 0"]}
HUMANEVAL = {
    "task_id": "HumanEval/900",
    "entry_point": "f",
    "prompt": "def tripled(x):\n    return 3 * x\n\n\ndef f(x):\n    '''Return twice the number.'''\n",
    "canonical_solution": "    return x + x\n",
    "test": "def check(candidate):\n    assert candidate(3) == 6\n    assert True\n",
}
LOOPING = {
    **HUMANEVAL,
    "test": "def check(candidate):\n    for x in range(20, 40):\n        assert candidate(x) + x == tripled(x)\n",
}
ASSERTS = {"problem": "p0", "entry_point": "f", "cases": ["assert f(3) == 6", "assert f(-1) == -2"]}


@pytest.mark.parametrize(
    ("row", "problem"),
    [(MBPP, "mbpp/7"), (HUMANEVAL, "HumanEval/900"), (LOOPING, "HumanEval/900"), (ASSERTS, "p0")],
    ids=["mbpp", "humaneval", "a check that is no list of asserts", "asserts"],
)
def test_a_row_of_any_form_tells_a_right_program_from_a_wrong_one(
    tmp_path: Path, row: dict[str, Any], problem: str
) -> None:
    told = weighed(tmp_path, [kept(problem, TWICE), kept(problem, SQUARE)], row)
    assert [each.right for each in told.judged] == [True, False]


def test_what_cannot_be_parsed_runs_beside_the_program(tmp_path: Path) -> None:
    truth = read_oracle(oracle(tmp_path / "oracle.jsonl", LOOPING)).truths["HumanEval/900"]
    assert (truth.cases, truth.judges) == ((), True)
    assert "def tripled" in truth.tests  # what the prompt defines beside the function


UNUSABLE: list[tuple[dict[str, Any], str]] = [
    ({"cases": []}, "has no text under `id`"),
    ({"id": "p"}, "has none of `cases`, `test_list`, `test` and `solution`"),
    ({"id": "p", "cases": [{"call": "f(1)"}]}, "some of its `cases` cannot be used (1 not a case)"),
    ({"task_id": 1, "test_list": []}, "`test_list` is no list of asserts"),
    ({"task_id": "h", "entry_point": "f", "test": "def check(:"}, "its `test` does not parse"),
    (told_by_cases("good"), "its id was used before, in line 1"),
]


@pytest.mark.parametrize(("row", "reason"), UNUSABLE)
def test_a_row_that_cannot_be_used_is_named_with_its_reason(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    read = read_oracle(oracle(tmp_path / "oracle.jsonl", told_by_cases("good"), row))
    assert list(read.truths) == ["good"]
    assert read.unusable[2].startswith(reason)


def test_a_file_without_a_usable_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no line can be used: has none of"):
        read_oracle(oracle(tmp_path / "oracle.jsonl", {"id": "p"}))
