"""What a few real sessions say about the cost of many: means with intervals by the bootstrap, and a projection.

Intervals are percentiles of 2,000 resamples of the sessions (Efron and Tibshirani, An Introduction to the Bootstrap,
chapter 13); the resampling is seeded, so that the same sessions give the same figures.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mendloop.events import RUN_SESSION, LlmAnswered
from mendloop.frozen import Frozen
from mendloop.runs.answers import asked_in
from mendloop.runs.reader import Reader
from mendloop.runs.spent import usage_of

RESAMPLES = 2_000
TAIL = 0.025
"""The share of resamples on either side of a 95 % interval."""


class Interval(Frozen):
    """A mean and its 95 % interval; `high` is None where too few sessions were kept to say."""

    mean: float
    low: float
    high: float | None


class Sample(Frozen):
    """What sessions took. Dollars are None where a price is not known, figures per kept record where none was kept.

    `target_*` are what `records` kept records would take at that rate, with the run's own questions.
    """

    sessions: int
    kept: int
    tokens_per_session: Interval
    usd_per_session: Interval | None
    tokens_per_kept: Interval | None
    usd_per_kept: Interval | None
    records: int
    target_tokens: Interval | None
    target_usd: Interval | None


@dataclass(frozen=True)
class Taken:
    """What one session took."""

    tokens: int
    usd: float | None
    kept: bool


def sample_of(run: Path, records: int) -> Sample | None:
    """Return what a run's sessions took, projected to `records`; None where none has ended. Raises DamageError."""
    with Reader(run) as reader:
        ended = [row for row in reader.sessions() if row.status in ("kept", "dropped")]
        taken = [_taken(reader, row.session, row.status == "kept") for row in ended]
        plan = _taken(reader, RUN_SESSION, kept=False)
    return summarised(taken, plan, records) if taken else None


def took(run: Path, session: str) -> tuple[int, float | None]:
    """Return the tokens and the US dollars of one session; None dollars where a price is not known."""
    with Reader(run) as reader:
        taken = _taken(reader, session, kept=False)
    return taken.tokens, taken.usd


def _taken(reader: Reader, session: str, kept: bool) -> Taken:
    answers: list[LlmAnswered] = [asked.event for asked in asked_in(reader, session)]
    paid = [event.usd for event in answers]
    return Taken(
        tokens=sum(usage_of(event).total for event in answers),
        usd=None if None in paid else sum(each or 0.0 for each in paid),
        kept=kept,
    )


def summarised(taken: Sequence[Taken], plan: Taken, records: int) -> Sample:
    """Return the figures of sessions; `plan` is what the run itself asked for once."""
    tokens_per_kept = _interval(taken, lambda each: each.tokens, per_kept=True)
    usd_per_session = usd_per_kept = None
    if all(each.usd is not None for each in taken):
        usd_per_session = _interval(taken, lambda each: each.usd or 0.0)
        usd_per_kept = _interval(taken, lambda each: each.usd or 0.0, per_kept=True)
    tokens_per_session = _interval(taken, lambda each: each.tokens)
    assert tokens_per_session is not None
    return Sample(
        sessions=len(taken),
        kept=sum(each.kept for each in taken),
        tokens_per_session=tokens_per_session,
        usd_per_session=usd_per_session,
        tokens_per_kept=tokens_per_kept,
        usd_per_kept=usd_per_kept,
        records=records,
        target_tokens=_projected(tokens_per_kept, records, plan.tokens),
        target_usd=None if plan.usd is None else _projected(usd_per_kept, records, plan.usd),
    )


def _interval(taken: Sequence[Taken], amount: Callable[[Taken], float], *, per_kept: bool = False) -> Interval | None:
    """Return the mean of an amount per session or per kept record; None where nothing was kept to share it."""
    rate = _rate(taken, amount, per_kept)
    if math.isinf(rate):
        return None
    draw = random.Random(0)  # noqa: S311 - sampling, not secrecy
    rates = sorted(_rate(draw.choices(taken, k=len(taken)), amount, per_kept) for _ in range(RESAMPLES))
    high = rates[math.ceil((1 - TAIL) * RESAMPLES) - 1]
    return Interval(
        mean=round(rate, 9),
        low=round(rates[int(TAIL * RESAMPLES)], 9),
        high=None if math.isinf(high) else round(high, 9),
    )


def _rate(taken: Sequence[Taken], amount: Callable[[Taken], float], per_kept: bool) -> float:
    total = sum(amount(each) for each in taken)
    count = sum(each.kept for each in taken) if per_kept else len(taken)
    return total / count if count else math.inf


def _projected(each: Interval | None, records: int, once: float) -> Interval | None:
    if each is None:
        return None
    high = None if each.high is None else round(records * each.high + once, 6)
    return Interval(mean=round(records * each.mean + once, 6), low=round(records * each.low + once, 6), high=high)
