"""Where a run stands: shares, projections, the pulse, and the limit on kept records."""

from __future__ import annotations

import asyncio

import pytest

from mendloop.graphs.outcome import SessionOutcome
from mendloop.records import Brief, Standing
from mendloop.runs.progress import Silent, TellingLauncher
from mendloop.runs.pulse import RECORDS_USED_UP, KeptLimit, Pulse, beat, pulse_of
from mendloop.specs import BudgetSpec
from mendloop.tools.chat.metered import Meter


def outcome(index: int, kept: bool) -> SessionOutcome:
    ending = ("kept", "kept", "C") if kept else ("dropped", "no_tests", None)
    result, reason, tier = ending
    return SessionOutcome.model_validate(
        {"session": f"s{index}", "index": index, "outcome": result, "reason": reason, "tier": tier, "turns": 1}
    )


@pytest.mark.parametrize(
    ("pulse", "share", "tokens", "usd"),
    [
        (Pulse(), None, None, None),
        (Pulse(kept=2, goal=10, tokens=300, usd=0.5), None, 1500, 2.5),
        (Pulse(kept=2, goal=10, tokens=300, tokens_limit=1000), 0.3, 1500, None),
        (Pulse(kept=0, goal=10, tokens=300, usd=0.5, tokens_limit=1000, usd_limit=1.0), 0.5, None, None),
        (Pulse(kept=1, goal=1, tokens=900, usd=0.1, tokens_limit=1000, usd_limit=1.0), 0.9, 900, 0.1),
    ],
)
def test_shares_and_projections_follow_from_what_was_used(
    pulse: Pulse, share: float | None, tokens: int | None, usd: float | None
) -> None:
    assert (pulse.share, pulse.projected_tokens, pulse.projected_usd) == (share, tokens, usd)


def test_a_pulse_is_read_off_the_meter() -> None:
    meter = Meter(BudgetSpec(tokens=1000, usd=2.0), tokens=500, usd=1.5)
    pulse = pulse_of(meter, priced=True, sessions=3, kept=1, goal=4)
    assert pulse == Pulse(sessions=3, kept=1, goal=4, tokens=500, usd=1.5, tokens_limit=1000, usd_limit=2.0)
    assert pulse_of(meter, priced=False, sessions=3, kept=1, goal=4).usd is None


async def test_the_pulse_comes_until_it_is_stopped() -> None:
    seen: list[Pulse] = []
    meter, enough = Meter(), asyncio.Event()

    def look() -> Pulse:
        meter.tokens += 1
        return pulse_of(meter, priced=False, sessions=0, kept=0, goal=1)

    def tell(pulse: Pulse) -> None:
        seen.append(pulse)
        if len(seen) == 3:
            enough.set()

    beating = asyncio.create_task(beat(tell, look, every_s=0.001))
    await enough.wait()
    beating.cancel()
    await asyncio.gather(beating, return_exceptions=True)
    assert [pulse.tokens for pulse in seen] == list(range(1, len(seen) + 1))
    assert len(seen) >= 4, "the end is told too"


def test_a_limit_of_records_asks_to_stop_once() -> None:
    said: list[str] = []
    limit = KeptLimit(2, said.append)
    for index, kept in enumerate([True, False, True, True, False]):
        limit.collected(outcome(index, kept))
    assert (limit.sessions, limit.kept, said) == (5, 3, [RECORDS_USED_UP])


def test_without_a_limit_of_records_nobody_is_asked_to_stop() -> None:
    said: list[str] = []
    limit = KeptLimit(None, said.append)
    limit.collected(outcome(0, kept=True))
    assert said == []


class Ends:
    """A launcher whose sessions have all been kept."""

    def __init__(self) -> None:
        self.index = 0

    def start(self, index: int, brief: Brief, standing: Standing | None = None) -> None:
        """Begin nothing."""

    async def next(self) -> SessionOutcome:
        self.index += 1
        return outcome(self.index - 1, kept=True)

    async def stop(self) -> None:
        """End nothing."""


async def test_a_record_counts_once_its_outcome_was_committed() -> None:
    said: list[str] = []
    launcher = TellingLauncher(Ends(), Silent(), KeptLimit(1, said.append))
    await launcher.next()
    assert said == [], "the outcome is committed after `next` has returned"
    launcher.start(1, Brief())
    assert said == [RECORDS_USED_UP]
