"""The run store: creating a run folder, opening it to go on, and what a running engine writes through."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import astuple, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from weakref import WeakValueDictionary

from mendloop import __version__
from mendloop.errors import DamageError, InputError, RedactedError
from mendloop.events import AnyEvent, Model, Ref
from mendloop.runs.blobs import BlobCache, Redactor, unpack
from mendloop.runs.chain import link, session_genesis
from mendloop.runs.head import write_head
from mendloop.runs.journal import SessionJournal
from mendloop.runs.ledger import Ledger, NewAnnotation, NewEvent
from mendloop.runs.lock import RunLock
from mendloop.runs.reader import Reader
from mendloop.runs.schema import (
    LOCK,
    STORE_VERSION,
    connect,
    create_tables,
    read_meta,
    require_run,
    tune_for_writing,
    writing,
)
from mendloop.runs.stored import StoredEvent
from mendloop.runs.writer import Work, Writer

_BACKLOG = 20_000  # pieces of work that may wait before emitting waits for the disk


class Store:
    """A run folder held for writing by this process. Use it from one thread (that of the event loop)."""

    def __init__(self, path: Path, lock: RunLock, secrets: Iterable[str], clock: Callable[[], float]) -> None:
        """Take over a locked run folder. Obtain one from `create_run` or `open_run`."""
        self.path = path
        self._lock, self._clock = lock, clock
        self._redactor, self._cache = Redactor(secrets), BlobCache()
        self._pending: dict[str, str] = {}
        self._journals: WeakValueDictionary[str, SessionJournal] = WeakValueDictionary()
        self._written: set[str] = set()
        connection = connect(path, "rw")
        try:
            with writing(path):
                meta = read_meta(connection, path)
                tune_for_writing(connection)
                ledger = Ledger(connection, meta)
                ledger.check_head(path)
            self._reader = Reader(path)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._erased = self._reader.redacted()
        self._writer = Writer(path, connection, ledger, lambda sha256: self._pending.pop(sha256, None))

    async def journal(self, session: str, patience_s: float = 60) -> SessionJournal:
        """Return the session's journal, with all that is stored of it; an earlier one is closed.

        `patience_s` bounds how long a resumed session may stand still before it counts as diverged.
        Raises DamageError when the stored events are not what was written.
        """
        if earlier := self._journals.get(session):
            earlier.close()
        if session in self._written:
            await self.flush()
        stored = list(_unbroken(session, self._reader.events(session)))
        journal = SessionJournal(self, session, stored, patience_s)
        self._journals[session] = journal
        self._written.add(session)
        return journal

    def put(self, value: object) -> Ref:
        """Store a value as a blob, redacted and capped. Raises StorageError."""
        ref, text = self._redactor.pack(value)
        if ref.sha256 in self._pending or self._cache.get(ref.sha256) is not None:
            self._writer.check()
            return ref
        self._pending[ref.sha256] = text
        self._cache.add(ref.sha256, text)
        self._writer.submit(Work(blob=(ref.sha256, text)))
        return ref

    def get(self, sha256: str, model: type[Model]) -> Model:
        """Return what was stored, exactly. Raises RedactedError when it was erased, DamageError when it is damaged."""
        if sha256 in self._erased:
            raise RedactedError(f"blob {sha256[:12]} was erased on request", where=str(self.path))
        text = self._cache.get(sha256) or self._pending.get(sha256)
        return unpack(self._reader.blob(sha256) if text is None else text, model)

    async def append(self, session: str, key: str, event: AnyEvent, *, durable: bool) -> None:
        """Append an event; with `durable`, return after its commit. Raises StorageError."""
        event, payload = self._redactor.payload(event)
        new = NewEvent(session=session, key=key, event=event, payload=payload, ts=self._clock())
        if durable or self._writer.backlog > _BACKLOG:
            await self._writer.commit(event=new)
        else:
            self._writer.submit(Work(event=new))

    def clean(self, event: AnyEvent) -> AnyEvent:
        """Return an event as it would be stored."""
        return self._redactor.payload(event)[0]

    async def annotate(self, session: str, author: str, kind: str, text: str) -> None:
        """Append an annotation and return when it is durable. Raises StorageError."""
        note = NewAnnotation(session=session, author=author, kind=kind, text=text, ts=self._clock())
        await self._writer.commit(annotation=_storable(self._redactor, note))

    async def flush(self) -> None:
        """Return when all that was handed over is durable, and the head file says so. Raises StorageError."""
        await self._writer.commit()

    def close(self) -> None:
        """Commit what is queued and give the folder back; a second call does nothing.

        It raises nothing: to learn that all is durable, `flush` first.
        """
        self._writer.stop()
        self._reader.close()
        self._connection.close()
        self._lock.release()

    def __enter__(self) -> Store:
        """Return the store, already open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()


def create_run(path: Path, *, secrets: Iterable[str] = (), clock: Callable[[], float] = time.time) -> Store:
    """Make a new run folder and hold it for writing. `secrets` are kept out of everything stored.

    Raises InputError when the folder exists and is not empty or cannot be made, StorageError when the disk is full.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        _require_empty(path)
    except OSError as error:
        raise InputError(f"no run folder can be made here: {error}", where=str(path)) from error
    lock = RunLock(path)
    try:
        _require_empty(path)  # again, now that nobody else can be making one here
        with writing(path):
            _create(path, clock)
        return Store(path, lock, secrets, clock)
    except BaseException:
        lock.release()
        raise


def _create(path: Path, clock: Callable[[], float]) -> None:
    with closing(connect(path, "rwc")) as connection:
        tune_for_writing(connection)
        created = datetime.fromtimestamp(clock(), UTC).isoformat(timespec="seconds")
        meta = {"version": str(STORE_VERSION), "created": created, "mendloop": __version__}
        create_tables(connection, meta)
        write_head(path, Ledger(connection, meta).head())


def open_run(path: Path, *, secrets: Iterable[str] = (), clock: Callable[[], float] = time.time) -> Store:
    """Hold an existing run for writing, to go on with it.

    Raises InputError when the folder is no run, is in use, or has a newer format; StorageError when it cannot be
    written; DamageError when the database holds less than its head file says.
    """
    require_run(path)
    lock = RunLock(path)
    try:
        return Store(path, lock, secrets, clock)
    except BaseException:
        lock.release()
        raise


def annotate(path: Path, session: str, author: str, kind: str, text: str) -> None:
    """Add an annotation to a run that nobody is writing. Raises InputError."""
    require_run(path)
    with opened_ledger(path) as ledger:
        note = NewAnnotation(session=session, author=author, kind=kind, text=text, ts=time.time())
        ledger.annotate([_storable(Redactor(), note)])


@contextmanager
def opened_ledger(path: Path) -> Iterator[Ledger]:
    """Lock a run and yield its ledger inside one transaction, committed at the end together with the head."""
    with RunLock(path):
        connection = connect(path, "rw")
        try:
            with writing(path):
                ledger = Ledger(connection, read_meta(connection, path))
                ledger.check_head(path)
                tune_for_writing(connection)
                connection.execute("BEGIN IMMEDIATE")
                yield ledger
                connection.execute("COMMIT")
                write_head(path, ledger.head())
        finally:
            connection.close()


def _storable(redactor: Redactor, note: NewAnnotation) -> NewAnnotation:
    """Return the annotation with a text that SQLite can hold: redacted, capped, lone surrogates escaped."""
    return replace(note, text=redactor.clean_text(note.text).encode("utf-8", "backslashreplace").decode())


def _require_empty(path: Path) -> None:
    if any(entry.name != LOCK for entry in path.iterdir()):
        raise InputError(
            "the folder exists and is not empty",
            where=str(path),
            remedy="name another one with --out, or go on with `mendloop resume`",
        )


def _unbroken(session: str, events: Iterable[StoredEvent]) -> Iterator[StoredEvent]:
    previous = session_genesis(session)
    for seq, event in enumerate(events, start=1):
        *row, hashed = astuple(event)
        if event.seq != seq or link(previous, row) != hashed:
            raise DamageError(
                f"event {seq} of session {session!r} is not what was written",
                remedy="`mendloop verify` says what is lost",
            )
        previous = event.hash
        yield event
