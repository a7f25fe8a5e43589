"""The recorded events of one session, handed out again in their recorded order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from mendloop.errors import DivergedError, MendloopError
from mendloop.runs.stored import StoredEvent


class Recorded:
    """Stored events and a cursor.

    Parallel branches may come in another order than they were recorded in: each waits for its turn. A key that is not
    stored waits until every stored one was consumed, so that new events follow all old ones.
    """

    def __init__(self, session: str, events: Sequence[StoredEvent], patience_s: float) -> None:
        """Start before the first event. `patience_s` bounds how long nothing may move while somebody waits."""
        self.session = session
        self._events = events
        self._positions = {event.key: position for position, event in enumerate(self._events)}
        self._patience_s = patience_s
        self._turns: dict[int, asyncio.Event] = {}
        self._broken: MendloopError | None = None
        self.consumed = 0

    @property
    def remaining(self) -> int:
        """How many stored events have not been asked for."""
        return len(self._events) - self.consumed

    @property
    def finished(self) -> bool:
        """Whether the session came to its end when it was recorded."""
        return any(event.kind in {"session_finished", "run_finished"} for event in self._events)

    def holds(self, key: str) -> bool:
        """Whether an event is stored under this key."""
        return key in self._positions

    async def take(self, key: str) -> StoredEvent | None:
        """Return the event stored under a key when its turn has come, or None, when all were consumed, for a new key.

        Raises DivergedError when nothing moves for too long, or when the session has diverged already.
        """
        position = self._positions.get(key, len(self._events))
        if self._broken or position != self.consumed:
            await self._turn(position, key)
        if position == len(self._events):
            return None
        event = self._events[position]
        self.consumed += 1
        if waiting := self._turns.pop(self.consumed, None):
            waiting.set()
        return event

    def diverge(self, key: str, what: str) -> DivergedError:
        """Mark the session as diverged, so that every waiting branch ends too, and return the error to raise."""
        error = DivergedError(
            f"the journal holds something else under {key!r}: {what}",
            where=f"session {self.session!r}",
            remedy="code, scenario or models have changed since; start a new run",
        )
        self._broken = error
        for waiting in self._turns.values():
            waiting.set()
        return error

    async def _turn(self, position: int, key: str) -> None:
        while not self._broken and self.consumed != position:
            before = self.consumed
            event = self._turns.setdefault(position, asyncio.Event())
            try:
                await asyncio.wait_for(event.wait(), self._patience_s)
            except TimeoutError:
                if self.consumed == before and not self._broken:
                    missing = self._events[self.consumed]
                    raise self.diverge(
                        missing.key, f"its {missing.kind} event was not asked for while {key!r} waited"
                    ) from None
        if self._broken:
            raise type(self._broken)(self._broken.what, where=self._broken.where, remedy=self._broken.remedy)
