"""Naming the fault from evidence: the relation, the parting of the runs, and the syntax of the line there."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from mendloop.agents.procedural.code_lines import Place, expressions
from mendloop.agents.procedural.constructs import Construct, has
from mendloop.agents.procedural.literals import UNREAD, Relation, is_number, read
from mendloop.agents.procedural.peeking import worth
from mendloop.agents.procedural.relations import relate_values
from mendloop.agents.procedural.traces import Parting

Fault = Literal[
    "off_by_one", "wrong_condition", "wrong_operator", "wrong_variable", "missing_case", "missing_return",
    "shared_state", "mutated_argument", "wrong_builtin_or_method", "type_mix", "swapped_arguments",
    "wrong_initial_value", "early_return", "wrong_exception", "wrong_constant", "wrong_index_or_slice",
    "lost_statement", "wrong_loop", "unknown_logic",
]  # fmt: skip
"""The closed vocabulary of faults."""


@dataclass(frozen=True)
class Evidence:
    """What a critic knows: how the outcome relates, where the runs part, and what stands on that line.

    `values` are the locals just before that line ran; `local` relates the differing variable's two values. `raised`,
    `message` and `raised_at` tell the exception that ended the run. `complete` says that both
    traces are whole.
    """

    relation: Relation
    parting: Parting | None
    place: Place
    construct: Construct
    values: Mapping[str, str] = field(default_factory=dict)
    local: Relation | None = None
    raised: str = ""
    message: str = ""
    raised_at: int | None = None
    complete: bool = True


EDGE = frozenset(
    [
        "off_by_one",
        "last_missing",
        "first_missing",
        "extra_at_end",
        "extra_at_start",
        "character_dropped",
        "character_added",
        "shifted",
    ]
)
"""Relations that one step too far, or not far enough, leaves behind."""

_TYPED = frozenset({
    "text_of_value", "value_of_text", "bytes_and_text", "other_container", "lazy_and_eager", "wrapped",
    "unwrapped", "bool_instead_of_number", "value_instead_of_bool", "number_type", "other_type", "truncated", "rounded",
    "not_rounded",
})  # fmt: skip
_BY_RELATION: dict[str, Fault] = {
    "remembers_earlier_call": "shared_state",
    "argument_mutated": "mutated_argument",
    "other_exception": "wrong_exception",
    "other_message": "wrong_exception",
}
_BY_CLASS: dict[str, Fault] = {
    "UnboundLocalError": "lost_statement",
    "NameError": "wrong_variable",
    "RecursionError": "missing_case",
    "ZeroDivisionError": "missing_case",
    "KeyError": "wrong_index_or_slice",
    "IndexError": "wrong_index_or_slice",
    "StopIteration": "missing_case",
    "NotImplementedError": "missing_case",
}
_REFUSALS = (ast.Raise, ast.Try, ast.ExceptHandler)
_ARGUMENTS = ("positional argument", "keyword argument", "required positional")

_OF_CONSTRUCT: dict[Construct, Fault] = {
    "accumulator": "wrong_operator",
    "bits": "wrong_operator",
    "boolean": "wrong_condition",
    "builtin": "wrong_builtin_or_method",
    "call": "swapped_arguments",
    "comparison": "wrong_condition",
    "comprehension": "wrong_condition",
    "constant": "wrong_constant",
    "default": "wrong_initial_value",
    "division": "wrong_operator",
    "equality": "wrong_condition",
    "except": "wrong_exception",
    "format": "wrong_constant",
    "identity": "wrong_condition",
    "index": "wrong_index_or_slice",
    "initial": "wrong_initial_value",
    "jump": "wrong_loop",
    "key": "wrong_builtin_or_method",
    "length": "wrong_variable",
    "literal": "wrong_constant",
    "loop": "wrong_loop",
    "membership": "wrong_condition",
    "method": "wrong_builtin_or_method",
    "name": "wrong_variable",
    "negation": "wrong_condition",
    "product": "wrong_operator",
    "raise": "wrong_exception",
    "range": "wrong_loop",
    "return": "early_return",
    "slice": "wrong_index_or_slice",
    "sum": "wrong_operator",
    "ternary": "wrong_condition",
    "truth": "wrong_condition",
    "unpack": "wrong_variable",
    "while": "wrong_loop",
    "yield": "wrong_variable",
}
"""What is most often wrong with a construct when nothing more is known."""

_ROUNDS: dict[Construct, Fault] = {"range": "off_by_one", "slice": "wrong_index_or_slice"}
"""What is wrong with a `for` that does a round too many or too few, by what it runs over."""


def infer(evidence: Evidence) -> Fault:
    """Return the fault that the evidence speaks for; the first rule that applies decides."""
    return next((fault for rule in _RULES if (fault := rule(evidence))), "unknown_logic")


def local_relation(parting: Parting | None) -> Relation | None:
    """Return how the differing variable's values relate, None when there is none or its texts are no literals."""
    if parting is None or parting.observed is None or parting.expected is None:
        return None
    observed, expected = read(parting.observed), read(parting.expected)
    return None if observed is UNREAD or expected is UNREAD else relate_values(expected, observed)


def compared(evidence: Evidence) -> tuple[object, object] | None:
    """Return the two sides of the first ordering comparison on the line as they stood in the run."""
    for node in expressions(evidence.place.node):
        if isinstance(node, ast.Compare):
            left, right = (worth(each, evidence.values) for each in (node.left, node.comparators[0]))
            return None if left is UNREAD or right is UNREAD else (left, right)
    return None


def _by_relation(evidence: Evidence) -> Fault | None:
    fault = _BY_RELATION.get(evidence.relation.name)
    earlier = evidence.parting and evidence.parting.kind != "ended" and not isinstance(evidence.place.node, _REFUSALS)
    return None if fault == "wrong_exception" and earlier else fault


def _accepted(evidence: Evidence) -> Fault | None:
    if evidence.relation.name != "value_instead_of_exception":
        return None
    condition = (
        evidence.parting and evidence.parting.kind == "branch" and isinstance(evidence.place.node, ast.If | ast.While)
    )
    return None if condition else "missing_case"


def _nothing_returned(evidence: Evidence) -> Fault | None:
    if evidence.relation.name != "none_instead_of_value" or evidence.parting:
        return None
    return "missing_return" if not isinstance(evidence.place.node, ast.Return) else None


def _crashed(evidence: Evidence) -> Fault | None:
    if not evidence.raised or (evidence.parting and evidence.parting.kind != "ended"):
        return None
    if "NoneType" in evidence.message and isinstance(evidence.place.node, ast.Expr):
        return "missing_return"
    if evidence.raised == "TypeError":
        return "swapped_arguments" if any(part in evidence.message for part in _ARGUMENTS) else "type_mix"
    if evidence.raised == "AttributeError":
        return "missing_return" if "'NoneType'" in evidence.message else "wrong_builtin_or_method"
    if evidence.raised == "IndexError" and has(evidence.place.node, "sum"):
        return "off_by_one"
    return _BY_CLASS.get(evidence.raised)


def _never_ends(evidence: Evidence) -> Fault | None:
    ends = evidence.relation.name in ("timed_out", "memory", "infinite")
    return "wrong_loop" if ends and (not evidence.parting or evidence.construct in ("while", "loop", "jump")) else None


def _stopped(evidence: Evidence) -> Fault | None:
    if evidence.parting is None or evidence.parting.kind not in ("ended", "went_on", "lost"):
        return None
    if evidence.parting.kind == "ended":
        if evidence.relation.name == "none_instead_of_value" and isinstance(evidence.place.node, ast.If):
            return "wrong_condition" if evidence.parting.correct_next else "missing_case"
        return "early_return" if isinstance(evidence.place.node, ast.Return) else None
    if evidence.parting.kind == "lost":
        return "wrong_loop" if evidence.construct == "jump" else "lost_statement"
    if isinstance(evidence.place.node, ast.Expr) and evidence.parting.next_line != evidence.parting.line:
        return "missing_return"
    return "missing_case" if not isinstance(evidence.place.node, ast.For | ast.While) else "wrong_loop"


def _branched(evidence: Evidence) -> Fault | None:
    parting, node = evidence.parting, evidence.place.node
    if parting is not None and parting.kind == "jump":
        return "early_return" if isinstance(node, ast.Return | ast.Raise) else "wrong_loop"
    if parting is None or parting.kind != "branch":
        return None
    if isinstance(node, ast.If | ast.While):
        return _condition(evidence)
    if isinstance(node, ast.For):
        return _ROUNDS.get(evidence.construct, "wrong_loop")
    return "wrong_loop" if evidence.construct == "jump" else None


def _condition(evidence: Evidence) -> Fault | None:
    sides = compared(evidence)
    if evidence.construct == "comparison" and sides and all(map(is_number, sides)):
        left, right = sides
        return "off_by_one" if abs(left - right) <= 1 else "wrong_condition"  # type: ignore[operator]  # both are numbers
    return "wrong_builtin_or_method" if evidence.construct in ("builtin", "method") else "wrong_condition"


def _swapped(evidence: Evidence) -> Fault | None:
    if not (evidence.parting and evidence.parting.swapped):
        return None
    return "swapped_arguments" if evidence.parting.kind == "argument" else "wrong_variable"


def _wrong_type(evidence: Evidence) -> Fault | None:
    relation = evidence.local or evidence.relation
    if relation.name not in _TYPED or evidence.construct in ("division", "index", "slice", "initial", "default"):
        return None
    return "wrong_builtin_or_method" if evidence.construct in ("builtin", "method") else "type_mix"


def _edge(evidence: Evidence) -> Fault | None:
    relation = evidence.local or evidence.relation
    if relation.name not in EDGE:
        return None
    return "off_by_one" if evidence.construct in ("slice", "index", "range", "sum", "length", "accumulator") else None


def _kept_initial(evidence: Evidence) -> Fault | None:
    updated = evidence.parting and evidence.parting.kind == "value" and evidence.construct == "initial"
    return "wrong_initial_value" if updated else None


def _idle(evidence: Evidence) -> Fault | None:
    """A `pass`, or an expression whose result nobody keeps although a correct run has a new value after it."""
    parting, node = evidence.parting, evidence.place.node
    if parting is None or parting.kind != "value":
        return None
    stale = parting.observed == parting.values.get(parting.variable)
    return "lost_statement" if stale and isinstance(node, ast.Pass | ast.Expr) else None


def _plain(evidence: Evidence) -> Fault | None:
    if isinstance(evidence.place.node, ast.Pass):
        return "lost_statement"
    relation = (evidence.local or evidence.relation).name
    if evidence.construct == "call" and not (evidence.parting and evidence.parting.swapped):
        return "wrong_variable" if relation != "none_instead_of_value" else "missing_return"
    return _OF_CONSTRUCT.get(evidence.construct)


_RULES: tuple[Callable[[Evidence], Fault | None], ...] = (
    _by_relation,
    _accepted,
    _nothing_returned,
    _crashed,
    _never_ends,
    _stopped,
    _swapped,
    _branched,
    _idle,
    _wrong_type,
    _edge,
    _kept_initial,
    _plain,
)
