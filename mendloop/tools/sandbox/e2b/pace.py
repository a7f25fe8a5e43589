"""Beginnings that are spaced in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[object]]


class Pace:
    """Lets at most `per_s` callers a second through, one after the other."""

    def __init__(self, per_s: float, clock: Clock = time.monotonic, sleep: Sleep = asyncio.sleep) -> None:
        self._gap, self._clock, self._sleep = 1 / per_s, clock, sleep
        self._next = clock()
        self._line = asyncio.Lock()

    async def turn(self) -> None:
        """Wait for one's turn."""
        async with self._line:
            while (wait := self._next - self._clock()) > 0:
                await self._sleep(wait)
            self._next = self._clock() + self._gap

    def hold(self, seconds: float) -> None:
        """Let nobody through for a time."""
        self._next = max(self._next, self._clock() + seconds)
