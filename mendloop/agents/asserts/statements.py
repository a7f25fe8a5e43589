"""Statements of tests: what they assign, what they go through, and whether they make a test fail."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from mendloop.agents.asserts.constants import Constant, constant
from mendloop.agents.asserts.expressions import bound_names, expression
from mendloop.agents.asserts.forms import MAX_ROWS, last_name
from mendloop.agents.asserts.scopes import Scope
from mendloop.agents.procedural.purity import BUILTINS


class OwnNames(ast.NodeTransformer):
    """Turns `self.xs` into a name, so that what `setUp` assigns is a variable like any other."""

    def __init__(self, entry: str) -> None:
        self._entry = entry

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
        if not own or node.attr == self._entry or node.attr.startswith(("assert", "fail", "subTest")):
            return self.generic_visit(node)
        return ast.copy_location(ast.Name(f"self_{node.attr}", node.ctx), node)


def assign(targets: Sequence[ast.expr], value: ast.expr, scope: Scope) -> None:
    scope.record(value)
    for target in targets:
        if isinstance(target, ast.Name) and target.id != scope.entry:
            scope.bind(target.id, value)
        elif isinstance(target, ast.Tuple | ast.List):
            _unpack(target.elts, value, scope)
        elif not isinstance(target, ast.Name):
            scope.note(ast.Assign([target], value))


def _unpack(targets: Sequence[ast.expr], value: ast.expr, scope: Scope) -> None:
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    if len(names) < len(targets):
        scope.forget(name for target in targets for name in bound_names(target))
        return
    parts: list[ast.expr] = [ast.Subscript(value, ast.Constant(index), ast.Load()) for index in range(len(names))]
    if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(names):
        parts = [scope.resolved(part)[0] for part in value.elts]
    for name, part in zip(names, parts, strict=True):
        scope.bind(name, part)


def disturbed(node: ast.AST) -> set[str]:
    """Return the names whose values the statements in a node may change without assigning them."""
    calls = [inner for inner in ast.walk(node) if isinstance(inner, ast.Expr)]
    stores = [inner for inner in ast.walk(node) if isinstance(inner, ast.Subscript | ast.Attribute)]
    written = [inner for inner in stores if not isinstance(inner.ctx, ast.Load)]
    return {
        name.id
        for part in (*calls, *written)
        for name in ast.walk(part)
        if isinstance(name, ast.Name) and name.id not in BUILTINS
    }


def is_test(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(("test", "check"))


def is_idle_test(node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> bool:
    """Tell whether a test has nothing that can fail but the calls of the entry point and of builtins."""
    scope.budget.spend(sum(1 for _ in ast.walk(node)))
    if not node.name.startswith("test") or ast.get_docstring(node) == "":  # the examples of a docstring were taken out
        return False
    calls = [inner for inner in ast.walk(node) if isinstance(inner, ast.Call) and not scope.is_call(inner)]
    others = any(last_name(call.func) not in BUILTINS | {"print"} for call in calls)
    return not others and not any(isinstance(inner, ast.Assert | ast.Raise) for inner in ast.walk(node))


def only_calls(function: ast.FunctionDef | ast.AsyncFunctionDef, name: str, scope: Scope) -> bool:
    """Tell whether a function calls its parameter `name` and never the entry point, as `def check(fn)` does."""
    called = any(
        isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == name
        for inner in ast.walk(function)
    )
    return called and not scope.calls_entry(function)


def defaults(function: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, ast.expr]:
    names = [arg.arg for arg in (*function.args.posonlyargs, *function.args.args)]
    values = function.args.defaults
    return dict(zip(names[len(names) - len(values) :], values, strict=True)) if values else {}


def fails(node: ast.stmt) -> bool:
    """Tell whether a statement does nothing but fail the test."""
    match node:
        case ast.Raise():
            return True
        case ast.Assert(test=test):
            found = constant(test)
            return found is not None and not found.value
        case ast.Expr(value=ast.Call(func=function)):
            return last_name(function) == "fail"
    return False


def catches_failures(kind: ast.expr | None) -> bool:
    names = {node.id for node in ast.walk(kind) if isinstance(node, ast.Name)} if kind is not None else set()
    return kind is None or bool(names & {"AssertionError", "Exception", "BaseException"})


def elements(node: ast.expr, scope: Scope) -> list[ast.expr]:
    """Return what a loop over a literal table goes through; nothing where that cannot be told."""
    if isinstance(node, ast.Name) and node.id in scope.bound:
        node = scope.bound[node.id].node
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return items[:MAX_ROWS]
        case ast.Call(func=ast.Name(id="enumerate"), args=[inner], keywords=[]):
            return [_pair(ast.Constant(index), item) for index, item in enumerate(elements(inner, scope))]
        case ast.Call(func=ast.Name(id="zip"), args=[*columns]):
            return [_pair(*row) for row in zip(*(elements(column, scope) for column in columns), strict=False)]
        case ast.Call(func=ast.Attribute(value=inner, attr="items"), args=[]):
            table = scope.resolved(inner)[0]
            pairs = zip(table.keys, table.values, strict=True) if isinstance(table, ast.Dict) else ()
            return [_pair(key, value) for key, value in pairs if key is not None][:MAX_ROWS]
    found = _range_or_constant(scope.resolved(node)[0])
    values = list(found.value) if found else []
    literals = [expression(Constant(item, 0).literal) for item in values[:MAX_ROWS]]
    return [literal for literal in literals if literal is not None]


def goes_through_nothing(node: ast.expr, scope: Scope) -> bool:
    """Tell whether a loop over an expression has no turn, so far as that can be told."""
    found = _range_or_constant(scope.resolved(node)[0])
    return found is not None and not found.value


def _pair(*parts: ast.expr) -> ast.expr:
    return ast.Tuple(list(parts), ast.Load())


def _range_or_constant(node: ast.expr) -> Constant | None:
    found = constant(ast.Call(ast.Name("list", ast.Load()), [node], []))
    return found if found and isinstance(found.value, list) else None


def matched(target: ast.expr, row: ast.expr) -> dict[str, ast.expr] | None:
    """Return what the names of a loop's target stand for in one row; None when the two do not fit."""
    if isinstance(target, ast.Name):
        return {target.id: row}
    if not isinstance(target, ast.Tuple | ast.List) or not isinstance(row, ast.Tuple | ast.List):
        return None
    if len(target.elts) != len(row.elts):
        return None
    parts = [matched(inner, value) for inner, value in zip(target.elts, row.elts, strict=True)]
    return None if None in parts else {name: value for part in parts for name, value in (part or {}).items()}


def is_call(node: ast.AST, entry: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == entry


def calls_in(node: ast.AST, scope: Scope) -> list[ast.expr]:
    """Return the outermost calls of the entry point, in their order."""
    if isinstance(node, ast.Call) and scope.is_call(node):
        return [node]
    return [call for child in ast.iter_child_nodes(node) for call in calls_in(child, scope)]


def is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
