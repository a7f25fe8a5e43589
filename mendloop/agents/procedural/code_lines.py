"""Reading one line of a program: the statement on it, its function, what it is made of, and the same line elsewhere."""

from __future__ import annotations

import ast
import difflib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

SIMILAR = 0.55
"""Share of equal characters from which two changed lines count as the same line."""

Node = ast.stmt | ast.ExceptHandler
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@lru_cache(maxsize=64)
def parse(code: str) -> ast.Module:
    """Return the tree of a program, an empty one when it cannot be parsed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module(body=[], type_ignores=[])


@dataclass(frozen=True)
class Place:
    """The statement at a line: its node, the text of its header on one line, and the function around it."""

    line: int
    node: Node | None
    text: str
    function: FunctionNode | None

    @property
    def name(self) -> str:
        """The function's name, or an empty text at module level."""
        return self.function.name if self.function else ""


def place_at(code: str, line: int) -> Place:
    """Return the innermost statement whose header covers a 1-based line."""
    tree = parse(code)
    covering = [node for node in ast.walk(tree) if isinstance(node, Node) and line in header_lines(node)]
    node = min(covering, key=lambda each: len(header_lines(each)), default=None)
    functions = [each for each in ast.walk(tree) if isinstance(each, FunctionNode) and _spans(each, line)]
    function = max(functions, key=lambda each: each.lineno, default=None)
    lines = code.splitlines()
    wanted = header_lines(node) if node else range(line, line + 1)
    text = " ".join(_without_comment(lines[number - 1]) for number in wanted if 0 < number <= len(lines)).strip()
    return Place(line, node, text, function)


def _without_comment(line: str) -> str:
    code, mark, rest = line.partition("  #")
    kept = line if mark and ('"' in rest or "'" in rest) else code
    return kept.strip().removesuffix("\\").rstrip()


def header_lines(node: Node) -> range:
    """Return the lines of a statement without its body."""
    body: list[ast.stmt] = getattr(node, "body", [])
    end = (node.end_lineno or node.lineno) if not body else max(node.lineno, body[0].lineno - 1)
    return range(node.lineno, end + 1)


def _spans(node: FunctionNode, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def expressions(node: Node | None) -> Iterator[ast.expr]:
    """Yield the expressions of a statement's header, outermost first, none of its body."""
    pending: list[ast.AST] = [node] if node else []
    while pending:
        current = pending.pop(0)
        if isinstance(current, ast.expr):
            yield current
        pending.extend(child for child in ast.iter_child_nodes(current) if not isinstance(child, Node | ast.match_case))


def parameters(function: FunctionNode | None) -> tuple[str, ...]:
    """Return the names of a function's parameters."""
    if function is None:
        return ()
    given = function.args
    starred = [each for each in (given.vararg, given.kwarg) if each]
    return tuple(each.arg for each in [*given.posonlyargs, *given.args, *given.kwonlyargs, *starred])


@lru_cache(maxsize=64)
def line_map(left: str, right: str) -> dict[int, int]:
    """Return which 1-based line of `right` each line of `left` is: equal text first, then similar text in its place."""
    ours, theirs = ([line.strip() for line in text.splitlines()] for text in (left, right))
    mapped: dict[int, int] = {}
    for tag, start, end, other, other_end in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if tag == "equal" or (tag == "replace" and end - start == other_end - other):
            mapped.update((start + step + 1, other + step + 1) for step in range(end - start))
        elif tag == "replace":
            mapped.update(_similar(ours, range(start, end), theirs, range(other, other_end)))
    return mapped


def _similar(ours: list[str], mine: range, theirs: list[str], others: range) -> Iterator[tuple[int, int]]:
    first = others.start
    for index in mine:
        ratios = {
            other: difflib.SequenceMatcher(None, ours[index], theirs[other]).ratio()
            for other in range(first, others.stop)
        }
        best = max(ratios, key=lambda other: ratios[other], default=None)
        if best is not None and ratios[best] >= SIMILAR:
            yield index + 1, best + 1
            first = best + 1


def raise_lines(code: str) -> frozenset[int]:
    """Return the lines of a program that belong to a `raise` statement; none when it does not parse."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    return frozenset(line for node in nodes for line in range(node.lineno, (node.end_lineno or node.lineno) + 1))
