"""What an operator is, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mendloop.agents.procedural.operators.scope import Scope

FaultKind = Literal[
    "aliasing",
    "augmented_assignment",
    "boolean_mix",
    "early_return",
    "evaluation_order",
    "float_int_division",
    "identity_vs_equality",
    "key_vs_value",
    "loop_control",
    "lost_branch",
    "lost_call",
    "lost_statement",
    "missing_base_case",
    "missing_conversion",
    "missing_return",
    "mutable_default",
    "negated_condition",
    "off_by_one",
    "precedence",
    "swallowed_exception",
    "swapped_arguments",
    "type_mix",
    "unpack_swap",
    "wrong_builtin",
    "wrong_comparison",
    "wrong_constant",
    "wrong_default",
    "wrong_exception",
    "wrong_index",
    "wrong_initial_value",
    "wrong_method",
    "wrong_nesting",
    "wrong_operator",
    "wrong_slice",
    "wrong_variable",
]


@dataclass(frozen=True)
class Edit:
    """One change of the text, `text[start:end]` becomes `after`, and a sentence that says what it does."""

    start: int
    end: int
    after: str
    summary: str


@dataclass(frozen=True)
class Operator:
    """One way to go wrong: its name, the family it belongs to, and where a function offers it."""

    name: str
    kind: FaultKind
    find: Callable[[Scope], Iterator[Edit]]


def quote(text: str) -> str:
    """Return code on one line in backticks, shortened when long."""
    flat = " ".join(text.split())
    if len(flat) > 72:
        flat = flat[:69] + "..."
    return f"`` {flat} ``" if "`" in flat else f"`{flat}`"
