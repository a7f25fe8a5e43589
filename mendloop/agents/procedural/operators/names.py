"""The right idea with the wrong name, or with two names in the wrong order."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mendloop.agents.procedural.operators.edits import Edit, Operator, quote
from mendloop.agents.procedural.operators.scope import Scope
from mendloop.agents.procedural.operators.walks import (
    grown,
    is_call,
    is_method,
    names_in,
    stored,
)

_SAME_EITHER_WAY = ("min", "max", "zip", "print", "set", "gcd", "lcm", "isinstance", "issubclass", "hasattr", "getattr")
_SPECIAL = {"self", "cls", "_", "__class__"}


def wrong_variable(scope: Scope) -> Iterator[Edit]:
    """A neighbouring variable of a plausible kind, bound at that place."""
    for node in scope.nodes(ast.Name):
        if not isinstance(node.ctx, ast.Load) or node.id in _SPECIAL or _is_called(scope, node):
            continue
        statement = quote(scope.source(scope.statement_of(node)).splitlines()[0])
        for other in _neighbours(scope, node)[:1]:
            yield scope.replace(node, other, f"`{other}` is used where `{node.id}` belongs, in {statement}.")


def _is_called(scope: Scope, node: ast.Name) -> bool:
    parent = scope.parents[node]
    return isinstance(parent, ast.Call) and parent.func is node


def _neighbours(scope: Scope, node: ast.Name) -> list[str]:
    bound = scope.bound_before(node) - _SPECIAL
    parent = scope.parents[node]
    if node.id not in bound or (isinstance(parent, ast.Assign) and stored(parent) & grown(scope.function)):
        # The second: an alias of a list that is walked over may grow without end.
        return []
    order = sorted(bound - {node.id} - _unsuited(scope, node))
    fitting = [other for other in order if _alike(scope, node.id, other)]
    return sorted(fitting, key=lambda other: (_unlikeness(node.id, other), other))


def _unsuited(scope: Scope, node: ast.Name) -> set[str]:
    """Return names that would make `a - a`, or a list that grows while it is walked over."""
    parent = scope.parents[node]
    unsuited = set[str]()
    if isinstance(parent, ast.BinOp | ast.Compare):
        unsuited |= {child.id for child in ast.iter_child_nodes(parent) if isinstance(child, ast.Name)}
    if isinstance(parent, ast.Assign):
        unsuited |= names_in(parent.targets[0])
    for loop in scope.ancestors(node):
        if isinstance(loop, ast.For):
            unsuited |= names_in(loop.iter)
    if isinstance(parent, ast.For):
        unsuited |= grown(parent)
    return unsuited


def _alike(scope: Scope, name: str, other: str) -> bool:
    first, second = scope.evidence.get(name, set()), scope.evidence.get(other, set())
    return bool(first & second) or (not first and not second)


def _unlikeness(name: str, other: str) -> int:
    """Return how far two names are apart: names that look alike are confused first."""
    shared = sum(1 for left, right in zip(name, other, strict=False) if left == right)
    return abs(len(name) - len(other)) - 2 * shared


def raw_for_derived(scope: Scope) -> Iterator[Edit]:
    """The value as given, where the prepared one belongs (`line` for `stripped = line.strip()`)."""
    derived = _derivations(scope)
    for node in scope.nodes(ast.Name):
        raw = derived.get(node.id)
        if raw is None or not isinstance(node.ctx, ast.Load) or _is_called(scope, node):
            continue
        if {raw, node.id} <= scope.bound_before(node) and raw not in _unsuited(scope, node):
            statement = quote(scope.source(scope.statement_of(node)).splitlines()[0])
            yield scope.replace(
                node, raw, f"`{raw}` is used where its prepared form `{node.id}` belongs, in {statement}."
            )


def _derivations(scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in ast.walk(scope.function):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
                source = call.args[0] if len(call.args) == 1 else None
                if isinstance(call.func, ast.Attribute) and not call.args:
                    source = call.func.value
                if isinstance(source, ast.Name) and source.id != name:
                    found[name] = source.id
    return found


def swapped_arguments(scope: Scope) -> Iterator[Edit]:
    """`f(b, a)` for `f(a, b)`."""
    for call in scope.nodes(ast.Call):
        if is_call(call, *_SAME_EITHER_WAY) or is_method(call, *_SAME_EITHER_WAY, "get"):
            continue
        for first, second in zip(call.args, call.args[1:], strict=False):
            if _swappable(first) and _swappable(second) and ast.dump(first) != ast.dump(second):
                yield _swap(scope, first, second, f"The arguments of {quote(scope.source(call))} are swapped")


def _swappable(node: ast.expr) -> bool:
    return not isinstance(node, ast.Starred | ast.GeneratorExp | ast.Lambda | ast.JoinedStr)


def _swap(scope: Scope, first: ast.expr, second: ast.expr, reason: str) -> Edit:
    start, end = scope.text.span(first).start, scope.text.span(second).end
    between = scope.text.code[scope.text.span(first).end : scope.text.span(second).start]
    left, right = scope.source(first), scope.source(second)
    return Edit(start, end, f"{right}{between}{left}", f"{reason}: {quote(right)} stands before {quote(left)}.")


def unpack_swap(scope: Scope) -> Iterator[Edit]:
    """`b, a = pair` for `a, b = pair`; also in `for` and comprehensions."""
    for node in scope.nodes(ast.Tuple):
        if isinstance(node.ctx, ast.Store) and len(node.elts) >= 2:
            first, second = node.elts[:2]
            if _is_named(first) and _is_named(second) and not isinstance(_value_of(scope, node), ast.Tuple):
                yield _swap(scope, first, second, "The names are unpacked in the wrong order")


def _is_named(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id not in _SPECIAL


def _value_of(scope: Scope, target: ast.Tuple) -> ast.expr | None:
    parent = scope.parents[target]
    return parent.value if isinstance(parent, ast.Assign) else None


def swapped_result(scope: Scope) -> Iterator[Edit]:
    """`return b, a` for `return a, b`."""
    for node in scope.nodes(ast.Return):
        if isinstance(node.value, ast.Tuple) and len(node.value.elts) >= 2 and scope.may_edit(node.value):
            first, second = node.value.elts[:2]
            if _swappable(first) and _swappable(second) and ast.dump(first) != ast.dump(second):
                yield _swap(scope, first, second, "The parts of the result are in the wrong order")


def one_after_the_other(scope: Scope) -> Iterator[Edit]:
    """`a = b` then `b = a + b`, for `a, b = b, a + b`: the second line sees the new `a`."""
    for node in scope.nodes(ast.Assign):
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=[ast.Name() as a, ast.Name() as b])], value=ast.Tuple(elts=[x, y])):
                if a.id in names_in(y) and scope.text.owns_lines(node):
                    indent = scope.text.indent(node.lineno)
                    after = f"{a.id} = {scope.source(x)}\n{indent}{b.id} = {scope.source(y)}"
                    summary = f"`{b.id}` is computed from the new `{a.id}`: both were assigned at once."
                    yield scope.replace(node, after, summary)


OPERATORS = (
    Operator("unpack-swap", "unpack_swap", unpack_swap),
    Operator("swapped-result", "unpack_swap", swapped_result),
    Operator("one-after-the-other", "evaluation_order", one_after_the_other),
    Operator("swapped-arguments", "swapped_arguments", swapped_arguments),
    Operator("raw-for-derived", "wrong_variable", raw_for_derived),
    Operator("wrong-variable", "wrong_variable", wrong_variable),
)
