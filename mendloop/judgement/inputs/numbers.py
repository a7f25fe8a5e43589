"""Domains of numbers: their range with a little more room, and what they are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mendloop.judgement.inputs.domains import Part, Real, Whole
from mendloop.judgement.inputs.sequences import step_of

OFTEN = 5
"""How often each of a few values must come on average before no other is expected."""
FEW = 4
"""How many values are few."""
MORE = 10
"""How far beyond what was seen integers may go where there are few."""


def whole_of(values: Sequence[int]) -> Whole:
    """Return the domain of integers: their range with a quarter more room, and what they are made of."""
    distinct = sorted(set(values))
    low, high = distinct[0], distinct[-1]
    often = len(distinct) <= FEW and len(values) >= OFTEN * len(distinct)
    same = len(distinct) == 1 and len(values) >= 3
    step = step_of(distinct)
    return Whole(
        low=_below(low) if step == 1 else low,
        high=_above(high) if step == 1 else high,
        zero=0 in distinct,
        only=tuple(distinct) if often or same else (),
        step=step,
        digits=_digits(distinct),
    )


def _below(low: int) -> int:
    """Return a lower end with some room that keeps the sign; 0 and 1 are the least only where they were seen."""
    if low < 0:
        return low - max(1, -low // 4)
    return low if low <= 1 else max(2, low - max(1, low // 4))


def _above(high: int) -> int:
    return -_below(-high) if high < 0 else high + (max(1, high // 4) if high else 0)


def higher(part: Part) -> Part:
    """Return integers with more room above the largest one; another part, or one with a rule, as it is."""
    if not isinstance(part, Whole) or part.high <= 0 or part.only or part.digits or part.step > 1:
        return part
    return part.model_copy(update={"high": part.high + min(part.high, MORE)})


def _digits(distinct: list[int]) -> str:
    """Return "01" for numbers that are written in binary digits."""
    long = [value for value in distinct if abs(value) >= 10]
    used = {digit for value in distinct for digit in str(abs(value))}
    return "01" if len(long) >= 3 and used <= set("01") else ""


def real_of(values: Sequence[float]) -> Real:
    """Return the domain of floats: their range with a quarter more room, as many decimals as seen."""
    finite = sorted({value for value in values if math.isfinite(value)})
    odd = tuple(sorted({repr(value) for value in values if not math.isfinite(value)}))
    if not finite:
        return Real(low=0.0, high=-1.0, zero=False, places=0, odd=odd)
    return Real(
        low=_real_below(finite[0]),
        high=-_real_below(-finite[-1]),
        zero=0.0 in finite,
        places=max(map(places_of, finite)),
        odd=odd,
    )


def _real_below(low: float) -> float:
    wider = low - abs(low) / 4
    return wider if math.isfinite(wider) else low


def places_of(value: float) -> int:
    """Return the decimals of a float as it is written: 0 for 2.0, 2 for 0.25."""
    mantissa, _, exponent = repr(value).partition("e")
    decimals = len(mantissa.partition(".")[2].rstrip("0"))
    return max(0, decimals - int(exponent or 0))
