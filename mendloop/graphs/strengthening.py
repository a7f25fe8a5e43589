"""Strengthening: mutants of the accepted program show what the shown suite misses, and the suite gets those cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mendloop.agents.executor import examine
from mendloop.executions import ProgramResult
from mendloop.graphs.opening import suite_designed
from mendloop.graphs.state import RepairState, RepairUpdate
from mendloop.graphs.team import Desk
from mendloop.records import TRUSTED_ORIGINS, Case, Problem, Solution, Suite, TierEvidence

MAX_MUTANTS = 10
MAX_ADDED = 4


async def strengthen(state: RepairState, desk: Desk) -> RepairUpdate:
    """Add cases that kill mutants which the shown suite lets live, and measure the share that it kills then.

    A mutant is live when a shown, further or held-out case tells it from the accepted program; one that no case tells
    apart may be equivalent and does not count. Only cases that the accepted program passes are added.
    """
    shown = desk.journal.get(state["shown"], Suite)
    held_out = desk.journal.get(state["held_out"], Suite)
    problem = desk.journal.get(state["problem"], Problem)
    code = desk.journal.get(state["solutions"][-1], Solution).code
    mutants = desk.team.mutants(code, problem.entry_point, MAX_MUTANTS)
    survivors = [
        (number, mutant)
        for number, mutant in enumerate(mutants)
        if await _passes(desk, f"mutant{number}/shown", mutant, shown.cases)
    ]
    killed = len(mutants) - len(survivors)
    further = await _passed_by(desk, code, problem, (shown, held_out)) if survivors else ()
    added: dict[str, Case] = {}
    live = killed
    for number, mutant in survivors:
        offered = list({case.id: case for case in (*added.values(), *further)}.values())
        failed = await _failed(desk, f"mutant{number}/further", mutant, [*offered, *held_out.cases])
        live += bool(failed)
        killer = next((case for case in offered if case.id in failed), None)
        if killer is not None and (killer.id in added or len(added) < MAX_ADDED):
            added[killer.id] = killer
            killed += 1
    suite = shown.model_copy(update={"cases": (*shown.cases, *added.values())})
    update = await _with_added(state, desk, code, suite) if added else {}
    last = desk.journal.get(update.get("results", state["results"])[-1], ProgramResult)
    evidence = TierEvidence(
        basis=_basis(suite),
        shown_cases=len(suite.cases),
        added_cases=len(added),
        mutants_live=live,
        mutants_killed=killed,
        integrity=last.integrity,
        isolation=last.isolation,
    )
    return {**update, "evidence": desk.journal.put(evidence).sha256}


async def _passes(desk: Desk, slot: str, code: str, cases: Sequence[Case]) -> bool:
    return not cases or (await examine(desk.bench, slot, code, cases, desk.team.limits, confirm=False)).passed


async def _passed_by(desk: Desk, code: str, problem: Problem, suites: Sequence[Suite]) -> tuple[Case, ...]:
    """Return the further cases of the tester that the accepted program passes."""
    further = await desk.team.tester.extend(desk.bench.as_role("tester"), problem, suites)
    if not further:
        return ()
    result = await examine(desk.bench, "further", code, further, desk.team.limits)
    return tuple(case for case, judged in zip(further, result.cases, strict=True) if judged.status == "pass")


async def _failed(desk: Desk, slot: str, mutant: str, cases: Sequence[Case]) -> frozenset[str]:
    """Return the ids of the cases that a mutant fails."""
    result = await examine(desk.bench, slot, mutant, cases, desk.team.limits, confirm=False)
    return frozenset(case.id for case in result.cases if case.status != "pass")


async def _with_added(state: RepairState, desk: Desk, code: str, suite: Suite) -> RepairUpdate:
    """Journal the larger suite, and the accepted program's results on all of it."""
    result = await examine(desk.bench, "strengthened", code, suite.cases, desk.team.limits)
    return {
        "shown": await suite_designed(desk, "suite/strengthened", suite),
        "results": [*state["results"][:-1], desk.journal.put(result).sha256],
    }


def _basis(suite: Suite) -> Literal["reference", "given", "none"]:
    if not all(case.origin in TRUSTED_ORIGINS for case in suite.cases):
        return "none"
    return "reference" if any(case.origin == "reference" for case in suite.cases) else "given"
