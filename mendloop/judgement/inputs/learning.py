"""Domains learned from values: what all of them have in common, and a little more room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, cast

from mendloop.judgement.calls import literal
from mendloop.judgement.inputs.domains import (
    Domain,
    Exact,
    Flag,
    Keyed,
    Many,
    Nothing,
    Part,
    Row,
    Table,
)
from mendloop.judgement.inputs.numbers import real_of, whole_of
from mendloop.judgement.inputs.sequences import lengths_of, never_repeat, order_of
from mendloop.judgement.inputs.texts import words_of

MAX_ROW = 3
"""Up to which length sequences that are all as long as each other are rows, though their items are alike."""

_TYPES: Final = (type(None), bool, int, float, str, list, tuple, set, frozenset, dict)


def domain_of(values: Sequence[Any]) -> Domain:
    """Return the domain of values: every one of them is in it."""
    parts: list[Part] = []
    for each in _TYPES:
        own = [value for value in values if type(value) is each]
        if own:
            parts.append(_part(each, own))
    others = [literal(value) for value in values if type(value) not in _TYPES]
    if others:
        parts.append(Exact(texts=tuple(sorted(set(others)))))
    return tuple(parts)


def _part(kind: type, values: list[Any]) -> Part:
    if kind is type(None):
        return Nothing()
    if kind is bool:
        return Flag()
    if kind is int:
        return whole_of(values)
    if kind is float:
        return real_of(values)
    if kind is str:
        return words_of(values)
    if kind is dict:
        return _dicts_of(values)
    return _items_of(kind, values)


# --- containers ------------------------------------------------------------------------------------------------------


def _items_of(kind: type, values: list[Any]) -> Part:
    lengths = {len(value) for value in values}
    if kind in (list, tuple) and len(lengths) == 1 and _are_rows(kind, values, lengths.pop()):
        return _row_of(kind, values)
    return _many_of(kind, values)


def _are_rows(kind: type, values: list[Any], length: int) -> bool:
    if length < 2 or len(values) < 2:
        return False
    places = [{type(value[place]) for value in values} for place in range(length)]
    if len(set.union(*places)) > 1 and any(types != places[0] for types in places):
        return True
    return kind is tuple and length <= MAX_ROW


def _row_of(kind: type, values: list[Any]) -> Row:
    fields = tuple(domain_of([value[place] for value in values]) for place in range(len(values[0])))
    enough = len(values) >= 3
    return Row(
        container="list" if kind is list else "tuple",
        fields=fields,
        order=order_of(values) if enough else "",
        distinct=never_repeat(values),
    )


def _many_of(kind: type, values: list[Any]) -> Many:
    full = [value for value in values if value]
    ordered = kind in (list, tuple)
    long = [value for value in full if len(value) >= 3]
    rectangle = ordered and _rectangles(full)
    least, most, step = lengths_of([len(value) for value in full])
    item = domain_of([item for value in full for item in _listed(value)])
    return Many(
        container=cast(Literal["list", "tuple", "set", "frozenset"], kind.__name__),
        item=item,
        least=least,
        most=most,
        empty=len(full) < len(values),
        step=step,
        order=order_of(full) if ordered and long else "",
        distinct=ordered and never_repeat(full),
        mixed=len(item) > 1 and all(len({type(each) for each in value}) == len(item) for value in full),
        rectangle=rectangle,
        square=rectangle and all(len(value) == len(value[0]) for value in full),
    )


def _listed(value: Any) -> list[Any]:
    return sorted(value, key=literal) if isinstance(value, set | frozenset) else list(value)


def _rectangles(values: list[Any]) -> bool:
    if not any(len(value) >= 2 for value in values):
        return False
    if not all(isinstance(item, list | tuple) for value in values for item in value):
        return False
    return all(len({len(item) for item in value}) == 1 for value in values)


def _dicts_of(values: list[dict[Any, Any]]) -> Part:
    full = [value for value in values if value]
    keys = list(full[0]) if full else []
    if full and len(full) == len(values) and all(value.keys() == set(keys) for value in full):
        mixed = len({type(item) for value in full for item in value.values()}) > 1
        if all(type(key) is str for key in keys) and (len(full) >= 2 or mixed):
            domains = tuple(domain_of([value[key] for value in full]) for key in keys)
            return Keyed(keys=tuple(keys), values=domains)
    least, most, _ = lengths_of([len(value) for value in full])
    return Table(
        key=domain_of([key for value in full for key in value]),
        value=domain_of([item for value in full for item in value.values()]),
        least=least,
        most=most,
        empty=len(full) < len(values),
    )
