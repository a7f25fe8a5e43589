"""Scenarios about given problems: what they are for, and recorded models that answer them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mendloop.composition import looked_at
from mendloop.errors import ScenarioError, SourceError
from mendloop.modelspecs import RecordedModel
from mendloop.scenario import Scenario, dump_scenario, load_scenario, parse_scenario

GIVEN = "{kind: problems, path: p.jsonl, purpose: eval}"
RECORDED = "{kind: recorded, programs: programs.jsonl, suites: suites.jsonl}"
SPEAKING = "{kind: openai, model: m}"


def loaded(
    folder: Path, source: str = GIVEN, teacher: str = SPEAKING, more: str = "", overrides: tuple[str, ...] = ()
) -> Scenario:
    for name in ("p.jsonl", "programs.jsonl", "suites.jsonl"):
        (folder / name).touch()
    path = folder / "s.yaml"
    path.write_text(f"goal: g\nsource: {source}\nmodels: {{teacher: {teacher}}}\n{more}", "utf-8")
    return load_scenario(path, overrides)


def test_problems_for_training_are_exported_by_default_and_those_for_evaluation_are_not(tmp_path: Path) -> None:
    assert loaded(tmp_path).export == ()
    assert loaded(tmp_path, GIVEN.replace("eval", "train")).export == ("sft_multiturn",)
    assert loaded(tmp_path, "{kind: goal}").export == ("sft_multiturn",)


def test_what_models_wrote_may_be_exported_of_an_evaluation(tmp_path: Path) -> None:
    assert loaded(tmp_path, more="export: [recorded]").export == ("recorded",)


def test_training_data_of_an_evaluation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="a source with `purpose: eval` is never exported") as error:
        loaded(tmp_path, more="export: [recorded, sft_multiturn]")
    assert error.value.where.endswith("s.yaml:4")


def test_the_purpose_must_be_said(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="purpose"):
        loaded(tmp_path, "{kind: problems, path: p.jsonl}")


def test_given_problems_need_a_model_or_a_recording(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="a source of kind `problems` needs a language model"):
        loaded(tmp_path, teacher="{kind: procedural}")
    assert (loaded(tmp_path).team, loaded(tmp_path, teacher=RECORDED).team) == ("prompted", "recorded")


def test_recorded_models_answer_given_problems_only(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="recorded programs answer given problems") as error:
        loaded(tmp_path, "{kind: python, package: stdlib}", RECORDED)
    assert error.value.where.endswith("s.yaml:3")


@pytest.mark.parametrize("policy", ["tests: joint", "programmer_sees_tests: true", "explain: reflection"])
def test_a_method_that_needs_a_model_is_refused_with_a_recording(tmp_path: Path, policy: str) -> None:
    with pytest.raises(ScenarioError, match="the team `recorded`"):
        loaded(tmp_path, teacher=RECORDED, more=f"loop: {{policy: {{{policy}}}}}")


@pytest.mark.parametrize("method", ["mendloop", "codet", "agentcoder", "self_repair", "resampling"])
def test_a_method_that_only_draws_is_played_with_a_recording(tmp_path: Path, method: str) -> None:
    target = "target: {min_tier: C, min_failed_turns: 0}"
    scenario = loaded(tmp_path, teacher=RECORDED, more=f"{target}\nloop: {{method: {method}}}")
    assert scenario.loop.method == method


def test_the_procedural_team_writes_nothing_to_record(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="`recorded` is what language models wrote"):
        loaded(tmp_path, "{kind: python, package: stdlib}", "{kind: procedural}", "export: [recorded]")


def test_files_of_a_recording_lie_beside_the_scenario_or_are_given_by_hand(tmp_path: Path) -> None:
    teacher = loaded(tmp_path, teacher=RECORDED).models.teacher
    assert isinstance(teacher, RecordedModel)
    assert (teacher.programs, teacher.suites) == (str(tmp_path / "programs.jsonl"), str(tmp_path / "suites.jsonl"))
    other = tmp_path / "other.jsonl"
    other.touch()
    changed = loaded(tmp_path, teacher=RECORDED, overrides=(f"models.teacher.programs={other}",)).models.teacher
    assert isinstance(changed, RecordedModel)
    assert changed.programs == str(other)
    with pytest.raises(ScenarioError, match=r"`models\.teacher\.suites`: no such file"):
        loaded(tmp_path, teacher=RECORDED.replace("suites.jsonl", "nowhere.jsonl"))


def test_a_scenario_with_a_recording_is_written_and_read_again(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, teacher=RECORDED)
    assert parse_scenario(dump_scenario(scenario), "again", tmp_path, confined=False) == scenario


def test_looking_at_the_source_says_what_was_recorded_for_it(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, teacher=RECORDED)
    problem = {"id": "a", "statement": "Double x: `f(x)`.", "entry_point": "f"}
    (tmp_path / "p.jsonl").write_text(f"{json.dumps(problem)}\n{json.dumps({**problem, 'id': 'b'})}\n", "utf-8")
    (tmp_path / "programs.jsonl").write_text(json.dumps({"task_id": "a", "model": "m", "code": "x = 1"}), "utf-8")
    with pytest.raises(SourceError, match="the file is empty"):
        looked_at(scenario)
    (tmp_path / "suites.jsonl").write_text(
        json.dumps({"task_id": "b", "model": "m", "asserts": ["assert f(1) == 2"]}), "utf-8"
    )
    said = "recorded programs for 1 of 2 problems; suites for 1 of 2 problems"
    assert looked_at(scenario) == f"2 problems (eval); no licence found: taken as your own; {said}"
