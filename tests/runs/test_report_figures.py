"""What a run says of its own quality: intervals, controls, stages, and what measuring cost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mendloop.events import Ref, StageJudged
from mendloop.records import Record
from mendloop.runs.report import Report, report
from mendloop.runs.report_text import report_lines
from tests.datasets.made_run import GOOD, MODEL, SCENARIO, Asked, MadeRun, record_of, record_of_a_model

FREE = {**SCENARIO, "deterministic": False, "models": {"teacher": {"kind": "openai", "model": MODEL}}}


def told(tmp_path: Path, made: MadeRun) -> Report:
    return report(made.write(tmp_path / "run"))


def asked(number: int, *, measuring: int = 0) -> list[Asked]:
    """Return questions of 1,000 tokens that make a record, and so many that only measure it."""
    making = [Asked(f"repair#{n}/programmer/repair/0", prompt=900, completion=100) for n in range(number)]
    return making + [Asked(f"measure#{n}/tester/tests", prompt=900, completion=100) for n in range(measuring)]


# --- what a user pays for --------------------------------------------------------------------------------------------


def test_tokens_that_only_measure_are_counted_apart(tmp_path: Path) -> None:
    sessions: list[Record | str | None] = [record_of_a_model(0), record_of_a_model(2), "no_tests"]
    questions = {0: asked(2, measuring=3), 1: asked(2), 2: asked(1)}
    found = told(tmp_path, MadeRun(sessions, 3, FREE, asked=questions))
    assert (found.tokens, found.tokens_measuring) == (8_000, 3_000)
    assert (found.kept_per_100k_tokens, found.tokens_per_kept) == (40.0, 2_500.0)
    assert (
        report_lines(found)[2]
        == "spent                     8000 tokens, not measured US dollars; 3000 of the tokens only measured"
    )


def test_a_record_without_a_failing_turn_is_not_what_a_user_pays_for(tmp_path: Path) -> None:
    sessions: list[Record | str | None] = [record_of_a_model(0, failing=0), record_of_a_model(2)]
    found = told(tmp_path, MadeRun(sessions, 2, FREE, asked={0: asked(1), 1: asked(1)}))
    assert found.kept_per_100k_tokens == 50.0


def test_the_first_line_has_an_interval_that_holds_the_figure(tmp_path: Path) -> None:
    sessions: list[Record | str | None] = [
        record_of_a_model(number) if number % 3 else "no_tests" for number in range(40)
    ]
    found = told(tmp_path, MadeRun(sessions, 40, FREE, asked={number: asked(1 + number % 2) for number in range(40)}))
    interval = found.intervals["kept_per_100k_tokens"]
    assert found.kept_per_100k_tokens is not None
    assert 0 < interval.low < found.kept_per_100k_tokens < interval.high
    assert report_lines(found)[0].startswith("kept per 100k tokens      43.3333 (95 % interval ")


def test_questions_of_the_run_itself_are_paid_by_its_records(tmp_path: Path) -> None:
    surplus = told(tmp_path, MadeRun([record_of(0), "no_tests"], 1, asked={0: asked(1), 1: asked(3)}))
    assert surplus.kept_per_100k_tokens == 25.0


# --- shares ----------------------------------------------------------------------------------------------------------


def test_shares_have_intervals_by_problem(tmp_path: Path) -> None:
    tiers = ("A", "B", "B", "B", "B", "B")
    sessions: list[Record | str | None] = [record_of(n, 1 + (n > 1), tier=tier) for n, tier in enumerate(tiers)]
    found = told(tmp_path, MadeRun([*sessions, "no_tests", "no_tests"], 8))
    assert (found.kept_share, found.tier_shares) == (0.75, {"A": 0.166667, "B": 0.833333, "C": 0.0})
    assert {path: each.clusters for path, each in found.intervals.items()} == {
        "kept_share": 4,  # two sessions are about each problem
        "tier_shares.A": 3,
        "tier_shares.B": 3,
        "tier_shares.C": 3,
        "difficulty.first_try_rate": 4,
        "repaired.share": 4,
        "turns_to_repair.mean": 3,
        "grounded_share": 3,
    }


def test_verdicts_are_counted_by_kind_and_by_rule(tmp_path: Path) -> None:
    found = told(tmp_path, MadeRun([record_of(0, 2), "no_tests"], 2))
    assert found.verdicts == {"code_fault": 3, "passed": 1}
    assert found.adjudication == {"fails_an_anchor": 3, "all_cases_pass": 1}


def test_equal_programs_are_near_duplicates_whatever_their_problems(tmp_path: Path) -> None:
    longer = record_of(2)
    attempts = (longer.attempts[0], longer.attempts[1].model_copy(update={"code": GOOD.replace("2", "len(xs)")}))
    sessions: list[Record | str | None] = [record_of(0), record_of(4), longer.model_copy(update={"attempts": attempts})]
    found = told(tmp_path, MadeRun(sessions, 3)).near_duplicates
    assert found is not None
    assert (found.n, found.clusters, found.largest) == (3, 2, 2)


# --- controls --------------------------------------------------------------------------------------------------------


def test_memory_that_makes_no_difference_is_said_to_make_none(tmp_path: Path) -> None:
    found = told(tmp_path, MadeRun([record_of(n) for n in range(8)], 8))
    assert found.memory_lift is not None
    assert (found.memory_lift.first.n, found.memory_lift.second.n, found.memory_lift.difference) == (4, 4, 0.0)
    assert any(line.endswith("it holds 0: not told apart)") for line in report_lines(found))


def test_memory_that_repairs_what_else_is_lost_is_seen(tmp_path: Path) -> None:
    sessions: list[Record | str | None] = [
        record_of(n) if n % 2 == 0 else "out_of_repairs" for n in range(40)
    ]  # memory is on in even sessions
    found = told(tmp_path, MadeRun(sessions, 40)).memory_lift
    assert found is not None
    assert (found.difference, found.holds_zero) == (1.0, False)


def test_a_run_without_a_control_says_so(tmp_path: Path) -> None:
    found = told(tmp_path, MadeRun([record_of(0)], 1))
    assert (found.memory_lift, found.repair_against_resampling) == (None, None)
    assert found.not_measured["memory_lift"] == "no turn failed with memory on, or none with memory off"


def test_repair_is_compared_with_resampling_where_the_first_program_failed(tmp_path: Path) -> None:
    passing = record_of(8, failing=0)
    sessions: list[Record | str | None] = [record_of(0), record_of(2), "out_of_repairs", record_of(6), passing, "lost"]
    found = told(tmp_path, MadeRun(sessions, 6, resampled=frozenset({2, 3, 4})))
    assert found.repair_against_resampling is not None
    sides = found.repair_against_resampling
    assert (sides.first.share, sides.first.n) == (0.666667, 3)
    assert (sides.second.share, sides.second.n) == (0.5, 2)


# --- stages and ancestry ---------------------------------------------------------------------------------------------


def judged(split: int, **changes: object) -> StageJudged:
    made = {
        "split": split,
        "frozen": "f" * 64,
        "mode": "paired",
        "teacher": "large",
        "student": "small",
        "n": 50,
        "left_out": 0,
        "teacher_right": 20,
        "student_right": 35,
        "only_teacher": 2,
        "only_student": 17,
        "p": 0.0007,
        "significance": 0.05,
        "before": "teaching",
        "after": "learning",
        "generation": 1,
        "reason": "student_better",
        "kept": 500,
        "grounded": 400,
        "detail": Ref(sha256="0" * 64, bytes=0),
    }
    return StageJudged.model_validate({**made, **changes})


def test_the_table_of_stages_says_who_was_better_and_what_followed(tmp_path: Path) -> None:
    found = told(tmp_path, MadeRun([record_of(0)], 1, stages=[judged(0), judged(1, before="learning", kept=1000)]))
    assert [(row.split, row.before, row.after, row.student_right) for row in found.stages] == [
        (0, "teaching", "learning", 35),
        (1, "learning", "learning", 35),
    ]
    said = "teacher 20, student 35 of 50 right, p 0.0007: teaching -> learning (student_better); 500 kept, 400 grounded"
    assert f"split 0                   {said}" in report_lines(found)


def test_records_are_counted_by_generation_and_ancestry(tmp_path: Path) -> None:
    first = record_of(0)
    later = first.provenance.model_copy(update={"generation": 1, "ancestry": ("large", "small@split0")})
    found = told(tmp_path, MadeRun([first, record_of(2, provenance=later)], 2))
    assert (found.generations, found.ancestry) == ({0: 1, 1: 1}, {"large > small@split0": 1})


def test_the_method_of_a_run_is_named(tmp_path: Path) -> None:
    found = told(tmp_path, MadeRun([record_of(0)], 1, {**SCENARIO, "loop": {"method": "reflexion"}}))
    assert found.method == "reflexion"


def test_a_report_of_equal_sessions_is_the_same_to_the_last_digit(tmp_path: Path) -> None:
    sessions: list[Record | str | None] = [record_of_a_model(n) if n % 3 else "no_tests" for n in range(12)]
    made = MadeRun(sessions, 12, FREE, asked={n: asked(1 + n % 4) for n in range(12)})
    one, other = (report(made.write(tmp_path / name)) for name in ("one", "other"))
    assert json.loads(one.model_dump_json()) == json.loads(other.model_dump_json())


@pytest.mark.parametrize("sessions", [[], ["no_tests"], [None]])
def test_what_was_not_measured_always_says_why(tmp_path: Path, sessions: list[Record | str | None]) -> None:
    found = told(tmp_path, MadeRun(sessions))
    assert {key for key, value in found if value is None} == set(found.not_measured)
