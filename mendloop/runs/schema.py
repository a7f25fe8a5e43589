"""The store's tables, the triggers that keep them append-only, and how a run folder is recognised."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

from mendloop.errors import DamageError, InputError, StorageError

STORE_VERSION = 1
"""The format of a run folder. A store of a newer format is refused."""

DATABASE = "run.db"
HEAD = "head.json"
LOCK = "lock"
MEMORY = "memory"
EXPORTS = "export"
STAGES = "stages"
DERIVED = (MEMORY, f"{MEMORY}.damaged", EXPORTS, STAGES)
"""Folders inside a run folder that were made from its journal, or from what it holds."""
REDACT_KEY = "redact/"
"""A Redacted event stands in the control session under this prefix and the blob's hash; the trigger asks for it."""

# Payloads and blobs are packed (mendloop.runs.packing); the hashes of events and blobs are their 32 bytes.
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE event (
    n INTEGER PRIMARY KEY,
    session TEXT NOT NULL, seq INTEGER NOT NULL,
    kind TEXT NOT NULL, v INTEGER NOT NULL, key TEXT NOT NULL, payload BLOB NOT NULL, ts REAL NOT NULL,
    hash BLOB NOT NULL,
    UNIQUE (session, seq), UNIQUE (session, key)
);
CREATE TABLE blob (sha256 BLOB PRIMARY KEY, data BLOB);
CREATE TABLE annotation (
    n INTEGER PRIMARY KEY,
    session TEXT NOT NULL, author TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, ts REAL NOT NULL,
    hash TEXT NOT NULL
);
CREATE TABLE session (
    session TEXT PRIMARY KEY,
    idx INTEGER NOT NULL, status TEXT NOT NULL, tier TEXT, verdict TEXT, stop_reason TEXT,
    turns INTEGER NOT NULL, tokens INTEGER NOT NULL, usd REAL NOT NULL, started REAL, finished REAL
);
CREATE INDEX session_by_index ON session (idx);
"""

# The INSERT triggers matter because INSERT OR REPLACE deletes and updates without firing the triggers of either.
_TRIGGERS = """
CREATE TRIGGER event_insert BEFORE INSERT ON event
WHEN EXISTS (SELECT 1 FROM event WHERE n = NEW.n)
  OR EXISTS (SELECT 1 FROM event WHERE session = NEW.session AND seq = NEW.seq)
  OR EXISTS (SELECT 1 FROM event WHERE session = NEW.session AND key = NEW.key)
BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;
CREATE TRIGGER event_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;
CREATE TRIGGER event_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;

CREATE TRIGGER annotation_insert BEFORE INSERT ON annotation
WHEN EXISTS (SELECT 1 FROM annotation WHERE n = NEW.n)
BEGIN SELECT RAISE(ABORT, 'annotation is append-only'); END;
CREATE TRIGGER annotation_update BEFORE UPDATE ON annotation
BEGIN SELECT RAISE(ABORT, 'annotation is append-only'); END;
CREATE TRIGGER annotation_delete BEFORE DELETE ON annotation
BEGIN SELECT RAISE(ABORT, 'annotation is append-only'); END;

CREATE TRIGGER blob_insert BEFORE INSERT ON blob
WHEN EXISTS (SELECT 1 FROM blob WHERE sha256 = NEW.sha256)
BEGIN SELECT RAISE(ABORT, 'blob is append-only'); END;
CREATE TRIGGER blob_update BEFORE UPDATE ON blob
WHEN NEW.data IS NOT NULL OR NEW.sha256 IS NOT OLD.sha256 OR NOT EXISTS
    (SELECT 1 FROM event WHERE session = '_control' AND key = 'redact/' || lower(hex(OLD.sha256)) AND kind = 'redacted')
BEGIN SELECT RAISE(ABORT, 'blob is append-only; only redaction erases'); END;
CREATE TRIGGER blob_delete BEFORE DELETE ON blob BEGIN SELECT RAISE(ABORT, 'blob is append-only'); END;
"""


def connect(path: Path, mode: Literal["ro", "rw", "rwc", "ro&immutable=1"]) -> sqlite3.Connection:
    """Open the database of a run folder in autocommit mode, usable from any one thread at a time.

    `immutable` is for a read-only file system where no write-ahead log was left.
    """
    uri = f"{(path / DATABASE).resolve().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10)


def tune_for_writing(connection: sqlite3.Connection) -> None:
    """Make every commit durable before it is reported; a new database gets pages that fit its small rows."""
    connection.execute("PRAGMA page_size = 1024")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 16000")
    connection.execute("PRAGMA journal_size_limit = 67108864")


def create_tables(connection: sqlite3.Connection, meta: Mapping[str, str]) -> None:
    """Create the tables and write `meta` in one transaction."""
    connection.executescript(f"BEGIN IMMEDIATE;{_TABLES}{_TRIGGERS}")
    connection.executemany("INSERT INTO meta VALUES (?, ?)", sorted(meta.items()))
    connection.execute("COMMIT")


def shape_of(connection: sqlite3.Connection) -> frozenset[tuple[str, str, str]]:
    """Return type, name and text of every table, index and trigger."""
    return frozenset(connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master"))


def expected_shape() -> frozenset[tuple[str, str, str]]:
    """Return the shape of a store as this version creates it."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        create_tables(connection, {})
        return shape_of(connection)


def read_meta(connection: sqlite3.Connection, path: Path) -> dict[str, str]:
    """Return the store's meta data.

    Raises InputError when the folder holds no run or one of a newer format, DamageError when the database is not what
    was written, sqlite3.OperationalError when the disk does not let it be opened.
    """
    try:
        meta = dict(connection.execute("SELECT key, value FROM meta"))
        version = int(meta["version"])
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        raise (unreadable(path, error) if (path / HEAD).exists() else not_a_run(path)) from error
    except (sqlite3.DatabaseError, KeyError, ValueError) as error:
        raise unreadable(path, error) from error
    if version > STORE_VERSION:
        raise InputError(
            f"the run store has format {version}, this mendloop reads formats up to {STORE_VERSION}",
            where=str(path),
            remedy=f"it was written by mendloop {meta.get('mendloop', '?')}; update mendloop",
        )
    return meta


def require_run(path: Path) -> None:
    """Raise InputError unless the folder holds a run store."""
    if not (path / DATABASE).is_file():
        raise not_a_run(path)


def not_a_run(path: Path) -> InputError:
    """Return the error for a path that is no run folder."""
    what = "not a run: it has no run.db" if path.is_dir() else "no such run folder"
    return InputError(what, where=str(path), remedy="`mendloop runs` lists the runs there are")


def unreadable(path: Path, error: Exception) -> DamageError:
    """Return the error for a database that SQLite cannot read."""
    return DamageError(f"run.db cannot be read: {error}", where=str(path), remedy="`mendloop verify` says what is lost")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn SQLite's errors while reading into DamageError."""
    try:
        yield
    except sqlite3.Error as error:
        raise unreadable(path, error) from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn errors of the disk while writing into StorageError, and those of the database's content into DamageError."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        raise StorageError(
            f"the run store cannot be written: {error}",
            where=str(path),
            remedy="make room there, or make it writable",
        ) from error
    except sqlite3.DatabaseError as error:
        raise unreadable(path, error) from error
