"""How an observed number relates to the expected one."""

from __future__ import annotations

import math

from mendloop.agents.procedural.literals import Finder, Relation, first_of, is_nan, is_number, show

Number = int | float


def relate_numbers(expected: object, observed: object) -> Relation | None:
    """Return the relation of two numbers or two bools, None for anything else."""
    if isinstance(expected, bool) and isinstance(observed, bool):
        return Relation("negated", f"The answer is inverted: {show(observed)} where {show(expected)} is right.")
    if not (is_number(expected) and is_number(observed)):
        return None
    try:
        return first_of(_FINDERS, expected, observed)
    except OverflowError:  # an int beyond the range of floats met a float
        return None


def _nan(expected: Number, observed: Number) -> Relation | None:
    if is_nan(observed):
        return Relation(
            "nan", f"The arithmetic ended in `nan`, which no comparison accepts, instead of {show(expected)}."
        )
    if is_nan(expected):
        return Relation(
            "nan_lost", f"`nan` should come through, but an ordinary number, {show(observed)}, replaced it."
        )
    return None


def _infinite(expected: Number, observed: Number) -> Relation | None:
    if math.isinf(observed) and not math.isinf(expected):
        return Relation("infinite", f"The value ran off to {show(observed)}; the finite {show(expected)} is right.")
    return None


def _sign(expected: Number, observed: Number) -> Relation | None:
    if observed == -expected:
        return Relation(
            "sign_flipped", f"The size is right and the sign is not: {show(observed)} is minus {show(expected)}."
        )
    return None


def _off_by_one(expected: Number, observed: Number) -> Relation | None:
    if expected == int(expected) and observed - expected in (1, -1):
        side = "too many" if observed > expected else "too few"
        return Relation("off_by_one", f"{show(observed)} is exactly one {side} compared with {show(expected)}.")
    return None


def _rounding(expected: Number, observed: Number) -> Relation | None:
    if expected != int(expected) and observed == int(expected):
        return Relation("truncated", f"The fraction was cut off: {show(expected)} became {show(observed)}.")
    if expected != int(expected) and observed == int(observed) and abs(observed - expected) < 1:
        return Relation(
            "rounded", f"The result was rounded to {show(observed)}, although {show(expected)} is not whole."
        )
    if expected == int(expected) and observed != int(observed) and abs(observed - expected) < 1:
        return Relation(
            "not_rounded", f"{show(observed)} still has its fraction; the whole number {show(expected)} is right."
        )
    return None


def _close(expected: Number, observed: Number) -> Relation | None:
    if math.isclose(expected, observed, rel_tol=1e-6):
        gap = f"{abs(observed - expected):.2g}"
        return Relation(
            "imprecise", f"The two numbers are within {gap} of each other, so precision was lost on the way."
        )
    return None


def _zero(expected: Number, observed: Number) -> Relation | None:
    if observed == 0:
        return Relation(
            "zero", f"Nothing was added up or found: the result is {show(observed)} instead of {show(expected)}."
        )
    if expected == 0:
        return Relation("not_zero", f"Zero is right here, and {show(observed)} came out.")
    return None


def _factor(expected: Number, observed: Number) -> Relation | None:
    ratio = observed / expected
    if ratio == 2:
        return Relation(
            "doubled", f"{show(observed)} is twice {show(expected)}, as if something was counted two times."
        )
    if ratio == 0.5:
        return Relation("halved", f"{show(observed)} is half of {show(expected)}.")
    if observed == expected * expected:
        return Relation("squared", f"{show(observed)} is the square of {show(expected)}.")
    if math.isclose(observed * expected, 1.0):
        return Relation(
            "reciprocal", f"{show(observed)} is one divided by {show(expected)}: the quotient is upside down."
        )
    return None


def _multiple(expected: Number, observed: Number) -> Relation | None:
    if abs(expected) == 1:
        return None  # everything is a multiple of it
    ratio = observed / expected
    for power in (10, 100, 1000, 10_000, 100_000, 1_000_000):
        if math.isclose(abs(ratio), power) or math.isclose(abs(ratio) * power, 1):
            side = "larger" if abs(ratio) > 1 else "smaller"
            return Relation("scaled", f"{show(observed)} is {power} times {side} than {show(expected)} in size.")
    if ratio == int(ratio) and 2 < abs(ratio) <= 1000:
        return Relation("multiple", f"{show(observed)} is {int(ratio)} times {show(expected)}.")
    return None


def _difference(expected: Number, observed: Number) -> Relation | None:
    gap = observed - expected
    size = show(abs(gap)) if isinstance(gap, int) else f"`{abs(gap):.6g}`"
    name, side = ("too_large", "larger") if gap > 0 else ("too_small", "smaller")
    return Relation(name, f"{show(observed)} is {side} than {show(expected)} by {size}.")


_FINDERS: tuple[Finder, ...] = (
    _nan,
    _infinite,
    _sign,
    _off_by_one,
    _rounding,
    _zero,
    _close,
    _factor,
    _multiple,
    _difference,
)
