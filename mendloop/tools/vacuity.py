"""Tests that pass whatever the program does, found by reading them. Nothing is run.

It stands beside the judge of pytest files (mendloop.tools.suites), which names its findings: in a layer above, every
caller of the judge would have to join the two. What reading cannot find, the judge finds by hollow programs.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mendloop.tools.pytestfile.blocks import empty_table, exits, skipping_mark, skips
from mendloop.tools.pytestfile.claims import Claims
from mendloop.tools.pytestfile.file import (
    Item,
    functions_in,
    holds_assert,
    idle_functions,
    items_of,
    line_of_first_assert,
    parsed,
)
from mendloop.tools.pytestfile.flaws import Flaw, FlawKind
from mendloop.tools.pytestfile.names import Function, Names, names_of, single_values
from mendloop.tools.pytestfile.patches import patched_in
from mendloop.tools.pytestfile.walk import Walk

__all__ = ["Flaw", "flaws_in", "vacuous_tests"]

MAX_TEXT = 200_000
_MAX_STEPS = 1_000_000
"""Statements, calls and parts of shared functions that are read of one file: such a function is read once a test."""


def flaws_in(tests: str) -> tuple[Flaw, ...]:
    """Return what is wrong with a pytest file that imports the program as `solution`, in the order of its lines.

    A test may have flaws and test the program all the same. Any text is read in bounded time, and none raises; a text
    of more than `MAX_TEXT` characters is not read.
    """
    found = [flaw for reading in _readings(tests) for flaw in reading.flaws]
    return tuple(sorted(dict.fromkeys(found), key=lambda flaw: flaw.line))


def vacuous_tests(tests: str) -> dict[str, Flaw]:
    """Return the tests of a pytest file in which no assert can fail because of the program, each with the first reason.

    The key is `test_name` or `TestClass::test_name`; an empty one stands for all of the file.
    """
    return {reading.test: reading.flaws[0] for reading in _readings(tests) if reading.vacuous and reading.flaws}


@dataclass(frozen=True)
class _Reading:
    """What was found in one test, or beside all tests where `test` is empty; what is decisive comes first."""

    test: str
    flaws: tuple[Flaw, ...]
    vacuous: bool


@dataclass(frozen=True)
class _File:
    """What the tests of one file share; `budget` is how much may still be read."""

    names: Names
    functions: Mapping[str, Function]
    patched: frozenset[str]
    empty: frozenset[str]
    budget: list[int]


def _readings(text: str) -> Iterator[_Reading]:
    if len(text) > MAX_TEXT:
        return
    try:
        tree = parsed(text)
    except SyntaxError:
        yield _of_file("no_python", 1)
        return
    file = _file(tree)
    tests = list(items_of(tree))
    if not any(test.collected for test in tests):
        yield _of_file("no_tests", 1)
    yield from (_of_file(kind, line) for kind, line in _endings(tree, file.names))
    for function in idle_functions(tree):
        idle = Flaw(kind="uncalled", test=function.name, line=line_of_first_assert(function))
        yield _Reading(function.name, (idle,), vacuous=False)
    for test in tests:
        try:
            yield _read(test, file)
        except (RecursionError, MemoryError):
            continue


def _file(tree: ast.Module) -> _File:
    names = names_of(tree)
    defined = [node for node in tree.body if isinstance(node, Function | ast.ClassDef) and node.name in names.imported]
    assigned = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr)]
    return _File(
        names=names,
        functions=functions_in(tree),
        patched=patched_in([*defined, *assigned], names),
        empty=_empty_names(tree, names),
        budget=[_MAX_STEPS],
    )


def _of_file(kind: FlawKind, line: int) -> _Reading:
    return _Reading("", (Flaw(kind=kind, test="", line=line),), vacuous=True)


def _endings(tree: ast.Module, names: Names) -> Iterator[tuple[FlawKind, int]]:
    """Yield where a file ends the process, or skips itself, while it is loaded."""
    for node in tree.body:
        if exits(node, names):
            yield "exits", node.lineno
        elif skips(node):
            yield "skipped", node.lineno


def _empty_names(tree: ast.Module, names: Names) -> frozenset[str]:
    """Return the names that stand for an empty table wherever they are read, which is in loops only."""
    claims = Claims(names, {})
    bodies = [tree.body, *(node.body for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))]
    empty = {name for body in bodies for name, value in single_values(body).items() if claims.is_empty(value)}
    nodes = list(ast.walk(tree))
    rows = [node.iter for node in nodes if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension)]
    reads = [node for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    looped = {id(row) for row in rows}
    stores = Counter(node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    used = {node.id for node in reads if id(node) not in looped}
    return frozenset(name for name in empty - used if stores[name] == 1)


def _read(test: Item, file: _File) -> _Reading:
    """Read one test with the functions that it calls, and the fixtures that it names."""
    body = test.function.body
    patched = file.patched | patched_in([*body, *test.marks], file.names)
    walk = Walk(Claims(file.names, single_values(body), patched, file.empty), file.functions, file.budget)
    walk.block(body)
    for name in [argument.arg for argument in test.function.args.args if argument.arg in file.functions]:
        walk.enter(name, None)
    nodes = [node for part in body for node in ast.walk(part)]
    read = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    read |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    for node in [node for node in nodes if isinstance(node, ast.FunctionDef)]:
        if node.name in read:
            walk.enter(node.name, None)
        elif holds_assert(node):
            walk.flaws.append(("uncalled", line_of_first_assert(node)))
    return _concluded(test, walk)


def _concluded(test: Item, walk: Walk) -> _Reading:
    """Put what was found in order: what undoes the whole test first, then what is wrong with its asserts."""
    line = test.function.lineno
    decisive: list[tuple[FlawKind, int]] = [walk.spoilt] if walk.spoilt else []
    if mark := skipping_mark(test.marks):
        decisive.append(("skipped", mark.lineno))
    if table := empty_table(test.marks):
        decisive.append(("empty_loop", table.lineno))
    if not test.collected:
        decisive.append(("uncalled", line))
    found = [*decisive, *walk.flaws]
    asserts = walk.sound or walk.opaque
    # A test that only calls the program still notices one that raises: whether it does is for hollow programs to say.
    vacuous = bool(decisive) or bool(found and not asserts)
    if not found and not asserts:
        found = [("no_assertion", line)]
    flaws = tuple(Flaw(kind=kind, test=test.name, line=at) for kind, at in dict.fromkeys(found))
    return _Reading(test.name, flaws, vacuous)
