"""What sequences have in common: their lengths, their order, that nothing repeats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from mendloop.judgement.calls import literal
from mendloop.judgement.inputs.domains import Order

ENOUGH = 6
"""How many different numbers show a step that half of all numbers keep by chance."""
CHANCES = 2
"""Equal items that chance would give before sequences without any count as such."""
LONG = 5
"""Items of a sequence that may be a rotated one."""


def lengths_of(lengths: Sequence[int]) -> tuple[int, int, int]:
    """Return the least and the greatest length with a little room, and the step that all keep from the least."""
    distinct = sorted(set(lengths))
    if not distinct:
        return 0, 0, 1
    step = step_of(distinct)
    if len(distinct) == 1 and len(lengths) >= 3:
        return distinct[0], distinct[0], 1
    if step > 1:
        return distinct[0], distinct[-1] + step, step
    return less(distinct[0]), distinct[-1] + max(1, distinct[-1] // 4), 1


def step_of(distinct: Sequence[int]) -> int:
    """Return the distance that sorted numbers keep, 1 for too few of them."""
    if len(distinct) < ENOUGH:
        return 1
    return math.gcd(*(number - distinct[0] for number in distinct)) or 1


def less(least: int) -> int:
    """Return a least length with some room: a single item only where one was seen."""
    return least if least <= 1 else max(2, least - 1)


def order_of(values: Sequence[Any]) -> Order:
    """Return the order that the items of all sequences keep."""
    orders: tuple[Order, ...] = ("rising", "falling")
    if sum(len(value) >= LONG for value in values) >= 2:
        orders = (*orders, "rotated")
    return next((order for order in orders if all(keeps_order(order, value) for value in values)), "")


def keeps_order(order: Order, value: Any) -> bool:
    """Tell whether a sequence keeps an order, ties allowed; items that do not compare keep none."""
    if not order:
        return True
    ahead = value[::-1] if order == "falling" else value
    try:
        steps = [one <= other for one, other in pairwise(ahead)]
        return all(steps) or (order == "rotated" and steps.count(False) == 1 and ahead[-1] <= ahead[0])
    except TypeError:
        return False


def distinct(value: Sequence[Any]) -> bool:
    """Tell whether no item repeats."""
    texts = [literal(item) for item in value]
    return len(set(texts)) == len(texts)


def never_repeat(values: Sequence[Any]) -> bool:
    """Tell whether no sequence repeats an item, though that would be expected if items came as they like.

    Of all pairs of items within a sequence, one in as many as there are different items is equal by chance.
    """
    if not all(map(distinct, values)):
        return False
    pairs = sum(len(value) * (len(value) - 1) // 2 for value in values)
    return pairs >= CHANCES * len({literal(item) for value in values for item in value}) > 0
