"""How many requests to one model may be under way at once: found by trying, as TCP finds a link's width.

It begins at 20 and doubles after each clean round until the server first says that it is too much (429); from then on
it grows by a twentieth, and shrinks by a fifth. A round is as many answers as there are permits, and counts only where
most of them were in use: what nobody asks for shows nothing about a server.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from mendloop.tools.chat.clock import MACHINE, Clock

START = 20
SATURATED = 0.8
SHRUNK = 0.8
GROWTH = 0.05

Changed = Callable[[int, str, float], None]
"""Hears the new limit, the reason, and the seconds that the server asked to be left alone."""


def unheard(limit: int, reason: str, asked_s: float) -> None:
    """Let a change pass."""


class Pace:
    """Permits for requests, given in the order in which they were asked for. Between 1 and `ceiling` at once."""

    def __init__(
        self,
        ceiling: int,
        *,
        steady: bool = False,
        cool_down_s: float = 15.0,
        clock: Clock = MACHINE,
        changed: Changed = unheard,
    ) -> None:
        """Start at 20, or at a lower ceiling; a `steady` pace is its ceiling and stays there."""
        self.ceiling, self.steady = ceiling, steady
        self.limit = ceiling if steady else min(START, ceiling)
        self.under_way = 0
        self._cool_down_s = cool_down_s
        self._clock = clock
        self._changed = changed
        self._turns: deque[asyncio.Future[None]] = deque()
        self._doubling = True
        self._cool_at = float("-inf")
        self._answered = self._peak = 0

    @property
    def waiting(self) -> int:
        """How many wait for a permit."""
        return sum(not turn.done() for turn in self._turns)

    @asynccontextmanager
    async def permit(self) -> AsyncIterator[None]:
        """Wait for a permit, and give it back at the end of the block."""
        await self._acquire()
        try:
            yield
        finally:
            self._release()

    def answered(self) -> None:
        """Count an answer; a clean round of them lets the pace grow."""
        self._answered += 1
        if self._answered < self.limit:
            return
        saturated = self._peak >= SATURATED * self.limit
        self._begin_round()
        if saturated and not self.steady:
            grown = self.limit * 2 if self._doubling else self.limit + max(1, int(self.limit * GROWTH))
            self._set(min(grown, self.ceiling), "clean_round")

    def faltered(self) -> None:
        """Note a failure that is no 429: the round is not clean. Fewer requests would not mend the server."""
        self._begin_round()

    def rate_limited(self, asked_s: float = 0.0) -> None:
        """Note a 429, with the seconds that the server asked for: the pace shrinks, once in a cool-down."""
        self._begin_round()
        self._doubling = False
        now = self._clock.now()
        if self.steady or now < self._cool_at:
            return
        self._cool_at = now + self._cool_down_s
        self._set(max(1, int(self.limit * SHRUNK)), "rate_limited", asked_s)

    def _begin_round(self) -> None:
        self._answered, self._peak = 0, self.under_way

    def _set(self, limit: int, reason: str, asked_s: float = 0.0) -> None:
        if limit == self.limit:
            return
        self.limit = limit
        self._changed(limit, reason, asked_s)
        self._admit()

    async def _acquire(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the permit was given, and nobody is there to take it
                self._release()
            raise

    def _release(self) -> None:
        self.under_way -= 1
        self._admit()

    def _admit(self) -> None:
        """Give free permits to those who have waited longest."""
        while self._turns and self.under_way < self.limit:
            turn = self._turns.popleft()
            if turn.done():  # whoever waited was cancelled
                continue
            self.under_way += 1
            self._peak = max(self._peak, self.under_way)
            turn.set_result(None)
