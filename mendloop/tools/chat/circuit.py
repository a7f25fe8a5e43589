"""Whether a model's server is asked at all: after many failures it is left alone for a while, then tried once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Literal

from mendloop.errors import ProviderError
from mendloop.tools.chat.clock import MACHINE, Clock

WINDOW = 20
"""How many calls are looked at; half of them must have failed."""

State = Literal["closed", "open", "probing"]
Moved = Callable[[State, str], None]
"""Hears the new state and the reason."""


def unheard(state: State, reason: str) -> None:
    """Let a change pass."""


class Circuit:
    """Closed while a server answers; open for `open_s` seconds at a time when half of the last 20 calls failed.

    Then one call is the probe: if it is answered, the circuit closes; if not, it opens again. A circuit that was open
    for `give_up_s` in all, or that was shut, stays open.
    """

    def __init__(
        self,
        name: str,
        where: str,
        *,
        open_s: float = 30.0,
        give_up_s: float = 600.0,
        clock: Clock = MACHINE,
        moved: Moved = unheard,
    ) -> None:
        """Begin closed; `name` and `where` say in errors which model is meant."""
        self.state: State = "closed"
        self._name, self._where = name, where
        self._open_s, self._give_up_s = open_s, give_up_s
        self._clock = clock
        self._moved = moved
        self._failures: deque[bool] = deque(maxlen=WINDOW)
        self._opened_at = self._probe_at = 0.0
        self._settled = asyncio.Event()
        self._end: ProviderError | None = None

    async def passable(self) -> None:
        """Wait until a call may be made. Raises ProviderError when none may be made any more."""
        while True:
            if self._end is not None:
                end = self._end
                raise ProviderError(end.what, where=end.where, remedy=end.remedy, reason=end.reason)
            if self.state == "probing":
                await self._settled.wait()
                continue
            left = self._probe_at - self._clock.now()
            if self.state == "closed" or left <= 0:
                return
            await self._clock.sleep(left)

    def claim(self) -> Literal["call", "probe"] | None:
        """Return as what a call may be made now; None where another was faster, and `passable` is to be awaited."""
        if self.state == "closed":
            return "call"
        if self._end is not None or self.state == "probing" or self._clock.now() < self._probe_at:
            return None
        self._settled = asyncio.Event()
        self._move("probing", "probe_due")
        return "probe"

    def succeeded(self, probe: bool) -> None:
        """Count a call that the server answered, be it with a refusal."""
        if self._end is not None:
            return
        if probe:
            self._failures.clear()
            self._move("closed", "probe_answered")
        elif self.state == "closed":
            self._failures.append(False)

    def failed(self, probe: bool) -> None:
        """Count a call that came to nothing."""
        now = self._clock.now()
        if self._end is not None:
            return
        if probe and now - self._opened_at >= self._give_up_s:
            what = f"{self._name} has not answered for {now - self._opened_at:.0f} s"
            given_up = ProviderError(what, where=self._where, remedy="resume when it does", reason="circuit")
            self.shut(given_up, "given_up")
        elif probe:
            self._open("probe_failed")
        elif self.state == "closed":
            self._failures.append(True)
            if sum(self._failures) * 2 >= WINDOW:
                self._opened_at = now
                self._open("failures")

    def abandoned(self, probe: bool) -> None:
        """Note a call that was cancelled: it says nothing about the server, and another may be the probe at once."""
        if probe and self._end is None:
            self._probe_at = self._clock.now()
            self._move("open", "probe_abandoned")

    def shut(self, error: ProviderError, reason: str) -> None:
        """Open for good: every call that waits or comes is refused with this error."""
        if self._end is None:
            self._end = error
            self._move("open", reason)

    def _open(self, reason: str) -> None:
        self._probe_at = self._clock.now() + self._open_s
        self._move("open", reason)

    def _move(self, state: State, reason: str) -> None:
        self.state = state
        if state != "probing":
            self._settled.set()
        self._moved(state, reason)
