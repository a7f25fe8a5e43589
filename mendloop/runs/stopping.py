"""Stopping a run: asked for by a signal or a budget, and done when what runs has ended or had its time."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mendloop.errors import MendloopError
from mendloop.graphs.outcome import SessionOutcome

DRAIN_S, TERM_DRAIN_S = 30.0, 10.0
"""How long running sessions may go on after a first request to stop, and after one by SIGTERM."""

INTERRUPTED, WALL_USED_UP = "interrupted", "budget_wall"
"""Why a run was asked to stop."""


class Stopper:
    """A request to stop, from a signal or a budget; the first reason stands."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.error: MendloopError | None = None
        self._graph: asyncio.Task[Any] | None = None
        self._sessions: set[asyncio.Task[SessionOutcome]] = set()

    def lead(self, graph: asyncio.Task[Any]) -> None:
        """Take the run's own graph, which the sessions belong to."""
        self._graph = graph

    def watch(self, task: asyncio.Task[SessionOutcome]) -> None:
        """Take a session into the drain."""
        self._sessions.add(task)
        task.add_done_callback(self._sessions.discard)

    def request(self, reason: str, drain_s: float = DRAIN_S, error: MendloopError | None = None) -> None:
        """Start nothing new, and end what runs after `drain_s` seconds. `error` is what made it necessary.

        An interruption ends the survey of the source at once: nothing of it is worth waiting for.
        """
        if self.reason is None:
            self.reason, self.error = reason, error
        if reason == INTERRUPTED and not self._sessions:
            self.end()
        else:
            asyncio.get_running_loop().call_later(drain_s, self.end)

    def end(self) -> None:
        """End what runs at once."""
        for task in (*self._sessions, self._graph):
            if task is not None:
                task.cancel()


@contextmanager
def signals(stopper: Stopper) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM drain the run once, and end it at once when they come again."""
    loop = asyncio.get_running_loop()

    def asked(drain_s: float) -> None:
        if stopper.reason is None:
            stopper.request(INTERRUPTED, drain_s)
        else:
            stopper.end()

    caught = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    if caught:
        loop.add_signal_handler(signal.SIGINT, asked, DRAIN_S)
        loop.add_signal_handler(signal.SIGTERM, asked, TERM_DRAIN_S)
    try:
        yield
    finally:
        if caught:
            loop.remove_signal_handler(signal.SIGINT)
            loop.remove_signal_handler(signal.SIGTERM)
            signal.signal(signal.SIGTERM, before)
