"""Snippets of a user's code, as seeds for new problems. They are text: nothing of them is imported or executed."""

from __future__ import annotations

import ast
import os
import textwrap
from collections.abc import Iterator
from importlib.util import decode_source
from itertools import islice
from pathlib import Path

from mendloop.agents.procedural.files import MAX_FILE_BYTES, MAX_FILES, NEVER, Skipped, SourceFile, parse
from mendloop.agents.sources.jsonl import MAX_BYTES
from mendloop.errors import SourceError
from mendloop.frozen import Frozen, digest
from mendloop.screening.licence_places import licence_of_file, licence_of_folder
from mendloop.screening.screen import BY_DEFAULT, Piece, RefusedError, Screen
from mendloop.screening.screened import Screened
from mendloop.specs import ScreeningSpec

MIN_LINES, MAX_LINES = 3, 60
MAX_SNIPPETS = 20_000
MAX_WIDTH = 1_000

SUFFIXES = frozenset({
    ".c", ".cc", ".clj", ".cpp", ".cs", ".cxx", ".dart", ".erl", ".ex", ".exs", ".f90", ".fs", ".go", ".groovy", ".h",
    ".hpp", ".hs", ".java", ".jl", ".js", ".jsx", ".kt", ".lisp", ".lua", ".m", ".mjs", ".ml", ".nim", ".pas", ".php",
    ".pl", ".py", ".r", ".rb", ".rs", ".scala", ".scm", ".sh", ".sql", ".swift", ".ts", ".tsx", ".vb", ".zig",
})  # fmt: skip
"""Endings of files that hold code as text."""

_REMEDY = "give a folder or a file with functions of 3 to 60 lines"


class Snippet(Frozen):
    """One piece of code. `file` is relative to the folder that was read, `line` where the piece begins in it."""

    id: str
    text: str
    file: str
    line: int
    licence: str = "unknown"


class Snippets(Frozen):
    """The snippets of a folder in the order of its files, without repeats.

    `skipped` names files that gave none and pieces that may not be used, `screened` says what was found in all.
    """

    folder: str
    items: tuple[Snippet, ...]
    skipped: tuple[Skipped, ...] = ()
    screened: Screened = Screened()


def read_snippets(path: str | Path, rules: ScreeningSpec = BY_DEFAULT) -> Snippets:
    """Read a folder, or one file, and return its pieces of 3 to 60 lines, screened by the rules.

    Python is cut at functions and classes, a class that is too long at its methods; other code at empty lines that
    nothing indented follows. Links that leave the folder are not followed. Raises SourceError when nothing is found.
    """
    place = Path(path)
    if not place.exists():
        raise SourceError(f"there is no folder or file `{place}`", remedy="check `path:`")
    root = place.resolve() if place.is_dir() else place.resolve().parent
    items: dict[str, Snippet] = {}
    skipped: list[Skipped] = []
    screen, project = Screen(rules), licence_of_folder(root)
    size = 0
    for number, file in enumerate(_walk(place.resolve(), root)):
        name = file.relative_to(root).as_posix()
        if number >= MAX_FILES or size > MAX_BYTES or len(items) >= MAX_SNIPPETS:
            skipped.append(Skipped(file=name, reason="more than is read from one folder"))
            break
        try:
            text = _text(file)
            size += len(text)
            pieces = list(_cut(text, name))
            licence = licence_of_file(text) or project
            screen.licensed(licence, name, 1, len(pieces))
        except (OSError, UnicodeError, SyntaxError, ValueError) as error:
            skipped.append(Skipped(file=name, reason=(str(error) or type(error).__name__).partition("\n")[0][:120]))
            continue
        if not pieces:
            skipped.append(Skipped(file=name, reason=f"no piece of {MIN_LINES} to {MAX_LINES} lines"))
        for line, cut in islice(pieces, MAX_SNIPPETS - len(items)):
            try:
                piece, _ = screen.passed((Piece(cut, "idea"), Piece(name, "fixed")), name, line)
            except RefusedError as reason:
                skipped.append(Skipped(file=f"{name}:{line}", reason=str(reason)))
                continue
            snippet = Snippet(id=digest(piece)[:12], text=piece, file=name, line=line, licence=licence)
            items.setdefault(piece, snippet)
    if not items:
        first = skipped[0] if skipped else None
        where = str(root / first.file) if first else str(place)
        raise SourceError(first.reason if first else "no file of code was found", where=where, remedy=_REMEDY)
    return Snippets(folder=root.name, items=tuple(items.values()), skipped=tuple(skipped), screened=screen.result)


def _walk(place: Path, root: Path) -> Iterator[Path]:
    """Yield the files of code in a fixed order; one file is taken whatever its ending."""
    if place.is_file():
        yield place
        return
    for folder, folders, names in os.walk(place):
        folders[:] = sorted(name for name in folders if name not in NEVER and not name.startswith("."))
        for name in sorted(names):
            file = Path(folder, name)
            # A link that leaves the folder may point at anything on this machine.
            if file.suffix.lower() in SUFFIXES and (not file.is_symlink() or file.resolve().is_relative_to(root)):
                yield file


def _text(file: Path) -> str:
    if not file.is_file():
        raise ValueError("not a file")
    if file.stat().st_size > MAX_FILE_BYTES:
        raise ValueError(f"larger than {MAX_FILE_BYTES // 1_000_000} MB")
    data = file.read_bytes()
    if b"\0" in data:
        raise ValueError("not text")
    text = decode_source(data) if file.suffix == ".py" else data.decode("utf-8-sig")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _cut(text: str, name: str) -> Iterator[tuple[int, str]]:
    """Yield the first line and the text of each piece."""
    pieces = _definitions(text, name) if name.endswith(".py") else _blocks(text)
    lines = text.split("\n")
    for start, end in pieces:
        piece = textwrap.dedent("\n".join(line.rstrip() for line in lines[start - 1 : end])).strip("\n")
        width = max(map(len, piece.split("\n")))
        if MIN_LINES <= piece.count("\n") + 1 <= MAX_LINES and width <= MAX_WIDTH:
            yield start, piece


def _definitions(text: str, name: str) -> Iterator[tuple[int, int]]:
    tree = parse(SourceFile(module=name, file=name, text=text, is_test=False))
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        start, end = _span(node)
        if isinstance(node, ast.ClassDef) and end - start + 1 > MAX_LINES:
            yield from (_span(part) for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef))
        else:
            yield start, end


def _span(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> tuple[int, int]:
    start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return start, node.end_lineno or start


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Yield the lines between empty ones; what begins indented, or closes a bracket, belongs to the block before."""
    start = end = 0
    gap = True
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            gap = True
            continue
        if start and gap and line[0] not in " \t})]":
            yield start, end
            start = 0
        start, end, gap = start or number, number, False
    if start:
        yield start, end
