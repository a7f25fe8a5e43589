"""All operators in order: where two of them give the same text, the first one names the fault."""

from __future__ import annotations

from mendloop.agents.procedural.operators import (
    arithmetic,
    bounds,
    branches,
    calls,
    comparisons,
    conditions,
    copies,
    losses,
    names,
    nesting,
    raising,
    returns,
    values,
)
from mendloop.agents.procedural.operators.edits import Operator

OPERATORS: tuple[Operator, ...] = (
    *copies.OPERATORS,
    *returns.OPERATORS,
    *branches.OPERATORS,
    *nesting.OPERATORS,
    *bounds.OPERATORS,
    *losses.OPERATORS,
    *calls.OPERATORS,
    *conditions.OPERATORS,
    *comparisons.OPERATORS,
    *raising.OPERATORS,
    *arithmetic.OPERATORS,
    *names.OPERATORS,
    *values.OPERATORS,
)
