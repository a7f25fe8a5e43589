"""What a run folder holds, as texts: the database packs them, so that a search of its bytes would find nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from mendloop.runs.packing import UnpackError, packed, unpacked
from mendloop.runs.schema import connect


def texts_of(run: Path) -> Iterator[str]:
    """Yield every text in the tables of a run: packed ones as they were before, all others as they are."""
    with closing(connect(run, "ro")) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in connection.execute(f"SELECT * FROM {table}"):
                yield from (_text(value) for value in row if isinstance(value, str | bytes))


def _text(value: str | bytes) -> str:
    if isinstance(value, str):
        return value
    try:
        return unpacked(value)
    except UnpackError:
        return value.hex()  # a hash


def holding(folder: Path, text: str) -> list[str]:
    """Return what of a folder holds a text: names of files whose bytes do, and `tables of RUN` for what is packed."""
    found = sorted(path.name for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes())
    for database in sorted(folder.rglob("run.db")):
        if any(text in each for each in texts_of(database.parent)):
            found.append(f"tables of {database.parent.name}")
    return found


def pieces_of(text: str, length: int = 48) -> list[bytes]:
    """Return the packed form of a text in pieces, as they may lie on several pages of a database."""
    data = packed(text)
    return [data[start : start + length] for start in range(0, len(data) - length, length)]


def files_with(folder: Path, pieces: Sequence[bytes]) -> list[str]:
    """Return the names of the files that hold any of some pieces."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(path.name for path in files if any(piece in path.read_bytes() for piece in pieces))
