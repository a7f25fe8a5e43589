"""Shared objects, and methods that change in place and return None."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mendloop.agents.procedural.operators.edits import Edit, Operator, quote
from mendloop.agents.procedural.operators.scope import Scope
from mendloop.agents.procedural.operators.walks import (
    MUTATING_METHODS,
    grown,
    is_call,
    mutated,
    names_in,
    root_name,
    stored,
)

_COPYING = ("list", "dict", "set", "bytearray", "deque")
_GIVING_METHODS = frozenset({"pop", "popleft", "popitem", "setdefault"})
_TEXT_METHODS = ("strip", "lstrip", "rstrip", "lower", "upper", "replace", "title", "capitalize", "casefold", "rjust")


def lost_copy(scope: Scope) -> Iterator[Edit]:
    """`x` for `list(x)`, `x[:]`, `x.copy()`: the caller's object is changed, or changes while it is walked over."""
    changed = mutated(scope.function)
    for node in (*scope.nodes(ast.Call), *scope.nodes(ast.Subscript)):
        original = _copied(node)
        if original is None or not _matters(scope, node, original, changed):
            continue
        summary = (
            f"{quote(scope.source(original))} is used itself, not a copy of it: it was {quote(scope.source(node))}."
        )
        yield scope.replace(node, scope.source(original), summary)


def _copied(node: ast.expr) -> ast.expr | None:
    match node:
        case ast.Call(func=ast.Name(), args=[ast.Name() | ast.Attribute() as original], keywords=[]):
            return original if is_call(node, *_COPYING) else None
        case ast.Call(func=ast.Attribute(value=module, attr="copy" | "deepcopy"), args=[original]):
            return original if isinstance(module, ast.Name) and module.id == "copy" else None
        case ast.Call(func=ast.Attribute(value=ast.Name() | ast.Attribute() as original, attr="copy"), args=[]):
            return original
        case ast.Subscript(value=original, slice=ast.Slice(lower=None, upper=None, step=None), ctx=ast.Load()):
            return original
        case _:
            return None


def _matters(scope: Scope, node: ast.expr, original: ast.expr, changed: set[str]) -> bool:
    parent = scope.parents[node]
    if isinstance(parent, ast.For):
        # A list that grows while it is walked over never ends; one that shrinks is the classic fault.
        return root_name(original) in changed and root_name(original) not in grown(scope.function)
    if isinstance(parent, ast.Assign) and len(parent.targets) == 1:
        target = root_name(parent.targets[0])
        walked = names_in(original) & {name for loop in _for_loops(scope) for name in names_in(loop.iter)}
        return target in changed and not (walked and target in grown(scope.function))
    return isinstance(parent, ast.Return)


def _for_loops(scope: Scope) -> list[ast.For]:
    return [node for node in ast.walk(scope.function) if isinstance(node, ast.For)]


def sorted_in_place(scope: Scope) -> Iterator[Edit]:
    """`x.sort()` on the caller's list, where `sorted(x)` made a new one."""
    for node in scope.nodes(ast.Assign):
        call = node.value
        if not is_call(call, "sorted") or not scope.text.owns_lines(node) or not scope.may_edit(call):
            continue
        if len(call.args) == 1 and isinstance(call.args[0], ast.Name):
            name = call.args[0].id
            sort = f"{name}.sort({_options(scope, call)})"
            start, end = scope.text.span(call)
            first, _ = scope.text.span(node)
            head = scope.text.code[first:start]
            indent = scope.text.indent(node.lineno)
            summary = f"`{sort}` reorders the list that it was given: it was {quote(scope.source(call))}."
            bound_anew = "" if stored(node) == {name} else f"\n{indent}{head}{name}"
            yield Edit(first, end, sort + bound_anew, summary)


def sort_returns_none(scope: Scope) -> Iterator[Edit]:
    """`y = x.sort()` for `y = sorted(x)`: the result is None."""
    for call in scope.nodes(ast.Call):
        match call:
            case ast.Call(func=ast.Name(id="sorted"), args=[ast.Name(id=name)]):
                if isinstance(scope.parents[call], ast.Assign | ast.Return):
                    after = f"{name}.sort({_options(scope, call)})"
                    yield scope.replace(call, after, f"{quote(after)} gives None: it was {quote(scope.source(call))}.")


def _options(scope: Scope, call: ast.Call) -> str:
    return ", ".join(scope.source(keyword) for keyword in call.keywords)


def keeps_none(scope: Scope) -> Iterator[Edit]:
    """`x = x.append(y)` for `x.append(y)`: the name now holds None."""
    for node in scope.nodes(ast.Expr):
        match node.value:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)):
                if method in MUTATING_METHODS - _GIVING_METHODS and name in scope.bound_before(node):
                    summary = f"`{name}` is set to the result of `.{method}`, which is None."
                    yield scope.replace(node, f"{name} = {scope.source(node)}", summary)


def lost_result(scope: Scope) -> Iterator[Edit]:
    """`x.strip()` for `x = x.strip()`: texts do not change in place."""
    for node in scope.nodes(ast.Assign):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Attribute(attr=method)) as call):
                if method in _TEXT_METHODS and name in scope.bound_before(node):
                    summary = f"The result of {quote(scope.source(call))} is thrown away: `{name}` keeps its old value."
                    yield scope.replace(node, scope.source(call), summary)


def shared_container(scope: Scope) -> Iterator[Edit]:
    """A container made once before the loop, where each round made its own."""
    for loop in scope.nodes(ast.For):
        first = loop.body[0]
        if len(loop.body) < 2 or not isinstance(first, ast.Assign) or not scope.may_remove(first):
            continue
        if not _is_fresh(first.value) or not stored(first) & mutated(loop):
            continue
        header = scope.text.lines(loop.lineno, first.lineno - 1)
        moved = scope.shifted(first, "", len(scope.unit))
        if moved is None or first.lineno == loop.lineno:
            continue
        name = quote(scope.source(first.targets[0]))
        summary = f"{name} is made once before the loop, so that all rounds share it."
        end = scope.text.lines_of(first).end
        yield Edit(header.start, end, moved + scope.text.code[slice(*header)], summary)


def _is_fresh(value: ast.expr) -> bool:
    match value:
        case ast.List() | ast.Dict() | ast.Set():
            return True
        case ast.Call(func=ast.Name(id="list" | "dict" | "set"), args=[], keywords=[]):
            return True
        case _:
            return False


OPERATORS = (
    Operator("lost-copy", "aliasing", lost_copy),
    Operator("sorted-in-place", "aliasing", sorted_in_place),
    Operator("shared-container", "aliasing", shared_container),
    Operator("sort-returns-none", "wrong_method", sort_returns_none),
    Operator("keeps-none", "wrong_method", keeps_none),
    Operator("lost-result", "lost_statement", lost_result),
)
