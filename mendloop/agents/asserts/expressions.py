"""Python expressions as data: parsed, named, rebuilt, never evaluated."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import cast

from mendloop.agents.procedural.purity import BUILTINS

MAX_CALL = 160


def expression(text: str) -> ast.expr | None:
    """Return the syntax tree of an expression, or None when it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def statements(text: str) -> list[ast.stmt] | None:
    """Return the statements of a text, or None when it does not parse as a whole."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def is_literal(text: str) -> bool:
    """Tell whether a text is a literal that a case can expect."""
    node = expression(text)
    if node is None:
        return False
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return isinstance(node, ast.Call) and ast.unparse(node) == "set()"
    return True


def needed(text: str, setup: list[str]) -> list[str]:
    """Return the lines of a setup that a text refers to."""
    words = set(re.findall(r"\w+", text))
    return [line for line in setup if words & set(re.findall(r"\w+", line.partition("=")[0]))]


def is_about(text: str, name: str, setup: Iterable[str] = ()) -> bool:
    """True when an expression calls `name` and otherwise uses only builtins and names that `setup` assigns."""
    node = expression(text)
    if node is None or len(text) > MAX_CALL or "\n" in text:
        return False
    assigned = {part.strip() for line in setup for part in line.partition("=")[0].split(",")}
    used = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)}
    bound = {
        inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load)
    }
    called = any(isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == name for n in ast.walk(node))
    return called and used <= BUILTINS | assigned | bound | {name}


def bound_names(node: ast.AST) -> set[str]:
    """Return the names that a node binds anywhere: targets, parameters, definitions, imports."""
    return set(_bound(node))


def _bound(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        match inner:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.alias(name=name, asname=asname):
                yield asname or name.partition(".")[0]
            case ast.ExceptHandler(name=str(name)):
                yield name


def read_names(node: ast.AST) -> set[str]:
    """Return the names that a node reads anywhere."""
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)}


def free_names(node: ast.AST) -> set[str]:
    """Return the names that a node reads and does not bind itself."""
    return read_names(node) - bound_names(node)


def rebuilt(node: ast.expr, replace: Callable[[ast.expr], ast.expr | None]) -> ast.expr:
    """Return a copy of an expression in which `replace` chose other nodes, outermost first; the old one stays.

    What `replace` returns is put in as it is, and not looked into.
    """
    return cast(ast.expr, _rebuilt(node, replace))


def _rebuilt(node: ast.AST, replace: Callable[[ast.expr], ast.expr | None]) -> ast.AST:
    if isinstance(node, ast.expr) and (other := replace(node)) is not None:
        return other
    fields = {name: _rebuilt_field(value, replace) for name, value in ast.iter_fields(node)}
    return type(node)(**fields)


def _rebuilt_field(value: object, replace: Callable[[ast.expr], ast.expr | None]) -> object:
    if isinstance(value, list):
        return [_rebuilt(item, replace) if isinstance(item, ast.AST) else item for item in value]
    return _rebuilt(value, replace) if isinstance(value, ast.AST) else value
