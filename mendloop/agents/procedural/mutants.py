"""Mutants of a program: the same fault operators, one fault each."""

from __future__ import annotations

from mendloop.agents.procedural.faults import apply_faults, propose_faults
from mendloop.agents.procedural.injector import spread_over_families


def mutants(code: str, entry_point: str, limit: int) -> tuple[str, ...]:
    """Return at most `limit` programs with one fault each, spread over the families."""
    faults = spread_over_families(propose_faults(code, entry_point), seed=0)
    return tuple(apply_faults(code, [fault]) for fault in faults[:limit])
