"""The sessions of a run side by side in one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from mendloop.errors import BudgetError, ProviderError
from mendloop.graphs.outcome import SessionOutcome
from mendloop.records import Brief, Standing
from mendloop.runs.sessions import SessionRunner, session_name
from mendloop.runs.stopping import WALL_USED_UP, Stopper
from mendloop.runs.store import Store


class Paused(Exception):  # noqa: N818 - a signal, not an error
    """The run was asked to stop, and nothing is running any more."""


class LocalLauncher:
    """Sessions as asyncio tasks. Outcomes that the journal already holds are not run again."""

    def __init__(
        self, store: Store, runner: SessionRunner, known: Mapping[int, SessionOutcome], stopper: Stopper
    ) -> None:
        self._store, self._runner, self._known, self._stopper = store, runner, known, stopper
        self._tasks: dict[int, asyncio.Task[SessionOutcome]] = {}
        self._next = len(known)
        self._started = 0
        self._ordered = runner.team.deterministic

    def start(self, index: int, brief: Brief, standing: Standing | None = None) -> None:
        """Begin a session as the brief asks, unless its outcome is known or the run is being stopped.

        However small the wall budget, every launch begins one session, so that resuming gets to the end some day.
        """
        reason = self._stopper.reason
        if index in self._known or not (reason is None or (reason == WALL_USED_UP and not self._started)):
            return
        self._started += 1
        task = asyncio.create_task(self._session(index, brief, standing), name=session_name(index))
        self._tasks[index] = task
        self._stopper.watch(task)

    async def _session(self, index: int, brief: Brief, standing: Standing | None) -> SessionOutcome:
        journal = await self._store.journal(session_name(index))
        try:
            outcome = await self._runner.run(index, journal, brief, standing)
        except (ProviderError, BudgetError) as error:  # no fault of this session: it goes on when the run is resumed
            self._stopper.request(error.reason, error=error)
            raise Paused from error
        journal.end()
        return outcome

    async def next(self) -> SessionOutcome:
        """Return the next outcome. Raises Paused when the run was stopped and nothing is left to wait for.

        A session that was paused leaves the others their time: what they are being answered is paid for.
        """
        while self._tasks:
            if self._ordered and self._next not in self._tasks:
                await asyncio.wait(self._tasks.values())
                break
            waiting = [self._tasks[self._next]] if self._ordered else list(self._tasks.values())
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            task = min(done, key=lambda each: each.get_name())
            self._tasks = {index: each for index, each in self._tasks.items() if each is not task}
            if task.cancelled() or isinstance(task.exception(), Paused):
                continue
            self._next += 1
            return task.result()
        raise Paused

    async def stop(self) -> None:
        """Cancel what still runs and wait until it is gone."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks = {}
