"""From a source to candidates: closed, pure, documented functions, each with what the source says about its use."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from mendloop.agents.procedural.admitting import Admission, noting
from mendloop.agents.procedural.assertions import cases_of_tests
from mendloop.agents.procedural.closure import Closed, close
from mendloop.agents.procedural.evidence import (
    SeenCalls,
    collect_calls,
    doctest_cases,
    without_doctests,
)
from mendloop.agents.procedural.files import Skipped, SourceFile, locate, read_files
from mendloop.agents.procedural.module_index import ModuleIndex, index_module
from mendloop.agents.procedural.purity import HARMLESS_DECORATORS, NotUsable
from mendloop.errors import SourceError
from mendloop.frozen import Frozen, digest
from mendloop.records import Case
from mendloop.screening.screen import BY_DEFAULT, RefusedError, Screen
from mendloop.screening.screened import Screened
from mendloop.specs import ScreeningSpec

MIN_LINES, MAX_LINES = 3, 60
MIN_NODES = 12
"""A body with fewer syntax nodes has nothing in it that could go wrong."""
MIN_WORDS = 3
"""A description with fewer words, such as "Internal function.", tells nobody what to write."""
MAX_SEEN = 12


class Candidate(Frozen):
    """One closed function. `seen` are calls with literal arguments found anywhere in the source, unverified.

    `licence` is that of the files it was closed from.
    """

    id: str
    module: str
    entry_point: str
    code: str
    names: tuple[str, ...]
    signature: str
    docstring: str
    file: str
    line: int
    seen: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()
    tested: bool = False
    licence: str = ""

    @property
    def node(self) -> ast.FunctionDef:
        """The function's syntax tree in `code`."""
        return entry_node(self.code, self.entry_point)


class Candidates(Frozen):
    """All candidates of a source in file order; `skipped` names files, `refused` counts functions by reason.

    `screened` says what was found in them that must not leave the machine.
    """

    package: str
    licence: str
    version: str
    python: str
    items: tuple[Candidate, ...]
    skipped: tuple[Skipped, ...] = ()
    refused: dict[str, int] = {}
    screened: Screened = Screened()


@lru_cache(maxsize=512)
def entry_node(code: str, entry_point: str) -> ast.FunctionDef:
    """Return the definition of the entry point in a closed program."""
    return next(n for n in ast.parse(code).body if isinstance(n, ast.FunctionDef) and n.name == entry_point)


def read_source(
    package: str | None = None, path: str | Path | None = None, rules: ScreeningSpec = BY_DEFAULT
) -> Candidates:
    """Read a source as data and return its candidates, screened by the rules.

    `package` is "stdlib" or an importable name, `path` a folder or one file; nothing of it is imported or executed.

    Raises SourceError when the place does not exist, holds no Python, its licence is not allowed, or no file of it can
    be read. A single file that does not parse is only reported.
    """
    place = locate(package, path)
    door = Admission(place, Screen(rules))
    files, skipped = read_files(place)
    if not files:
        raise SourceError(
            f"no Python file can be read in `{place.only}`", remedy=skipped[0].reason if skipped else "check the path"
        )
    files = tuple(filter(door.is_licensed, files))
    if not files:
        raise SourceError(
            f"nothing of `{place.only}` can be used: {_why(door.refused)}",
            remedy="allow its licence in `screening.licences` if you may publish what is made from it",
        )
    found, broken = _candidates(files, door)
    if len(broken) == len(files):
        raise SourceError(f"no file of `{place.only}` parses", where=broken[-1].file, remedy=broken[-1].reason)
    unique = _without_twins(found, door.refused)
    if not unique:
        raise SourceError(
            f"no usable function in `{place.only}`",
            remedy=f"{_why(door.refused)}; functions must be pure and documented",
        )
    return Candidates(
        package=place.package,
        licence=place.licence,
        version=place.version,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        items=tuple(_with_tests(unique, files, door)),
        skipped=(*skipped, *broken),
        refused={reason: count for reason, count in sorted(door.refused.items()) if count},
        screened=door.screen.result,
    )


def _candidates(files: tuple[SourceFile, ...], door: Admission) -> tuple[list[Candidate], list[Skipped]]:
    """Return the candidates of all files, and the files that do not parse; functions are refused by reason."""
    library, seen = _Library(files), collect_calls([file.text for file in files])
    found: list[Candidate] = []
    broken: list[Skipped] = []
    for file in files:
        try:
            found += _from_file(file, library, seen, door)
        except ValueError as error:
            broken.append(Skipped(file=file.file, reason=str(error)))
    return found, broken


class _Library:
    """Files by module name; indexes are kept for a few files only, since syntax trees are large."""

    def __init__(self, files: tuple[SourceFile, ...]) -> None:
        self._files = {file.module: file for file in files}
        self._packages = {file.module for file in files if file.file.endswith("__init__.py")}
        self.index: Callable[[str], ModuleIndex] = lru_cache(maxsize=8)(self._index)

    def _index(self, module: str) -> ModuleIndex:
        return index_module(self._files[module])

    def resolve(self, module: str, level: int, importer: str) -> ModuleIndex | None:
        """Return the file that an import statement names, or None when it is not part of this source."""
        if level:
            parts = importer.split(".") if importer in self._packages else importer.split(".")[:-1]
            base = parts[: len(parts) - (level - 1)]
            module = ".".join([*base, *([module] if module else [])])
        if module not in self._files and not level:
            # Inside a folder the tests' and modules' own root may lie deeper than ours.
            ends = [name for name in self._files if name.endswith(f".{module}")]
            module = ends[0] if len(ends) == 1 else module
        try:
            return self.index(module) if module in self._files else None
        except ValueError:
            return None


def _from_file(file: SourceFile, library: _Library, seen: dict[str, SeenCalls], door: Admission) -> Iterator[Candidate]:
    if file.is_test:
        return
    index, refused = library.index(file.module), door.refused
    for unit in index.units:
        if isinstance(unit.node, ast.AsyncFunctionDef):
            refused["asynchronous"] += 1
        if not isinstance(unit.node, ast.FunctionDef):
            continue
        try:
            docstring = _description(unit.node, index, unit.start)
            files = {file.module: file}
            closed = close(unit.node.name, index, noting(library.resolve, files))
            yield _candidate(tuple(files.values()), unit.node, docstring, closed, seen, door)
        except (NotUsable, RefusedError) as reason:
            refused[str(reason)] += 1
        except RecursionError:
            refused["nested too deeply"] += 1


def _candidate(
    files: tuple[SourceFile, ...],
    node: ast.FunctionDef,
    docstring: str,
    closed: Closed,
    seen: dict[str, SeenCalls],
    door: Admission,
) -> Candidate:
    """Return a candidate as it may be used; raises RefusedError. The first file is the function's own."""
    file = files[0]
    code, docstring = door.code(closed.code, file, node.lineno), door.screen.worded(docstring)
    calls = door.calls(seen[node.name].near(file.text, file.module)) if node.name in seen else []
    cases = doctest_cases(node.name, docstring)
    return Candidate(
        id=digest([file.module, node.name, code])[:12],
        module=file.module,
        entry_point=node.name,
        code=code,
        names=closed.names,
        signature=f"{node.name}({ast.unparse(node.args)})",
        docstring=docstring,
        file=file.file,
        line=node.lineno,
        seen=tuple(dict.fromkeys([*[case.call or "" for case in cases], *calls]))[:MAX_SEEN],
        cases=tuple(cases),
        licence=door.licence_of(*files),
    )


def _description(node: ast.FunctionDef, index: ModuleIndex, start: int) -> str:
    """Return what the source says the function does; raises NotUsable for a function that cannot be a problem."""
    names = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    if names[:1] in (["self"], ["cls"]) or not (names or node.args.vararg):
        raise NotUsable("takes no arguments")
    if any(_decorator(d) not in HARMLESS_DECORATORS for d in node.decorator_list):
        raise NotUsable("decorated")
    if sum(isinstance(unit.node, ast.FunctionDef) and node.name in unit.binds for unit in index.units) > 1:
        raise NotUsable("defined twice")
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    size = (node.end_lineno or 0) - (body[0].lineno if body else 0) + 2
    if not body or size > MAX_LINES or (node.end_lineno or 0) - node.lineno + 1 < MIN_LINES:
        raise NotUsable("too short or too long")
    if sum(1 for statement in body for _ in ast.walk(statement)) < MIN_NODES:
        raise NotUsable("too simple")
    docstring = ast.get_docstring(node) or _comment(index.lines[start - 1 : node.lineno - 1])
    if len(re.findall(r"\w{2,}", without_doctests(docstring))) < MIN_WORDS:
        raise NotUsable("undocumented")
    return docstring


def _comment(lines: tuple[str, ...]) -> str:
    words = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
    return "\n".join(words).strip("-= \n")


def _decorator(node: ast.expr) -> str:
    return ast.unparse(node.func if isinstance(node, ast.Call) else node).rpartition(".")[2]


def _without_twins(found: list[Candidate], refused: Counter[str]) -> list[Candidate]:
    kept: dict[str, Candidate] = {}
    for candidate in found:
        before = len(kept)
        kept.setdefault(normal_form(candidate.code, candidate.entry_point), candidate)
        refused["same as another"] += before == len(kept)
    return list(kept.values())


def normal_form(code: str, entry_point: str) -> str:
    """Return a text that is equal for programs that differ only in names of the entry point, comments and prose."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return re.sub(rf"\b{re.escape(entry_point)}\b", "_entry", ast.dump(tree))


def _with_tests(candidates: list[Candidate], files: tuple[SourceFile, ...], door: Admission) -> Iterator[Candidate]:
    tests = [file for file in files if file.is_test]
    if not tests:
        yield from candidates
        return
    names = frozenset(candidate.entry_point for candidate in candidates)
    by_name = cases_of_tests([file.text for file in tests], names)
    shared = Counter(candidate.entry_point for candidate in candidates)
    for candidate in candidates:
        # Two functions of one name: which of them a test means cannot be told from its text alone.
        given = by_name.get(candidate.entry_point, []) if shared[candidate.entry_point] == 1 else []
        cases = door.cases(given)
        calls = [case.call for case in cases if case.call]
        yield _replaced(candidate, (*candidate.cases, *cases), tuple(dict.fromkeys([*candidate.seen, *calls])))


def _replaced(candidate: Candidate, cases: tuple[Case, ...], seen: tuple[str, ...]) -> Candidate:
    tested = len(cases) > len(candidate.cases)
    return candidate.model_copy(update={"cases": cases, "seen": seen[: 2 * MAX_SEEN], "tested": tested})


def _why(refused: Counter[str]) -> str:
    common = ", ".join(f"{count} {reason}" for reason, count in refused.most_common(3))
    return f"looked at {sum(refused.values())} functions: {common}" if common else "no top-level function was found"
