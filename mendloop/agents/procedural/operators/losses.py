"""Calls and arguments that somebody forgot."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mendloop.agents.procedural.operators.edits import Edit, Operator, quote
from mendloop.agents.procedural.operators.scope import Scope
from mendloop.agents.procedural.operators.walks import grown, is_call, is_method, plain_arguments, root_name
from mendloop.agents.procedural.spans import Span

_CONVERSIONS = ("str", "int", "float", "bytes", "tuple", "list", "bool", "complex", "bytearray")
_CALLS = ("abs", "sorted", "set", "frozenset", "reversed", "round")
_METHODS = (
    *("strip", "lstrip", "rstrip", "lower", "upper", "casefold", "title", "capitalize", "encode", "decode", "replace"),
    *("removeprefix", "removesuffix", "rjust", "ljust", "zfill", "expandtabs", "translate", "values", "keys", "group"),
)
_MEANINGFUL_SECOND = ("int", "round", "sum", "next", "getattr")
_MEANINGFUL_FIRST = ("split", "rsplit", "strip", "lstrip", "rstrip")
_OPTIONAL_LAST = {"get": 2, "pop": 2, "split": 2, "rsplit": 2, "replace": 3, "find": 2, "index": 2, "setdefault": 2}
_WITH_OPTIONS = (
    *("sorted", "min", "max", "sum", "enumerate", "int", "sort", "split", "rsplit", "splitlines", "groupby", "merge"),
    *("zip_longest", "sub", "compile", "search", "match", "fullmatch", "findall", "finditer", "nsmallest", "nlargest"),
)
_KEYWORDS = ("key", "reverse", "default", "start", "maxsplit", "base", "sep", "fillvalue", "count", "flags", "keepends")


def lost_conversion(scope: Scope) -> Iterator[Edit]:
    """`x` for `str(x)`, `int(x)`, `tuple(x)`: the value keeps its first type."""
    for call in scope.nodes(ast.Call):
        if is_call(call, *_CONVERSIONS) and plain_arguments(call) and len(call.args) == 1:
            yield from _unwrapped(scope, call, call.args[0], "is not converted")


def lost_call(scope: Scope) -> Iterator[Edit]:
    """`x` for `sorted(x)`, `abs(x)`, `x.strip()`."""
    for call in scope.nodes(ast.Call):
        match call:
            case ast.Call(func=ast.Name(id=name), args=[kept, *_]) if name in _CALLS:
                if not isinstance(kept, ast.Starred):
                    yield from _unwrapped(scope, call, kept, f"is not passed through `{name}`")
            case ast.Call(func=ast.Attribute(value=kept, attr=name)) if name in _METHODS:
                if not isinstance(scope.parents[call], ast.Expr):
                    yield from _unwrapped(scope, call, kept, f"lost its `.{name}` call")


def _unwrapped(scope: Scope, call: ast.Call, kept: ast.expr, reason: str) -> Iterator[Edit]:
    parent = scope.parents[call]
    owners = {root_name(kept)} if isinstance(parent, ast.For) else set()
    if isinstance(parent, ast.Assign):
        owners = {root_name(target) for target in parent.targets}
    # A list that is an alias of the one walked over may grow without end.
    if not owners & grown(scope.function):
        summary = f"{quote(scope.source(kept))} {reason}: it was {quote(scope.source(call))}."
        yield scope.replace(call, scope.operand(kept, call), summary)


def lost_clamp(scope: Scope) -> Iterator[Edit]:
    """`x` for `max(0, x)`: the limit no longer holds."""
    for call in scope.nodes(ast.Call):
        if is_call(call, "min", "max") and plain_arguments(call) and len(call.args) == 2:
            for kept, limit in (call.args, reversed(call.args)):
                limited = f"{quote(scope.source(kept))} is no longer limited by {quote(scope.source(limit))}"
                summary = f"{limited}: it was {quote(scope.source(call))}."
                yield scope.replace(call, scope.operand(kept, call), summary)


def lost_argument(scope: Scope) -> Iterator[Edit]:
    """`x.get(k)` for `x.get(k, d)`, `int(s)` for `int(s, 16)`, `x.split()` for `x.split(",")`."""
    for call in scope.nodes(ast.Call):
        if call.keywords or any(isinstance(each, ast.Starred) for each in call.args) or not call.args:
            continue
        if len(call.args) >= 2 and _last_is_optional(call):
            yield _without(scope, call, call.args[-2], call.args[-1])
        elif len(call.args) == 1 and is_method(call, *_MEANINGFUL_FIRST) and scope.may_edit(call.args[0]):
            span = scope.text.span(call.args[0])
            yield scope.replace_span(span, "", _lost(scope, call, call.args[0]))


def _last_is_optional(call: ast.Call) -> bool:
    if is_call(call, *_MEANINGFUL_SECOND):
        return len(call.args) == (3 if is_call(call, "getattr") else 2)
    return isinstance(call.func, ast.Attribute) and _OPTIONAL_LAST.get(call.func.attr) == len(call.args)


def _without(scope: Scope, call: ast.Call, previous: ast.expr, lost: ast.expr | ast.keyword) -> Edit:
    start = scope.text.span(previous).end
    comma = start + scope.text.without_comments(start, scope.text.span(lost).start).rindex(",")
    return scope.replace_span(Span(comma, scope.text.span(lost).end), "", _lost(scope, call, lost))


def _lost(scope: Scope, call: ast.Call, lost: ast.expr | ast.keyword) -> str:
    return f"The call {quote(scope.source(call))} lost its argument {quote(scope.source(lost))}."


def lost_keyword(scope: Scope) -> Iterator[Edit]:
    """`sorted(x)` for `sorted(x, key=f)`, and other options that are gone."""
    for call in scope.nodes(ast.Call):
        if not is_call(call, *_WITH_OPTIONS) and not is_method(call, *_WITH_OPTIONS):
            continue
        parts = [*call.args, *(keyword.value for keyword in call.keywords)]
        first_keyword = len(call.args)
        for index, keyword in enumerate(call.keywords):
            if keyword.arg in _KEYWORDS and first_keyword + index > 0:
                yield _without(scope, call, parts[first_keyword + index - 1], keyword)


OPERATORS = (
    Operator("lost-clamp", "lost_call", lost_clamp),
    Operator("lost-call", "lost_call", lost_call),
    Operator("lost-conversion", "missing_conversion", lost_conversion),
    Operator("lost-argument", "wrong_default", lost_argument),
    Operator("lost-keyword", "wrong_default", lost_keyword),
)
