"""The search over sets of passed cases: which program is repaired next, and what stands in the record of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from mendloop.agents.programmer import RepairAsk
from mendloop.agents.scripted import ScriptedProgrammer, ScriptedTester
from mendloop.events import BranchChosen
from mendloop.policies import PolicyChanges
from mendloop.records import Problem, Solution
from mendloop.runs.reader import Reader
from mendloop.runs.store import Store
from mendloop.specs import Loop, MemorySpec
from mendloop.tools.bench import Bench
from mendloop.tools.sandbox.protocol import Sandbox
from tests.graphs.playing import CLOSING, OPENING, Played, play
from tests.graphs.stages import RIGHT, cases, team

MENDED = ["diagnose", "choose_branch", "recall", "repair", "execute", "adjudicate"]
SUITES = ScriptedTester(cases("s", [1, 2, 3]), cases("h", range(10, 14)))


def right_below(limit: int) -> str:
    """A program that passes the shown cases below a limit."""
    return f"def double(n):\n    return n * 2 if n < {limit} else 0\n"


@dataclass(frozen=True)
class Branching(ScriptedProgrammer):
    """Answers the n-th repair with the n-th of `repairs`, and notes which program it was asked about."""

    repairs: Sequence[str] = ()
    about: list[str] = field(default_factory=list)

    async def repair(self, bench: Bench, problem: Problem, ask: RepairAsk) -> Solution:
        self.about.append(ask.solution.code)
        return Solution(code=self.repairs[len(self.about) - 1], author="scripted")


async def searched(store: Store, sandbox: Sandbox, programmer: Branching, branches: int, repairs: int = 5) -> Played:
    rules = PolicyChanges(branches=branches, vet=False, contract=False, blame="code", circles="allow")
    loop = Loop(policy=rules, max_repairs=repairs, memory=MemorySpec(enabled=False), peers=0)
    return await play(store, team(sandbox, tester=SUITES, programmer=programmer, loop=loop, peers=0))


async def test_the_program_with_the_fewest_failures_on_its_way_is_repaired_next(store: Store, sandbox: Sandbox) -> None:
    first, worse = right_below(3), right_below(0)
    programmer = Branching([first], repairs=[worse, RIGHT])
    played = await searched(store, sandbox, programmer, branches=2)
    assert programmer.about == [first, first]
    assert played.path == [*OPENING, *MENDED, *MENDED, *CLOSING]
    assert played.record is not None
    assert [attempt.code for attempt in played.record.attempts] == [first, RIGHT]
    with Reader(store.path) as reader:
        chosen = [each.event for each in reader.events("s000000") if isinstance(each.event, BranchChosen)]
    assert [(event.turn, event.cost, event.open) for event in chosen] == [(0, 1, 1), (0, 1, 2)]


async def test_a_way_goes_on_where_it_is_the_cheapest(store: Store, sandbox: Sandbox) -> None:
    first, better = right_below(0), right_below(3)
    programmer = Branching([first], repairs=[better, right_below(2), RIGHT])
    played = await searched(store, sandbox, programmer, branches=1 + 1)
    # the first program costs 3, the better one 3 + 1, and the third 3 + 1 + 2 when it is reached from the better one
    assert programmer.about == [first, first, better]
    assert played.record is not None
    assert [attempt.code for attempt in played.record.attempts] == [first, better, RIGHT]


async def test_a_program_with_the_passed_cases_of_another_is_left_aside(store: Store, sandbox: Sandbox) -> None:
    first = right_below(3)
    alike = f"{first}\nUNUSED = 1\n"
    programmer = Branching([first], repairs=[alike, alike, RIGHT])
    played = await searched(store, sandbox, programmer, branches=2)
    assert (played.dropped, programmer.about) == ("no_progress", [first, first])


@pytest.mark.parametrize("repairs", [1, 3])
async def test_all_repairs_count_on_whatever_branch(store: Store, sandbox: Sandbox, repairs: int) -> None:
    programmer = Branching([right_below(3)], repairs=[right_below(0), right_below(2), right_below(-5), RIGHT])
    played = await searched(store, sandbox, programmer, branches=5, repairs=repairs)
    assert (played.dropped, len(programmer.about)) == ("out_of_repairs", repairs)


async def test_without_branches_the_last_program_is_repaired(store: Store, sandbox: Sandbox) -> None:
    first, worse = right_below(3), right_below(0)
    programmer = Branching([first], repairs=[worse, RIGHT])
    played = await searched(store, sandbox, programmer, branches=1)
    assert programmer.about == [first, worse]
    assert played.record is not None
    assert [attempt.code for attempt in played.record.attempts] == [first, worse, RIGHT]
