"""Reading a user's text files and rows of JSON; a row that cannot be used is named with its line, never an error."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mendloop.agents.procedural.files import Skipped
from mendloop.errors import SourceError

MAX_BYTES = 50_000_000
MAX_ROWS = 20_000
MAX_CHARACTERS = 100_000
_SHOWN = 80


@dataclass(frozen=True)
class Unusable:
    """A line of a file that was not used, and why. The reason quotes nothing of the line: it is printed and stored."""

    line: int
    reason: str


class RowError(ValueError):
    """A row cannot be used; the message says why."""


@dataclass(frozen=True)
class JsonRow:
    """One row of a file of JSON lines."""

    line: int
    values: dict[str, Any]

    def text(self, *keys: str) -> str:
        """Return the text under the first of some keys that the row has; raises RowError when there is none."""
        found = self.optional(*keys)
        if not found.strip():
            raise RowError(f"has no text under {' or '.join(f'`{key}`' for key in keys)}")
        return found

    def optional(self, *keys: str) -> str:
        """Return the text under the first of some keys that the row has, empty when there is none."""
        value = next((self.values[key] for key in keys if self.values.get(key) is not None), "")
        return plain_text(str(value) if type(value) is int else value)


def plain_text(value: object) -> str:
    """Return a value that is a text of a bearable length; raises RowError for another one."""
    if not isinstance(value, str):
        raise RowError(f"found {type(value).__name__} where a text belongs")
    if len(value) > MAX_CHARACTERS:
        raise RowError(f"a text is longer than {MAX_CHARACTERS:,} characters")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise RowError("a text holds half a character (a lone surrogate)")
    return value.replace("\r\n", "\n").replace("\r", "\n")


def read_lines(path: str | Path) -> list[str]:
    """Return the lines of a file. Raises SourceError when it is missing, larger than 50 MB or no text."""
    file = Path(path)
    try:
        if not file.is_file():
            raise SourceError(f"there is no file `{file}`", remedy="check `path:`")
        if file.stat().st_size > MAX_BYTES:
            raise SourceError(f"larger than {MAX_BYTES // 1_000_000} MB", where=str(file), remedy="split the file")
        return file.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    except (OSError, UnicodeError, ValueError) as error:
        reason = "it is no UTF-8 text" if isinstance(error, UnicodeError) else str(error).partition("\n")[0]
        raise SourceError(f"the file cannot be read: {reason}", where=str(file), remedy="save it as UTF-8") from error


def read_rows(path: str | Path) -> Iterator[JsonRow | Unusable]:
    """Yield the rows of a file of JSON lines in order, at most 20,000; raises SourceError as `read_lines` does."""
    rows = 0
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        if rows >= MAX_ROWS:
            yield Unusable(line=number, reason=f"more than {MAX_ROWS:,} rows")
            return
        rows += 1
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Unusable(line=number, reason=f"not JSON: {str(error)[:_SHOWN]}")
            continue
        yield JsonRow(number, values) if isinstance(values, dict) else Unusable(line=number, reason="not a JSON object")


def skipped_lines(path: str | Path, unusable: Sequence[Unusable]) -> tuple[Skipped, ...]:
    """Return the unused lines of a file as `name:line` with a reason."""
    return tuple(Skipped(file=f"{Path(path).name}:{line.line}", reason=line.reason) for line in unusable)


def nothing_usable(path: str | Path, unusable: Sequence[Unusable], wanted: str) -> SourceError:
    """Return the error for a file of which no row can be used: the first reason, at its line."""
    if not unusable:
        return SourceError("the file is empty", where=str(path), remedy=wanted)
    first = unusable[0]
    more = f" (and {len(unusable) - 1} more lines)" if len(unusable) > 1 else ""
    return SourceError(f"no line can be used: {first.reason}{more}", where=f"{path}:{first.line}", remedy=wanted)
