"""Constants, first values and defaults that are slightly wrong."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mendloop.agents.procedural.operators.edits import Edit, Operator, quote
from mendloop.agents.procedural.operators.scope import Scope
from mendloop.agents.procedural.operators.walks import (
    FunctionNode,
    is_call,
    is_int,
    is_method,
    is_none,
    mutated,
    stored,
)

_SEPARATING = ("join", "split", "rsplit", "partition", "rpartition", "replace", "strip", "lstrip", "rstrip")


def constant_shift(scope: Scope) -> Iterator[Edit]:
    """A number that is one off, or ten times too large or small; tables of constants are left alone."""
    for node in scope.nodes(ast.Constant):
        parent = scope.parents[node]
        in_table = isinstance(parent, ast.List | ast.Tuple | ast.Set | ast.Dict)
        if in_table or isinstance(parent, ast.Subscript | ast.Slice | ast.keyword) or is_call(parent, "range"):
            continue
        for after in _near(node.value):
            place = quote(scope.source(scope.statement_of(node)).splitlines()[0])
            summary = f"The constant is {after} where {quote(scope.source(node))} belongs, in {place}."
            yield scope.replace(node, after, summary)


def _near(value: object) -> Iterator[str]:
    if type(value) is int and value >= 1:
        yield str(value + 1)
        yield str(value // 10 if value >= 100 and value % 10 == 0 else value - 1)
    elif type(value) is float and value not in (0.0, float("inf")):
        yield "1.0" if value != 1.0 else "2.0"


def separator(scope: Scope) -> Iterator[Edit]:
    """A separator with a space too many or too few."""
    for call in scope.nodes(ast.Call):
        if not is_method(call, *_SEPARATING) or not isinstance(call.func, ast.Attribute):
            continue
        candidates = [call.func.value] if call.func.attr == "join" else call.args
        for node in candidates:
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and scope.may_edit(node):
                after = _other_separator(node.value)
                if after is not None and after != node.value:
                    given = quote(scope.source(node))
                    summary = f"`.{call.func.attr}` works with {quote(repr(after))} where {given} belongs."
                    yield scope.replace(node, _quoted_like(scope.source(node), after), summary)


def _quoted_like(literal: str, value: str) -> str:
    text = repr(value)
    return f'"{text[1:-1]}"' if literal.endswith('"') and text.startswith("'") and '"' not in text else text


def _other_separator(value: str) -> str | None:
    if value == "" or value.strip() == value:
        return value + " " if len(value) <= 1 else None
    return value.strip() if value.strip() else ""


def initial_value(scope: Scope) -> Iterator[Edit]:
    """A variable that a loop updates begins with the wrong value."""
    for node in scope.nodes(ast.Assign):
        if len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
            continue
        name = node.targets[0].id
        if _bindings(scope.function, name) < 2 or scope.loop_of(node) is not None:
            continue
        for after in _other_start(node.value):
            before = quote(scope.source(node.value))
            yield scope.replace(node.value, after, f"`{name}` starts as `{after}` instead of {before}.")


def _bindings(function: FunctionNode, name: str) -> int:
    simple = ast.Assign | ast.AugAssign | ast.AnnAssign
    return sum(name in stored(node) for node in ast.walk(function) if isinstance(node, simple))


def _other_start(value: ast.expr) -> Iterator[str]:
    match value:
        case ast.Constant(value=bool() as truth):
            yield str(not truth)
        case ast.Constant(value=0):
            yield "1"
            yield "None"
        case ast.Constant(value=1):
            yield "0"
        case ast.Constant(value=""):
            yield "None"
        case ast.Constant(value=None):
            yield "0"
        case ast.UnaryOp(op=ast.USub()) | ast.Call(func=ast.Name(id="float"), args=[ast.Constant()]):
            yield "0"


def wrong_default(scope: Scope) -> Iterator[Edit]:
    """A parameter's default is another value; calls that give the argument do not notice."""
    for name, default in _defaults(scope.function):
        for after in _other_default(default):
            summary = f"`{name}` defaults to `{after}` instead of {quote(scope.source(default))}."
            yield scope.replace(default, after, summary)


def _other_default(default: ast.expr) -> Iterator[str]:
    match default:
        case ast.Constant(value=bool() as truth):
            yield str(not truth)
        case ast.Constant(value=int() as number) if is_int(default):
            yield "1" if number == 0 else str(number - 1)
        case ast.Constant(value=" "):
            yield '""'
        case ast.Constant(value=""):
            yield '" "'


def mutable_default(scope: Scope) -> Iterator[Edit]:
    """A list or dict made once as the default and shared by all calls, where each call made its own."""
    changed = mutated(scope.function)
    for name, default in _defaults(scope.function):
        if not is_none(default) or name not in changed:
            continue
        for fresh in _fresh_containers(scope.function, name):
            summary = (
                f"The default of `{name}` is one {quote(fresh)} that all calls share, not a new one for each call."
            )
            yield scope.replace(default, fresh, summary)


def _fresh_containers(function: FunctionNode, name: str) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and name in stored(node):
            match node.value:
                case ast.List(elts=[]) | ast.Call(func=ast.Name(id="list"), args=[]):
                    yield "[]"
                case ast.Dict(keys=[]) | ast.Call(func=ast.Name(id="dict"), args=[]):
                    yield "{}"
                case ast.Call(func=ast.Name(id="set"), args=[]):
                    yield "set()"


def _defaults(function: FunctionNode) -> Iterator[tuple[str, ast.expr]]:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    for argument, default in zip(reversed(positional), reversed(arguments.defaults), strict=False):
        yield argument.arg, default
    for argument, optional in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if optional is not None:
            yield argument.arg, optional


OPERATORS = (
    Operator("initial-value", "wrong_initial_value", initial_value),
    Operator("mutable-default", "mutable_default", mutable_default),
    Operator("wrong-default", "wrong_default", wrong_default),
    Operator("separator", "wrong_constant", separator),
    Operator("constant-shift", "wrong_constant", constant_shift),
)
