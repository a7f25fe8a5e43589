"""Comparisons that ask for nearly the right thing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

from mendloop.agents.procedural.operators.edits import Edit, Operator, quote
from mendloop.agents.procedural.operators.scope import Scope
from mendloop.agents.procedural.operators.walks import is_none
from mendloop.agents.procedural.spans import Span

_BOUNDARY = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
_DIRECTION = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OPPOSITE = {
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
    "==": "!=",
    "!=": "==",
    "in": "not in",
    "not in": "in",
    "is": "is not",
    "is not": "is",
}


def _links(scope: Scope) -> Iterator[tuple[ast.expr, Span, ast.expr]]:
    for node in scope.nodes(ast.Compare):
        operands = [node.left, *node.comparators]
        for left, right in pairwise(operands):
            yield left, scope.text.operator(left, right), right


def _swapped(scope: Scope, table: dict[str, str], reason: str) -> Iterator[Edit]:
    for left, span, right in _links(scope):
        before = " ".join(scope.text.code[span.start : span.end].split())
        if after := table.get(before):
            whole = quote(f"{scope.source(left)} {after} {scope.source(right)}")
            yield scope.replace_span(span, after, f"The comparison {whole} {reason}: the operator was `{before}`.")


def comparison_boundary(scope: Scope) -> Iterator[Edit]:
    """`<` for `<=` and the like."""
    yield from _swapped(scope, _BOUNDARY, "treats the boundary value wrongly")


def comparison_direction(scope: Scope) -> Iterator[Edit]:
    """`<` for `>` and the like."""
    yield from _swapped(scope, _DIRECTION, "points the wrong way")


def opposite_comparison(scope: Scope) -> Iterator[Edit]:
    """`==` for `!=`, `in` for `not in`, `is` for `is not`, `>=` for `<`, and the other way."""
    yield from _swapped(scope, _OPPOSITE, "asks the opposite")


def identity_for_equality(scope: Scope) -> Iterator[Edit]:
    """`a is b` for `a == b`; literals are left alone, because the compiler warns about them."""
    for left, span, right in _links(scope):
        if any(isinstance(side, ast.Constant | ast.UnaryOp | ast.Tuple) for side in (left, right)):
            continue
        after = {"==": "is", "!=": "is not"}.get(scope.text.code[span.start : span.end])
        if after:
            whole = quote(f"{scope.source(left)} {after} {scope.source(right)}")
            yield scope.replace_span(span, after, f"{whole} compares identity, not value.")


def falsy_for_none(scope: Scope) -> Iterator[Edit]:
    """`not x` for `x is None`: zero and empty values now count as missing."""
    for node in scope.nodes(ast.Compare):
        if len(node.ops) != 1 or not is_none(node.comparators[0]):
            continue
        left = scope.source(node.left)
        if not isinstance(node.left, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
            continue
        before = quote(scope.source(node))
        if isinstance(node.ops[0], ast.Is):
            yield scope.replace(
                node, f"not {left}", f"`not {left}` is true for 0 and empty values as well: it was {before}."
            )
        elif isinstance(node.ops[0], ast.IsNot):
            yield scope.replace(node, left, f"{quote(left)} is false for 0 and empty values as well: it was {before}.")


OPERATORS = (
    Operator("comparison-boundary", "off_by_one", comparison_boundary),
    Operator("comparison-direction", "wrong_comparison", comparison_direction),
    Operator("opposite-comparison", "negated_condition", opposite_comparison),
    Operator("identity-for-equality", "identity_vs_equality", identity_for_equality),
    Operator("falsy-for-none", "identity_vs_equality", falsy_for_none),
)
