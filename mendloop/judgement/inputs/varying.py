"""Values varied within their domain: type-aware mutation (Liu et al., arXiv 2305.01210, section 2.1, table 1).

An item changes, goes, repeats or moves; parts of two values are put together; values grow, shrink and reach the ends
of what was seen.
"""

from __future__ import annotations

import random
from typing import Any

from mendloop.judgement.inputs.domains import Domain, Keyed, Many, Part, Real, Row, Table, Whole, Words
from mendloop.judgement.inputs.drawing import Empty, draw, draw_real, draw_whole, shaped
from mendloop.judgement.inputs.drawing_texts import vary_words
from mendloop.judgement.inputs.fitting import fits, fits_part

TRIES = 6


def vary(domain: Domain, value: Any, rng: random.Random, mate: Any = None) -> Any:
    """Return a value of the domain that differs a little from one of it; `mate` is another one, to take parts from.

    Where no variation is found the value comes back as it is. The same generator state gives the same value.
    """
    part = next((each for each in domain if fits_part(each, value)), None)
    if part is None:
        return draw(domain, rng)
    if len(domain) > 1 and rng.random() < 0.15:
        return draw(domain, rng)
    for _ in range(TRIES):
        try:
            other = _varied(part, value, rng, mate)
        except Empty:
            continue
        if fits_part(part, other):
            return other
    return value


def _varied(part: Part, value: Any, rng: random.Random, mate: Any) -> Any:
    match part:
        case Whole():
            return _vary_whole(part, value, rng)
        case Real():
            return _vary_real(part, value, rng)
        case Words():
            return vary_words(part, value, rng)
        case Row():
            items = list(value)
            place = rng.randrange(len(items))
            items[place] = vary(part.fields[place], items[place], rng)
            if rng.random() < 0.15 and fits(part.fields[place], other := rng.choice(items)):
                items[place] = other  # a tie
            return shaped(part, items, rng)
        case Many():
            if part.container in ("set", "frozenset"):
                return _vary_set(part, value, rng)
            return _vary_many(part, list(value), rng, mate)
        case Keyed():
            place = rng.randrange(len(part.keys))
            key = part.keys[place]
            return {**value, key: vary(part.values[place], value[key], rng)}
        case Table():
            return _vary_table(part, value, rng)
    return draw((part,), rng)


def _vary_whole(part: Whole, value: int, rng: random.Random) -> int:
    roll = rng.random()
    if part.only or part.digits or roll < 0.3:
        return draw_whole(part, rng)
    if roll < 0.7:
        return value + part.step * rng.choice((-1, 1, -2, 2))
    return rng.choice((-value, value * 2, value // 2, part.low, part.high, value + 10, value - 10))


def _vary_real(part: Real, value: float, rng: random.Random) -> float:
    roll = rng.random()
    if roll < 0.4:
        return draw_real(part, rng)
    if roll < 0.7:
        return round(value + rng.choice((-1, 1)) * 10.0 ** -rng.randint(0, max(0, part.places)), part.places)
    return rng.choice((-value, round(value / 2, part.places), value * 2, float(round(value)), part.low, part.high))


def _vary_set(part: Many, value: Any, rng: random.Random) -> Any:
    items = sorted(value, key=repr)
    if items and rng.random() < 0.4:
        items.remove(rng.choice(items))
    if not items or rng.random() < 0.7:
        items.append(draw(part.item, rng))
    return shaped(part, items, rng)


def _vary_table(part: Table, value: dict[Any, Any], rng: random.Random) -> dict[Any, Any]:
    items = dict(value)
    roll = rng.random()
    if items and roll < 0.5:
        key = rng.choice(list(items))
        mates = list(items.values())
        items[key] = rng.choice(mates) if rng.random() < 0.3 else vary(part.value, items[key], rng)
    elif len(items) > 1 and roll < 0.65:
        del items[rng.choice(list(items))]
    elif len(items) > 1 and roll < 0.75:
        keys = list(items)
        rng.shuffle(keys)
        items = {key: items[key] for key in keys}
    else:
        items[draw(part.key, rng)] = draw(part.value, rng)
    return items


def _vary_many(part: Many, items: list[Any], rng: random.Random, mate: Any) -> Any:
    if not items or rng.random() < 0.05:
        return draw((part,), rng)
    if part.rectangle and rng.random() < 0.5:
        return shaped(part, _vary_columns(part, items, rng), rng)
    for _ in range(1 if rng.random() < 0.6 else 2):
        items = _moved(part, items, rng, mate)
    if part.step > 1:
        items = items[: len(items) - (len(items) - part.least) % part.step]
    return shaped(part, items, rng)


def _moved(part: Many, items: list[Any], rng: random.Random, mate: Any) -> list[Any]:
    """Return items with one of the moves: change, drop, repeat, grow, swap, reverse, shuffle, cut, join."""
    place, other = rng.randrange(len(items)), rng.randrange(len(items))
    roll = rng.random()
    items = list(items)
    if roll < 0.3:
        items[place] = vary(part.item, items[place], rng)
    elif roll < 0.4 and len(items) > 1:
        del items[place]
    elif roll < 0.5:
        items.insert(place, items[other])
    elif roll < 0.58:
        items[place] = items[other]
    elif roll < 0.7:
        items.insert(place, draw(part.item, rng))
    elif roll < 0.77:
        items[place], items[other] = items[other], items[place]
    elif roll < 0.82:
        items.reverse()
    elif roll < 0.86:
        rng.shuffle(items)
    elif roll < 0.91:
        low, high = sorted((place, other))
        items = items[low : high + 1]
    elif roll < 0.97 and isinstance(mate, list | tuple) and mate:
        items = [*items[:place], *mate[rng.randrange(len(mate)) :]]
    else:
        items = [items[place]] * len(items)
    return items or [draw(part.item, rng)]


def _vary_columns(part: Many, rows: list[Any], rng: random.Random) -> list[Any]:
    """Return rows of one length with one more row, a column less, or another item; a square stays one."""
    grid = [list(row) for row in rows]
    width = len(grid[0])
    roll = rng.random()
    if roll < 0.4 or width == 0:
        grid.insert(rng.randrange(len(grid) + 1), list(rng.choice(grid)))
        if part.square:
            grid = [[*row, rng.choice(row)] for row in grid]
    elif roll < 0.7 and width > 1:
        column = rng.randrange(width)
        grid = [row[:column] + row[column + 1 :] for row in grid]
        grid = grid[:-1] if part.square else grid
    elif roll < 0.8:
        grid = [list(column) for column in zip(*grid, strict=True)]
    else:
        rng.shuffle(grid)
    return [type(rows[0])(row) for row in grid]
