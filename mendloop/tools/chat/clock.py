"""Time as pacing and waiting see it, and a clock for tests whose time passes without waiting."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Protocol


class Clock(Protocol):
    """A clock that never goes back, in seconds, and a way to wait."""

    def now(self) -> float:
        """Return the time; only differences mean anything."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when so much time has passed."""
        ...


@dataclass(frozen=True)
class MonotonicClock:
    """The machine's own clock, which a changed date does not move."""

    def now(self) -> float:
        """Return the seconds since some moment in the past."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


MACHINE = MonotonicClock()


@dataclass
class JumpingClock:
    """A clock whose time jumps to the end of each sleep, which it remembers. It ships, because tests need it."""

    time: float = 0.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        """Return the time that was slept so far, and what a test set."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Let others go on for a moment, and jump."""
        self.slept.append(seconds)
        end = self.time + seconds
        await asyncio.sleep(0)
        self.time = max(self.time, end)
