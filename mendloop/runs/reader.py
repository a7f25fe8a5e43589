"""Reading a run: never blocks its writer, works after a crash and on a read-only file system."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

from mendloop.errors import DamageError, InputError
from mendloop.events import RUN_SESSION, Model, Ref, RunFinished
from mendloop.records import Tier
from mendloop.runs.blobs import checked, unpack
from mendloop.runs.lock import owner_of
from mendloop.runs.readonly import open_for_reading
from mendloop.runs.rollup import SessionRow, SessionStatus, read_rows
from mendloop.runs.schema import read_meta, reading, require_run
from mendloop.runs.stored import StoredEvent, stored_event

RunStatus = Literal["running", "finished", "interrupted"]
_EVENT_COLUMNS = "n, session, seq, kind, v, key, payload, ts, lower(hex(hash))"
_ERASED = "SELECT lower(hex(sha256)) FROM blob WHERE data IS NULL"
_SHORTEST_PREFIX = 4
_PAGE = 256


@dataclass(frozen=True)
class Annotation:
    """A remark that somebody added to a session (or, with session "", to the run)."""

    n: int
    session: str
    author: str
    kind: str
    text: str
    ts: float
    hash: str


class Reader:
    """Read-only access to a run folder; a context manager. For one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open a run. Raises InputError when the folder is none, DamageError when it cannot be read."""
        require_run(path)
        self.path = path
        self._connection, self._copy = open_for_reading(path)
        try:
            with reading(path):
                self._meta = read_meta(self._connection, path)
        except BaseException:
            self.close()
            raise

    def meta(self) -> dict[str, str]:
        """Return the store's meta data: `version` (of the format), `created`, `mendloop`."""
        return dict(self._meta)

    def status(self) -> RunStatus:
        """Return whether a live process works on the run, and else whether the run came to its end."""
        if owner_of(self.path) is not None:
            return "running"
        return "finished" if self.end() else "interrupted"

    def end(self) -> RunFinished | None:
        """Return the event with which the run came to its end, None before. Raises DamageError."""
        with reading(self.path):
            row = self._connection.execute(
                f"SELECT {_EVENT_COLUMNS} FROM event WHERE session = ? AND kind = 'run_finished' LIMIT 1",  # noqa: S608 - a constant
                (RUN_SESSION,),
            ).fetchone()
        event = stored_event(row).event if row else None
        return event if isinstance(event, RunFinished) else None

    def data_version(self) -> int:
        """Return a number that changes when another process has committed something."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def last_n(self) -> int:
        """Return the number of the last event, 0 when there is none."""
        with reading(self.path):
            return int(self._connection.execute("SELECT coalesce(max(n), 0) FROM event").fetchone()[0])

    def run_events(self) -> Iterator[StoredEvent]:
        """Yield the events of the run as a whole, in order."""
        return self.events(RUN_SESSION)

    def events(self, session: str) -> Iterator[StoredEvent]:
        """Yield a session's events in order; none when there is no such session. Raises DamageError."""
        last = 0
        while page := self._page("session = ? AND seq > ? ORDER BY seq", session, last):
            yield from page
            last = page[-1].seq

    def tail(self, after_n: int = 0) -> Iterator[StoredEvent]:
        """Yield the events of all sessions after number `after_n`, in commit order. Raises DamageError."""
        while page := self._page("n > ? ORDER BY n", after_n):
            yield from page
            after_n = page[-1].n

    def sessions(
        self,
        status: SessionStatus | None = None,
        tier: Tier | None = None,
        limit: int | None = None,
        after: int | None = None,
    ) -> Iterator[SessionRow]:
        """Yield the roll-up rows that match, by index; `after` continues behind an index."""
        wanted: dict[str, object] = {"status = ?": status, "tier = ?": tier, "idx > ?": after}
        given = {condition: value for condition, value in wanted.items() if value is not None}
        where = f"WHERE {' AND '.join(given)} " if given else ""
        with reading(self.path):
            rows = read_rows(
                self._connection,
                f"{where}ORDER BY idx, session LIMIT ?",
                [*given.values(), -1 if limit is None else limit],
            )
        yield from rows

    def session(self, session: str) -> SessionRow | None:
        """Return one session's roll-up row, or None."""
        with reading(self.path):
            return next(iter(read_rows(self._connection, "WHERE session = ?", [session])), None)

    def annotations(self, session: str | None = None) -> Iterator[Annotation]:
        """Yield the annotations of a session, or all, in order."""
        where, values = ("", ()) if session is None else ("WHERE session = ?", (session,))
        with reading(self.path):
            query = f"SELECT n, session, author, kind, text, ts, hash FROM annotation {where} ORDER BY n"  # noqa: S608
            rows = self._connection.execute(query, values).fetchall()
        yield from (Annotation(*row) for row in rows)

    def blob(self, blob: Ref | str) -> str:
        """Return a blob's stored text (canonical JSON) by reference or full hash.

        Raises RedactedError when it was erased, DamageError when it is missing or not what was stored.
        """
        sha256 = blob.sha256 if isinstance(blob, Ref) else blob
        with reading(self.path):
            row = self._connection.execute(
                "SELECT data FROM blob WHERE sha256 = ?", (bytes.fromhex(sha256),)
            ).fetchone()
        if row is None:
            raise DamageError(f"there is no blob {sha256[:12]}", where=str(self.path))
        return checked(sha256, row[0])

    def text(self, blob: Ref | str) -> str:
        """Return the text that was stored as a plain string, or a record's JSON. Raises as `blob` does."""
        stored = self.blob(blob)
        value = json.loads(stored)
        return value if isinstance(value, str) else stored

    def load(self, blob: Ref | str, model: type[Model]) -> Model:
        """Return the record that a blob holds. Raises as `blob` does."""
        return unpack(self.blob(blob), model)

    def redacted(self) -> frozenset[str]:
        """Return the hashes of the blobs that were erased."""
        with reading(self.path):
            return frozenset(sha256 for (sha256,) in self._connection.execute(_ERASED))

    def holding(self, text: str) -> Iterator[str]:
        """Yield the hashes of the blobs whose stored text holds `text`, as canonical JSON writes it."""
        with reading(self.path):
            names = self._connection.execute("SELECT lower(hex(sha256)) FROM blob WHERE data IS NOT NULL").fetchall()
        yield from (sha256 for (sha256,) in names if text in self.blob(sha256))

    def resolve(self, prefix: str) -> str:
        """Return the full hash of the one blob that starts so (at least four digits). Raises InputError."""
        prefix = prefix.lower()
        if len(prefix) < _SHORTEST_PREFIX or not set(prefix) <= set("0123456789abcdef"):
            raise InputError(f"{prefix!r} is no hash of a blob", remedy="give at least four hexadecimal digits")
        with reading(self.path):
            found = self._connection.execute(
                "SELECT lower(hex(sha256)) FROM blob WHERE hex(sha256) LIKE ? LIMIT 2", (f"{prefix}%",)
            ).fetchall()
        if len(found) != 1:
            what = "more than one blob starts" if found else "no blob starts"
            raise InputError(f"{what} with {prefix}", where=str(self.path), remedy="`mendloop show` lists the hashes")
        return str(found[0][0])

    def close(self) -> None:
        """Close the database; a second call does nothing."""
        self._connection.close()
        if self._copy is not None:
            self._copy.cleanup()

    def __enter__(self) -> Reader:
        """Return the reader, already open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _page(self, where: str, *values: object) -> list[StoredEvent]:
        # Whole pages: a statement left half read would keep old content alive and the log from being emptied.
        query = f"SELECT {_EVENT_COLUMNS} FROM event WHERE {where} LIMIT {_PAGE}"  # noqa: S608
        with reading(self.path):
            return [stored_event(row) for row in self._connection.execute(query, values)]
