"""A replay asks for every stored event again, and for nothing outside."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sqlite3
import sys
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from mendloop import api
from mendloop.agents.proposer import Proposer, Stock
from mendloop.composition import compose
from mendloop.executions import Request
from mendloop.memory.none import NoMemory
from mendloop.records import Brief, Problem
from mendloop.runs.begun import scenario_of
from mendloop.runs.packing import packed, unpacked
from mendloop.runs.reader import Reader
from mendloop.runs.replay import ReplayReport, Unreachable, replay
from mendloop.tools.bench import Bench
from tests.e2e.product import (
    count_of,
    environment,
    json_of,
    mendloop,
    run_ok,
    run_process,
    started,
    stored_events,
    wait_for,
)

COUNTING = Path(__file__).with_name("counting.py")


def test_every_stored_event_of_a_finished_run_is_asked_for_again(finished: Path) -> None:
    stored = len(stored_events(finished))
    assert json_of("replay", finished) == {"ok": True, "sessions": 8, "events": stored, "diverged": []}


def test_one_session_is_replayed_with_the_survey_that_it_stands_on(finished: Path) -> None:
    stored = sum(event.session in ("", "s000002") for event in stored_events(finished))
    assert run_ok("replay", finished, "s000002") == f"ok: {stored} events of 1 sessions are the same\n"


def test_a_replay_needs_no_program_and_no_sandbox(finished: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, str(COUNTING), str(log), "replay", str(finished)]
    done = run_process(command, env=environment(PATH=""))
    assert (done.returncode, log.read_text()) == (0, "")


def test_sessions_are_not_replayed_on_a_survey_that_diverged(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mendloop.agents.procedural.survey.DRAWN", 20)
    found = api.open_run(finished).replay()
    assert (found.ok, found.sessions, [each.session for each in found.diverged]) == (False, 0, [""])
    assert "a request with the hash" in found.diverged[0].what


class CallingOut:
    """A proposer with a fault: it calls the sandbox past the journal, and hides it."""

    def __init__(self, proposer: Proposer, sandbox: Unreachable) -> None:
        self.proposer, self.sandbox = proposer, sandbox

    async def prepare(self, bench: Bench) -> Stock:
        return await self.proposer.prepare(bench)

    async def concepts(self, bench: Bench, have: tuple[str, ...]) -> tuple[str, ...]:
        return await self.proposer.concepts(bench, have)

    async def propose(self, bench: Bench, index: int, brief: Brief) -> Problem | None:
        with suppress(AssertionError):
            await self.sandbox.run(Request(code="", calls=()))
        return await self.proposer.propose(bench, index, brief)

    async def restate(self, bench: Bench, problem: Problem, conflict: str) -> Problem | None:
        return await self.proposer.restate(bench, problem, conflict)


def test_a_replay_that_calls_the_sandbox_is_no_good_replay(finished: Path) -> None:
    async def replayed() -> ReplayReport:
        sandbox = Unreachable()
        with Reader(finished) as reader:
            scenario = scenario_of(reader)
            team = compose(scenario, sandbox, NoMemory(), None)
            calling = replace(team, proposer=CallingOut(team.proposer, sandbox))
            return await replay(reader, scenario, calling, "s000001")

    assert [each.what for each in asyncio.run(replayed()).diverged] == ["the sandbox was called 1 times"]


@pytest.fixture
def tampered(finished: Path, tmp_path: Path) -> Path:
    """A copy of the run in which one verdict was turned round past the triggers."""
    run = tmp_path / "tampered"
    shutil.copytree(finished, run)
    with closing(sqlite3.connect(run / "run.db")) as database, database:
        database.execute("DROP TRIGGER event_update")
        row = "session = 's000001' AND kind = 'verdict' AND key LIKE 'adjudicate#0%'"
        (payload,) = database.execute(f"SELECT payload FROM event WHERE {row} ORDER BY seq").fetchone()
        changed = json.dumps({**json.loads(unpacked(payload)), "rule": "all_cases_pass", "verdict": "passed"})
        database.execute(f"UPDATE event SET payload = ? WHERE {row}", [packed(changed)])
    return run


def test_a_tampered_event_is_found_and_its_session_named(tampered: Path) -> None:
    done = mendloop("verify", tampered, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert not told["ok"]
    assert ("s000001", "the event is not what was written") in {(d["session"], d["what"]) for d in told["damaged"]}


def test_a_tampered_event_is_one_that_a_replay_does_not_reproduce(tampered: Path) -> None:
    done = mendloop("replay", tampered, "s000001")
    assert done.returncode == 1
    assert "s000001: the journal holds something else under " in done.stdout
    assert "DIVERGED" in done.stdout


@pytest.mark.parametrize(
    ("kind", "least", "session"), [("execution", 3, ""), ("session_finished", 2, None)], ids=["survey", "sessions"]
)
def test_a_killed_run_replays_as_far_as_it_came(
    kind: str, least: int, session: str | None, project: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with started("run", project, "--out", run, "--set", "loop.memory.enabled=false") as child:
        wait_for(child, run, count_of(kind, least, session))
        child.send_signal(signal.SIGKILL)
        child.wait()
    done = mendloop("replay", run, "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"], told["events"]) == (0, True, len(stored_events(run)))
    assert done.stderr == ""
