"""What a row of a file says of a problem, whatever form the row has."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from mendloop.agents.asserts.expressions import statements
from mendloop.agents.sources.jsonl import RowError
from mendloop.records import Case


@dataclass(frozen=True)
class Stated:
    """A problem as a row states it; the id is empty where the row has none."""

    id: str
    statement: str
    entry_point: str
    signature: str
    examples: tuple[Case, ...] = ()
    concepts: tuple[str, ...] = ()


def function_named(code: str, name: str) -> ast.FunctionDef | None:
    """Return the last function of a name at the top of a program; None where there is none or it does not parse."""
    found = [node for node in statements(code) or [] if isinstance(node, ast.FunctionDef) and node.name == name]
    return found[-1] if found else None


def header_of(node: ast.FunctionDef) -> str:
    """Return `name(parameters) -> type` of a function."""
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{node.name}({ast.unparse(node.args)}){returns}"


def entry_point_in(name: str) -> str:
    """Return a name without the space around it; raises RowError where it is no name of a function."""
    if not name.strip().isidentifier():
        raise RowError("its `entry_point` is no name of a function")
    return name.strip()
