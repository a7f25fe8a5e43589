"""Calls of the neighbour of the right function or method."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from mendloop.agents.procedural.operators.edits import Edit, Operator, quote
from mendloop.agents.procedural.operators.scope import Scope
from mendloop.agents.procedural.operators.walks import stored

_BUILTINS = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "sum": "max",
    "int": "round",
    "round": "int",
    "float": "int",
    "set": "list",
    "frozenset": "list",
    "tuple": "list",
    "list": "tuple",
    "str": "repr",
    "repr": "str",
    "filter": "map",
}
_METHODS = {
    "append": "extend",
    "extend": "append",
    "find": "index",
    "index": "find",
    "rfind": "find",
    "rindex": "index",
    "lstrip": "rstrip",
    "rstrip": "strip",
    "strip": "lstrip",
    "startswith": "endswith",
    "endswith": "startswith",
    "upper": "lower",
    "lower": "upper",
    "casefold": "upper",
    "title": "capitalize",
    "capitalize": "title",
    "split": "rsplit",
    "rsplit": "split",
    "partition": "rpartition",
    "rpartition": "partition",
    "ljust": "rjust",
    "rjust": "ljust",
    "isdigit": "isalpha",
    "isalpha": "isalnum",
    "isalnum": "isalpha",
    "isupper": "islower",
    "islower": "isupper",
    "removeprefix": "lstrip",
    "removesuffix": "rstrip",
    "splitlines": "split",
    "union": "intersection",
    "intersection": "union",
    "popleft": "pop",
    "appendleft": "append",
    "setdefault": "get",
    "update": "setdefault",
    "match": "search",
    "search": "match",
    "fullmatch": "match",
    "floor": "ceil",
    "ceil": "floor",
    "sqrt": "exp",
    "sin": "cos",
    "cos": "sin",
    "isfinite": "isinf",
    "most_common": "elements",
}
_FROM_KEYS = {"items": "keys", "keys": "values", "values": "keys"}
# `rsplit` is `split` unless the number of splits is limited.
_ONLY_WITH_TWO = {"split", "rsplit"}


def wrong_builtin(scope: Scope) -> Iterator[Edit]:
    """`min` for `max`, `any` for `all` and the like."""
    local = stored(scope.function)
    for call in scope.nodes(ast.Call):
        if not isinstance(call.func, ast.Name) or not call.args:
            continue
        before = call.func.id
        after = _BUILTINS.get(before)
        if after and before not in local and after not in local and _fits(scope, after, call):
            rest = scope.source(call)[len(scope.source(call.func)) :]
            yield scope.replace(call.func, after, f"{quote(after + rest)} should call `{before}`.")


def _fits(scope: Scope, after: str, call: ast.Call) -> bool:
    if after == "round" and scope.kind(call.args[0]) != "number":
        return False
    return hasattr(builtins, after) and (after in ("min", "max") or not call.keywords)


def wrong_method(scope: Scope) -> Iterator[Edit]:
    """`append` for `extend`, `lstrip` for `rstrip` and the like."""
    for call in scope.nodes(ast.Call):
        if not isinstance(call.func, ast.Attribute) or not scope.may_edit(call.func):
            continue
        before = call.func.attr
        after = _METHODS.get(before)
        if after and (before not in _ONLY_WITH_TWO or len(call.args) + len(call.keywords) >= 2):
            yield _renamed(scope, call.func, after, f"The method is `.{after}` where `.{before}` belongs")


def key_for_value(scope: Scope) -> Iterator[Edit]:
    """`.keys()` for `.values()` and the like."""
    for call in scope.nodes(ast.Call):
        if isinstance(call.func, ast.Attribute) and not call.args and not call.keywords:
            before = call.func.attr
            if after := _FROM_KEYS.get(before):
                yield _renamed(scope, call.func, after, f"The mapping's `.{after}()` are taken, not its `.{before}()`")


def _renamed(scope: Scope, function: ast.Attribute, after: str, reason: str) -> Edit:
    end = scope.text.span(function).end
    receiver = quote(scope.source(function.value))
    return Edit(end - len(function.attr), end, after, f"{reason}, on {receiver}.")


OPERATORS = (
    Operator("wrong-builtin", "wrong_builtin", wrong_builtin),
    Operator("wrong-method", "wrong_method", wrong_method),
    Operator("key-for-value", "key_vs_value", key_for_value),
)
