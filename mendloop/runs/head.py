"""`head.json`: how far the database has come, kept beside it, so that a shortened database is seen.

It is written soon after each group commit. A crash in between leaves it behind the database, never ahead of it.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from mendloop.errors import DamageError
from mendloop.frozen import Frozen
from mendloop.runs.failpoints import passing
from mendloop.runs.schema import HEAD


class Mark(Frozen):
    """How many rows there are, and the rolling hash over their hashes."""

    count: int
    hash: str


class Head(Mark):
    """The run's mark and that of its annotations."""

    annotations: Mark


def write_head(path: Path, head: Head) -> None:
    """Replace the head file atomically. Raises OSError."""
    temporary = path / f"{HEAD}.tmp"
    # Without fsync some file systems leave an empty file after a power cut.
    with temporary.open("w", encoding="ascii") as file:
        file.write(head.model_dump_json() + "\n")
        file.flush()
        os.fsync(file.fileno())
    passing("within the head file")
    temporary.replace(path / HEAD)


def read_head(path: Path) -> Head | None:
    """Return the head, or None when there is no file. Raises DamageError when it cannot be read."""
    try:
        return Head.model_validate_json((path / HEAD).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise DamageError("head.json cannot be read", where=str(path)) from error


def shortfall(name: str, head: Mark, count: int, rolling_at_head: str) -> str | None:
    """Return what is wrong between a mark and the rows found, or None. `rolling_at_head` is over the first rows."""
    if count < head.count:
        return f"head.json counts {head.count} {name}, the database holds {count}"
    if rolling_at_head != head.hash:
        return f"the first {head.count} {name} are not those that head.json was written for"
    return None
