"""Erasing one blob for good: its bytes leave every file of the database, its hash and the reason stay."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mendloop.errors import InputError, StorageError
from mendloop.events import CONTROL_SESSION, Redacted
from mendloop.records import canonical_json
from mendloop.runs.blobs import Redactor
from mendloop.runs.ledger import NewEvent
from mendloop.runs.lock import RunLock
from mendloop.runs.reader import Reader
from mendloop.runs.schema import REDACT_KEY, connect, require_run, writing
from mendloop.runs.store import opened_ledger

_PATIENCE_MS = 2000
"""How long a reader in the middle of a page is waited for."""


@dataclass(frozen=True)
class Redaction:
    """What was erased, and which events (session, seq) refer to it: those can no longer be replayed or exported."""

    sha256: str
    reason: str
    referred: tuple[tuple[str, int], ...]


def redact(path: Path, sha256: str, reason: str) -> Redaction:
    """Erase the blob with this hash (or unambiguous beginning of one) from a run that nobody is writing.

    A second call finishes what an interrupted one began. Copies of the content inside other blobs, and exports made
    earlier, have hashes and files of their own and stay. Raises InputError for an unknown hash or a run in use,
    StorageError when a reader keeps old pages alive.
    """
    require_run(path)
    reason = Redactor().clean_text(reason)
    with Reader(path) as reader:
        full = reader.resolve(sha256)
        erased = full in reader.redacted()
        referred = tuple((event.session, event.seq) for event in reader.tail() if full in event.payload)
    if not reason.strip():
        raise InputError("a redaction needs a reason", where=str(path))
    if not erased:
        _erase(path, full, reason)
    _purge(path)
    return Redaction(sha256=full, reason=reason, referred=referred)


def _erase(path: Path, sha256: str, reason: str) -> None:
    event = Redacted(sha256=sha256, reason=reason)
    with opened_ledger(path) as ledger:
        payload = canonical_json(event)
        ledger.append([NewEvent(CONTROL_SESSION, f"{REDACT_KEY}{sha256}", event, payload, time.time())])
        ledger.erase_blob(sha256)


def _purge(path: Path) -> None:
    """Rewrite the database without its free pages and empty the write-ahead log, where old content may still be."""
    with RunLock(path), writing(path), closing(connect(path, "rw")) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
        _empty_log(path, connection)
        connection.execute("VACUUM")
        _empty_log(path, connection)


def _empty_log(path: Path, connection: sqlite3.Connection) -> None:
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise StorageError(
            "a reader holds the old content open; it is marked as erased but not yet gone from disk",
            where=str(path),
            remedy="close viewers of this run and repeat `mendloop redact`",
        )
