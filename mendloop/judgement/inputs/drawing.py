"""Values drawn from a domain: at its ends, in its middle, with repeats and ties."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final, cast

import mendloop.judgement.inputs.drawing_texts as texts
from mendloop.judgement.calls import literal, read_literal
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
from mendloop.judgement.inputs.fitting import fits_part

TRIES = 8
NEAR = 12
_CONTAINERS: Final[dict[str, Callable[[list[Any]], Any]]] = {
    "list": list, "tuple": tuple, "set": set, "frozenset": frozenset,
}  # fmt: skip


class Empty(Exception):  # noqa: N818 - a signal to try again, not an error of ours
    """A domain has no value, or none was found."""


def draw(domain: Domain, rng: random.Random) -> Any:
    """Return a value of a domain; the same generator state gives the same value. Raises Empty."""
    if not domain:
        raise Empty
    part = rng.choice(domain)
    for _ in range(TRIES):
        value = _drawn(part, rng)
        if fits_part(part, value):
            return value
    raise Empty


def _drawn(part: Part, rng: random.Random) -> Any:
    match part:
        case Nothing():
            return None
        case Flag():
            return rng.random() < 0.5
        case Whole():
            return draw_whole(part, rng)
        case Real():
            return draw_real(part, rng)
        case Words():
            return texts.draw_words(part, rng)
        case Exact():
            return read_literal(rng.choice(part.texts))
        case Row():
            return shaped(part, [draw(domain, rng) for domain in part.fields], rng)
        case Many():
            return _draw_many(part, rng)
        case Keyed():
            return {key: draw(domain, rng) for key, domain in zip(part.keys, part.values, strict=True)}
        case Table():
            return _draw_table(part, rng)


def draw_whole(part: Whole, rng: random.Random) -> int:
    """Return an integer: an end, a small one, or any."""
    if part.only:
        return rng.choice(part.only)
    if part.digits:
        most = max(len(str(abs(part.low))), len(str(abs(part.high))))
        text = "".join(rng.choice(part.digits) for _ in range(rng.randint(1, most)))
        return int(text) if part.low >= 0 or rng.random() < 0.7 else -int(text)
    roll = rng.random()
    if roll < 0.2:
        value = rng.choice((part.low, part.high, part.low + part.step, part.high - part.step))
    elif roll < 0.5:
        low, high = max(part.low, -NEAR), min(part.high, NEAR)
        value = rng.randint(low, high) if low <= high else rng.randint(part.low, part.high)
    else:
        value = rng.randint(part.low, part.high)
    return value - (value - part.low) % part.step


def draw_real(part: Real, rng: random.Random) -> float:
    """Return a float with as many decimals as there may be, most of the time fewer."""
    if part.odd and (part.low > part.high or rng.random() < 0.15):
        return float(rng.choice(part.odd))
    roll = rng.random()
    low, high = (max(part.low, -NEAR), min(part.high, NEAR)) if roll < 0.4 else (part.low, part.high)
    value = rng.uniform(low, high) if low <= high else rng.uniform(part.low, part.high)
    value = rng.choice((part.low, part.high)) if roll > 0.9 else value
    return round(value, rng.choice((part.places, part.places, rng.randint(0, part.places))))


def _draw_many(part: Many, rng: random.Random) -> Any:
    if part.empty and (part.most == 0 or rng.random() < 0.08):
        return _CONTAINERS[part.container]([])
    length = rng.randrange(part.least, part.most + 1, part.step)
    if part.rectangle:
        return shaped(part, _draw_grid(part, length, rng), rng)
    items = [draw(part.item, rng) for _ in range(length)]
    if not part.distinct and part.container in ("list", "tuple") and length > 1 and rng.random() < 0.5:
        for _ in range(rng.randint(1, 1 + length // 3)):
            items[rng.randrange(length)] = rng.choice(items)
    return shaped(part, items, rng)


def _draw_grid(part: Many, length: int, rng: random.Random) -> list[Any]:
    """Return rows of one length: drawn alike, then cut to the shortest or to a square."""
    inner = [each for each in part.item if isinstance(each, Many)]
    if not inner:
        return [draw(part.item, rng) for _ in range(length)]
    row = rng.choice(inner)
    width = length if part.square else rng.randrange(max(1, row.least), max(1, row.most) + 1, row.step)
    rows = [[draw(row.item, rng) for _ in range(width)] for _ in range(length)]
    return [shaped(row, items, rng) for items in rows]


def _draw_table(part: Table, rng: random.Random) -> dict[Any, Any]:
    if part.empty and (part.most == 0 or rng.random() < 0.08):
        return {}
    wanted = rng.randint(part.least, part.most)
    found: dict[Any, Any] = {}
    for _ in range(2 * wanted):
        if len(found) < wanted:
            found.setdefault(draw(part.key, rng), draw(part.value, rng))
    return found


def shaped(part: Row | Many, items: list[Any], rng: random.Random) -> Any:
    """Return items as the container of a part: in its order, without what repeats where nothing may."""
    if isinstance(part, Many) and part.distinct:
        items = unique(items)
    try:
        if part.order:
            items = sorted(items, reverse=part.order == "falling")
            start = rng.randrange(len(items)) if items and part.order == "rotated" else 0
            items = items[start:] + items[:start]
        elif isinstance(part, Many) and len(items) > 2 and rng.random() < 0.1:
            items = sorted(items, reverse=rng.random() < 0.5)
        return _CONTAINERS[part.container](items)
    except TypeError:
        return _CONTAINERS[part.container](items) if part.container in ("list", "tuple") else cast(Any, None)


def unique(items: list[Any]) -> list[Any]:
    """Return items without those that repeat, in their order."""
    return list({literal(item): item for item in items}.values())
