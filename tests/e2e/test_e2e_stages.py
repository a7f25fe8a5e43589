"""A run with stages, as a person starts it: the student takes the roles, also when the run is killed in between."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from mendloop import api
from mendloop.events import RUN_SESSION, LlmAnswered, ProblemProposed, SessionStarted, StageJudged
from mendloop.records import Provenance, Record
from mendloop.runs.reader import Reader
from tests.e2e.adders import BIG, ROLES, SMALL, adders, model_of, number_of, played, program, scenario
from tests.e2e.model_team import KEY, fence, question, role_of
from tests.e2e.product import count_of, mendloop, started, stored_events, wait_for
from tests.openai_server import Asked, OpenAIServer, Reply

PAIRED = "{swap_every: 6, split: 1.0}"
SPLIT = 6


@contextmanager
def served(server: OpenAIServer) -> Iterator[OpenAIServer]:
    """Let processes that are started find this server."""
    with server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", server.base_url)
        patch.setenv("OPENAI_API_KEY", KEY)
        yield server


def records_of(run: Path) -> list[Record]:
    return list(api.open_run(run).records())


def judged_in(run: Path) -> list[StageJudged]:
    with Reader(run) as reader:
        return [each.event for each in reader.run_events() if isinstance(each.event, StageJudged)]


def makers_of(run: Path) -> list[tuple[int, set[str]]]:
    """Return of each record its generation, and the models that made it."""
    made: list[Provenance] = [record.provenance for record in records_of(run)]
    return [(each.generation, set(each.models.values())) for each in made]


def test_a_better_student_takes_the_roles(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with served(OpenAIServer(adders(), key=KEY)):
        done = mendloop("run", scenario(tmp_path, 8, PAIRED), "--out", run, "--json")
    assert done.returncode == 0, done.stderr
    assert [(each.teacher_right, each.student_right, each.after) for each in judged_in(run)] == [(0, 6, "learning")]
    assert makers_of(run) == [(0, {BIG})] * SPLIT + [(1, {SMALL})] * 2
    last = records_of(run)[-1].provenance
    assert (last.stage, last.ancestry) == ("learning", (f"start: teacher {BIG}", f"split 1: student {SMALL}"))
    assert set(last.models) == set(ROLES)
    said = "split 1: teacher 0, student 6 of 6 right, p 0.0312: the student takes the roles"
    assert said in done.stderr
    assert said in mendloop("tail", run).stdout
    found = api.open_run(run).replay()
    assert (found.ok, found.diverged) == (True, ())
    assert api.open_run(run).verify().ok


def test_the_papers_method_and_rule_swap_on_one_problem_more(tmp_path: Path) -> None:
    def nearly(asked: Asked) -> Reply | None:
        knows = model_of(asked) == BIG and played(asked) == "write" and number_of(asked) != 3
        return Reply(fence(program(number_of(asked), 0))) if knows else None

    run = tmp_path / "run"
    paper = ("--set", "loop.method=aiev_paper", "--set", "loop.stages.mode=paper")
    with served(OpenAIServer(adders(nearly), key=KEY)) as server:
        done = mendloop("run", scenario(tmp_path, 8, PAIRED), *paper, "--out", run, "--json")
    assert done.returncode == 0, done.stderr
    assert [(each.teacher_right, each.student_right, each.p, each.after) for each in judged_in(run)] == [
        (5, 6, 1.0, "learning")
    ]
    assert makers_of(run) == [(0, {BIG})] * SPLIT + [(1, {SMALL})] * 2
    asked = Counter((model_of(each), played(each)) for each in server.requests)
    assert (asked[BIG, "both"], asked[SMALL, "both"]) == (SPLIT, 2)
    assert asked[BIG, "question"] == asked[BIG, "repair"] == SPLIT
    assert api.open_run(run).replay().ok


def test_a_split_is_announced_by_a_file_before_anybody_solves_it(tmp_path: Path) -> None:
    run, there = tmp_path / "run", []

    def look(asked: Asked) -> None:
        if model_of(asked) == SMALL and role_of(asked) == "write":
            there.append((run / "stages" / "split-1.jsonl").is_file())

    with served(OpenAIServer(adders(look), key=KEY)):
        done = mendloop("run", scenario(tmp_path, 6, PAIRED), "--out", run, "--json")
    assert done.returncode == 0, done.stderr
    assert there == [True] * SPLIT
    rows = [json.loads(line) for line in (run / "stages" / "split-1.jsonl").read_text().splitlines()]
    records = {record.session: record for record in records_of(run)}
    assert {row["session"] for row in rows} == set(records)
    for row in rows:
        problem = records[row["session"]].problem
        assert row == {
            "split": 1,
            "id": problem.id,
            "session": row["session"],
            "kept": True,
            "prompt": problem.statement,
            "entry_point": problem.entry_point,
        }


def test_a_run_that_is_killed_while_a_split_is_solved_repays_nothing(tmp_path: Path) -> None:
    run, awake = tmp_path / "run", Event()
    student: list[str] = []

    def half(asked: Asked) -> Reply | None:
        if model_of(asked) != SMALL or role_of(asked) != "write" or awake.is_set():
            return None
        student.append(question(asked))
        return Reply(hang=True) if len(student) > SPLIT // 2 else None

    with served(OpenAIServer(adders(half), key=KEY)) as server:
        answered = SPLIT + SPLIT // 2
        with started("run", scenario(tmp_path, 8, PAIRED), "--out", run) as child:
            wait_for(child, run, count_of("llm_call", answered, RUN_SESSION))
            child.send_signal(signal.SIGKILL)
            child.wait()
        stored = sum(isinstance(each.event, LlmAnswered) for each in stored_events(run))
        awake.set()
        before = len(server.requests)
        done = mendloop("resume", run, "--json")
        whole = sum(isinstance(each.event, LlmAnswered) for each in stored_events(run))
        asked_again = [each for each in server.requests[before:] if role_of(each) != "hello"]
    assert done.returncode == 0, done.stderr
    assert len(asked_again) == whole - stored
    assert max(Counter((model_of(each), question(each)) for each in asked_again).values()) == 1
    assert makers_of(run) == [(0, {BIG})] * SPLIT + [(1, {SMALL})] * 2
    assert api.open_run(run).replay().ok


def test_a_resumed_session_keeps_the_models_that_it_began_with(tmp_path: Path) -> None:
    run, awake = tmp_path / "run", Event()

    def stuck(asked: Asked) -> Reply | None:
        late = model_of(asked) == SMALL and role_of(asked) == "tests"
        return Reply(hang=True) if late and not awake.is_set() else None

    with served(OpenAIServer(adders(stuck), key=KEY)):
        with started("run", scenario(tmp_path, 7, PAIRED), "--out", run) as child:
            wait_for(child, run, count_of("session_started", SPLIT + 1))
            wait_for(child, run, count_of("problem", 1, "s000006"))
            child.send_signal(signal.SIGKILL)
            child.wait()
        awake.set()
        done = mendloop("resume", run, "--json")
    assert done.returncode == 0, done.stderr
    with Reader(run) as reader:
        first = next(iter(reader.events("s000006"))).event
    assert isinstance(first, SessionStarted)
    assert first.standing is not None
    assert (first.standing.stage, first.standing.generation) == ("learning", 1)
    assert makers_of(run)[-1] == (1, {SMALL})


def test_a_redaction_takes_the_files_of_the_splits_along(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with served(OpenAIServer(adders(), key=KEY)):
        assert mendloop("run", scenario(tmp_path, 6, PAIRED), "--out", run).returncode == 0
    with Reader(run) as reader:
        events = [each.event for each in reader.events("s000000")]
    problem = next(event.problem.sha256 for event in events if isinstance(event, ProblemProposed))
    done = mendloop("redact", run, problem, "--reason", "asked for by its author")
    assert done.returncode == 0, done.stderr
    assert not (run / "stages").exists()
