"""Questions about pieces of a syntax tree that several operators ask."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TypeGuard

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
Nested = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
Loop = ast.For | ast.AsyncFor | ast.While
Exit = ast.Return | ast.Raise | ast.Break | ast.Continue

GROWING_METHODS = frozenset({"append", "extend", "insert", "appendleft", "extendleft"})
MUTATING_METHODS = GROWING_METHODS | frozenset(
    {
        "add",
        "clear",
        "difference_update",
        "discard",
        "intersection_update",
        "pop",
        "popitem",
        "popleft",
        "remove",
        "reverse",
        "rotate",
        "setdefault",
        "sort",
        "symmetric_difference_update",
        "update",
    }
)


def walk_inside(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes below, in text order, without entering nested functions and classes."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, Nested):
            yield from walk_inside(child)


def names_in(node: ast.AST) -> set[str]:
    """Return every name that is read or bound at or below a node."""
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def names_loaded(node: ast.AST) -> set[str]:
    """Return every name that is read at or below a node."""
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}


def root_name(node: ast.AST) -> str | None:
    """Return `x` for `x`, `x.a`, `x[i].b`; None for anything else."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def touched(node: ast.AST) -> set[str]:
    """Return the names that a statement binds or whose object it may change."""
    found = set[str]()
    for each in ast.walk(node):
        if isinstance(each, ast.Name | ast.Attribute | ast.Subscript) and not isinstance(each.ctx, ast.Load):
            found.add(root_name(each) or "")
        elif isinstance(each, ast.Call):
            if isinstance(each.func, ast.Attribute):
                found.add(root_name(each.func) or "")
            elif is_call(each, "next"):
                found |= {root_name(argument) or "" for argument in each.args}
    return found - {""}


def mutated(node: ast.AST) -> set[str]:
    """Return the names whose object a piece of code changes in place."""
    found = set[str]()
    for each in ast.walk(node):
        if isinstance(each, ast.Subscript | ast.Attribute) and not isinstance(each.ctx, ast.Load):
            found.add(root_name(each) or "")
        elif isinstance(each, ast.AugAssign):
            found.add(root_name(each.target) or "")
        elif isinstance(each, ast.Call) and is_method(each, *MUTATING_METHODS):
            found.add(root_name(each.func) or "")
    return found - {""}


def grown(node: ast.AST) -> set[str]:
    """Return the names whose object a piece of code may make longer in place."""
    found = set[str]()
    for each in ast.walk(node):
        if isinstance(each, ast.AugAssign) and isinstance(each.op, ast.Add):
            found.add(root_name(each.target) or "")
        elif isinstance(each, ast.Call) and is_method(each, *GROWING_METHODS):
            found.add(root_name(each.func) or "")
    return found - {""}


def is_call(node: ast.AST, *names: str) -> TypeGuard[ast.Call]:
    """Return whether a node calls a plain name, one of these."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def is_method(node: ast.AST, *names: str) -> TypeGuard[ast.Call]:
    """Return whether a node calls an attribute with one of these names."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names


def is_int(node: ast.AST | None, *values: int) -> TypeGuard[ast.Constant]:
    """Return whether a node is an integer literal (no bool), one of these when any are given."""
    return isinstance(node, ast.Constant) and type(node.value) is int and (not values or node.value in values)


def is_none(node: ast.AST) -> bool:
    """Return whether a node is the literal None."""
    return isinstance(node, ast.Constant) and node.value is None


def plain_arguments(call: ast.Call) -> bool:
    """Return whether a call has positional arguments only, none starred."""
    return not call.keywords and not any(isinstance(each, ast.Starred) for each in call.args)


def leaves(block: Sequence[ast.stmt]) -> bool:
    """Return whether a block never falls through its end."""
    last = block[-1]
    if isinstance(last, Exit):
        return True
    return isinstance(last, ast.If) and bool(last.orelse) and leaves(last.body) and leaves(last.orelse)


def bound_by(block: Sequence[ast.stmt]) -> set[str]:
    """Return the names that are certainly bound once a block has run through."""
    return set[str]().union(*(_bound_by_one(statement) for statement in block))


def _bound_by_one(node: ast.stmt) -> set[str]:
    match node:
        case ast.Assign() | ast.AnnAssign(value=ast.expr()) | ast.AugAssign():
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            return set[str]().union(*(stored(target) for target in targets))
        case ast.If() if node.orelse:
            branches = [bound_by(block) for block in (node.body, node.orelse) if not leaves(block)]
            return set.intersection(*branches) if branches else set()
        case ast.If() if leaves(node.body):
            return bound_by(node.orelse)
        case ast.With() | ast.AsyncWith():
            bound = {name for item in node.items if item.optional_vars for name in stored(item.optional_vars)}
            return bound | bound_by(node.body)
        case ast.Try() if all(leaves(handler.body) for handler in node.handlers):
            return bound_by(node.body) | bound_by(node.orelse) | bound_by(node.finalbody)
        case ast.Import() | ast.ImportFrom():
            return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        case _:
            return set()


def stored(target: ast.AST) -> set[str]:
    """Return the names that an assignment target binds."""
    return {each.id for each in ast.walk(target) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}


def own_blocks(node: ast.AST) -> list[list[ast.stmt]]:
    """Return the statement blocks that belong to a node directly."""
    fields = (getattr(node, field, None) for field in ("body", "orelse", "finalbody"))
    return [block for block in fields if isinstance(block, list) and block and isinstance(block[0], ast.stmt)]
