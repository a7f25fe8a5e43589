"""Where a run stands while it works: what it has used, how its models are doing, and when its records are enough."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from mendloop.frozen import Frozen
from mendloop.graphs.outcome import SessionOutcome
from mendloop.tools.chat.metered import Meter
from mendloop.tools.chat.protocol import Rates

RECORDS_USED_UP = "budget_records"
"""Why a run was asked to stop that has kept as many records as its budget allows."""
BEAT_S = 1.0
"""Seconds between two pulses."""


class Pulse(Frozen):
    """Where a run stands: sessions, kept records of `goal`, and what its models have used of the limits.

    `usd` is None where no price is known, a limit where there is none. `rates` says how each model is doing.
    """

    sessions: int = 0
    kept: int = 0
    goal: int = 0
    tokens: int = 0
    usd: float | None = None
    tokens_limit: int | None = None
    usd_limit: float | None = None
    rates: tuple[Rates, ...] = ()

    @property
    def share(self) -> float | None:
        """The largest share of a limit that is used; None without limits."""
        shares = [self.tokens / self.tokens_limit] if self.tokens_limit else []
        if self.usd_limit and self.usd is not None:
            shares.append(self.usd / self.usd_limit)
        return max(shares, default=None)

    @property
    def projected_tokens(self) -> int | None:
        """The tokens that the goal takes at the present rate; None while nothing is kept."""
        return round(self.tokens * self.goal / self.kept) if self.kept else None

    @property
    def projected_usd(self) -> float | None:
        """The US dollars that the goal takes at the present rate; None while nothing is kept, or without a price."""
        return self.usd * self.goal / self.kept if self.kept and self.usd is not None else None


def pulse_of(
    meter: Meter, *, priced: bool, sessions: int, kept: int, goal: int, rates: tuple[Rates, ...] = ()
) -> Pulse:
    """Return where a run stands by its meter. `priced` says that the prices of all its models are known."""
    return Pulse(
        sessions=sessions,
        kept=kept,
        goal=goal,
        tokens=meter.tokens,
        usd=meter.usd if priced else None,
        tokens_limit=meter.budget.tokens,
        usd_limit=meter.budget.usd,
        rates=rates,
    )


async def beat(tell: Callable[[Pulse], None], look: Callable[[], Pulse], every_s: float = BEAT_S) -> None:
    """Tell where the run stands, again and again until it is cancelled, and then once more."""
    try:
        while True:
            tell(look())
            await asyncio.sleep(every_s)
    finally:
        tell(look())


@dataclass
class KeptLimit:
    """Asks a run to stop, once, at so many kept records (None: never). Sessions under way may still be kept.

    `sessions` and `kept` are what was taken into account so far.
    """

    records: int | None
    used_up: Callable[[str], None]
    sessions: int = 0
    kept: int = 0

    def collected(self, outcome: SessionOutcome) -> None:
        """Count a session that was taken into account."""
        self.sessions += 1
        before, self.kept = self.kept, self.kept + (outcome.outcome == "kept")
        if self.records is not None and before < self.records <= self.kept:
            self.used_up(RECORDS_USED_UP)
