"""Edges: calls just outside what valid calls were seen to be, where a program can be alone with its answer.

Nobody promised that such inputs are valid, so a program is not held to what it does there. But where other programs,
written independently, agree with each other on one and not with it, it has probably forgotten a case that the statement
means: an empty list, a zero, a single item, equal items.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mendloop.judgement.behaviour import Behaviour, clusters
from mendloop.judgement.calls import bound, call_text

MAX_SEEDS = 4
MIN_AGAINST = 2
"""Programs that must agree with each other before one that parts from them is alone."""


def edge_calls(signature: str, entry_point: str, seeds: Sequence[str], known: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the seeds' calls with one argument at an edge of its type, without those that are `known` already.

    The same texts give the same calls, in the same order. Raises SyntaxError for a text that is no signature.
    """
    read = [binding for seed in seeds if (binding := bound(signature, seed)) is not None][:MAX_SEEDS]
    found: dict[str, None] = {}
    for binding in read:
        for name, value in binding.items():
            for edge in edges_of(value):
                found.setdefault(call_text(signature, entry_point, {**binding, name: edge}))
    return tuple(call for call in found if call not in set(known))


def edges_of(value: Any) -> Iterator[Any]:
    """Yield edges of a value's type: the empty one, a single item, all items equal, repeated; zero, one, a sign."""
    match value:
        case bool() | None:
            return
        case int():
            yield from (0, 1, -1, -value)
        case float():
            yield from (0.0, 1.0, -value)
        case str():
            yield from ("", value[:1], value[:1] * 3, value + value, f" {value} ", value.upper())
        case list() | tuple():
            kind = type(value)
            yield from (kind(), kind(value[:1]), kind(list(value[:1]) * 3), kind([*value, *value]), kind(value[::-1]))
            yield from (kind([*value[:1], *inner]) for inner in _inner(value))
        case dict():
            yield {}
            yield dict(list(value.items())[:1])
        case set():
            yield set()
            yield set(sorted(value, key=repr)[:1])


def _inner(value: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield the items after the first with an edge in the place of the second."""
    if len(value) > 1:
        for edge in edges_of(value[1]):
            yield [edge, *value[2:]]


def alone_on(behaviours: Sequence[Behaviour], mine: int, *, unordered: bool = False) -> tuple[int, ...]:
    """Return the inputs on which two or more other programs return the same, and outnumber those that do as `mine`.

    Programs that raise or find no end take no side against it.
    """
    places = range(len(behaviours[mine])) if behaviours else ()
    found = []
    for place in places:
        said = [[behaviour[place]] for behaviour in behaviours]
        groups = clusters(said, (0,), unordered=unordered)
        own = next(group for group in groups if mine in group)
        against = [group for group in groups if mine not in group and said[group[0]][0].status == "returned"]
        if any(len(group) >= MIN_AGAINST and len(group) > len(own) for group in against):
            found.append(place)
    return tuple(found)
