"""What two programs have in common that differ in layout and comments only."""

from __future__ import annotations

import ast
import warnings


def parsed(code: str) -> ast.Module | None:
    """Return the syntax tree of a program, None for what is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def shape(code: str) -> str:
    """Return a text that programs share when they differ in layout and comments only."""
    return _dumped(parsed(code), code)


def same_program(one: str, other: str) -> bool:
    """Tell whether two programs differ in layout, comments and docstrings only."""
    first, second = (parsed(code) for code in (one, other))
    if first is None or second is None:
        return one.strip() == other.strip()
    return _dumped(_without_docstrings(first), one) == _dumped(_without_docstrings(second), other)


def _dumped(tree: ast.Module | None, code: str) -> str:
    try:
        return ast.dump(tree) if tree is not None else code.strip()
    except RecursionError:  # some hundred branches of one `if` parse, and are too deep to be written out
        return code.strip()


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef | ast.Module):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return tree
