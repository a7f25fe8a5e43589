"""Strengthening: mutants of the accepted program show what the shown suite misses, and the suite gets those cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mendloop.agents.executor import examine
from mendloop.agents.mutants import Mutant, aim_of
from mendloop.executions import Limits, ProgramResult
from mendloop.graphs.opening import suite_designed
from mendloop.graphs.sampling import behaviour, sampled_calls
from mendloop.graphs.state import RepairState, RepairUpdate
from mendloop.graphs.team import Desk
from mendloop.judgement.behaviour import agreement, telling
from mendloop.records import TRUSTED_ORIGINS, Case, Problem, Solution, Suite, TierEvidence

MAX_MUTANTS = 10
MAX_ADDED = 4
MAX_AIMS = 4
"""Mutants that the tester is told about, in words."""
MUTANT_CPU_S = 2.0
"""Seconds of the processor after which a mutant is taken to loop for ever: the program itself passed within its own."""


@dataclass(frozen=True)
class Strength:
    """How many mutants are live and killed, and the cases that killing them took."""

    live: int
    killed: int
    added: tuple[Case, ...] = ()


async def strengthen(state: RepairState, desk: Desk) -> RepairUpdate:
    """Add cases that kill mutants which the shown suite lets live, and measure the share that it kills then.

    The tester is told in words what the first of those mutants do otherwise. Only cases that the accepted program
    passes are added. A mutant that no case tells from the program is live unless sampled valid inputs do not either:
    then it may be equivalent, and does not count.
    """
    shown = desk.journal.get(state["shown"], Suite)
    problem = desk.journal.get(state["problem"], Problem)
    code = desk.journal.get(state["solutions"][-1], Solution).code
    strength = await _measured(state, desk, code, problem, shown)
    suite = shown.model_copy(update={"cases": (*shown.cases, *strength.added)})
    update = await _with_added(state, desk, code, suite) if strength.added else {}
    last = desk.journal.get(update.get("results", state["results"])[-1], ProgramResult)
    evidence = TierEvidence(
        basis=_basis(suite),
        shown_cases=len(suite.cases),
        added_cases=len(strength.added),
        mutants_live=strength.live,
        mutants_killed=strength.killed,
        doubted_cases=sum(state.get("fixes", {}).values()),
        integrity=last.integrity,
        isolation=last.isolation,
    )
    return {**update, "evidence": desk.journal.put(evidence).sha256}


async def _measured(state: RepairState, desk: Desk, code: str, problem: Problem, shown: Suite) -> Strength:
    held_out = desk.journal.get(state["held_out"], Suite)
    mutants = desk.team.mutants(code, problem.entry_point, MAX_MUTANTS)
    survivors = [
        (number, mutant)
        for number, mutant in enumerate(mutants)
        if await _passes(desk, f"mutant{number}/shown", mutant.code, shown.cases)
    ]
    live = killed = len(mutants) - len(survivors)
    aims = [aim_of(mutant, problem.signature) for _, mutant in survivors[:MAX_AIMS]]
    further = await _further(state, desk, code, problem, (shown, held_out), aims) if survivors else ()
    added: dict[str, Case] = {}
    untold: list[tuple[int, Mutant]] = []
    for number, mutant in survivors:
        offered = list({case.id: case for case in (*added.values(), *further)}.values())
        failed = await _failed(desk, f"mutant{number}/further", mutant.code, [*offered, *held_out.cases])
        if not failed:
            untold.append((number, mutant))
            continue
        live += 1
        killer = next((case for case in offered if case.id in failed), None)
        if killer is not None and (killer.id in added or len(added) < MAX_ADDED):
            added[killer.id] = killer
            killed += 1
    live += await _not_equivalent(desk, code, problem, (shown, held_out), untold)
    return Strength(live, killed, tuple(added.values()))


async def _passes(desk: Desk, slot: str, code: str, cases: Sequence[Case]) -> bool:
    return not cases or (await examine(desk.bench, slot, code, cases, _limits(desk), confirm=False)).passed


def _limits(desk: Desk) -> Limits:
    """Return the limits of a mutant: many of them may loop for ever, and each such one costs all of its time."""
    own = desk.team.limits
    return own.model_copy(update={"cpu_s": min(own.cpu_s, MUTANT_CPU_S)})


async def _further(
    state: RepairState, desk: Desk, code: str, problem: Problem, suites: Sequence[Suite], aims: Sequence[str]
) -> tuple[Case, ...]:
    """Return the further cases that the accepted program passes: those made to measure it, or the tester's."""
    if state.get("further"):
        further = desk.journal.get(state["further"], Suite).cases
    else:
        tester = desk.bench.as_role("tester")
        further = await desk.team.tester.extend(tester, problem, suites, list(dict.fromkeys(aims)))
    if not further:
        return ()
    result = await examine(desk.bench, "further", code, further, desk.team.limits)
    return tuple(case for case, judged in zip(further, result.cases, strict=True) if judged.status == "pass")


async def _failed(desk: Desk, slot: str, mutant: str, cases: Sequence[Case]) -> frozenset[str]:
    """Return the ids of the cases that a mutant fails."""
    if not cases:
        return frozenset()
    result = await examine(desk.bench, slot, mutant, cases, _limits(desk), confirm=False)
    return frozenset(case.id for case in result.cases if case.status != "pass")


async def _not_equivalent(
    desk: Desk, code: str, problem: Problem, suites: Sequence[Suite], untold: Sequence[tuple[int, Mutant]]
) -> int:
    """Return how many mutants that no case tells apart part from the program on sampled inputs; all without such.

    The cases of an executed reference are such a sample themselves.
    """
    if not untold or any(case.origin == "reference" for suite in suites for case in suite.cases):
        return 0
    calls = await sampled_calls(desk, problem, suites)
    if not calls:
        return len(untold)
    own = await behaviour(desk, "inputs/program", code, problem, calls)
    places, parting = telling([own]), 0
    for number, mutant in untold:
        theirs = await behaviour(desk, f"inputs/mutant{number}", mutant.code, problem, calls)
        parting += bool(agreement(own, theirs, places).parted)
    return parting


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
