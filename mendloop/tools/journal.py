"""The journal seam: what a node emits, and how it reaches anything outside the graph."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from mendloop.events import AnyEvent, Model, Ref


class Journal(Protocol):
    """One session's journal. Keys are unique within the session; see `Bench` for how they are made."""

    def put(self, value: object) -> Ref:
        """Store a record (or text) as a blob, redacted and capped, and return its reference."""
        ...

    def get(self, sha256: str, model: type[Model]) -> Model:
        """Return what was stored under a hash, exactly. Raises RedactedError when it was erased."""
        ...

    async def emit(self, key: str, event: AnyEvent) -> None:
        """Append an event. While resuming or replaying, check it against the stored one instead."""
        ...

    async def effect(
        self,
        key: str,
        request: object,
        call: Callable[[], Awaitable[Model]],
        model: type[Model],
        event: Callable[[str, Ref, Model], AnyEvent],
    ) -> Model:
        """Return the journalled answer under `key`, or make the call, commit its answer, and return what was stored.

        `event` builds the journal's event from the request hash, the blob and the answer. The caller sees the answer
        only after it is durable. Raises DivergedError when the key is known with another request hash.
        """
        ...
