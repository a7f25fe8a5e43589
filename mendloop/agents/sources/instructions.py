"""Instructions that a user brings: one a row of JSON lines, or one a line of text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mendloop.agents.procedural.files import Skipped
from mendloop.agents.sources.jsonl import (
    MAX_ROWS,
    JsonRow,
    RowError,
    Unusable,
    nothing_usable,
    plain_text,
    read_lines,
    read_rows,
    skipped_lines,
)
from mendloop.errors import SourceError
from mendloop.frozen import Frozen, digest
from mendloop.screening.licences import OWN, normalised
from mendloop.screening.screen import BY_DEFAULT, Piece, RefusedError, Screen
from mendloop.screening.screened import Screened
from mendloop.specs import ScreeningSpec

MAX_INSTRUCTION = 10_000
_MARK = re.compile(r"[ \t]*(?:[-*+]|\d{1,6}[.)])[ \t]+")
_WANTED = 'write {"instruction": "..."} on each line, or one instruction a line in a .txt file'


class Instruction(Frozen):
    """One instruction; `id` is the row's own, or made from its text."""

    id: str
    text: str
    file: str
    line: int
    licence: str = OWN


class Instructions(Frozen):
    """The instructions of a file in its order; `skipped` names the lines that hold none that may be used.

    `screened` says what was found in all.
    """

    file: str
    items: tuple[Instruction, ...]
    skipped: tuple[Skipped, ...] = ()
    screened: Screened = Screened()


def read_instructions(path: str | Path, rules: ScreeningSpec = BY_DEFAULT) -> Instructions:
    """Read instructions from a .jsonl file (keys `instruction`, `prompt` or `text`), a .txt or a .md file, screened.

    A text that was there before is left out. Raises SourceError when the file cannot be read or holds none.
    """
    file = Path(path)
    kind = file.suffix.lower()
    if kind not in (".jsonl", ".txt", ".md"):
        raise SourceError(f"not a .jsonl, .txt or .md file: `{file.name}`", where=str(file), remedy=_WANTED)
    items: dict[str, Instruction] = {}
    unusable: list[Unusable] = []
    names: set[str] = set()
    screen = Screen(rules)
    for read in _from_rows(file) if kind == ".jsonl" else _from_lines(file, markdown=kind == ".md"):
        found = _screened(read, screen)
        if isinstance(found, Unusable):
            unusable.append(found)
        elif found.text in items:
            unusable.append(Unusable(line=found.line, reason=f"the same as line {items[found.text].line}"))
        elif found.id in names:
            unusable.append(Unusable(line=found.line, reason="its id was used before"))
        else:
            items[found.text] = found
            names.add(found.id)
    if not items:
        raise nothing_usable(file, unusable, _WANTED)
    return Instructions(
        file=file.name,
        items=tuple(items.values()),
        skipped=skipped_lines(file, unusable),
        screened=screen.result,
    )


def _screened(read: Instruction | Unusable, screen: Screen) -> Instruction | Unusable:
    """Return an instruction as it may be used, or why it may not. The model states the problem, so it is an idea."""
    if isinstance(read, Unusable):
        return read
    try:
        screen.licensed(read.licence, read.file, read.line)
        text, _ = screen.passed((Piece(read.text, "idea"), Piece(read.id, "fixed")), read.file, read.line)
    except RefusedError as reason:
        return Unusable(line=read.line, reason=str(reason))
    return read.model_copy(update={"text": text})


def _from_rows(file: Path) -> Iterator[Instruction | Unusable]:
    for row in read_rows(file):
        if isinstance(row, Unusable):
            yield row
            continue
        try:
            yield _instruction(row, file.name)
        except RowError as reason:
            yield Unusable(line=row.line, reason=str(reason))


def _instruction(row: JsonRow, file: str) -> Instruction:
    text = _bearable(row.text("instruction", "prompt", "text").strip())
    return Instruction(
        id=row.optional("id") or digest(text)[:12],
        text=text,
        file=file,
        line=row.line,
        licence=normalised(row.optional("licence", "license")) or OWN,
    )


def _from_lines(file: Path, *, markdown: bool) -> Iterator[Instruction | Unusable]:
    """Yield one instruction a line; in Markdown, headings are left out and the marks of lists taken off."""
    count = 0
    for number, line in enumerate(read_lines(file), start=1):
        text = (_MARK.sub("", line, count=1) if markdown else line).strip()
        if not text or (markdown and text.startswith("#")):
            continue
        if count >= MAX_ROWS:
            yield Unusable(line=number, reason=f"more than {MAX_ROWS:,} lines")
            return
        count += 1
        try:
            plain = _bearable(plain_text(text))
            yield Instruction(id=digest(plain)[:12], text=plain, file=file.name, line=number)
        except RowError as reason:
            yield Unusable(line=number, reason=str(reason))


def _bearable(text: str) -> str:
    if len(text) > MAX_INSTRUCTION:
        raise RowError(f"an instruction longer than {MAX_INSTRUCTION:,} characters")
    return text
