"""The journal of one session: live and resumed against the store, or replayed without touching anything outside."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

from mendloop.errors import RedactedError
from mendloop.events import AnyEvent, Model, Ref
from mendloop.frozen import canonical_json, digest
from mendloop.runs.blobs import BlobCache, Redactor, unpack
from mendloop.runs.order import Recorded
from mendloop.runs.reader import Reader
from mendloop.runs.stored import StoredEvent


class ReplayEnded(Exception):  # noqa: N818 - a signal, not an error
    """The replay has come to the end of what an interrupted session had recorded: a consistent prefix."""


class Storage(Protocol):
    """What a live journal needs of the store."""

    def put(self, value: object) -> Ref:
        """Store a value as a blob."""
        ...

    def get(self, sha256: str, model: type[Model]) -> Model:
        """Return what was stored."""
        ...

    def clean(self, event: AnyEvent) -> AnyEvent:
        """Return an event as it would be stored."""
        ...

    async def append(self, session: str, key: str, event: AnyEvent, *, durable: bool) -> None:
        """Append an event, and wait for its commit when it must be durable."""
        ...


class _Journal(ABC):
    """What resuming and replaying share: stored keys are checked and served, only new ones go further."""

    def __init__(self, session: str, stored: Sequence[StoredEvent], patience_s: float) -> None:
        self.session = session
        self._recorded = Recorded(session, stored, patience_s)
        self._keys: set[str] = set()

    @property
    def compared(self) -> int:
        """How many stored events were asked for again and were equal."""
        return self._recorded.consumed

    @property
    def remaining(self) -> int:
        """How many stored events have not been asked for."""
        return self._recorded.remaining

    def end(self) -> None:
        """Say that the session has ended. Raises DivergedError when stored events were never asked for."""
        if self.remaining:
            raise self._recorded.diverge("end", f"{self.remaining} recorded events were never asked for")

    @abstractmethod
    def put(self, value: object) -> Ref:
        """Store a record (or text) as a blob, redacted and capped, and return its reference."""

    @abstractmethod
    def clean(self, event: AnyEvent) -> AnyEvent:
        """Return an event as it would be stored: without secrets."""

    @abstractmethod
    def get(self, sha256: str, model: type[Model]) -> Model:
        """Return what was stored, exactly. Raises RedactedError when it was erased."""

    async def emit(self, key: str, event: AnyEvent) -> None:
        """Append an event, or compare it with the stored one.

        Raises DivergedError when they differ, StorageError when the store cannot be written any more, RuntimeError
        when the key was used before.
        """
        self._claim(key)
        stored = await self._recorded.take(key)
        if stored is None:
            await self._append(key, event, durable=False)
        else:
            self._compare(key, stored, self.clean(event))

    async def effect(
        self,
        key: str,
        request: object,
        call: Callable[[], Awaitable[Model]],
        model: type[Model],
        event: Callable[[str, Ref, Model], AnyEvent],
    ) -> Model:
        """Return the stored answer under `key`, or make the call and return its answer as stored, once it is durable.

        Raises as `emit` does, RedactedError when the answer was erased, and what the call raises: then nothing is
        stored and the key may be used again.
        """
        self._claim(key)
        asked = digest(request)
        stored = await self._recorded.take(key)
        if stored is not None:
            return self.get(self._answer(key, asked, stored).sha256, model)
        try:
            value = await self._call(key, call)
        except BaseException:
            self._keys.discard(key)
            raise
        ref = self.put(value)
        kept = self.get(ref.sha256, model)
        await self._append(key, event(asked, ref, kept), durable=True)
        return kept

    @abstractmethod
    async def _append(self, key: str, event: AnyEvent, *, durable: bool) -> None: ...

    @abstractmethod
    async def _call(self, key: str, call: Callable[[], Awaitable[Model]]) -> Model: ...

    def _claim(self, key: str) -> None:
        if key in self._keys:
            raise RuntimeError(f"journal key {key!r} is used twice in session {self.session!r}")
        self._keys.add(key)

    def _compare(self, key: str, stored: StoredEvent, event: AnyEvent) -> None:
        # The typed events are compared where the texts differ: a later version's event has more fields, with defaults.
        if stored.payload != (payload := canonical_json(event)) and stored.event != event:
            raise self._recorded.diverge(key, _difference(canonical_json(stored.event), payload))

    def _answer(self, key: str, asked: str, stored: StoredEvent) -> Ref:
        request, result = getattr(stored.event, "request", None), getattr(stored.event, "result", None)
        if not isinstance(result, Ref):
            raise self._recorded.diverge(key, f"a {stored.kind} event, which has no answer")
        if request != asked:
            raise self._recorded.diverge(key, f"a request with the hash {str(request)[:12]}, not {asked[:12]}")
        return result


class SessionJournal(_Journal):
    """A live session's journal: a fresh one when nothing is stored, a resumed one otherwise."""

    def __init__(
        self, storage: Storage, session: str, stored: Sequence[StoredEvent] = (), patience_s: float = 60
    ) -> None:
        """Bind a session to the store. Obtain one from `Store.journal`, which reads what is stored."""
        super().__init__(session, stored, patience_s)
        self._storage = storage
        self._closed = False

    def put(self, value: object) -> Ref:
        """Store a record (or text) as a blob, redacted and capped, and return its reference."""
        return self._storage.put(value)

    def get(self, sha256: str, model: type[Model]) -> Model:
        """Return what was stored, exactly. Raises RedactedError when it was erased."""
        return self._storage.get(sha256, model)

    def clean(self, event: AnyEvent) -> AnyEvent:
        """Return an event as it would be stored: without secrets."""
        return self._storage.clean(event)

    def close(self) -> None:
        """Refuse every later use: another journal of the same session takes over."""
        self._closed = True

    async def _append(self, key: str, event: AnyEvent, *, durable: bool) -> None:
        if self._closed:
            raise RuntimeError(f"this journal of session {self.session!r} was closed")
        await self._storage.append(self.session, key, event, durable=durable)

    async def _call(self, key: str, call: Callable[[], Awaitable[Model]]) -> Model:
        return await call()


class ReplayJournal(_Journal):
    """A recorded session played again: everything is compared, nothing is called or written."""

    def __init__(self, reader: Reader, session: str, patience_s: float = 10, secrets: Iterable[str] = ()) -> None:
        """Read a session's events. `secrets` are those that the run was given, if they are known."""
        super().__init__(session, list(reader.events(session)), patience_s)
        self._reader = reader
        self._redactor = Redactor(secrets)
        self._erased = reader.redacted()
        self._own = BlobCache()

    def put(self, value: object) -> Ref:
        """Return the reference that storing the value would give."""
        ref, text = self._redactor.pack(value)
        self._own.add(ref.sha256, text)
        return ref

    def get(self, sha256: str, model: type[Model]) -> Model:
        """Return what was stored, exactly. Raises RedactedError when it was erased."""
        if sha256 in self._erased:
            raise RedactedError(f"blob {sha256[:12]} was erased on request", where=f"session {self.session!r}")
        text = self._own.get(sha256)
        return unpack(self._reader.blob(sha256) if text is None else text, model)

    def clean(self, event: AnyEvent) -> AnyEvent:
        """Return an event as it would be stored: without secrets."""
        return self._redactor.payload(event)[0]

    async def _append(self, key: str, event: AnyEvent, *, durable: bool) -> None:
        raise self._nothing_stored(key)

    async def _call(self, key: str, call: Callable[[], Awaitable[Model]]) -> Model:
        raise self._nothing_stored(key)

    def _nothing_stored(self, key: str) -> Exception:
        if self._recorded.finished:
            return self._recorded.diverge(key, "nothing")
        return ReplayEnded(f"session {self.session!r} was recorded up to here")


def _difference(stored: str, asked: str) -> str:
    """Say which fields of two payloads differ, with short values."""
    before, now = json.loads(stored), json.loads(asked)
    fields = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    return "; ".join(f"{name} was {_short(before.get(name))}, is {_short(now.get(name))}" for name in fields[:3])


def _short(value: object) -> str:
    text = canonical_json(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
