"""Calls bent so that they keep the relations that valid calls keep: a length follows a number, an index its list."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from mendloop.judgement.calls import literal
from mendloop.judgement.inputs.relations import Relation, keeps, measure

ROUNDS = 3


def related(
    binding: dict[str, Any], relations: Sequence[Relation], lows: dict[str, int], rng: random.Random
) -> dict[str, Any]:
    """Return arguments that keep the relations where a small change does it; `lows` are the least values of numbers."""
    found = dict(binding)
    for _ in range(ROUNDS):
        broken = [relation for relation in relations if not keeps(relation, found)]
        if not broken:
            break
        for relation in broken:
            _mend(relation, found, lows, rng)
    return found


def _mend(relation: Relation, found: dict[str, Any], lows: dict[str, int], rng: random.Random) -> None:
    left, right = relation.left, relation.right
    if relation.kind == "member":
        items = _items(found[right.name])
        if items:
            found[left.name] = rng.choice(items)
        return
    limit, own = measure(right, found), measure(left, found)
    if limit is None or own is None:
        return
    if left.measure == "value":
        found[left.name] = _number(relation, found[left.name], limit, lows.get(left.name), rng)
    elif right.measure == "value":
        low = own - relation.offset + (1 if relation.kind == "below" else 0)
        found[right.name] = _at_least(found[right.name], low, relation.kind != "equal", rng)
    else:
        _mend_lengths(relation, found, int(own), int(limit), rng)


def _number(relation: Relation, value: Any, limit: float, low: int | None, rng: random.Random) -> Any:
    if relation.kind == "equal":
        return type(value)(limit + relation.offset)
    if type(value) is float or type(limit) is float:
        return type(value)(limit - (1 if relation.kind == "below" else 0))
    most = int(limit) - (1 if relation.kind == "below" else 0)
    if low is None or low > most:
        return most
    return most if rng.random() < 0.3 else rng.randint(low, most)


def _at_least(value: Any, low: float, more: bool, rng: random.Random) -> Any:
    return type(value)(low + (rng.randint(0, 2) if more else 0))


def _mend_lengths(relation: Relation, found: dict[str, Any], own: int, limit: int, rng: random.Random) -> None:
    wanted = limit + relation.offset - (1 if relation.kind == "below" else 0)
    left, right = relation.left, relation.right
    if left.measure != "len" or right.measure != "len":
        return
    if own > wanted or (relation.kind == "equal" and rng.random() < 0.5):
        found[left.name] = _sized(found[left.name], wanted, rng)
    else:
        found[right.name] = _sized(found[right.name], own - relation.offset, rng)


def _sized(value: Any, length: int, rng: random.Random) -> Any:
    """Return a sequence cut to a length, or grown to it with items of its own."""
    if length < 0 or not isinstance(value, str | list | tuple):
        return value
    if len(value) >= length or not value:
        return value[:length]
    more = [rng.choice(value) for _ in range(length - len(value))]
    return value + "".join(more) if isinstance(value, str) else type(value)([*value, *more])


def _items(container: Any) -> list[Any]:
    if isinstance(container, set | frozenset):
        return sorted(container, key=literal)
    return list(container) if isinstance(container, str | list | tuple | dict) else []
