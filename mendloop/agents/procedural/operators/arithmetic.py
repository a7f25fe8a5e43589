"""Arithmetic that computes something else."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mendloop.agents.procedural.operators.edits import Edit, Operator, quote
from mendloop.agents.procedural.operators.scope import Scope
from mendloop.agents.procedural.spans import Span

# `*` never becomes `**`, and `>>` never `<<`: huge integers cost minutes.
_OPERATORS = {"+": "-", "-": "+", "*": "+", "%": "//", "**": "*", "&": "|", "|": "&", "^": "|", "<<": ">>"}
_DIVISIONS = {"/": "//", "//": "/"}
_AUGMENTED = {"+=": "-=", "-=": "+=", "*=": "+=", "/=": "*=", "|=": "&=", "&=": "|="}
_ORDERED = ast.Sub | ast.Div | ast.FloorDiv | ast.Mod | ast.Pow


def arithmetic_operator(scope: Scope) -> Iterator[Edit]:
    """`-` for `+` and the like, between what may be numbers."""
    yield from _binary(scope, _OPERATORS, "The operator of {after} was `{before}`.")


def division(scope: Scope) -> Iterator[Edit]:
    """`/` for `//`, and the other way."""
    yield from _binary(scope, _DIVISIONS, "{after} divides with the wrong kind of division: it was `{before}`.")


def _binary(scope: Scope, table: dict[str, str], sentence: str) -> Iterator[Edit]:
    for node in scope.nodes(ast.BinOp):
        if {scope.kind(node.left), scope.kind(node.right)} & {"text", "sequence", "mapping"}:
            continue
        span = scope.text.operator(node.left, node.right)
        before = scope.text.code[span.start : span.end]
        if after := table.get(before):
            whole = quote(f"{scope.source(node.left)} {after} {scope.source(node.right)}")
            yield scope.replace_span(span, after, sentence.format(after=whole, before=before))


def swapped_operands(scope: Scope) -> Iterator[Edit]:
    """`b - a` for `a - b`, where the order matters."""
    for node in scope.nodes(ast.BinOp):
        joined = isinstance(node.op, ast.Add) and scope.kind(node) in ("text", "sequence")
        formatted = isinstance(node.op, ast.Mod) and scope.kind(node.left) == "text"
        if formatted or not (joined or isinstance(node.op, _ORDERED)):
            continue
        left, sign, right = _sides(scope, node)
        first = f"({left})" if isinstance(node.left, ast.BinOp) and not left.startswith("(") else left
        summary = f"The operands of `{sign}` are swapped: it was {quote(f'{left} {sign} {right}')}."
        yield scope.replace(node, f"{right} {sign} {first}", summary)


def _sides(scope: Scope, node: ast.BinOp) -> tuple[str, str, str]:
    text, whole = scope.text, scope.text.span(node)
    sign = text.operator(node.left, node.right)
    left, right = text.trimmed(whole.start, sign.start), text.trimmed(sign.end, whole.end)
    return (text.code[slice(*left)], text.code[slice(*sign)], text.code[slice(*right)])


def lost_parentheses(scope: Scope) -> Iterator[Edit]:
    """`a + b * c` for `(a + b) * c`: the operators bind differently."""
    for node in (*scope.nodes(ast.BinOp), *scope.nodes(ast.BoolOp), *scope.nodes(ast.IfExp), *scope.nodes(ast.Compare)):
        parent = scope.parents[node]
        if not isinstance(parent, ast.BinOp | ast.BoolOp | ast.UnaryOp):
            continue
        if outer := _parentheses(scope, node):
            inner = scope.source(node)
            summary = f"The parentheses around {quote(inner)} are gone, so the operators bind differently."
            yield scope.replace_span(outer, inner, summary)


def _parentheses(scope: Scope, node: ast.expr) -> Span | None:
    code, (start, end) = scope.text.code, scope.text.span(node)
    if code[start - 1 : start] == "(" and code[end : end + 1] == ")":
        return Span(start - 1, end + 1)
    return None


def lost_sign(scope: Scope) -> Iterator[Edit]:
    """`x` for `-x`."""
    for node in scope.nodes(ast.UnaryOp):
        if isinstance(node.op, ast.USub | ast.Invert):
            before = scope.source(node)
            yield scope.replace(node, scope.source(node.operand), f"The sign is lost: it was {quote(before)}.")


def augmented_operator(scope: Scope) -> Iterator[Edit]:
    """`-=` for `+=` and the like."""
    for node in scope.nodes(ast.AugAssign):
        if {scope.kind(node.target), scope.kind(node.value)} & {"text", "sequence", "mapping"}:
            continue
        span = scope.text.operator(node.target, node.value)
        before = scope.text.code[span.start : span.end]
        if after := _AUGMENTED.get(before):
            target = quote(scope.source(node.target))
            summary = f"{target} is updated with `{after}` instead of `{before}`."
            yield scope.replace_span(span, after, summary)


def lost_accumulation(scope: Scope) -> Iterator[Edit]:
    """`x = e` for `x += e`: what was gathered before is forgotten."""
    for node in scope.nodes(ast.AugAssign):
        span = scope.text.operator(node.target, node.value)
        before = scope.text.code[span.start : span.end]
        summary = f"{quote(scope.source(node.target))} is overwritten instead of updated: the operator was `{before}`."
        yield scope.replace_span(span, "=", summary)


OPERATORS = (
    Operator("arithmetic-operator", "wrong_operator", arithmetic_operator),
    Operator("division", "float_int_division", division),
    Operator("swapped-operands", "swapped_arguments", swapped_operands),
    Operator("lost-parentheses", "precedence", lost_parentheses),
    Operator("lost-sign", "wrong_operator", lost_sign),
    Operator("augmented-operator", "wrong_operator", augmented_operator),
    Operator("lost-accumulation", "augmented_assignment", lost_accumulation),
)
