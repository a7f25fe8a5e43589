"""The machines that are rented at once: made at the plan's pace, used again and again, ended before their time."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mendloop.errors import MendloopError, SandboxError
from mendloop.tools.sandbox.e2b.faults import BusyError, MachineError
from mendloop.tools.sandbox.e2b.ledger import Ledger
from mendloop.tools.sandbox.e2b.pace import Clock, Pace, Sleep
from mendloop.tools.sandbox.e2b.plan import Plan
from mendloop.tools.sandbox.e2b.runner import pack
from mendloop.tools.sandbox.e2b.sdk import Cloud, Machine

SPARE_S = 30.0
"""A machine is not used within this time of its end of life."""


@dataclass(eq=False)
class _Waiter:
    needed_s: float
    future: asyncio.Future[Machine]


class Pool:
    """Hands machines out, one user at a time each. Belongs to one event loop.

    A machine that is made belongs to the pool and not to who asked: whoever waits longest gets it.
    """

    def __init__(self, cloud: Cloud, plan: Plan, tag: str, clock: Clock = time.monotonic, sleep: Sleep = asyncio.sleep):
        self._cloud, self._plan, self._tag, self._clock = cloud, plan, tag, clock
        self._pace = Pace(plan.creates_per_s, clock, sleep)
        self._ledger = Ledger(cloud, tag)
        self._idle: list[Machine] = []
        self._waiters: deque[_Waiter] = deque()
        self._count = 0
        self._in_line: set[asyncio.Task[None]] = set()
        self._making: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self.closed = False

    def most_s(self, wanted_s: float) -> float:
        """Return how long one use may last: no longer than a fresh machine lives."""
        return min(wanted_s, max(1.0, self._plan.lifetime_s - 2 * SPARE_S))

    async def take(self, needed_s: float) -> Machine:
        """Return a machine with the runner on it that lives at least so long.

        Raises InputError when the cloud refuses, SandboxError when it has no machine or the pool is closed.
        """
        if self.closed:
            raise SandboxError("the sandbox was closed")
        waiter = _Waiter(needed_s, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        self._serve()
        try:
            return await waiter.future
        except asyncio.CancelledError:
            if waiter.future.done() and not waiter.future.cancelled() and waiter.future.exception() is None:
                self.give_back(waiter.future.result())
            raise
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def give_back(self, machine: Machine) -> None:
        """Take back a machine that is well."""
        self._idle.append(machine)
        self._serve()

    async def discard(self, machine: Machine) -> None:
        """End a machine with all that runs on it; goes on with that when cancelled."""
        await asyncio.shield(self._end(machine))

    async def aclose(self) -> None:
        """End every machine, also those just being made; who waits gets a SandboxError. May be called twice."""
        self.closed = True
        for waiter in self._waiters:
            _fail(waiter, SandboxError("the sandbox was closed"))
        self._idle.clear()
        for task in self._in_line:
            task.cancel()
        while tasks := [*self._in_line, *self._making, *self._ending]:
            await asyncio.wait(tasks)
        await self._ledger.settle()

    # --- who gets what ---

    def _serve(self) -> None:
        """Bring machines and waiters together; end those too old, and have new ones made for who still waits."""
        if self.closed:
            self._idle, late = [], self._idle
            for machine in late:
                self._end(machine)
            return
        fit: list[Machine] = []
        for machine in self._idle:
            waiter = next((one for one in self._waiters if not one.future.done() and self._fits(machine, one)), None)
            if waiter is not None:
                waiter.future.set_result(machine)
            elif self._waiting() or self._left_s(machine) < 2 * SPARE_S:
                self._end(machine)
            else:
                fit.append(machine)
        self._idle = fit
        wanted = self._waiting() - len(self._in_line) - len(self._making)
        for _ in range(min(wanted, self._plan.machines - self._count)):
            self._count += 1
            _keep(self._in_line, self._make()).add_done_callback(lambda _: self._serve())

    def _waiting(self) -> int:
        return sum(not waiter.future.done() for waiter in self._waiters)

    def _fits(self, machine: Machine, waiter: _Waiter) -> bool:
        return self._left_s(machine) >= waiter.needed_s + SPARE_S

    def _left_s(self, machine: Machine) -> float:
        return machine.born + self._plan.lifetime_s - self._clock()

    # --- making ---

    async def _make(self) -> None:
        """Have one machine made, unless nobody waits any more when its turn has come."""
        machine = None
        try:
            for attempt in range(1, self._plan.attempts + 1):
                await self._pace.turn()
                if self.closed or not self._waiting():
                    return
                with self._past_recall():
                    machine = await self._equipped(last=attempt == self._plan.attempts)
                if machine is not None:
                    self.give_back(machine)
                if machine is not None or self.closed:
                    return
                self._pace.hold(2.0**attempt)
        except MendloopError as error:
            self._refuse(error)
        finally:
            self._count -= machine is None

    @contextmanager
    def _past_recall(self) -> Iterator[None]:
        """Have closing wait for this task instead of cancelling it: a machine must not be made unnoticed."""
        task = asyncio.current_task()
        assert task is not None
        self._in_line.discard(task)
        self._making.add(task)
        try:
            yield
        finally:
            self._making.discard(task)
            self._in_line.add(task)

    async def _equipped(self, *, last: bool) -> Machine | None:
        """Make a machine and put the runner on it; None when that failed and may be tried again."""
        runner = pack()
        try:
            machine = await self._ledger.create()
        except BusyError:
            if last:
                raise
            return None
        try:
            await machine.write(runner.path, runner.data)
        except BaseException as error:
            await asyncio.shield(self._end(machine, counted=False))
            if last or not isinstance(error, MachineError):
                raise
            return None
        return machine

    def _refuse(self, error: MendloopError) -> None:
        """Tell who waits: one of them when the cloud has no machine, all when it refuses us."""
        for waiter in list(self._waiters):
            if not waiter.future.done():
                _fail(waiter, error)
                if isinstance(error, SandboxError):
                    return

    # --- ending ---

    def _end(self, machine: Machine, *, counted: bool = True) -> asyncio.Task[None]:
        return _keep(self._ending, self._ended(machine, counted=counted))

    async def _ended(self, machine: Machine, *, counted: bool) -> None:
        await self._ledger.kill(machine.id)
        if counted:
            self._count -= 1
        self._serve()


def _keep(tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = asyncio.ensure_future(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task


def _fail(waiter: _Waiter, error: MendloopError) -> None:
    if not waiter.future.done():
        waiter.future.set_exception(error)
