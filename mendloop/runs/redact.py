"""Erasing a stored text for good: its bytes leave every file of the run folder, its hash and the reason stay."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mendloop.errors import InputError, StorageError
from mendloop.events import CONTROL_SESSION, Redacted
from mendloop.frozen import canonical_json
from mendloop.runs.blobs import Redactor
from mendloop.runs.ledger import NewEvent
from mendloop.runs.lock import RunLock
from mendloop.runs.reader import Reader
from mendloop.runs.schema import DERIVED, REDACT_KEY, connect, require_run, writing
from mendloop.runs.store import opened_ledger

_PATIENCE_MS = 2000
"""How long a reader in the middle of a page is waited for."""
_REFERENCE = re.compile(r'"sha256":"([0-9a-f]{64})"')
_TELLING = 24
"""A text of fewer characters is looked for in no other blob: too much would hold it by chance."""


@dataclass(frozen=True)
class Redaction:
    """What was erased, and which events (session, seq) refer to it: those can no longer be replayed or exported.

    `quoting` are the other blobs of the same sessions that quoted it and were erased with it, `elsewhere` those that
    other sessions refer to, which stay. `removed` are folders that were made from the journal and held what it held.
    """

    sha256: str
    reason: str
    referred: tuple[tuple[str, int], ...]
    quoting: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def redact(path: Path, sha256: str, reason: str) -> Redaction:
    """Erase the blob with this hash (or unambiguous beginning of one) from a run that nobody is writing.

    Its text, which is the longest string in it, leaves the folder with it: the other blobs of its sessions that quote
    the text whole are erased too (a record quotes its programs, and could not be exported any more), and the memory's
    index and the run's exports are removed, which `resume` and `export` make anew. Blobs that other sessions refer to
    are named in the answer and stay until they are redacted themselves; so do copies outside the folder. A second call
    finishes what an interrupted one began. Raises InputError for an unknown hash or a run in use, StorageError when a
    reader keeps old pages alive.
    """
    require_run(path)
    reason = Redactor().clean_text(reason)
    with Reader(path) as reader:
        full = reader.resolve(sha256)
        erased = full in reader.redacted()
        users = _users(reader)
        quoted = () if erased else _quoting(reader, full)
    own = {session for session, _ in users.get(full, ())}
    elsewhere = tuple(each for each in quoted if {session for session, _ in users.get(each, ())} - own)
    quoting = tuple(each for each in quoted if each not in elsewhere)
    if not reason.strip():
        raise InputError("a redaction needs a reason", where=str(path))
    if not erased:
        _erase(path, full, quoting, reason)
    removed = _purge(path)
    referred = tuple(sorted({user for each in (full, *quoting) for user in users.get(each, ())}))
    return Redaction(full, reason, referred, quoting, elsewhere, removed)


def _users(reader: Reader) -> dict[str, list[tuple[str, int]]]:
    """Return the events (session, seq) that refer to each blob."""
    users: dict[str, list[tuple[str, int]]] = {}
    for stored in reader.tail():
        if stored.session != CONTROL_SESSION:
            for sha256 in _REFERENCE.findall(stored.payload):
                users.setdefault(sha256, []).append((stored.session, stored.seq))
    return users


def _quoting(reader: Reader, sha256: str) -> tuple[str, ...]:
    """Return the other blobs that hold the longest string of this one."""
    text = max(_strings(json.loads(reader.blob(sha256))), key=len, default="").strip()
    if len(text) < _TELLING:
        return ()
    quoted = json.dumps(text)[1:-1]  # as canonical JSON has it, also inside a longer string
    return tuple(sorted(each for each in reader.holding(quoted) if each != sha256))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        if value.get("role") != "system":  # the system's message is a template: every question of its kind has it
            yield from (text for each in value.values() for text in _strings(each))
    elif isinstance(value, list):
        yield from (text for each in value for text in _strings(each))


def _erase(path: Path, sha256: str, quoting: tuple[str, ...], reason: str) -> None:
    reasons = {sha256: reason} | dict.fromkeys(quoting, f"it quotes {sha256[:12]}: {reason}")
    with opened_ledger(path) as ledger:
        for each, why in reasons.items():
            event = Redacted(sha256=each, reason=why)
            key, payload = f"{REDACT_KEY}{each}", canonical_json(event)
            ledger.append([NewEvent(CONTROL_SESSION, key, event, payload, time.time())])
            ledger.erase_blob(each)


def _purge(path: Path) -> tuple[str, ...]:
    """Remove what was made from the journal, rewrite the database without free pages, and empty the write-ahead log."""
    with RunLock(path), writing(path), closing(connect(path, "rw")) as connection:
        removed = tuple(name for name in DERIVED if (path / name).is_dir())
        for name in removed:
            shutil.rmtree(path / name)
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
        _empty_log(path, connection)
        connection.execute("VACUUM")
        _empty_log(path, connection)
    return removed


def _empty_log(path: Path, connection: sqlite3.Connection) -> None:
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise StorageError(
            "a reader holds the old content open; it is marked as erased but not yet gone from disk",
            where=str(path),
            remedy="close viewers of this run and repeat `mendloop redact`",
        )
