"""How the arguments of a call relate: `n == len(xs)`, `k <= len(xs)`, `x in xs`, found in calls that all keep it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any, Final, Literal

from mendloop.frozen import Frozen

ENOUGH = 3
"""Calls that must keep a relation; one with a length is believed after fewer."""
Measure = Literal["value", "len", "shortest", "max", "min"]
Kind = Literal["equal", "below", "at most", "member"]
_SIZED: Final = (str, list, tuple, set, frozenset, dict)
OFFSETS: Final = (0, -1, 1)


class Side(Frozen):
    """One number of a call: a parameter's value or length, its shortest item's length, its largest or smallest item."""

    name: str
    measure: Measure = "value"


class Relation(Frozen):
    """`left` is `kind` `right + offset`; for `member`, the value of `left` is an item (a part) of that of `right`."""

    kind: Kind
    left: Side
    right: Side
    offset: int = 0


def relations_of(bindings: Sequence[Mapping[str, Any]]) -> tuple[Relation, ...]:
    """Return the relations between different parameters that all calls keep."""
    if not bindings:
        return ()
    names = [name for name in bindings[0] if all(name in binding for binding in bindings)]
    found: list[Relation] = []
    for one, other in permutations(names, 2):
        if len(bindings) >= ENOUGH and all(_is_member(binding[one], binding[other]) for binding in bindings):
            found.append(Relation(kind="member", left=Side(name=one), right=Side(name=other)))
    measured = [_measures(binding, names) for binding in bindings]
    common = [side for side in measured[0] if all(side in each for each in measured)]
    for left, right in permutations(common, 2):
        if left.name != right.name and (relation := _relation(left, right, measured)) is not None:
            found.append(relation)
    return tuple(found)


def _relation(left: Side, right: Side, measured: list[dict[Side, float]]) -> Relation | None:
    """Return how two numbers relate in all calls: the strictest that holds, an equality once and not both ways."""
    if not _is_sensible(left, right, len(measured)):
        return None
    gaps = [each[left] - each[right] for each in measured]
    if len(set(gaps)) == 1 and gaps[0] in _offsets(left, right):
        if (left.measure, left.name) > (right.measure, right.name) and right.measure == left.measure:
            return None
        return Relation(kind="equal", left=left, right=right, offset=int(gaps[0]))
    if _equal_backwards(left, right, gaps):
        return None
    if all(gap < 0 for gap in gaps):
        return Relation(kind="below", left=left, right=right)
    return Relation(kind="at most", left=left, right=right) if all(gap <= 0 for gap in gaps) else None


def _is_sensible(left: Side, right: Side, calls: int) -> bool:
    """Tell whether two numbers of so many calls may be compared: lengths, and numbers with lengths, after few."""
    measures = {left.measure, right.measure}
    if measures == {"value"} or ("value" in measures and measures & {"max", "min"}):
        return calls >= ENOUGH
    return not measures & {"max", "min"}


def _offsets(left: Side, right: Side) -> tuple[int, ...]:
    if left.measure == "value" and right.measure in ("len", "shortest"):
        return OFFSETS
    return (0,) if left.measure == right.measure else ()


def _equal_backwards(left: Side, right: Side, gaps: list[float]) -> bool:
    return len(set(gaps)) == 1 and -gaps[0] in _offsets(right, left)


def _measures(binding: Mapping[str, Any], names: Sequence[str]) -> dict[Side, float]:
    found: dict[Side, float] = {}
    for name in names:
        value = binding[name]
        if _is_number(value):
            found[Side(name=name)] = value
        if not isinstance(value, _SIZED):
            continue
        found[Side(name=name, measure="len")] = len(value)
        if isinstance(value, list | tuple) and value and all(isinstance(item, list | tuple) for item in value):
            found[Side(name=name, measure="shortest")] = min(map(len, value))
        elif isinstance(value, list | tuple) and value and all(map(_is_number, value)):
            found[Side(name=name, measure="max")] = max(value)
            found[Side(name=name, measure="min")] = min(value)
    return found


def measure(side: Side, binding: Mapping[str, Any]) -> float | None:
    """Return a number of a call, or None where its value has none."""
    return _measures(binding, [side.name]).get(side) if side.name in binding else None


def _is_number(value: object) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


def _is_member(item: Any, container: Any) -> bool:
    if isinstance(container, str):
        return isinstance(item, str) and bool(item) and item in container
    if not isinstance(container, list | tuple | set | frozenset | dict):
        return False
    try:
        return any(type(item) is type(each) and item == each for each in container)
    except (TypeError, RecursionError):
        return False


def keeps(relation: Relation, binding: Mapping[str, Any]) -> bool:
    """Tell whether a call keeps a relation; one that leaves out a parameter, or has no such number, does."""
    if relation.left.name not in binding or relation.right.name not in binding:
        return True
    if relation.kind == "member":
        return _is_member(binding[relation.left.name], binding[relation.right.name])
    left, right = measure(relation.left, binding), measure(relation.right, binding)
    if left is None or right is None:
        return True
    if relation.kind == "equal":
        return left - right == relation.offset
    return left < right if relation.kind == "below" else left <= right
