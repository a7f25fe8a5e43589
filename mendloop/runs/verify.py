"""Recomputing a whole store: one flipped bit in an event, a blob or an annotation is found."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

from mendloop.errors import DamageError, MendloopError
from mendloop.events import RUN_SESSION, AnyEvent, Redacted, Ref
from mendloop.runs.blobs import text_hash
from mendloop.runs.chain import link, roll, run_genesis, session_genesis
from mendloop.runs.head import Head, Mark, read_head, shortfall
from mendloop.runs.packing import UnpackError, unpacked
from mendloop.runs.readonly import open_for_reading
from mendloop.runs.rollup import Rollup, SessionRow, read_rows
from mendloop.runs.schema import HEAD, expected_shape, read_meta, require_run, shape_of
from mendloop.runs.stored import StoredEvent, parse_event

RUN_WIDE = -1
"""`Damage.seq` of what is not about one event."""


@dataclass(frozen=True)
class Damage:
    """One thing that is not as it was written. `session` is "" and `seq` -1 when it is not about one event."""

    session: str
    seq: int
    what: str


@dataclass(frozen=True)
class VerifyReport:
    """What was checked and what was found; `redacted` lists the blobs erased on request, which is no damage."""

    events: int
    blobs: int
    annotations: int
    redacted: tuple[str, ...]
    damaged: tuple[Damage, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.damaged


def verify(path: Path) -> VerifyReport:
    """Recompute every chain, hash and row of a run, running ones too.

    Raises InputError when the folder is no run, or one of a newer format.
    """
    require_run(path)
    check = _Check()
    head = check.head(path)  # before the snapshot: the head may lag the database, never lead it
    try:
        connection, copy = open_for_reading(path)
    except DamageError as error:
        check.found(error.what)
        return check.report()
    try:
        connection.text_factory = _decode
        meta = read_meta(connection, path)
        connection.execute("BEGIN")
        check.everything(connection, meta, head)
    except (DamageError, sqlite3.Error) as error:
        check.found(f"SQLite: {error.what if isinstance(error, MendloopError) else error}")
    finally:
        connection.close()
        if copy:
            copy.cleanup()
    return check.report()


@dataclass
class _Rolling:
    """A rolling hash that remembers what it was when the head file was written."""

    mark: Mark | None
    hash: str
    count: int = 0
    at_mark: str = ""

    def __post_init__(self) -> None:
        self.at_mark = self.hash

    def add(self, hashed: object) -> None:
        self.count, self.hash = self.count + 1, roll(self.hash, str(hashed))
        if self.mark and self.count == self.mark.count:
            self.at_mark = self.hash


@dataclass
class _Chain:
    """A chain as far as it was read: the next row may follow from the last hash as stored or as recomputed."""

    links: frozenset[str]
    seq: int = 0


@dataclass
class _Check:
    """What has been read so far, and what was found."""

    damaged: list[Damage] = field(default_factory=list)
    events: int = 0
    annotations: int = 0
    blobs: dict[str, int | None] = field(default_factory=dict)
    redactions: set[str] = field(default_factory=set)

    def found(self, what: str, session: str = RUN_SESSION, seq: int = RUN_WIDE) -> None:
        damage = Damage(_printable(session), seq, _printable(what))
        if damage not in self.damaged[-3:]:
            self.damaged.append(damage)

    def report(self) -> VerifyReport:
        erased = sorted(sha256 for sha256, size in self.blobs.items() if size is None)
        return VerifyReport(self.events, len(self.blobs), self.annotations, tuple(erased), tuple(self.damaged))

    def head(self, path: Path) -> Head | None:
        try:
            return read_head(path)
        except DamageError as error:
            self.found(error.what)
            return None

    def everything(self, connection: sqlite3.Connection, meta: dict[str, str], head: Head | None) -> None:
        genesis = run_genesis(meta)
        self.read_blobs(connection)
        self.read_events(connection, genesis, head)
        self.read_annotations(connection, genesis, head.annotations if head else None)
        for sha256, size in self.blobs.items():
            if size is None and sha256 not in self.redactions:
                self.found(f"blob {sha256[:12]} is empty, and no redaction says so")
        if shape_of(connection) != expected_shape():
            self.found("the tables or triggers are not those that were created")
        for (line,) in connection.execute("PRAGMA integrity_check(20)"):
            if line != "ok":
                self.found(f"SQLite: {line}")
        if head is None and not self.damaged and self.events:
            self.found(f"{HEAD} is missing")

    def read_blobs(self, connection: sqlite3.Connection) -> None:
        for sha256, data in self._rows(connection, "SELECT sha256, data FROM blob", "blobs"):
            name, text = _hex(sha256), None if data is None else _text(data)
            self.blobs[name] = None if text is None else len(text)
            if text is not None and text_hash(text) != name:
                self.found(f"blob {name[:12]} is not what was stored")

    def read_events(self, connection: sqlite3.Connection, genesis: str, head: Head | None) -> None:
        rolling, chains, rollup = _Rolling(head, genesis), dict[str, _Chain](), Rollup()
        for row in self._rows(connection, "SELECT * FROM event ORDER BY n", "events"):
            self.events += 1
            n, session, seq, kind, v, key, payload, ts, hashed = row
            stored = StoredEvent(n, session, seq, kind, v, key, _text(payload), ts, _hex(hashed))
            self._follow(stored, chains, self.events)
            rolling.add(stored.hash)
            if event := self._parse(stored):
                rollup.add(stored.session, event, stored.ts)
                self._references(stored, event)
        self._compare_head("events", rolling)
        self._compare_rollup(connection, rollup)

    def read_annotations(self, connection: sqlite3.Connection, genesis: str, mark: Mark | None) -> None:
        rolling, chain = _Rolling(mark, genesis), _Chain(frozenset({genesis}))
        for *row, hashed in self._rows(connection, "SELECT * FROM annotation ORDER BY n", "annotations"):
            self.annotations += 1
            if not _joined(chain, row, hashed) or row[0] != self.annotations:
                self.found(f"annotation {row[0]} is not what was written", str(row[1]))
            rolling.add(hashed)
        self._compare_head("annotations", rolling)

    def _rows(self, connection: sqlite3.Connection, query: str, name: str) -> Iterator[Any]:
        try:
            yield from connection.execute(query)
        except sqlite3.Error as error:
            self.found(f"SQLite: the {name} cannot be read to their end: {error}")

    def _follow(self, stored: StoredEvent, chains: dict[str, _Chain], n: int) -> None:
        chain = chains.get(stored.session)
        if chain is None:
            chain = chains[stored.session] = _Chain(frozenset({session_genesis(str(stored.session))}))
        *row, hashed = astuple(stored)
        joined = _joined(chain, row, hashed)
        if stored.seq != chain.seq:
            self.found(f"event {chain.seq} is missing or misnumbered", stored.session, chain.seq)
        elif not joined or stored.n != n:
            self.found("the event is not what was written", stored.session, stored.seq)

    def _parse(self, stored: StoredEvent) -> AnyEvent | None:
        try:
            event = parse_event(stored.payload)
        except (ValueError, TypeError):
            self.found("the payload is no event", stored.session, stored.seq)
            return None
        if (event.kind, event.v) != (stored.kind, stored.v):
            self.found("the payload is of another kind", stored.session, stored.seq)
        return event

    def _references(self, stored: StoredEvent, event: AnyEvent) -> None:
        if isinstance(event, Redacted):
            self.redactions.add(event.sha256)
        for ref in (value for value in event.__dict__.values() if isinstance(value, Ref)):
            if ref.sha256 not in self.blobs:
                self.found(f"blob {ref.sha256[:12]} is missing", stored.session, stored.seq)
            elif self.blobs[ref.sha256] not in {None, ref.bytes}:
                self.found(f"blob {ref.sha256[:12]} has another length", stored.session, stored.seq)

    def _compare_head(self, name: str, rolling: _Rolling) -> None:
        if rolling.mark and (fault := shortfall(name, rolling.mark, rolling.count, rolling.at_mark)):
            self.found(fault)

    def _compare_rollup(self, connection: sqlite3.Connection, rollup: Rollup) -> None:
        try:
            stored = {row.session: row for row in read_rows(connection)}
        except sqlite3.Error as error:
            self.found(f"SQLite: the session table cannot be read: {error}")
            return
        for session in sorted({*stored, *rollup.rows}):
            fault = _row_fault(stored.get(session), rollup.rows.get(session))
            if fault:
                self.found(f"the session table {fault}; rebuild it from the events", session)


def _joined(chain: _Chain, row: list[object], hashed: object) -> bool:
    """Move a chain on by one row and return whether the row follows from the one before it."""
    recomputed = {link(previous, row) for previous in chain.links}
    chain.seq += 1
    chain.links = frozenset({str(hashed), *recomputed})
    return hashed in recomputed


def _row_fault(stored: SessionRow | None, folded: SessionRow | None) -> str | None:
    if stored == folded:
        return None
    if stored is None or folded is None:
        return "lacks a session" if stored is None else "has a session without events"
    before, now = astuple(stored), astuple(folded)
    names = [name for name, a, b in zip(SessionRow.__dataclass_fields__, before, now, strict=True) if a != b]
    return f"differs from the events in {', '.join(names)}"


def _text(data: object) -> str:
    """Return a packed text; one that is damaged is empty, which no stored text is."""
    try:
        return unpacked(data)
    except UnpackError:
        return ""


def _hex(data: object) -> str:
    return data.hex() if isinstance(data, bytes) else str(data)


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def _printable(text: object) -> str:
    return str(text).encode("utf-8", "backslashreplace").decode()
