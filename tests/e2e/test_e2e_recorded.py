"""Given problems with a model over HTTP, what it answered as a recording, and the recording played back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mendloop import api
from mendloop.errors import InputError, ScenarioError
from mendloop.events import RunStarted
from mendloop.runs.reader import Reader
from mendloop.runs.verify import verify
from tests.e2e.model_team import TASKS, Task, fence, first_sample, role_of, task_of, team
from tests.e2e.test_e2e_models import named_by_the_environment
from tests.openai_server import MODEL, Asked, OpenAIServer

SCENARIO = """
goal: answers to given problems
target: {{records: 50, min_tier: C, min_failed_turns: 0}}
source: {{kind: problems, path: problems.jsonl, purpose: eval}}
models: {{teacher: {models}}}
loop: {{memory: {{enabled: false}}, peers: {peers}, concurrency: 1}}
sandbox: {{workers: 1, limits: {{wall_s: 600}}}}
export: {export}
"""
SPEAKING = f"{{kind: openai, model: {MODEL}}}"
RECORDED = "{kind: recorded, programs: programs.jsonl, suites: suites.jsonl}"


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def scenario(folder: Path, models: str, export: str = "[]", peers: int = 2) -> Path:
    path = folder / "scenario.yaml"
    path.write_text(SCENARIO.format(models=models, export=export, peers=peers), "utf-8")
    return path


def right_but_for_a_remark(asked: Asked) -> str:
    """Answer as the team's model does, with a remark that makes every sample's program another text."""
    task = task_of(asked)
    return fence(task.wrong if first_sample(asked) else f"# asked at {asked.body['temperature']}\n{task.right}")


def sampled(task: Task) -> list[str]:
    """Return what each sample of a task is without its remark."""
    return [task.right, task.right, task.right, task.wrong]


def without_remarks(codes: set[str]) -> list[str]:
    return sorted(re.sub("^# asked.*\n", "", code) for code in codes)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[Asked]]]:
    """A run for evaluation with a model, whose answers it exports as a recording."""
    folder = tmp_path_factory.mktemp("spoken")
    rows = [
        {
            "id": f"given/{number}",
            "statement": f"{task.statement} Write `{task.signature}`.",
            "entry_point": task.name,
            "examples": task.shown.splitlines()[:1],
        }
        for number, task in enumerate(TASKS)
    ]
    (folder / "problems.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    with OpenAIServer(team(write=right_but_for_a_remark)) as server, named_by_the_environment(server):
        api.run(scenario(folder, SPEAKING, "[recorded]"), out=folder / "run")
        yield folder / "run", list(server.requests)


@pytest.fixture(scope="module")
def replayed(spoken: tuple[Path, list[Asked]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that plays the recording of the first one back."""
    folder = tmp_path_factory.mktemp("replayed")
    for file in (spoken[0] / "export" / "recorded").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return api.run(scenario(folder, RECORDED, peers=3), out=folder / "run").path


def programs(export: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in lines(export / "recorded" / "programs.jsonl"):
        found.setdefault(row["task_id"], set()).add(row["code"])
    return found


def test_a_given_problem_is_stated_by_nobody_and_shown_to_everybody(spoken: tuple[Path, list[Asked]]) -> None:
    _, asked = spoken
    roles = {role_of(each) for each in asked}
    assert {"tests", "write"} <= roles
    assert not roles & {"concepts", "problem", "instruction"}


def test_records_say_that_the_problems_are_for_evaluation(spoken: tuple[Path, list[Asked]]) -> None:
    records = list(api.open_run(spoken[0]).records())
    assert {record.problem.id for record in records} == {"given/0", "given/1", "given/2"}
    assert {record.problem.source.purpose for record in records} == {"eval"}
    assert {record.evidence.basis for record in records} == {"none"}


def test_what_is_for_evaluation_is_not_exported_as_training_data(
    spoken: tuple[Path, list[Asked]], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="never exported as training data"):
        api.open_run(spoken[0]).export("sft_multiturn", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_recording_holds_every_program_and_every_suite(spoken: tuple[Path, list[Asked]]) -> None:
    export = spoken[0] / "export"
    written = {task: without_remarks(codes) for task, codes in programs(export).items()}
    assert written == {f"given/{number}": sorted(sampled(task)) for number, task in enumerate(TASKS)}
    rows = lines(export / "recorded" / "programs.jsonl")
    assert {row["model"] for row in rows} == {MODEL}
    assert {(row["turn"], row["sample"]) for row in rows} >= {(0, 0), (0, 1), (0, 2), (1, 0)}
    suites = lines(export / "recorded" / "suites.jsonl")
    assert {(row["task_id"], row["role"]) for row in suites} >= {
        (f"given/{number}", role) for number in range(3) for role in ("shown", "held_out")
    }
    for row in suites:
        task = TASKS[int(row["task_id"][-1])]
        assert set(row["asserts"]) <= {*task.shown.splitlines()[1:], *task.held_out.splitlines()}
    assert "not training data" in (export / "README.md").read_text("utf-8")


def test_a_recording_played_back_gives_the_same_programs(
    spoken: tuple[Path, list[Asked]], replayed: Path, tmp_path: Path
) -> None:
    api.open_run(replayed).export("recorded", tmp_path / "again")
    assert programs(tmp_path / "again") == programs(spoken[0] / "export")
    first, second = (lines(to / "recorded" / "problems.jsonl") for to in (spoken[0] / "export", tmp_path / "again"))
    assert first == second


def test_a_recorded_run_names_the_models_and_is_replayed_without_its_files(
    spoken: tuple[Path, list[Asked]], replayed: Path
) -> None:
    for name in ("problems", "programs", "suites"):
        (replayed.parent / f"{name}.jsonl").rename(replayed.parent / f"{name}.gone")
    run = api.open_run(replayed)
    assert run.replay().ok
    assert verify(replayed).ok
    records = list(run.records())
    assert records
    assert {record.provenance.team for record in records} == {"recorded"}
    assert {tuple(record.provenance.models.items()) for record in records} == {
        (("programmer", MODEL), ("tester", MODEL))
    }
    with Reader(replayed) as reader:
        started = [stored.event for stored in reader.run_events() if isinstance(stored.event, RunStarted)]
    assert [event.models for event in started] == [{}]


def test_an_export_for_training_is_refused_when_the_scenario_is_loaded(
    spoken: tuple[Path, list[Asked]], tmp_path: Path
) -> None:
    problems = spoken[0].parent / "problems.jsonl"
    (tmp_path / "problems.jsonl").write_bytes(problems.read_bytes())
    with pytest.raises(ScenarioError, match="`purpose: eval` is never exported") as error:
        api.run(scenario(tmp_path, SPEAKING, "[recorded, sft_multiturn]"), out=tmp_path / "run")
    assert error.value.where.endswith("scenario.yaml:8")
    assert not (tmp_path / "run").exists()
