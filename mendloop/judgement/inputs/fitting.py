"""Whether a value is in a domain."""

from __future__ import annotations

import math
from typing import Any, Final

from mendloop.judgement.calls import literal
from mendloop.judgement.inputs.domains import (
    Domain,
    Exact,
    Flag,
    Keyed,
    Many,
    Nothing,
    Part,
    Real,
    Row,
    Table,
    Whole,
    Words,
)
from mendloop.judgement.inputs.numbers import places_of
from mendloop.judgement.inputs.sequences import distinct, keeps_order
from mendloop.judgement.inputs.texts import fits_words

CONTAINERS: Final[dict[str, type]] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}


def fits(domain: Domain, value: Any) -> bool:
    """Tell whether a value is in a domain; types are exact, so that True is no int."""
    return any(fits_part(part, value) for part in domain)


def fits_part(part: Part, value: Any) -> bool:
    """Tell whether a value is in one part of a domain."""
    match part:
        case Nothing():
            return value is None
        case Flag():
            return type(value) is bool
        case Whole():
            return type(value) is int and _fits_whole(part, value)
        case Real():
            return type(value) is float and _fits_real(part, value)
        case Words():
            return type(value) is str and fits_words(part, value)
        case Exact():
            return literal(value) in part.texts
        case Row():
            return type(value) is CONTAINERS[part.container] and _fits_row(part, value)
        case Many():
            return type(value) is CONTAINERS[part.container] and _fits_many(part, value)
        case Keyed():
            return type(value) is dict and value.keys() == set(part.keys) and _fits_keyed(part, value)
        case Table():
            return type(value) is dict and _fits_table(part, value)


def _fits_whole(part: Whole, value: int) -> bool:
    if part.only:
        return value in part.only
    return (
        part.low <= value <= part.high
        and (value != 0 or part.zero)
        and (value - part.low) % part.step == 0
        and (not part.digits or set(str(abs(value))) <= set(part.digits))
    )


def _fits_real(part: Real, value: float) -> bool:
    if not math.isfinite(value):
        return repr(value) in part.odd
    return part.low <= value <= part.high and (value != 0 or part.zero) and places_of(value) <= part.places


def _fits_row(part: Row, value: Any) -> bool:
    if len(value) != len(part.fields) or not all(map(fits, part.fields, value)):
        return False
    return keeps_order(part.order, value) and (not part.distinct or distinct(value))


def _fits_many(part: Many, value: Any) -> bool:
    if not value:
        return part.empty
    if not part.least <= len(value) <= part.most or (len(value) - part.least) % part.step:
        return False
    if not all(fits(part.item, item) for item in value) or (part.distinct and not distinct(value)):
        return False
    if part.mixed and len({type(item) for item in value}) < len(part.item):
        return False
    if part.rectangle and len({len(item) for item in value}) > 1:
        return False
    return keeps_order(part.order, value) and not (part.square and len(value) != len(value[0]))


def _fits_keyed(part: Keyed, value: dict[Any, Any]) -> bool:
    return all(fits(domain, value[key]) for key, domain in zip(part.keys, part.values, strict=True))


def _fits_table(part: Table, value: dict[Any, Any]) -> bool:
    if not value:
        return part.empty
    if not part.least <= len(value) <= part.most:
        return False
    return all(fits(part.key, key) and fits(part.value, item) for key, item in value.items())
