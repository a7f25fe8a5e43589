"""Closing a function: the smallest text of its module that runs on its own, copied verbatim."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from mendloop.agents.procedural.module_index import ModuleIndex, binds, is_definition, is_scope
from mendloop.agents.procedural.purity import (
    BUILTINS,
    DENIED_BUILTINS,
    HARMLESS_DECORATORS,
    PURE_MODULES,
    NotUsable,
    bound_names,
    check_import,
    check_import_from,
    check_pure,
)
from mendloop.agents.symbols import symbol_tables

MAX_LINES = 200


@dataclass(frozen=True)
class Closed:
    """A program that needs nothing else: its text and the names it defines beside the entry point."""

    code: str
    names: tuple[str, ...]


Resolve = Callable[[str, int, str], ModuleIndex | None]
"""(module, level, importing module) -> the index of a file of the same source, or None."""


def close(entry: str, index: ModuleIndex, resolve: Resolve) -> Closed:
    """Return the closed program of a top-level function; raises NotUsable with the reason when there is none."""
    parts: dict[str, _Part] = {}
    _collect(entry, index, resolve, parts)
    code = _assemble(parts.values(), index.postponed)
    if code.count("\n") > MAX_LINES:
        raise NotUsable("needs too much of its module")
    _check_closed(code)
    names = [name for part in parts.values() for name in part.defined() if name != entry]
    return Closed(code, tuple(dict.fromkeys(names)))


@dataclass
class _Part:
    """What one file contributes: chosen statements, and imports cut down to the names that are needed."""

    index: ModuleIndex
    chosen: set[int]
    imports: dict[int, set[str]]

    def defined(self) -> Iterator[str]:
        for number in sorted(self.chosen):
            yield from sorted(self.index.units[number].binds)


def _collect(entry: str, index: ModuleIndex, resolve: Resolve, parts: dict[str, _Part]) -> None:
    part = parts.get(index.file.module) or _Part(index, set(), {})
    wanted, seen = [entry], set[str]()
    while wanted:
        name = wanted.pop()
        if name in seen or (name in BUILTINS and name not in index.names):
            continue
        seen.add(name)
        if name in DENIED_BUILTINS and name not in index.names:
            raise NotUsable(f"uses {name}")
        for number in _units_for(name, index):
            wanted += _take(number, name, part, resolve, parts)
    # A file that others need goes before them: it was entered by the recursion in _take first.
    for other in parts.values():
        if other.index is not index and set(other.defined()) & set(part.defined()):
            raise NotUsable("names of two files collide")
    parts[index.file.module] = part


def _take(number: int, name: str, part: _Part, resolve: Resolve, parts: dict[str, _Part]) -> list[str]:
    """Add one statement to a part and return the names it needs in turn."""
    index = part.index
    unit = index.units[number]
    if isinstance(unit.node, ast.ImportFrom) and (found := _sibling(unit.node, index, resolve)):
        alias = next(a for a in unit.node.names if (a.asname or a.name) == name)
        if alias.asname not in (None, alias.name) or found is index or len(parts) > 4:
            raise NotUsable("imports its package under another name")
        if found.file.module not in parts or name not in set(parts[found.file.module].defined()):
            _collect(name, found, resolve, parts)
        return []
    if isinstance(unit.node, ast.Import | ast.ImportFrom):
        _check_alias(unit.node, name)
        part.imports.setdefault(number, set()).add(name)
        return []
    if number in part.chosen:
        return []
    check_pure(unit.node, index.modules, index.names)
    _check_decorators(unit.node)
    part.chosen.add(number)
    return sorted(_free_names(unit.node, index.postponed))


def _check_alias(node: ast.Import | ast.ImportFrom, name: str) -> None:
    if isinstance(node, ast.ImportFrom):
        check_import_from(node.module or "", [a.name for a in node.names if (a.asname or a.name) == name], node.level)
    else:
        check_import(ast.Import([a for a in node.names if (a.asname or a.name.partition(".")[0]) == name]))


def _sibling(node: ast.ImportFrom, index: ModuleIndex, resolve: Resolve) -> ModuleIndex | None:
    if not node.level and node.module in PURE_MODULES:
        return None
    return resolve(node.module or "", node.level, index.file.module)


def _units_for(name: str, index: ModuleIndex) -> list[int]:
    found = [n for n, unit in enumerate(index.units) if name in unit.binds or name in unit.touches]
    binding = [n for n in found if name in index.units[n].binds]
    plain = [n for n in binding if not isinstance(index.units[n].node, ast.Try | ast.If)]
    if not binding:
        raise NotUsable("needs a name that is not defined")
    # `try: from _fast import f` after `def f` is an accelerator, not another meaning.
    return [n for n in found if not (plain and isinstance(index.units[n].node, ast.Try | ast.If))]


def _check_decorators(node: ast.stmt) -> None:
    for inner in ast.walk(node):
        for decorator in getattr(inner, "decorator_list", []):
            name = ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator).rpartition(".")[2]
            if name not in HARMLESS_DECORATORS:
                raise NotUsable("decorated")


def _free_names(node: ast.stmt, postponed: bool) -> set[str]:
    """Return the names a statement may take from its module; too many is safe, the closed text is checked again."""
    if not is_definition(node):
        return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - _only_comprehended(node)
    unevaluated = {id(inner) for root in (_annotations(node) if postponed else ()) for inner in ast.walk(root)}
    local = bound_names(node)
    loads = {
        n.id
        for n in ast.walk(node)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and id(n) not in unevaluated
    }
    outside = {n.id for root in _outside(node) for n in ast.walk(root) if isinstance(n, ast.Name)}
    return (loads - local) | (set() if postponed else outside)


def _outside(node: ast.stmt) -> list[ast.expr]:
    """Return the parts of a function's head that are evaluated in the module: defaults and annotations."""
    if not isinstance(node, ast.FunctionDef):
        return []
    defaults = [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]
    return [*defaults, *_annotations(node), *node.decorator_list]


def _annotations(node: ast.AST) -> list[ast.expr]:
    found: list[ast.expr] = []
    for inner in ast.walk(node):
        if isinstance(inner, ast.arg | ast.AnnAssign) and inner.annotation:
            found.append(inner.annotation)
        elif isinstance(inner, ast.FunctionDef) and inner.returns:
            found.append(inner.returns)
    return found


def _only_comprehended(node: ast.stmt) -> set[str]:
    scopes = [inner for inner in ast.walk(node) if is_scope(inner)]
    return {name for scope in scopes for name in bound_names(scope)} - binds(node)


def _assemble(parts: object, postponed: bool) -> str:
    ordered: list[_Part] = list(parts)  # type: ignore[call-overload]
    imports = dict.fromkeys(line for part in ordered for line in _import_lines(part))
    head = ["from __future__ import annotations", ""] if postponed else []
    text = [*head, *sorted(imports, key=lambda line: (line.startswith("from"), line))]
    for part in ordered:
        text += _body_lines(part)
    while text and not text[0]:
        text.pop(0)
    return "\n".join(text).rstrip() + "\n"


def _import_lines(part: _Part) -> Iterator[str]:
    for number, names in part.imports.items():
        node = part.index.units[number].node
        if isinstance(node, ast.ImportFrom):
            yield ast.unparse(ast.ImportFrom(node.module, [a for a in node.names if (a.asname or a.name) in names], 0))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if (alias.asname or alias.name.partition(".")[0]) in names:
                    yield ast.unparse(ast.Import([alias]))


def _body_lines(part: _Part) -> list[str]:
    units = [part.index.units[number] for number in sorted(part.chosen)]
    text: list[str] = []
    last, spread = 0, False
    for unit in units:
        wide = is_definition(unit.node)
        between = min(1, max(0, unit.start - last - 1)) if last else 1
        text += [""] * (2 if wide or spread else between)
        text += part.index.lines[max(unit.start, last + 1) - 1 : unit.end]
        last, spread = unit.end, wide
    return text


@lru_cache(maxsize=256)
def _check_closed(code: str) -> None:
    """Raise NotUsable when the text refers to a name that it neither defines nor finds among the builtins."""
    try:
        tables = symbol_tables(code)
    except SyntaxError as error:
        raise NotUsable("cannot be cut out of its module") from error
    top = tables[0]
    defined = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    for table in tables:
        for symbol in table.get_symbols():
            used = symbol.is_global() or (table is top and symbol.is_referenced())
            if used and symbol.get_name() not in defined and symbol.get_name() not in BUILTINS:
                raise NotUsable("needs a name that is not defined")
