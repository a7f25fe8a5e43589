"""What a verdict or a tier rests on is made once something needs it, and a session ends once it can give no record."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from mendloop.agents.scripted import ScriptedProgrammer, ScriptedTester
from mendloop.agents.tester import SuiteRole
from mendloop.events import SolutionWritten, SuiteDesigned
from mendloop.graphs.team import Team
from mendloop.records import Problem, Solution, Suite
from mendloop.runs.reader import Reader
from mendloop.runs.store import Store
from mendloop.specs import Loop, MemorySpec, Target
from mendloop.stagespecs import Stages
from mendloop.tools.bench import Bench
from mendloop.tools.sandbox.protocol import Sandbox
from tests.datasets.made_run import faults
from tests.graphs.playing import CLOSING, INVITING, MENDING, OPENING, Played, play
from tests.graphs.stages import FAR, OFF, PEER, RIGHT, SHIFT, cases, team

FAILING = Target(min_tier="C", min_failed_turns=1)
ENDED = ["drop", "remember"]


def loop(**changes: object) -> Loop:
    return Loop.model_validate({"memory": MemorySpec(enabled=False), **changes})


@dataclass(frozen=True)
class Asked:
    """What a session asked for beside its candidate: who wrote programs, and which suites were designed."""

    played: Played
    peers: list[int]
    suites: list[SuiteRole]


async def asked(store: Store, made: Team) -> Asked:
    played = await play(store, made)
    with Reader(store.path) as reader:
        events = [stored.event for stored in reader.events("s000000")]
    peers = [event.peer for event in events if isinstance(event, SolutionWritten) and event.peer]
    return Asked(played, peers, [event.role for event in events if isinstance(event, SuiteDesigned)])


PEERS = (PEER, SHIFT)
FIRST_RIGHT = ScriptedProgrammer([RIGHT], peers=PEERS)


async def test_a_program_that_passes_at_once_ends_a_session_that_wants_failing_turns(
    store: Store, sandbox: Sandbox
) -> None:
    found = await asked(store, team(sandbox, programmer=FIRST_RIGHT, peers=2, target=FAILING))
    assert found.played.path == [*OPENING, *ENDED]
    assert (found.played.dropped, found.peers, found.suites) == ("too_few_failed_turns", [], ["shown"])


async def test_with_stages_it_is_checked_whole(store: Store, sandbox: Sandbox) -> None:
    made = team(sandbox, programmer=FIRST_RIGHT, peers=2, target=FAILING, loop=loop(stages=Stages()))
    found = await asked(store, made)
    assert found.played.path == [*OPENING, *CLOSING[:-1], *ENDED]
    assert (found.played.dropped, found.peers) == ("too_few_failed_turns", [1, 2])
    assert found.played.outcome.suites is not None
    assert len(found.played.outcome.suites) == 2


@dataclass(frozen=True)
class Injecting(ScriptedProgrammer):
    """Knows that its program carries a fault."""

    async def write(self, bench: Bench, problem: Problem, peer: int) -> Solution | None:
        written = await super().write(bench, problem, peer)
        assert written is not None
        return written.model_copy(update={"injected": faults(1)})


async def test_a_fault_that_no_test_shows_ends_the_session_at_once(store: Store, sandbox: Sandbox) -> None:
    found = await asked(store, team(sandbox, programmer=Injecting([RIGHT])))
    assert found.played.path == [*OPENING, *ENDED]
    assert found.played.dropped == "fault_not_shown"


async def test_a_program_that_fails_an_anchor_is_repaired_without_peers(store: Store, sandbox: Sandbox) -> None:
    made = team(sandbox, programmer=ScriptedProgrammer([OFF, RIGHT], peers=PEERS), peers=2, target=FAILING)
    found = await asked(store, made)
    assert found.played.path == [*OPENING, *MENDING, *CLOSING]
    assert (found.peers, found.suites) == ([1, 2], ["shown", "held_out"])
    assert found.played.record is not None
    assert found.played.record.evidence.peers_agreeing == 2


async def test_a_generated_case_that_fails_is_judged_by_peers_that_are_asked_for_once(
    store: Store, sandbox: Sandbox
) -> None:
    tester = ScriptedTester(cases("s", [1, 2]), cases("h", [10]))
    programmer = ScriptedProgrammer([OFF, FAR, RIGHT], peers=PEERS)
    found = await asked(store, team(sandbox, tester=tester, programmer=programmer, peers=2))
    assert found.played.path == [*OPENING, *INVITING, *MENDING, *MENDING, *CLOSING]
    assert found.peers == [1, 2]


async def test_a_session_without_peers_asks_for_none(store: Store, sandbox: Sandbox) -> None:
    tester = ScriptedTester(cases("s", [1, 2]), cases("h", [10]))
    found = await asked(store, team(sandbox, tester=tester))
    assert "write_peers" not in found.played.path
    assert found.peers == []


async def test_what_is_wanted_ahead_is_made_for_every_problem(store: Store, sandbox: Sandbox) -> None:
    made = team(sandbox, programmer=FIRST_RIGHT, peers=2, target=FAILING, loop=loop(ahead=True))
    found = await asked(store, made)
    assert found.played.path == [*OPENING, *ENDED]
    assert (found.peers, sorted(found.suites)) == ([1, 2], ["held_out", "shown"])


@dataclass(frozen=True)
class Empty(ScriptedTester):
    """Holds out a suite that a program passes which does nothing."""

    async def design(self, bench: Bench, problem: Problem, role: SuiteRole) -> Suite:
        suite = await super().design(bench, problem, role)
        if role == "shown":
            return suite
        hollow = suite.cases[0].model_copy(update={"call": "print()", "expect": "None"})
        return suite.model_copy(update={"cases": (hollow,)})


@pytest.mark.parametrize("ahead", [False, True])
async def test_the_held_out_suite_is_vetted_before_it_counts(store: Store, sandbox: Sandbox, ahead: bool) -> None:
    tester = Empty(cases("s", [1, 2, 3], "given"), cases("h", [10]))
    found = await asked(store, replace(team(sandbox, tester=tester), loop=loop(ahead=ahead)))
    assert found.suites.count("held_out") == 2, "as designed, and without the case that judges nothing"
    assert found.played.record is not None
    assert found.played.record.evidence.held_out_cases is None
