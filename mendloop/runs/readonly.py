"""Opening the database of a run that may not be written to: another process writes it, or nobody can."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from pathlib import Path

from mendloop.runs.schema import DATABASE, connect, unreadable

# SQLite's shared-memory file beside the database cannot be made: a read-only file system, or a full one.
_NEEDS_WRITING = {
    "SQLITE_CANTOPEN",
    "SQLITE_READONLY",
    "SQLITE_READONLY_CANTINIT",
    "SQLITE_READONLY_DIRECTORY",
    "SQLITE_IOERR_SHMOPEN",
    "SQLITE_IOERR_SHMSIZE",
}


def open_for_reading(path: Path) -> tuple[sqlite3.Connection, tempfile.TemporaryDirectory[str] | None]:
    """Open a run's database read-only, from a temporary copy where the file system is read-only or full.

    (SQLite needs a shared-memory file beside a database in WAL mode.) Raises DamageError.
    """
    connection = connect(path, "ro")
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        connection.close()
        if error.sqlite_errorname not in _NEEDS_WRITING:
            raise unreadable(path, error) from error
    else:
        return connection, None
    log = path / f"{DATABASE}-wal"
    if not log.exists() or log.stat().st_size == 0:
        return connect(path, "ro&immutable=1"), None
    return _open_copy(path)


def _open_copy(path: Path) -> tuple[sqlite3.Connection, tempfile.TemporaryDirectory[str]]:
    copy = tempfile.TemporaryDirectory(prefix="mendloop-read-")
    try:
        for name in (DATABASE, f"{DATABASE}-wal"):
            shutil.copyfile(path / name, Path(copy.name, name))
        connection = connect(Path(copy.name), "rw")
        connection.execute("PRAGMA query_only = ON")
    except (OSError, sqlite3.Error) as error:
        copy.cleanup()
        raise unreadable(path, error) from error
    return connection, copy
