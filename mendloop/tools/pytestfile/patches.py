"""What a test replaces of the program that it tests."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from mendloop.tools.pytestfile.names import PROGRAM, Names, dotted, last_name


def patched_in(nodes: Iterable[ast.AST], names: Names) -> frozenset[str]:
    """Return the program's names that statements or decorators replace, by assignment, `mock` or `monkeypatch`."""
    return frozenset(name for node in nodes for inner in ast.walk(node) for name in _replaced(inner, names))


def _replaced(node: ast.AST, names: Names) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store()) if name in names.imported:
            yield names.imported[name]
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) if name in names.imported:
            yield names.imported[name]
        case ast.Attribute(value=owner, attr=name, ctx=ast.Store()) if _is_owner(owner, names):
            yield name
        case ast.Subscript(value=table, slice=ast.Constant(value="solution"), ctx=ast.Store()) if (
            dotted(table) == "sys.modules"
        ):
            yield from (*names.imported.values(),)
        case ast.Call():
            yield from _by_call(node, names)


def _by_call(call: ast.Call, names: Names) -> Iterator[str]:
    """Yield what `setattr`, `monkeypatch.setattr`, `patch`, `patch.object` or `setitem` replaces."""
    if last_name(call.func) not in ("setattr", "patch", "object"):
        return
    match call.args:
        case [ast.Constant(value=str(path)), *_] if path.startswith(f"{PROGRAM}."):
            yield path.rpartition(".")[2]
        case [owner, ast.Constant(value=str(name)), *_] if _is_owner(owner, names):
            yield name


def _is_owner(node: ast.expr, names: Names) -> bool:
    """Tell whether an expression is the program or a class of it."""
    return names.is_module(node) or bool(names.of_program(node))
