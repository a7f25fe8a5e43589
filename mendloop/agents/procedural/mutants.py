"""Mutants of a program: the same fault operators, one fault each."""

from __future__ import annotations

from mendloop.agents.faultnames import FAULTS
from mendloop.agents.mutants import Mutant
from mendloop.agents.procedural.families import diagnosed_as
from mendloop.agents.procedural.faults import apply_faults, propose_faults
from mendloop.agents.procedural.injector import spread_over_families

ENOUGH = 5
"""With so many mutants none is taken that may loop for ever: each of those costs all the time that it is given."""


def mutants(code: str, entry_point: str, limit: int) -> tuple[Mutant, ...]:
    """Return at most `limit` programs with one fault each, spread over the families.

    Where those that surely end are fewer than `ENOUGH`, others follow that may loop for ever: a time-out is their
    failing case.
    """
    faults = spread_over_families(propose_faults(code, entry_point), seed=0)
    if len(faults) < ENOUGH:
        ending = {fault.id for fault in faults}
        looping = [fault for fault in propose_faults(code, entry_point, endless=True) if fault.id not in ending]
        faults += spread_over_families(looping, seed=0)
    return tuple(
        Mutant(
            code=apply_faults(code, [fault]),
            summary=fault.summary,
            kind=FAULTS.get(diagnosed_as(fault.kind), FAULTS["unknown_logic"]),
        )
        for fault in faults[:limit]
    )
