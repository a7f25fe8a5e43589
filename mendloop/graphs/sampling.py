"""Sampling: which inputs are valid, valid ones that no suite has, and what programs do on them."""

from __future__ import annotations

from collections.abc import Sequence

from mendloop.agents.contracting import valid_calls
from mendloop.executions import Call, Outcome, Request
from mendloop.graphs.team import Desk
from mendloop.judgement.calls import bound, observing
from mendloop.judgement.edges import edge_calls
from mendloop.judgement.envelope import envelope_of
from mendloop.judgement.fuzzing import fuzzed
from mendloop.records import TRUSTED_ORIGINS, Case, Problem, Suite

SPARE_INPUTS = 20
"""Inputs drawn beyond those that a tier asks for: some are left out because most programs give nothing there."""


async def sampled_calls(desk: Desk, problem: Problem, suites: Sequence[Suite]) -> tuple[str, ...]:
    """Return calls like those of the suites, within what these have in common and within the problem's contract.

    Fewer than wanted where there are no more; none where no case calls the entry point with literal arguments.
    """
    known = [case.call for suite in suites for case in suite.cases if case.call is not None and case.setup is None]
    if not known:
        return ()
    envelope = envelope_of(problem.signature, known, problem.contract)
    if not envelope.calls:
        return ()
    drawn = fuzzed(envelope, problem.entry_point, known, desk.bench.random("fuzz"), wanted(desk))
    return await valid_calls(desk.bench, "inputs/valid", problem.contract, envelope, drawn)


async def sampled_edges(desk: Desk, problem: Problem, calls: Sequence[str], suites: Sequence[Suite]) -> tuple[str, ...]:
    """Return calls at the edge of those of the suites, as far as the problem's contract does not refuse them.

    Nobody promised that they are valid: a program is not held to them, only compared with its peers.
    """
    known = [case.call for suite in suites for case in suite.cases if case.call is not None and case.setup is None]
    edges = edge_calls(problem.signature, problem.entry_point, known, calls)
    if not problem.contract.predicate or not edges:
        return edges
    envelope = envelope_of(problem.signature, edges, problem.contract)
    return await valid_calls(desk.bench, "edges/valid", problem.contract, envelope, edges)


def wanted(desk: Desk) -> int:
    """Return how many inputs are drawn, where there are so many."""
    return desk.team.loop.tiers.min_peer_inputs + SPARE_INPUTS


async def outside(desk: Desk, slot: str, problem: Problem, cases: Sequence[Case]) -> frozenset[str]:
    """Return the ids of generated cases whose call the contract's predicate does not accept.

    A call that cannot be read says nothing, and anchors are valid by definition.
    """
    asked = {
        case.id: case.call
        for case in cases
        if case.origin not in TRUSTED_ORIGINS
        and case.call is not None
        and case.setup is None
        and bound(problem.signature, case.call) is not None
    }
    if not problem.contract.predicate or not asked:
        return frozenset()
    envelope = envelope_of(problem.signature, list(asked.values()), problem.contract)
    valid = set(await valid_calls(desk.bench, slot, problem.contract, envelope, list(asked.values())))
    return frozenset(name for name, call in asked.items() if call not in valid)


async def behaviour(desk: Desk, slot: str, code: str, problem: Problem, calls: Sequence[str]) -> tuple[Outcome, ...]:
    """Return what a program does on each call, and with its arguments. What was not run is `missing`."""
    looked_at = [observing(call, problem.signature) for call in calls]
    numbered: tuple[Call, ...] = tuple(
        call.model_copy(update={"id": str(number)}) for number, call in enumerate(looked_at)
    )
    execution = await desk.bench.run(slot, Request(code=code, calls=numbered, limits=desk.team.limits))
    found = {outcome.id: outcome for outcome in execution.outcomes}
    return tuple(found.get(call.id, Outcome(id=call.id, status="missing")) for call in numbered)
