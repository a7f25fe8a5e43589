"""What of a program only tries it out: models end their programs with prints and asserts that nobody asked for."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

from mendloop.agents.asserts.expressions import read_names
from mendloop.agents.symbols import symbol_tables


def without_tries(lines: Sequence[str], tree: ast.Module, entry_point: str) -> str:
    """Return a program of these lines without what only tries it out; empty where the entry point is missing.

    Tries are prints, asserts, tests and a main block after the entry point, and what is assigned there for those alone.
    A line on which something else stands, too, stays whole.
    """
    place = next((place for place, node in enumerate(tree.body) if _is_entry(node, entry_point)), None)
    if place is None:
        return ""
    after = tree.body[place + 1 :]
    tries = {node for node in after if _tries_out(node)}
    tries |= _assigned_for(tries, after, tree, lines)
    dropped = _lines_of(tries) - _lines_of(node for node in tree.body if node not in tries)
    kept = [line for number, line in enumerate(lines, 1) if number not in dropped]
    while dropped and kept and (not kept[-1].strip() or kept[-1].startswith("#")):
        kept.pop()  # "# Test the function" is about what was left out
    return "\n".join(kept).strip("\n") + "\n"


def _is_entry(node: ast.stmt, entry_point: str) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == entry_point


def _tries_out(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assert):
        return True
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call)
    if isinstance(node, ast.FunctionDef):
        return node.name.startswith("test_")
    return isinstance(node, ast.If) and any(
        isinstance(part, ast.Name) and part.id == "__name__" for part in ast.walk(node.test)
    )


def _lines_of(nodes: Iterable[ast.stmt]) -> set[int]:
    return {number for node in nodes for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)}


# --- what tries are given --------------------------------------------------------------------------------------------


def _assigned_for(
    tries: set[ast.stmt], after: Sequence[ast.stmt], tree: ast.Module, lines: Sequence[str]
) -> set[ast.stmt]:
    """Return the assignments after the entry point whose names tries read, and nothing that stays."""
    assignments = {node: given for node in after if node not in tries and (given := _given(node))}
    if not tries or not assignments or (functions := _read_in_functions(lines)) is None:
        return set()
    used_by_tries = {name for node in tries for name in _uses(node)}
    users = Counter(name for node in tree.body if node not in tries for name in _uses(node))
    found: set[ast.stmt] = set()
    for node, given in reversed(assignments.items()):  # what one reads stands before it
        own = _uses(node)
        others = {name for name in given if users[name] > (name in own)}
        if given <= used_by_tries and not others and not given & functions:
            found.add(node)
            users.subtract(own)
            used_by_tries |= own
    return found


def _given(node: ast.stmt) -> set[str]:
    """Return the names that a statement does nothing but assign; none where it does something else."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    parts = [part for target in targets for part in ast.walk(target) if not isinstance(part, ast.expr_context)]
    if not all(isinstance(part, (ast.Name, ast.Tuple, ast.List, ast.Starred)) for part in parts):
        return set()
    return {part.id for part in parts if isinstance(part, ast.Name)}


def _uses(node: ast.stmt) -> set[str]:
    """Return the names that a statement uses when it is reached; what a function's body uses is another matter."""
    parts: Sequence[ast.AST] = (node,)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        parts = (*node.decorator_list, node.args)
    elif _given(node):
        return read_names(node)
    return {part.id for part in chain.from_iterable(map(ast.walk, parts)) if isinstance(part, ast.Name)}


def _read_in_functions(lines: Sequence[str]) -> set[str] | None:
    """Return the global names of all functions and classes of a program; None where Python does not compile it."""
    try:
        tables = symbol_tables("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return {symbol.get_name() for table in tables[1:] for symbol in table.get_symbols() if symbol.is_global()}
