"""Appending to an open store: numbers, chains and the roll-up, inside the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from mendloop.errors import DamageError
from mendloop.events import AnyEvent
from mendloop.runs.chain import link, roll, run_genesis, session_genesis
from mendloop.runs.head import Head, Mark, read_head, shortfall
from mendloop.runs.packing import packed
from mendloop.runs.rollup import Rollup


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to append; its numbers and its hash come from the ledger."""

    session: str
    key: str
    event: AnyEvent
    payload: str
    ts: float


@dataclass(frozen=True, slots=True)
class NewAnnotation:
    """An annotation to append."""

    session: str
    author: str
    kind: str
    text: str
    ts: float


_EVENTS = "SELECT lower(hex(hash)) FROM event"
_NOTES = "SELECT hash FROM annotation"
"""Where the hashes of the two rolling hashes come from."""


class Tail(NamedTuple):
    """Where a session's chain ends."""

    seq: int
    hash: str


class Ledger:
    """The ends of all chains of one database; the caller commits, and gives the ledger up when that fails."""

    def __init__(self, connection: sqlite3.Connection, meta: Mapping[str, str]) -> None:
        """Find the ends of the run's chains by reading every hash once."""
        self._connection = connection
        self._tails: dict[str, Tail] = {}
        self._rollup = Rollup(connection)
        self._genesis = run_genesis(meta)
        self._count, self._rolling = self._rolled(_EVENTS)
        self._notes, self._notes_rolling = self._rolled(_NOTES)

    def head(self) -> Head:
        """Return the present end of the run."""
        return Head(
            count=self._count, hash=self._rolling, annotations=Mark(count=self._notes, hash=self._notes_rolling)
        )

    def check_head(self, path: Path) -> None:
        """Raise DamageError when the database holds less, or something else, than the head file says."""
        head = read_head(path)
        if head is None:
            if self._count == 0:  # a crash between the tables and the first head
                return
            fault: str | None = "head.json is missing"
        else:
            fault = self._compare("event", head) or self._compare("annotation", head.annotations)
        if fault:
            raise DamageError(fault, where=str(path), remedy="`mendloop verify` says what is lost")

    def append(self, events: Sequence[NewEvent]) -> None:
        """Append events in order. Raises sqlite3.Error."""
        rows = [self._link(new) for new in events]
        self._connection.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._rollup.save(self._connection)

    def annotate(self, annotations: Iterable[NewAnnotation]) -> None:
        """Append annotations in order. Raises sqlite3.Error."""
        for new in annotations:
            n = self._notes + 1
            row = (n, new.session, new.author, new.kind, new.text, new.ts)
            hashed = link(self._last_note(), row)
            self._connection.execute("INSERT INTO annotation VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, hashed))
            self._notes, self._notes_rolling = n, roll(self._notes_rolling, hashed)

    def store_blobs(self, blobs: Iterable[tuple[str, str]]) -> None:
        """Store texts by hash; one that is there, or was erased, stays as it is. Raises sqlite3.Error."""
        self._connection.executemany(
            "INSERT INTO blob SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM blob WHERE sha256 = ?)",
            [(name := bytes.fromhex(sha256), packed(text), name) for sha256, text in blobs],
        )

    def erase_blob(self, sha256: str) -> None:
        """Drop a blob's content; its redacted event must have been appended. Raises sqlite3.Error."""
        self._connection.execute("PRAGMA secure_delete = ON")
        self._connection.execute("UPDATE blob SET data = NULL WHERE sha256 = ?", (bytes.fromhex(sha256),))

    def _link(self, new: NewEvent) -> tuple[object, ...]:
        tail = self._tails.get(new.session) or self._find_tail(new.session)
        n, seq = self._count + 1, tail.seq + 1
        row = (n, new.session, seq, new.event.kind, new.event.v, new.key, new.payload, new.ts)
        hashed = link(tail.hash, row)
        self._tails[new.session] = Tail(seq, hashed)
        self._count, self._rolling = n, roll(self._rolling, hashed)
        self._rollup.add(new.session, new.event, new.ts)
        return (*row[:6], packed(new.payload), new.ts, bytes.fromhex(hashed))

    def _find_tail(self, session: str) -> Tail:
        row = self._connection.execute(
            "SELECT seq, lower(hex(hash)) FROM event WHERE session = ? ORDER BY seq DESC LIMIT 1", (session,)
        ).fetchone()
        return Tail(*row) if row else Tail(0, session_genesis(session))

    def _last_note(self) -> str:
        row = self._connection.execute("SELECT hash FROM annotation ORDER BY n DESC LIMIT 1").fetchone()
        return row[0] if row else self._genesis

    def _rolled(self, hashes: str, limit: int = -1) -> tuple[int, str]:
        count, rolling = 0, self._genesis
        for (hashed,) in self._connection.execute(f"{hashes} ORDER BY n LIMIT {limit}"):
            count, rolling = count + 1, roll(rolling, hashed)
        return count, rolling

    def _compare(self, table: Literal["event", "annotation"], mark: Mark) -> str | None:
        events = table == "event"
        count, rolling = (self._count, self._rolling) if events else (self._notes, self._notes_rolling)
        if count > mark.count:
            _, rolling = self._rolled(_EVENTS if events else _NOTES, mark.count)
        return shortfall(f"{table}s", mark, count, rolling)
