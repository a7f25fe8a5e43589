"""Results that are not returned, or returned too early or as the wrong thing."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mendloop.agents.procedural.operators.edits import Edit, Operator, quote
from mendloop.agents.procedural.operators.scope import Scope
from mendloop.agents.procedural.operators.walks import is_none


def missing_return(scope: Scope) -> Iterator[Edit]:
    """The value is computed and then dropped."""
    for node, value in _results(scope):
        if not isinstance(value, ast.Constant):
            start, end = scope.text.span(node).start, scope.text.span(value).start
            after = "(" if scope.text.code[end - 1] == "(" else ""
            yield Edit(start, end, after, f"{quote(scope.source(value))} is computed but not returned.")


def print_for_return(scope: Scope) -> Iterator[Edit]:
    """The result is printed, and the caller gets None."""
    for node, value in _results(scope):
        summary = f"{quote(scope.source(value))} is printed instead of returned."
        text = scope.source(value)
        bare = isinstance(value, ast.Tuple) and not text.startswith("(")
        yield scope.replace(node, f"print(({text}))" if bare else f"print({text})", summary)


def _results(scope: Scope) -> Iterator[tuple[ast.Return, ast.expr]]:
    for node in scope.nodes(ast.Return):
        if node.value is not None and not is_none(node.value) and scope.owner_of(node) is scope.function:
            yield node, node.value


def early_return(scope: Scope) -> Iterator[Edit]:
    """The `return` after a loop stands in the loop: the first round ends it."""
    for node in scope.nodes(ast.Return):
        block = scope.block_of(node)
        position = list(block).index(node)
        loop = block[position - 1] if position else None
        if not isinstance(loop, ast.For) or loop.orelse or not scope.may_edit(loop):
            continue
        indent = scope.text.indent(loop.body[0].lineno)
        moved = scope.shifted(node, indent[len(scope.text.indent(node.lineno)) :])
        if moved and loop.body[0].lineno > loop.lineno:
            whole = scope.text.lines_of(node)
            summary = f"{quote(scope.source(node))} stands inside the loop, so that its first round ends it."
            yield scope.replace_span(whole, _same_end(scope, whole.end, moved), summary)


def _same_end(scope: Scope, end: int, lines: str) -> str:
    """Return lines without their last newline where the text they replace had none."""
    return lines if scope.text.code[end - 1 : end] == "\n" else lines.rstrip("\n")


def return_for_yield(scope: Scope) -> Iterator[Edit]:
    """`return x` for `yield x`: only the first value comes out."""
    for node in scope.nodes(ast.Yield):
        parent = scope.parents[node]
        if isinstance(parent, ast.Expr) and node.value is not None:
            start, _ = scope.text.span(node)
            summary = f"{quote(scope.source(node.value))} is returned instead of yielded, which ends the function."
            yield Edit(start, start + len("yield"), "return", summary)


def yield_for_yield_from(scope: Scope) -> Iterator[Edit]:
    """`yield x` for `yield from x`: the whole comes out as one value."""
    for node in scope.nodes(ast.YieldFrom):
        summary = f"{quote(scope.source(node.value))} is yielded as one value: it was `yield from`."
        yield scope.replace(node, f"yield {scope.source(node.value)}", summary)


def text_for_value(scope: Scope) -> Iterator[Edit]:
    """`return str(x)` for `return x`, where x is a number."""
    for _, value in _results(scope):
        if scope.kind(value) == "number":
            before = scope.source(value)
            after = f'"{before}"' if isinstance(value, ast.Constant) else f"str({before})"
            yield scope.replace(value, after, f"The result {quote(before)} is returned as a text.")


def lost_comma(scope: Scope) -> Iterator[Edit]:
    """`(x)` for `(x,)`: no tuple any more."""
    for node in scope.nodes(ast.Tuple):
        text = scope.source(node)
        if isinstance(node.ctx, ast.Load) and len(node.elts) == 1 and text.startswith("("):
            inner = scope.source(node.elts[0])
            if not isinstance(node.elts[0], ast.Starred):
                yield scope.replace(node, f"({inner})", f"`({inner})` is no tuple: the comma is missing.")


OPERATORS = (
    Operator("early-return", "early_return", early_return),
    Operator("missing-return", "missing_return", missing_return),
    Operator("print-for-return", "missing_return", print_for_return),
    Operator("return-for-yield", "early_return", return_for_yield),
    Operator("yield-for-yield-from", "type_mix", yield_for_yield_from),
    Operator("text-for-value", "type_mix", text_for_value),
    Operator("lost-comma", "type_mix", lost_comma),
)
