"""Domains that are small enough to be listed whole."""

from __future__ import annotations

from itertools import product
from typing import Any

from mendloop.judgement.calls import read_literal
from mendloop.judgement.inputs.domains import Domain, Exact, Flag, Nothing, Part, Row, Whole, Words
from mendloop.judgement.inputs.fitting import fits_part

MOST = 512
"""Values of a domain that is listed."""


def members(domain: Domain) -> tuple[Any, ...] | None:
    """Return all values of a small domain in a fixed order; None for one that is larger or cannot be listed."""
    found: list[Any] = []
    for part in domain:
        own = _of_part(part)
        if own is None:
            return None
        found += own
    return tuple(found) if len(found) <= MOST else None


def _of_part(part: Part) -> list[Any] | None:
    match part:
        case Nothing():
            return [None]
        case Flag():
            return [False, True]
        case Exact():
            return [read_literal(text) for text in part.texts]
        case Whole():
            values = part.only or (range(part.low, part.high + 1) if part.high - part.low <= MOST else None)
            return None if values is None else [value for value in values if fits_part(part, value)]
        case Words(only=only) if only:
            return [*only, *([""] if part.empty else [])]
        case Row():
            return _of_row(part)
    return None


def _of_row(part: Row) -> list[Any] | None:
    fields = [members(domain) for domain in part.fields]
    total = 1
    for each in fields:
        if each is None:
            return None
        total *= len(each)
    if total > MOST:
        return None
    container = list if part.container == "list" else tuple
    rows = [container(items) for items in product(*(each for each in fields if each is not None))]
    return [row for row in rows if fits_part(part, row)]
