"""Bounds before anything is asked follow from the team, the loop, the templates and the source."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mendloop.modelspecs import PLAYED_ROLES, Price
from mendloop.runs.estimate import Estimate, Estimator, filled, source_sizes
from mendloop.runs.questions import ROLE_OF, run_counts, session_counts
from mendloop.scenario import load_scenario
from mendloop.specs import PROMPT_NAMES, Scenario
from mendloop.tools.chat.tokens import at_most

SOURCES = {
    "goal": "{kind: goal}",
    "python": "{kind: python, package: statistics}",
    "instructions": "{kind: instructions, path: asks.txt}",
    "failures": "{kind: failures, path: wrong.jsonl}",
    "snippets": "{kind: snippets, path: code}",
}
PRICE = Price(input=1, output=4, cached=0.5)


def scenario(
    folder: Path, source: str = "goal", *overrides: str, teacher: str = "{kind: openai, model: m}"
) -> Scenario:
    (folder / "asks.txt").write_text("Write a function that counts vowels.\n", "utf-8")
    row = {"prompt": "Return the sum. " * 30, "code": "def f(a):\n    return a\n" * 20, "tests": "assert f(1) == 2"}
    (folder / "wrong.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    (folder / "code").mkdir(exist_ok=True)
    path = folder / "s.yaml"
    path.write_text(
        f"goal: small functions\nsource: {SOURCES[source]}\nmodels: {{teacher: {teacher}}}\n"
        "target: {records: 10, min_tier: C, min_failed_turns: 2}\n",
        "utf-8",
    )
    return load_scenario(path, overrides)


def estimate(asked: Scenario, price: Price | None = PRICE) -> Estimate:
    prices = dict.fromkeys(PLAYED_ROLES, price)
    return Estimator(asked, prices, prices).estimate(asked.target.records)


def counts(asked: Scenario) -> dict[str, tuple[int, int]]:
    return {each.prompt: (each.low, each.high) for each in session_counts(asked)}


def test_every_question_has_a_role() -> None:
    assert set(ROLE_OF) == set(PROMPT_NAMES) - {"again"}


def test_a_team_that_only_repairs_asks_for_diagnoses_and_repairs(tmp_path: Path) -> None:
    asked = scenario(tmp_path, "python", "loop.max_repairs=3", "loop.samples=2")
    assert counts(asked) == {"diagnose": (2, 3), "repair": (2, 3 * 2 + 2)}
    assert run_counts(asked, 10) == ()


def test_a_prompted_team_states_tests_writes_and_repairs(tmp_path: Path) -> None:
    asked = scenario(tmp_path, "goal", "loop.max_repairs=3", "loop.samples=2", "loop.peers=2")
    found = counts(asked)
    assert (found["problem"], found["tests"], found["write"]) == ((1, 1), (2, 5), (2, 9))
    assert (found["diagnose"], found["repair"]) == ((2, 7), (2, 14))
    assert [each.prompt for each in run_counts(asked, 10)] == ["concepts"]


@pytest.mark.parametrize(("records", "low", "high"), [(99, 0, 0), (100, 0, 24), (101, 2, 24), (350, 6, 72)])
def test_teacher_and_student_write_a_program_for_each_problem_of_a_split(
    tmp_path: Path, records: int, low: int, high: int
) -> None:
    student = "models.student={kind: openai, model: s, endpoint: student}"
    stages = ["loop.stages.swap_every=100", "loop.stages.split=0.1", "loop.concurrency=20"]
    asked = scenario(tmp_path, "snippets", student, *stages)
    assert [(each.prompt, each.low, each.high) for each in run_counts(asked, records)] == [("write", low, high)]


@pytest.mark.parametrize(
    ("source", "prompt"),
    [("goal", "problem"), ("instructions", "problem_from_instruction"), ("snippets", "problem_from_snippet")],
)
def test_the_source_decides_how_problems_are_stated(tmp_path: Path, source: str, prompt: str) -> None:
    assert prompt in counts(scenario(tmp_path, source))


def test_without_a_language_model_nothing_is_asked(tmp_path: Path) -> None:
    asked = scenario(tmp_path, "python", teacher="{kind: procedural}")
    found = estimate(asked)
    assert (found.questions_high, found.session.high_tokens, found.target.high_usd) == (0, 0, 0)


@pytest.mark.parametrize("source", SOURCES)
def test_the_bounds_of_every_source_are_in_order(tmp_path: Path, source: str) -> None:
    found = estimate(scenario(tmp_path, source))
    assert 0 < found.questions_low < found.questions_high
    assert 0 < found.session.low_tokens < found.session.high_tokens
    assert found.session.low_usd is not None
    assert found.session.high_usd is not None
    assert 0 < found.session.low_usd < found.session.high_usd
    assert found.target.low_tokens >= 10 * found.session.low_tokens


@pytest.mark.parametrize(
    "larger", ["loop.max_repairs=9", "loop.samples=6", "loop.peers=8", "models.teacher.max_tokens=4000"]
)
def test_a_larger_loop_has_a_larger_upper_bound(tmp_path: Path, larger: str) -> None:
    before, after = estimate(scenario(tmp_path)), estimate(scenario(tmp_path, "goal", larger))
    assert after.session.high_tokens > before.session.high_tokens


def test_more_failing_turns_cost_more_at_least(tmp_path: Path) -> None:
    before = estimate(scenario(tmp_path, "python", "target.min_failed_turns=1"))
    after = estimate(scenario(tmp_path, "python", "target.min_failed_turns=3"))
    assert after.session.low_tokens == 3 * before.session.low_tokens


def test_an_unknown_price_leaves_the_dollars_out(tmp_path: Path) -> None:
    found = estimate(scenario(tmp_path), price=None)
    assert (found.session.low_usd, found.session.high_usd, found.target.high_usd) == (None, None, None)
    assert found.session.high_tokens > 0


def test_a_longer_template_of_ones_own_counts(tmp_path: Path) -> None:
    own = "{% block system %}" + "word " * 500 + "{% endblock %}{% block user %}{{ statement }}{% endblock %}"
    (tmp_path / "own.j2").write_text(own, "utf-8")
    before = estimate(scenario(tmp_path, "python"))
    after = estimate(scenario(tmp_path, "python", f"prompts.repair.file={tmp_path / 'own.j2'}"))
    assert after.session.low_tokens > before.session.low_tokens


def test_the_longest_text_of_a_file_is_measured(tmp_path: Path) -> None:
    asked = scenario(tmp_path, "failures")
    statement, code = source_sizes(asked)
    assert code == at_most("def f(a):\n    return a\n" * 20)
    assert statement >= at_most("Return the sum. " * 29)


@pytest.mark.parametrize("tokens", [1, 7, 8, 100, 1001])
def test_a_filled_text_has_as_many_tokens_as_asked_for(tokens: int) -> None:
    assert tokens <= at_most(filled(tokens)) <= 1.3 * tokens + 1
