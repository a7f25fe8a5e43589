"""The stages of a scenario: what they need, and what is refused before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from mendloop.errors import ScenarioError
from mendloop.scenario import Scenario, dump_scenario, parse_scenario
from mendloop.stagespecs import Stages

TEACHER, STUDENT = "teacher: {kind: openai, model: big}", "student: {kind: openai, model: small, endpoint: student}"
BOTH = f"{TEACHER}, {STUDENT}"


def parsed(models: str, loop: str = "stages: {}", source: str = "kind: snippets, path: .") -> Scenario:
    text = f"goal: x\nsource: {{{source}}}\nmodels: {{{models}}}\nloop: {{{loop}}}\n"
    return parse_scenario(text, "s.yaml", Path())


def test_stages_are_off_unless_they_are_named() -> None:
    assert parsed(TEACHER, "peers: 1").loop.stages is None


@pytest.mark.parametrize(
    ("stages", "every"),
    [("{}", 500), ("{mode: paper}", 2_000), ("{mode: paper, swap_every: 9}", 9), ("{swap_every: 30}", 30)],
)
def test_each_mode_has_its_number_of_records(stages: str, every: int) -> None:
    rules = parsed(BOTH, f"stages: {stages}").loop.stages
    assert isinstance(rules, Stages)
    assert rules.every == every


def test_what_is_written_loads_again() -> None:
    scenario = parsed(BOTH, "stages: {swap_every: 40, split: 0.2, mode: paper, min_grounded: 0.5}")
    assert parse_scenario(dump_scenario(scenario), "again", Path(), confined=False) == scenario


@pytest.mark.parametrize(
    ("models", "loop", "source", "said"),
    [
        (BOTH, "peers: 1", "kind: goal", "`models.student`: only `loop.stages` asks a student"),
        (TEACHER, "stages: {}", "kind: goal", "`loop.stages`: `models.student` is missing"),
        (
            "teacher: {kind: auto}, student: {kind: auto}",
            "stages: {}",
            "kind: goal",
            "`models.student`: is the teacher itself; name another model, or another endpoint",
        ),
        (f"{BOTH}, tester: student", "stages: {}", "kind: goal", "`models.tester`: no role names the student"),
        (
            f"{BOTH}, c: {{kind: openai, model: c}}, critic: c",
            "stages: {}",
            "kind: goal",
            "`models.critic`: with `loop.stages` the teacher plays every role, then the student",
        ),
        (
            f"{TEACHER}, student: {{kind: openai, model: m, batch: [tester]}}",
            "stages: {}",
            "kind: goal",
            "`models.student.batch`: a student is asked one by one",
        ),
        (
            BOTH,
            "stages: {}",
            "kind: python, package: stdlib",
            "`loop.stages`: with a source of kind `python` no model plays every role",
        ),
        (
            BOTH,
            "stages: {min_grounded: 0.1}",
            "kind: goal",
            "`loop.stages.min_grounded`: a source of kind `goal` has no real code",
        ),
        (BOTH, "stages: {split: 0}", "kind: goal", "`loop.stages.split`: found the number 0"),
        (BOTH, "stages: {mode: papre}", "kind: goal", "unknown mode `papre` (nearest: `paper`"),
    ],
)
def test_stages_that_cannot_work_are_refused(models: str, loop: str, source: str, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parsed(models, loop, source)
    assert said in str(caught.value)


def test_a_goal_with_code_stands_on_real_code() -> None:
    assert parsed(BOTH, "stages: {min_grounded: 0.1}", "kind: goal, path: .").loop.stages is not None
