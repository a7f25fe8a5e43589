"""Vetting: which cases may judge, of both suites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mendloop.agents.scripted import ScriptedProgrammer, ScriptedTester
from mendloop.events import SuiteDesigned
from mendloop.records import Case, Contract, Problem
from mendloop.runs.reader import Reader
from mendloop.runs.store import Store
from mendloop.tools.bench import Bench
from mendloop.tools.sandbox.protocol import Sandbox
from tests.graphs.playing import OPENING, play
from tests.graphs.stages import PEER, RIGHT, SHIFT, case, cases, team

ONLY_RIGHT = ScriptedProgrammer([RIGHT], peers=[PEER, SHIFT])
COUNTING = "calls = []\ndef double(n):\n    calls.append(n)\n    return n * 2 if n < 5 else len(calls)\n"
"""From 5 on it returns how often it was called."""
GROWING = "import time\ndef double(n):\n    return n * 2 if n < 5 else time.monotonic_ns()\n"


@dataclass(frozen=True)
class Promising:
    """Says that a predicate is the contract."""

    predicate: str

    async def contract(self, bench: Bench, problem: Problem, known: Sequence[str]) -> Contract:
        return Contract(predicate=self.predicate, evidence=("proposed",))


SMALL = Promising("def valid(n):\n    return 0 <= n < 100\n")


def held_out_sizes(store: Store) -> list[int]:
    """Return how many held-out cases there were, as often as that changed."""
    with Reader(store.path) as reader:
        events = [stored.event for stored in reader.events("s000000")]
    return [event.cases for event in events if isinstance(event, SuiteDesigned) and event.role == "held_out"]


def names(record_cases: Sequence[Case]) -> list[str]:
    return [each.id for each in record_cases]


async def test_a_case_whose_outcome_depends_on_the_others_runs_alone(store: Store, sandbox: Sandbox) -> None:
    tester = ScriptedTester([*cases("s", [1, 2]), case("s9", 9, expect=1)], cases("h", [3]))
    played = await play(store, team(sandbox, tester=tester, programmer=ScriptedProgrammer([COUNTING])))
    assert played.record is not None
    assert [(each.id, each.isolated) for each in played.record.cases] == [("s1", False), ("s2", False), ("s9", True)]


async def test_a_case_that_is_unsteady_even_alone_goes_out(store: Store, sandbox: Sandbox) -> None:
    tester = ScriptedTester([*cases("s", [1, 2]), case("s9", 9, expect=1)], cases("h", [3]))
    played = await play(store, team(sandbox, tester=tester, programmer=ScriptedProgrammer([GROWING])))
    assert played.record is not None
    assert names(played.record.cases) == ["s1", "s2"]


async def test_an_anchor_is_held_against_a_program_that_keeps_state(store: Store, sandbox: Sandbox) -> None:
    tester = ScriptedTester([*cases("s", [1, 2], "given"), case("s9", 9, origin="given")], cases("h", [10], "given"))
    played = await play(store, team(sandbox, tester=tester, programmer=ScriptedProgrammer([COUNTING, RIGHT])))
    assert played.record is not None
    assert played.record.attempts[0].verdict.rule == "fails_an_anchor"
    assert [(each.id, each.isolated) for each in played.record.cases if each.id == "s9"] == [("s9", False)]


async def test_held_out_cases_that_are_unsteady_go_out_before_they_judge(store: Store, sandbox: Sandbox) -> None:
    tester = ScriptedTester(cases("s", [1, 2]), [*cases("h", [3, 4]), case("h9", 9)])
    programmer = ScriptedProgrammer([GROWING])
    played = await play(store, team(sandbox, tester=tester, programmer=programmer))
    assert played.record is not None
    assert held_out_sizes(store) == [3, 2]
    assert (played.record.evidence.held_out_cases, played.record.evidence.held_out_passed) == (2, 2)


async def test_a_held_out_suite_that_a_stub_passes_holds_nothing_out(store: Store, sandbox: Sandbox) -> None:
    empty = [Case(id="h1", call="double(7)", check="True", origin="generated")]
    played = await play(store, team(sandbox, tester=ScriptedTester(cases("s", [1, 2]), empty), programmer=ONLY_RIGHT))
    assert played.record is not None
    assert (held_out_sizes(store), played.record.tier) == ([1, 0], "C")


async def test_inputs_outside_the_contract_go_out_of_both_suites(store: Store, sandbox: Sandbox) -> None:
    tester = ScriptedTester([*cases("s", [1, 2]), case("far", -7)], [*cases("h", [10, 11]), case("wide", 400)])
    made = team(sandbox, tester=tester, programmer=ONLY_RIGHT, contractor=SMALL)
    played = await play(store, made)
    assert played.path[: len(OPENING) + 1] == [*OPENING[:2], "limit_inputs", *OPENING[2:6], "execute"]
    assert played.record is not None
    assert names(played.record.cases) == ["s1", "s2"]
    assert held_out_sizes(store) == [3, 2]
    assert played.record.problem.contract.predicate == SMALL.predicate


async def test_an_anchor_outside_the_contract_stays(store: Store, sandbox: Sandbox) -> None:
    tester = ScriptedTester([*cases("s", [1, 2]), case("far", -7, origin="given")], cases("h", [10]))
    played = await play(store, team(sandbox, tester=tester, programmer=ONLY_RIGHT, contractor=SMALL))
    assert played.record is not None
    assert "far" in names(played.record.cases)


async def test_a_suite_wholly_outside_the_contract_ends_the_session(store: Store, sandbox: Sandbox) -> None:
    tester = ScriptedTester(cases("s", [-1, -2]), cases("h", [10]))
    played = await play(store, team(sandbox, tester=tester, programmer=ONLY_RIGHT, contractor=SMALL))
    assert played.dropped == "invalid_tests"
