"""Ranges, slices and indices that are off by one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mendloop.agents.procedural.operators.edits import Edit, Operator, quote
from mendloop.agents.procedural.operators.scope import Scope
from mendloop.agents.procedural.operators.walks import is_call, is_int, plain_arguments


def neighbours(scope: Scope, node: ast.expr, *, lowest: int | None = None) -> Iterator[tuple[int, str]]:
    """Yield (step, text) of the expressions that people write when they are one off."""
    match node:
        case ast.Constant(value=int() as value) if is_int(node):
            for step in (-1, 1):
                if lowest is None or value + step >= lowest:
                    yield step, str(value + step)
        case ast.BinOp(left=left, op=ast.Add(), right=ast.Constant(value=1)):
            yield -1, scope.operand(left, node)
        case ast.BinOp(left=left, op=ast.Sub(), right=ast.Constant(value=1)):
            yield 1, scope.operand(left, node)
        case ast.Name() | ast.Attribute() | ast.Call() | ast.Subscript():
            yield -1, f"{scope.source(node)} - 1"
            yield 1, f"{scope.source(node)} + 1"


def range_stop(scope: Scope) -> Iterator[Edit]:
    """`range(n)` for `range(n + 1)`, and the other way."""
    for call in scope.nodes(ast.Call):
        if not is_call(call, "range") or not plain_arguments(call) or not 1 <= len(call.args) <= 2:
            continue
        stop = call.args[-1]
        for step, after in neighbours(scope, stop):
            manner = "one value early" if step < 0 else "one value late"
            summary = f"{scope.shown(call, stop, after)} stops {manner}: the bound was {quote(scope.source(stop))}."
            yield scope.replace(stop, after, summary)


def range_start(scope: Scope) -> Iterator[Edit]:
    """`range(1, n)` for `range(n)`, and the other way."""
    for call in scope.nodes(ast.Call):
        if not is_call(call, "range") or not plain_arguments(call):
            continue
        if len(call.args) == 1:
            stop = call.args[0]
            after = f"1, {scope.source(stop)}"
            yield scope.replace(stop, after, f"{scope.shown(call, stop, after)} starts at 1, not at 0.")
        elif call.args:
            start = call.args[0]
            for step, after in neighbours(scope, start):
                manner = "one value early" if step < 0 else "one value late"
                summary = (
                    f"{scope.shown(call, start, after)} starts {manner}: the start was {quote(scope.source(start))}."
                )
                yield scope.replace(start, after, summary)


def enumerate_start(scope: Scope) -> Iterator[Edit]:
    """`enumerate(x, 1)` for `enumerate(x)`, and the other way."""
    for call in scope.nodes(ast.Call):
        if not is_call(call, "enumerate") or not call.args:
            continue
        given = call.args[1] if len(call.args) == 2 else call.keywords[0].value if call.keywords else None
        if given is None:
            items = call.args[0]
            summary = f"{quote(scope.source(call))} counts from 1, not from 0."
            yield scope.replace(items, f"{scope.source(items)}, 1", summary)
        elif is_int(given, 1):
            yield scope.replace(given, "0", f"{quote(scope.source(call))} counts from 0, not from 1.")


def slice_bound(scope: Scope) -> Iterator[Edit]:
    """A slice that begins or ends one element off."""
    for cut in scope.nodes(ast.Slice):
        before = quote(scope.source(cut))
        for side, bound in (("begins", cut.lower), ("ends", cut.upper)):
            if bound is None or not scope.may_edit(bound):
                continue
            for _, after in neighbours(scope, bound, lowest=0):
                yield scope.replace(bound, after, f"The slice {before} {side} one element off, at {quote(after)}.")
            if isinstance(bound, ast.UnaryOp) and is_int(bound.operand) and isinstance(bound.op, ast.USub):
                yield scope.replace(bound, "", f"The slice {before} lost the bound {quote(scope.source(bound))}.")


def slice_side(scope: Scope) -> Iterator[Edit]:
    """`x[n:]` for `x[:n]`, and the other way."""
    for cut in scope.nodes(ast.Slice):
        if cut.step is not None or (cut.lower is None) == (cut.upper is None):
            continue
        bound = cut.lower or cut.upper
        assert bound is not None
        after = f":{scope.source(bound)}" if cut.lower else f"{scope.source(bound)}:"
        summary = f"The slice {quote(after)} takes the other part of the sequence: it was {quote(scope.source(cut))}."
        yield scope.replace(cut, after, summary)


def slice_step(scope: Scope) -> Iterator[Edit]:
    """A slice whose step is gone: `[:]` for `[::-1]`."""
    for cut in scope.nodes(ast.Slice):
        if cut.step is None:
            continue
        lower, upper = (scope.source(bound) if bound else "" for bound in (cut.lower, cut.upper))
        summary = f"The slice {quote(scope.source(cut))} lost its step {quote(scope.source(cut.step))}."
        yield scope.replace(cut, f"{lower}:{upper}", summary)


def index_shift(scope: Scope) -> Iterator[Edit]:
    """The element beside the right one."""
    for item in scope.nodes(ast.Subscript):
        index = item.slice
        if not isinstance(item.ctx, ast.Load) or not scope.may_edit(index):
            continue
        for after in _beside(scope, index):
            whole = f"{scope.source(item.value)}[{after}]"
            summary = f"{quote(whole)} reads the wrong element: the index was {quote(scope.source(index))}."
            yield scope.replace(index, after, summary)


def _beside(scope: Scope, index: ast.expr) -> Iterator[str]:
    match index:
        case ast.Constant(value=int() as value) if is_int(index):
            yield str(value + 1)
            yield str(value - 1)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1)):
            yield "0"
            yield "-2"
        case ast.BinOp(op=ast.Add() | ast.Sub(), right=ast.Constant(value=1)):
            yield from (text for _, text in neighbours(scope, index))
        case ast.Name() if scope.kind(index) == "number":
            yield from (text for _, text in neighbours(scope, index))


OPERATORS = (
    Operator("range-stop", "off_by_one", range_stop),
    Operator("range-start", "off_by_one", range_start),
    Operator("enumerate-start", "off_by_one", enumerate_start),
    Operator("slice-bound", "wrong_slice", slice_bound),
    Operator("slice-side", "wrong_slice", slice_side),
    Operator("slice-step", "wrong_slice", slice_step),
    Operator("index-shift", "wrong_index", index_shift),
)
