"""The journal beside the sessions: what happens to a run from outside its graph, appended as it is heard of."""

from __future__ import annotations

import asyncio

from mendloop.events import CONTROL_SESSION, AnyEvent
from mendloop.runs.reader import Reader
from mendloop.runs.store import Store


class Control:
    """Appends events to the control session of a run: never replayed, and numbered on from launch to launch."""

    def __init__(self, store: Store) -> None:
        self._store = store
        with Reader(store.path) as reader:
            self._next = sum(1 for _ in reader.events(CONTROL_SESSION))
        self._appending: set[asyncio.Task[None]] = set()

    def hear(self, event: AnyEvent) -> None:
        """Append an event soon; call it inside the event loop of the run."""
        task = asyncio.get_running_loop().create_task(self.append(event, durable=False))
        self._appending.add(task)
        task.add_done_callback(self._appending.discard)

    async def append(self, event: AnyEvent, *, durable: bool = True) -> None:
        """Append an event. Raises StorageError."""
        key, self._next = f"{event.kind}/{self._next}", self._next + 1
        await self._store.append(CONTROL_SESSION, key, event, durable=durable)

    async def settle(self) -> None:
        """Wait until all that was heard is appended; what could not be is told by the run's own writing."""
        await asyncio.gather(*self._appending, return_exceptions=True)
