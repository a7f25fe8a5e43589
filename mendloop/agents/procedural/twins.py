"""Near-duplicates: functions that share most of their code belong to one cluster."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from mendloop.agents.procedural.purity import BUILTINS

SHINGLE = 4
NEAR = 0.6
"""Share of common shingles from which two functions count as near-duplicates."""


def clusters(programs: Sequence[tuple[str, str, str]]) -> dict[str, str]:
    """Group programs, given as (id, code, entry point); returns the id of the first member of each one's group."""
    shingles = {ident: _shingles(code, entry) for ident, code, entry in programs}
    group: dict[str, str] = {}
    leaders: list[str] = []
    for ident, _, _ in programs:
        near = next((other for other in leaders if _similarity(shingles[ident], shingles[other]) >= NEAR), ident)
        group[ident] = near
        if near == ident:
            leaders.append(ident)
    return group


def _similarity(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> float:
    if min(len(one), len(other)) < NEAR * max(len(one), len(other)):
        return 0.0
    return len(one & other) / len(one | other)


def _shingles(code: str, entry_point: str) -> frozenset[tuple[str, ...]]:
    """Return runs of syntax words of the entry point alone, its local names left out."""
    entry = next(n for n in ast.parse(code).body if isinstance(n, ast.FunctionDef) and n.name == entry_point)
    body = entry.body[1:] if ast.get_docstring(entry) is not None else entry.body
    words = [_word(node) for statement in body for node in ast.walk(statement)]
    return frozenset(tuple(words[place : place + SHINGLE]) for place in range(max(1, len(words) - SHINGLE + 1)))


def _word(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f".{node.attr}"
    if isinstance(node, ast.Constant):
        return f"{type(node.value).__name__}"
    if isinstance(node, ast.Name) and node.id in BUILTINS:
        return node.id
    return type(node).__name__
