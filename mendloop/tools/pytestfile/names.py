"""What the names of a pytest file stand for: the program, what the file defines itself, or something else."""

from __future__ import annotations

import ast
import builtins
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

PROGRAM = "solution"
BUILTINS = frozenset(dir(builtins))
_MOST = 50
"""Nodes of a value that is written out where its name stands: nothing larger is copied."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


def last_name(node: ast.expr) -> str:
    """Return `c` of `a.b.c` and of `a.b.c(...)`; an empty text for what is no name."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=function):
            return last_name(function)
    return ""


def dotted(node: ast.expr) -> str:
    """Return `a.b.c` as a text; an empty one for what is no name."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=owner, attr=name):
            return f"{before}.{name}" if (before := dotted(owner)) else ""
    return ""


@dataclass(frozen=True)
class Names:
    """The names of one file.

    `imported` maps a name to the program's own, `modules` are names of the whole program, `bound` is all that the file
    binds, and `foreign` comes from packages that may assert under any name.
    """

    modules: frozenset[str] = frozenset()
    imported: Mapping[str, str] = field(default_factory=dict)
    bound: frozenset[str] = frozenset()
    foreign: frozenset[str] = frozenset()

    def of_program(self, node: ast.AST) -> str:
        """Return the program's own name for what an expression names; an empty text where that is something else.

        A name that the file binds nowhere is the program's too: some suites are run in its namespace.
        """
        match node:
            case ast.Name(id=name) if name in self.imported:
                return self.imported[name]
            case ast.Name(id=name) if name not in self.bound and name not in BUILTINS:
                return name
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in self.modules:
                return name
        return ""

    def is_module(self, node: ast.expr) -> bool:
        """Tell whether an expression names the program as a whole."""
        return isinstance(node, ast.Name) and node.id in self.modules


def names_of(tree: ast.Module) -> Names:
    """Return the names of a file."""
    modules: set[str] = set()
    imported: dict[str, str] = {}
    foreign: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name for alias in node.names if alias.name == PROGRAM}
            foreign |= {_local(alias) for alias in node.names if _may_assert(alias.name)}
        elif isinstance(node, ast.ImportFrom) and node.module == PROGRAM and not node.level:
            imported |= {alias.asname or alias.name: alias.name for alias in node.names if alias.name != "*"}
        elif isinstance(node, ast.ImportFrom) and _may_assert(node.module or ""):
            foreign |= {_local(alias) for alias in node.names}
    return Names(frozenset(modules), imported, frozenset(_bound(tree)), frozenset(foreign))


def _local(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _may_assert(module: str) -> bool:
    """Tell whether functions of a module may be assertions that their names do not tell."""
    return module.partition(".")[0] not in sys.stdlib_module_names | {"pytest", PROGRAM}


def _bound(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                yield from map(_local, aliases)
            case ast.ExceptHandler(name=str(name)):
                yield name


def single_values(body: Sequence[ast.stmt]) -> dict[str, ast.expr]:
    """Return the short values of names that are assigned exactly once in all, by one of the statements themselves."""
    stored = Counter(name for statement in body for name in _bound(statement))
    values: dict[str, ast.expr] = {}
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if stored[name] == 1:
                values[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if stored[name] == 1:
                values[name] = value
    return {name: value for name, value in values.items() if sum(1 for _ in islice(ast.walk(value), _MOST)) < _MOST}
