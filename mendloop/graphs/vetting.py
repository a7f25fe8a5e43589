"""Vetting: cases that cannot judge are taken out before they do."""

from __future__ import annotations

from collections.abc import Sequence

from mendloop.agents.executor import examine
from mendloop.executions import ProgramResult
from mendloop.graphs.opening import suite_designed
from mendloop.graphs.sampling import outside
from mendloop.graphs.state import RepairState, RepairUpdate
from mendloop.graphs.team import Desk
from mendloop.records import TRUSTED_ORIGINS, Case, Problem, Solution, Suite


async def vet_tests(state: RepairState, desk: Desk) -> RepairUpdate:
    """Take out cases that cannot judge, and drop a suite that judges nothing.

    Under every policy a suite without a case, or one that a stub passes whole, ends the session. Where tests are
    vetted, cases go out whose input is outside the contract, or whose outcome changes from run to run. Generated ones
    whose outcome depends on the cases before them run alone from then on, or go out where that does not settle it.
    """
    suite = desk.journal.get(state["shown"], Suite)
    rules = desk.team.loop.rules
    if not suite.cases:
        return {"reason": "vacuous_tests" if rules.tests == "joint" else "no_tests"}
    last = desk.journal.get(state["results"][-1], ProgramResult)
    if last.status == "sandbox_error":
        return {}
    if await stub_passes(state, desk, "stub", suite.cases):
        return {"reason": "vacuous_tests"}
    if not rules.vet:
        return {"vetted": True}
    valid = await within_contract(state, desk, "valid", suite.cases)
    if valid != suite.cases:
        return await _narrowed(desk, suite, valid, "invalid")
    kept = await steady(state, desk, "again", suite.cases, last)
    if kept != suite.cases:
        return await _narrowed(desk, suite, kept, "unstable")
    return {"vetted": True}


async def _narrowed(desk: Desk, suite: Suite, kept: tuple[Case, ...], why: str) -> RepairUpdate:
    """Return the suite without the cases that cannot judge; the journal's slot says why. An empty one is a reason."""
    if not kept:
        return {"reason": f"{why}_tests"}
    narrowed = suite.model_copy(update={"cases": kept})
    return {"shown": await suite_designed(desk, f"suite/without_{why}", narrowed)}


async def within_contract(state: RepairState, desk: Desk, slot: str, cases: tuple[Case, ...]) -> tuple[Case, ...]:
    """Return the cases whose inputs the statement promises, as far as that is known."""
    problem = desk.journal.get(state["problem"], Problem)
    if not desk.team.loop.rules.contract:
        return cases
    left_out = await outside(desk, slot, problem, cases)
    return tuple(case for case in cases if case.id not in left_out)


async def stub_passes(state: RepairState, desk: Desk, slot: str, cases: Sequence[Case]) -> bool:
    """Tell whether a program that does nothing passes all cases."""
    problem = desk.journal.get(state["problem"], Problem)
    stub = f"def {problem.entry_point}(*args, **kwargs):\n    return None\n"
    return (await examine(desk.bench, slot, stub, cases, desk.team.limits)).passed


async def steady(
    state: RepairState, desk: Desk, slot: str, cases: tuple[Case, ...], first: ProgramResult
) -> tuple[Case, ...]:
    """Return the cases whose outcome is that of `first` under another hash seed, and in reverse order too.

    A generated case that only the order changes is marked to be run alone, where it is steady then. Anchors are held
    to the hash seed only: state that a program keeps from one call to the next is its own fault there.
    """
    code, limits = _code(state, desk), desk.team.limits
    moved = _differing(first, await examine(desk.bench, slot, code, cases, limits, hash_seed=1))
    kept = tuple(case for case in cases if case.id not in moved)
    generated = {case.id for case in kept if case.origin not in TRUSTED_ORIGINS}
    if not generated:
        return kept
    reverse = await examine(desk.bench, f"{slot}/reversed", code, cases[::-1], limits)
    depending = _differing(first, reverse) & generated
    alone = await _steady_alone(desk, f"{slot}/alone", code, [case for case in kept if case.id in depending])
    settled = [alone.get(case.id) if case.id in depending else case for case in kept]
    return tuple(case for case in settled if case is not None)


async def _steady_alone(desk: Desk, slot: str, code: str, cases: Sequence[Case]) -> dict[str, Case]:
    """Return those of the cases that are steady in a process of their own, marked to be run in one."""
    if not cases:
        return {}
    isolated = [case.model_copy(update={"isolated": True}) for case in cases]
    forth = await examine(desk.bench, f"{slot}/forth", code, isolated, desk.team.limits)
    back = await examine(desk.bench, f"{slot}/back", code, isolated[::-1], desk.team.limits)
    moved = _differing(forth, back)
    return {case.id: case for case in isolated if case.id not in moved}


def _differing(one: ProgramResult, two: ProgramResult) -> frozenset[str]:
    """Return the ids of the cases that did not do the same in two runs."""
    other = {case.id: (case.status, case.got) for case in two.cases}
    return frozenset(case.id for case in one.cases if (case.status, case.got) != other[case.id])


def _code(state: RepairState, desk: Desk) -> str:
    return desk.journal.get(state["solutions"][-1], Solution).code
