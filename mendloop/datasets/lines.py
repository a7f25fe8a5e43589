"""Text files of an export: UTF-8, newlines as they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def row_line(row: Mapping[str, Any]) -> str:
    """Return a row as one line of JSON, columns in the order of the view."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


def write_lines(path: Path, lines: Iterable[str]) -> int:
    """Write lines and return their number. Raises OSError."""
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(f"{line}\n")
            count += 1
    return count


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8 with newlines as they are. Raises OSError."""
    path.write_bytes(text.encode("utf-8", "backslashreplace"))
