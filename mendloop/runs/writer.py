"""The one thread that writes a store: it drains its queue, commits once for all of it, then answers who waits.

The head file follows at most a moment later, and before the thread ends.
"""

from __future__ import annotations

import asyncio
import math
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mendloop.errors import StorageError
from mendloop.runs.failpoints import passing
from mendloop.runs.head import write_head
from mendloop.runs.ledger import Ledger, NewAnnotation, NewEvent

_LARGEST_GROUP = 4096
_HEAD_S = 0.1
"""How long the head file may stay behind the database: it has to be forced to the disk on its own."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one caller hands over. `done` is resolved after the commit, with `head` after the head file too."""

    event: NewEvent | None = None
    annotation: NewAnnotation | None = None
    blob: tuple[str, str] | None = None
    done: asyncio.Future[None] | None = None
    head: bool = False


class Writer:
    """A queue and the thread behind it. After the first failure every waiting and every later call fails."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        ledger: Ledger,
        stored: Callable[[str], object],
    ) -> None:
        """Start the thread, which owns the connection from now on; `stored` hears the hash of each committed blob."""
        self._path, self._connection, self._ledger, self._stored = path, connection, ledger, stored
        self._queue: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._failure: str | None = None
        self._head_due = math.inf
        self._thread = threading.Thread(target=self._run, name="mendloop-writer", daemon=True)
        self._thread.start()

    @property
    def backlog(self) -> int:
        """How many pieces of work wait, about."""
        return self._queue.qsize()

    def submit(self, work: Work) -> None:
        """Hand over work. Raises StorageError when the store cannot be written any more."""
        self.check()
        self._queue.put(work)

    async def commit(self, event: NewEvent | None = None, annotation: NewAnnotation | None = None) -> None:
        """Hand over work and return when it, and all before it, is durable. Raises StorageError.

        Without work of its own it waits for the head file too.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.submit(Work(event=event, annotation=annotation, done=done, head=event is None and annotation is None))
        await done

    def check(self) -> None:
        """Raise StorageError when the store cannot be written any more."""
        if self._failure is not None:
            raise self._error()

    def stop(self) -> None:
        """Commit what is queued and end the thread; a second call does nothing."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        self._failure = self._failure or "it was closed"

    def _run(self) -> None:
        open_ = True
        while open_:
            group, open_ = self._next_group()
            if group and self._failure is None:
                self._commit(group)
            if not open_ or any(work.head for work in group):
                self._write_head()
            _answer(group, self._error() if self._failure else None)
            if time.monotonic() >= self._head_due:
                self._write_head()

    def _next_group(self) -> tuple[list[Work], bool]:
        """Return what is queued, and False at the end; nothing when the head file is due first."""
        group: list[Work] = []
        left = self._head_due - time.monotonic()
        try:
            work = self._queue.get(timeout=None if left == math.inf else max(0.0, left))
        except queue.Empty:
            return group, True
        while work is not None:
            group.append(work)
            if len(group) == _LARGEST_GROUP:
                return group, True
            try:
                work = self._queue.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _commit(self, group: Sequence[Work]) -> None:
        blobs = [work.blob for work in group if work.blob]
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._ledger.store_blobs(blobs)
            passing("between blobs and events")
            self._ledger.append([work.event for work in group if work.event])
            self._ledger.annotate([work.annotation for work in group if work.annotation])
            passing("before a commit")
            self._connection.execute("COMMIT")
            passing("after a commit")
        except Exception as error:  # whatever it is, nobody may be left waiting
            self._fail(error)
        else:
            self._head_due = min(self._head_due, time.monotonic() + _HEAD_S)
            for sha256, _ in blobs:
                self._stored(sha256)

    def _fail(self, error: Exception) -> None:
        self._failure = str(error) or type(error).__name__
        with suppress(sqlite3.Error):  # SQLite has rolled back by itself, or recovers when the run is opened next
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _write_head(self) -> None:
        """Write the head file if it is behind."""
        behind, self._head_due = self._head_due < math.inf, math.inf
        if self._failure is not None or not behind:
            return
        try:
            write_head(self._path, self._ledger.head())
        except OSError as error:
            self._failure = f"head.json: {error}"

    def _error(self) -> StorageError:
        return StorageError(
            f"the run store cannot be written: {self._failure}",
            where=str(self._path),
            remedy=f"make room there, then `mendloop resume {self._path}`",
        )


def _answer(group: Sequence[Work], error: StorageError | None) -> None:
    """Resolve the futures in their event loops, with one wake-up a loop."""
    waiting: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for work in group:
        if work.done:
            waiting.setdefault(work.done.get_loop(), []).append(work.done)
    for loop, futures in waiting.items():
        with suppress(RuntimeError):  # that event loop is closed: nobody waits there any more
            loop.call_soon_threadsafe(_resolve, futures, error)


def _resolve(futures: Sequence[asyncio.Future[None]], error: StorageError | None) -> None:
    for future in futures:
        if future.done():  # its waiter was cancelled
            continue
        if error:
            future.set_exception(StorageError(error.what, where=error.where, remedy=error.remedy))
        else:
            future.set_result(None)
