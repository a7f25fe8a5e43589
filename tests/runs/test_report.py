"""The report: every figure is what the journal says, and what was not measured says why."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendloop.errors import InputError
from mendloop.judgement.shares import wilson
from mendloop.records import Record, Source
from mendloop.runs.answers import asked_in, busy_seconds, model_reason, unusable
from mendloop.runs.counted import read_story
from mendloop.runs.figures import entropy, function_of, histogram, module_of, tally
from mendloop.runs.reader import Reader
from mendloop.runs.redact import redact
from mendloop.runs.report import Report, differences, read_report, report
from mendloop.runs.report_text import difference_lines, report_lines
from tests.datasets.made_run import MODEL, SCENARIO, Asked, MadeRun, record_of, record_of_a_model

SESSIONS: list[Record | str | None] = [record_of(0, 1), record_of(1, 2), "fails_held_out", record_of(3, 1), "no_tests"]


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return report(MadeRun(SESSIONS, counted=5).write(tmp_path_factory.mktemp("made") / "run"))


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("funnel", {"sessions": 5, "kept": 3, "dropped": 2, "by_reason": {"fails_held_out": 1, "no_tests": 1}}),
        ("tiers", {"A": 0, "B": 3, "C": 0}),
        ("held_out", {"n": 4, "failed": 1, "low": 0.045587, "high": 0.699358}),
        ("mutation_score", {"median": 0.9, "mean": 0.9, "n": 3}),
        ("adjudication", {"fails_an_anchor": 6, "all_cases_pass": 3}),
        ("turns", {"1": 2, "2": 1}),
        ("faults", {"by_count": {"1": {"1": 2}, "2": {"2": 1}}, "known_answer_ok": True}),
        ("operators", {"by_operator": {"off_by_one": 4}, "by_family": {"arithmetic": 4}}),
        ("difficulty", {"first_try_rate": 0.0, "n": 5}),
        ("grounded_share", 1.0),
        ("generations", {"0": 3}),
        ("tokens", 0),
        ("usd", 0.0),
        ("finished", True),
        (
            "diversity",
            {"functions": 2, "modules": 1, "clusters": 2, "max_per_function": 2, "concept_entropy": 0.0},
        ),
        (
            "memory",
            {
                "on": {"sessions": 3, "repairs": 1, "trials_per_repair": 2.0},
                "off": {"sessions": 2, "repairs": 3, "trials_per_repair": 2.0},
                "retrieved": 6,
                "helped": 3,
            },
        ),
    ],
)
def test_a_figure_is_what_the_journal_says(figures: Report, figure: str, value: Any) -> None:
    assert figures.model_dump(mode="json")[figure] == value


def test_what_is_none_says_why_it_was_not_measured(figures: Report) -> None:
    missing = {key for key, value in figures if value is None}
    assert set(figures.not_measured) == missing
    assert figures.not_measured["kept_per_100k_tokens"] == "no tokens were spent"


def test_what_a_user_pays_for_comes_first(figures: Report) -> None:
    assert next(iter(Report.model_fields)) == "kept_per_100k_tokens"
    assert report_lines(figures)[0] == "kept per 100k tokens      not measured"


def test_another_number_of_failing_turns_than_faults_is_not_the_known_answer(tmp_path: Path) -> None:
    told = report(MadeRun([record_of(0, 1)], counted=1, more_faults=1).write(tmp_path / "run")).faults
    assert told is not None
    assert (told.by_count, told.known_answer_ok) == ({2: {1: 1}}, False)


def test_surplus_sessions_do_not_count(tmp_path: Path) -> None:
    told = report(MadeRun(SESSIONS, counted=2).write(tmp_path / "run"))
    assert (told.funnel.sessions, told.funnel.kept) == (2, 2)


def test_a_run_that_ended_in_free_order_counts_all_that_ended(tmp_path: Path) -> None:
    made = MadeRun([None, *SESSIONS], counted=5, scenario={**SCENARIO, "deterministic": False})
    assert report(made.write(tmp_path / "run")).funnel.sessions == 5


def test_a_run_that_kept_nothing_has_a_report(tmp_path: Path) -> None:
    told = report(MadeRun(["no_tests"]).write(tmp_path / "run"))
    assert (told.funnel.kept, told.held_out, told.diversity, told.finished) == (0, None, None, False)
    assert {key for key, value in told if value is None} == set(told.not_measured)


def test_a_run_that_only_began_has_a_report(tmp_path: Path) -> None:
    assert report(MadeRun([]).write(tmp_path / "run")).funnel.sessions == 0


def test_an_erased_record_is_left_out_and_said(tmp_path: Path) -> None:
    run = MadeRun(SESSIONS, counted=5).write(tmp_path / "run")
    with Reader(run) as reader:
        kept = read_story(reader).sessions[0].kept
    assert kept is not None
    redact(run, kept.record.sha256, "a secret")
    told = report(run)
    assert (told.funnel.kept, told.tiers["B"]) == (3, 2)
    assert told.not_measured["redacted_records"].startswith("1 kept record")


def test_a_saved_report_is_compared(figures: Report, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(figures.model_dump_json())
    old = read_report(tmp_path / "old.json")
    assert differences(old, figures) == {}
    changed = figures.model_copy(update={"tokens": 10, "turns": {1: 2, 3: 1}})
    found = differences(old, changed)
    assert found == {"turns.3": (None, 1), "tokens": (0, 10), "turns.2": (1, None)}
    assert difference_lines(found)[1] == "tokens: 0 -> 10"


@pytest.mark.parametrize("text", ["", "{}", "[1]"])
def test_a_file_that_is_no_report_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "old.json").write_text(text)
    with pytest.raises(InputError, match=r"old\.json: is not a report"):
        read_report(tmp_path / "old.json")


def test_a_report_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"old\.json: cannot be read"):
        read_report(tmp_path / "old.json")


def test_the_text_holds_no_terminal_control(figures: Report) -> None:
    assert all(line.isprintable() for line in report_lines(figures))


def test_reading_a_report_loads_nothing_heavy() -> None:
    code = "import sys, mendloop.runs.report, mendloop.datasets.export; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"langgraph", "chromadb", "langchain_core", "ray", "pyarrow", "jinja2", "numpy"}
    assert heavy.isdisjoint(loaded)


def test_four_hundred_sessions_are_read_quickly(tmp_path: Path) -> None:
    run = MadeRun([record_of(number, number % 3) for number in range(400)], counted=400).write(tmp_path / "run")
    began = time.process_time()
    report(run)
    assert time.process_time() - began < 5


# --- language models -------------------------------------------------------------------------------------------------

WITH_A_MODEL: list[Record | str | None] = [
    record_of_a_model(0),
    record_of_a_model(1, failing=2),
    "repair: the program came back unchanged",
    "tests: only 2 usable asserts of the form `assert f(...) == literal` (3x not a literal; 1x no call)",
    "tests: only 1 usable asserts of the form `assert g(...) == literal`",
]
QUESTIONS = {
    0: [
        Asked("diagnose#0/critic/diagnose", prompt=300, completion=40, cached=60),
        Asked("repair#0/programmer/repair/0", prompt=300, completion=40),
        Asked("repair#0/programmer/repair/0/again", prompt=300, completion=40),
    ],
    1: [
        Asked("adjudicate#0/critic-again/judge", prompt=100, completion=10),
        Asked("repair#0/programmer/repair/0", prompt=500, completion=50, finish="length"),
        Asked("repair#0/programmer/repair/0/longer", prompt=500, completion=90),
    ],
}


def scenario_of(**teacher: Any) -> dict[str, Any]:
    return {**SCENARIO, "deterministic": False, "models": {"teacher": teacher}}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Report:
    made = MadeRun(
        WITH_A_MODEL, 5, scenario_of(kind="openai", model=MODEL), team="injected", asked=QUESTIONS, start=1000.0
    )
    return report(made.write(tmp_path_factory.mktemp("asked") / "run"))


def calls(number: int, prompt: int, completion: int, again: int = 0, longer: int = 0, unusable: int = 0) -> Any:
    return {
        "calls": number,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "again": again,
        "longer": longer,
        "unusable": unusable,
    }


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("tokens", 2270),
        ("kept_per_100k_tokens", 88.105727),
        ("tokens_per_kept", 1135.0),
        ("tokens_per_model_s", 22.5),  # 270 written tokens in 6 calls of 2 s
        ("cached_share", 0.03),
        ("repaired", {"sessions": 5, "kept": 2, "share": 0.4}),
        ("turns_to_repair", {"median": 1.5, "mean": 1.5, "n": 2}),
        ("usd", None),
    ],
)
def test_a_figure_of_a_model_is_what_the_journal_says(asked: Report, figure: str, value: Any) -> None:
    assert asked.model_dump(mode="json")[figure] == value


def test_calls_are_counted_by_role_and_question(asked: Report) -> None:
    use = asked.model_use
    assert use is not None
    assert use.models == {MODEL: 6}
    assert use.every.model_dump() == calls(6, 2000, 270, again=1, longer=1, unusable=2)
    assert {kind: each.model_dump() for kind, each in use.by_prompt.items()} == {
        "critic/diagnose": calls(1, 300, 40),
        "critic/judge": calls(1, 100, 10),
        "programmer/repair": calls(4, 1600, 220, again=1, longer=1, unusable=2),
    }


def test_losses_to_answers_are_grouped_and_stay_readable(asked: Report) -> None:
    assert asked.funnel.by_reason == {
        "tests: only N usable asserts of the form `...`": 2,
        "repair: the program came back unchanged": 1,
    }


@pytest.mark.parametrize(
    ("teacher", "usd"),
    [
        ({"kind": "openai", "model": MODEL}, None),
        ({"kind": "local", "model": MODEL}, 0.0),
        ({"kind": "openai", "model": MODEL, "price": {"input": 1, "output": 10.0, "cached": 0.5}}, 0.00467),
    ],
)
def test_money_is_counted_where_the_price_is_known(tmp_path: Path, teacher: dict[str, Any], usd: float | None) -> None:
    told = report(MadeRun(WITH_A_MODEL, 5, scenario_of(**teacher), asked=QUESTIONS).write(tmp_path / "run"))
    assert told.usd == usd
    assert (told.not_measured.get("kept_per_usd") == "tokens were spent, and the price is not known") == (usd is None)


def test_what_a_model_left_unmeasured_says_why(tmp_path: Path) -> None:
    quiet = {0: [Asked("repair#0/programmer/repair/0", ms=0.0)]}
    told = report(MadeRun(WITH_A_MODEL, 5, scenario_of(kind="openai"), asked=quiet).write(tmp_path / "run"))
    assert {key for key, value in told if value is None} == set(told.not_measured)
    assert told.not_measured["tokens_per_model_s"] == "the answers carry no times"
    assert told.not_measured["cached_share"].startswith("no answer named cached prompt tokens")


def test_programs_that_part_from_their_reference_are_counted(tmp_path: Path) -> None:
    kept = record_of_a_model(0)
    kept = kept.model_copy(update={"evidence": kept.evidence.model_copy(update={"reference_inputs": 24})})
    made = MadeRun([kept, record_of_a_model(1), "parts_from_reference"], 3, scenario_of(kind="local"))
    told = report(made.write(tmp_path / "run"))
    assert told.compared is not None
    assert told.compared.model_dump() == {"n": 2, "parted": 1}
    assert "parted from reference     1 of 2 accepted programs" in report_lines(told)


def test_a_model_that_repairs_has_no_known_answer(asked: Report) -> None:
    assert asked.faults is not None
    assert asked.faults.known_answer_ok is None
    assert not any("KNOWN" in line or "as known" in line for line in report_lines(asked))


def test_the_text_tells_what_each_question_took(asked: Report) -> None:
    lines = report_lines(asked)
    repairs = "4; 1600 + 220 tokens; asked again x1; asked with more room x1; answers unusable x2"
    assert f"  programmer/repair       {repairs}" in lines
    assert "tokens per kept record    1135" in lines
    assert (
        "repaired and kept         2 of 5 sessions with a failing turn: 40.0 % (95 % interval 7.8 % to 84.0 %)" in lines
    )
    assert all(line.isprintable() for line in lines)


def test_the_answer_that_was_sent_back_is_the_unusable_one(tmp_path: Path) -> None:
    first = "repair#0/programmer/repair/0"
    slots = [
        Asked(first, finish="length"),
        Asked(f"{first}/longer"),
        Asked(f"{first}/again"),
        Asked("x#0/critic/judge"),
    ]
    run = MadeRun(["no_tests"], asked={0: slots}).write(tmp_path / "run")
    with Reader(run) as reader:
        assert unusable(asked_in(reader)) == {("s0000", first), ("s0000", f"{first}/longer")}


def test_requests_side_by_side_count_once_on_the_wall(tmp_path: Path) -> None:
    # commits are a second apart: the first two of these calls, of two seconds each, overlap for one
    side_by_side = {0: [Asked("a#0/critic/diagnose"), Asked("b#0/critic/diagnose")], 1: [Asked("a#0/critic/diagnose")]}
    run = MadeRun(["no_tests", "no_tests"], asked=side_by_side).write(tmp_path / "run")
    with Reader(run) as reader:
        assert busy_seconds(list(asked_in(reader))[:2]) == 3.0
        assert busy_seconds(asked_in(reader)) == 5.0


@pytest.mark.parametrize(
    ("reason", "grouped"),
    [
        ("repair: the program came back unchanged", ("repair", "the program came back unchanged")),
        ("problem: longer than 4000 characters", ("problem", "longer than N characters")),
        ("rederive: no Python literal: x + 1", ("rederive", "no Python literal")),
        ("fails_held_out", None),
        ("ill_formed: no statement", None),
    ],
)
def test_a_reason_that_lies_in_an_answer_is_known(reason: str, grouped: tuple[str, str] | None) -> None:
    assert model_reason(reason) == grouped


# --- the arithmetic --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failed", "n", "interval"),
    [(0, 10, (0.0, 0.277533)), (10, 10, (0.722467, 1.0)), (5, 10, (0.236593, 0.763407)), (1, 1, (0.206549, 1.0))],
)
def test_wilson_intervals(failed: int, n: int, interval: tuple[float, float]) -> None:
    assert wilson(failed, n) == pytest.approx(interval, abs=2e-6)


@given(st.integers(1, 1000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_wilson_interval_holds_the_share(pair: tuple[int, int]) -> None:
    low, high = wilson(*pair)
    assert 0 <= low <= pair[0] / pair[1] + 1e-6
    assert pair[0] / pair[1] - 1e-6 <= high <= 1


@given(st.integers(1, 64))
def test_equal_shares_have_the_most_entropy(kinds: int) -> None:
    assert entropy({str(kind): 3 for kind in range(kinds)}) == pytest.approx(math.log2(kinds), abs=1e-6)


def test_counts_are_ordered() -> None:
    assert list(tally(["b", "a", "c", "c"]).items()) == [("c", 2), ("a", 1), ("b", 1)]
    assert list(histogram([3, 1, 3])) == [1, 3]


@pytest.mark.parametrize(
    ("package", "file", "module"),
    [
        ("stdlib", "statistics.py", "statistics"),
        ("stdlib", "json/__init__.py", "json"),
        ("json", "json/decoder.py", "json.decoder"),
        ("more_itertools", "more_itertools/more.py", "more_itertools.more"),
        ("mine", "tools/text.py", "mine.tools.text"),
        ("code", "code.py", "code"),
        ("mine", "", "mine"),
    ],
)
def test_a_function_is_named_by_package_module_and_name(package: str, file: str, module: str) -> None:
    source = Source(kind="python", package=package, qualname="f", file=file)
    assert (module_of(source), function_of(source)) == (module, f"{module}.f")


@pytest.mark.parametrize("kind", ["goal", "snippets", "instructions", "failures"])
def test_a_function_that_was_made_up_is_in_no_module(kind: str) -> None:
    source = Source(kind=kind, package="", qualname="f", file="ideas/list.py")
    assert (module_of(source), function_of(source)) == ("", "f")


@pytest.mark.parametrize(
    ("team", "said"),
    [("prompted", "generated tests"), ("given", "the tests were given"), ("injected", "every expected value is from")],
)
def test_a_run_that_kept_nothing_says_what_its_tests_rest_on(tmp_path: Path, team: str, said: str) -> None:
    told = report(MadeRun(["too_few_failed_turns"], 1, team=team).write(tmp_path / "run"))
    assert told.not_measured["test_validity"].startswith(said)
    assert told.not_measured["peers_agreeing"] == told.not_measured["mutation_score"] == "no record was kept"
