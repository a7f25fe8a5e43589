"""A file's top level as statements that bind and change names: what a function can be closed over."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from mendloop.agents.procedural.files import SourceFile, parse
from mendloop.agents.procedural.purity import MUTATORS

MAX_COMMENT_LINES = 15


@dataclass(frozen=True)
class Unit:
    """One top-level statement: its lines (1-based, with the comment above it), what it binds, and what it changes."""

    node: ast.stmt
    start: int
    end: int
    binds: frozenset[str]
    touches: frozenset[str]


@dataclass(frozen=True)
class ModuleIndex:
    """A file's top-level statements by the names they bind."""

    file: SourceFile
    lines: tuple[str, ...]
    units: tuple[Unit, ...]

    @cached_property
    def names(self) -> frozenset[str]:
        """All names bound at the top level."""
        return frozenset(name for unit in self.units for name in unit.binds)

    @cached_property
    def modules(self) -> dict[str, str]:
        """Names that stand for imported modules."""
        found: dict[str, str] = {}
        for unit in self.units:
            for node in ast.walk(unit.node) if not is_definition(unit.node) else ():
                if isinstance(node, ast.Import):
                    found |= {a.asname or a.name.partition(".")[0]: _module_of(a) for a in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module == "os":
                    found |= {a.asname or a.name: f"os.{a.name}" for a in node.names if a.name == "path"}
        return found

    @cached_property
    def postponed(self) -> bool:
        """True when annotations are not evaluated."""
        return any(
            isinstance(unit.node, ast.ImportFrom) and unit.node.module == "__future__" and "annotations" in unit.binds
            for unit in self.units
        )


def index_module(file: SourceFile) -> ModuleIndex:
    """Index a file's top level; raises ValueError when it does not parse."""
    tree = parse(file)
    lines = tuple(file.text.splitlines())
    return ModuleIndex(file, lines, tuple(_unit(node, lines) for node in tree.body))


def _unit(node: ast.stmt, lines: tuple[str, ...]) -> Unit:
    decorators = getattr(node, "decorator_list", [])
    start = min([node.lineno, *(d.lineno for d in decorators)])
    above = start - 1
    while above >= 1 and start - above <= MAX_COMMENT_LINES and lines[above - 1].startswith("#"):
        above -= 1
    end = node.end_lineno or node.lineno
    return Unit(node, above + 1, end, binds(node), _touches(node))


def binds(node: ast.stmt) -> frozenset[str]:
    """Return the names that a statement binds at the top level."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return frozenset({node.name})
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return frozenset()
    if isinstance(node, ast.Delete) or (isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)):
        return frozenset()
    names: set[str] = set()
    for inner in _own_nodes(node):
        if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load):
            names.add(inner.id)
        elif isinstance(inner, ast.FunctionDef | ast.ClassDef):
            names.add(inner.name)
        elif isinstance(inner, ast.alias) and inner.name != "*":
            names.add(inner.asname or inner.name.partition(".")[0])
    return frozenset(names)


def _touches(node: ast.stmt) -> frozenset[str]:
    names: set[str] = set()
    if is_definition(node):
        return frozenset()
    for inner in _own_nodes(node):
        if isinstance(inner, ast.Subscript | ast.Attribute) and not isinstance(inner.ctx, ast.Load):
            names |= _base(inner.value)
        elif isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr in MUTATORS:
            names |= _base(inner.func.value)
    return frozenset(names)


def _base(node: ast.expr) -> set[str]:
    return {node.id} if isinstance(node, ast.Name) else set()


def _own_nodes(node: ast.stmt) -> Iterator[ast.AST]:
    """Walk a statement without entering definitions and comprehensions, whose names are their own."""
    waiting: list[ast.AST] = [node]
    while waiting:
        inner = waiting.pop()
        yield inner
        if inner is node or not is_scope(inner):
            waiting.extend(ast.iter_child_nodes(inner))


def is_scope(node: ast.AST) -> bool:
    """Tell whether names bound inside a node are its own."""
    return isinstance(
        node, ast.FunctionDef | ast.ClassDef | ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    )


def is_definition(node: ast.stmt) -> bool:
    """Tell whether a statement defines a function or a class."""
    return isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)


def _module_of(alias: ast.alias) -> str:
    return alias.name if alias.asname else alias.name.partition(".")[0]
