"""How an observed list, tuple or iterator relates to the expected one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from mendloop.agents.procedural.literals import Items, Relation, is_number, kind_of, plural, same, show

Inner = Callable[[object, object], Relation]
Seq = Sequence[Any]

COMPARED = 100_000
"""Pairs of elements that are compared at most; beyond that, members and order are not looked at."""


def relate_sequences(expected: object, observed: object, inner: Inner) -> Relation | None:
    """Return how two sequences of one kind differ; `inner` relates two elements. None for anything else."""
    if type(expected) is not type(observed):
        return None
    left, right = elements_of(expected), elements_of(observed)
    if left is None or right is None:
        return None
    kind = kind_of(expected).split(" ", 1)[1]
    return (
        _empty(left, right, kind)
        or next((found for finder in _FINDERS if (found := finder(left, right))), None)
        or _elements(left, right, inner)
    )


def elements_of(value: object) -> Seq | None:
    """Return the elements of a list, a tuple or an iterator, None for anything else."""
    if isinstance(value, Items):
        return value.items
    return value if isinstance(value, list | tuple) else None


def _empty(expected: Seq, observed: Seq, kind: str) -> Relation | None:
    if not observed:
        return Relation("empty", f"The {kind} came out empty; it should hold {plural(len(expected), 'element')}.")
    if not expected:
        return Relation("not_empty", f"The {kind} should be empty and holds {plural(len(observed), 'element')}.")
    return None


def _shorter(expected: Seq, observed: Seq) -> Relation | None:
    gap = len(expected) - len(observed)
    if gap == 1:
        at = _first_difference(expected, observed)
        if not same([*expected[:at], *expected[at + 1 :]], list(observed)):
            return None
        if at == len(observed):
            return Relation("last_missing", f"Everything is there but the last element, {show(expected[at])}.")
        if at == 0:
            return Relation("first_missing", f"The first element, {show(expected[0])}, is missing; the rest is right.")
        return Relation(
            "inner_missing", f"One element from the middle is missing: {show(expected[at])}, due at index {at}."
        )
    if gap > 1 and same(list(expected[: len(observed)]), list(observed)):
        return Relation(
            "stops_early", f"It is right up to {show(observed[-1])}, then it stops {plural(gap, 'element')} too early."
        )
    if gap > 1 and same(list(expected[gap:]), list(observed)):
        return Relation(
            "starts_late", f"The first {gap} elements are missing; from {show(observed[0])} on it is right."
        )
    return None


def _longer(expected: Seq, observed: Seq) -> Relation | None:
    gap = len(observed) - len(expected)
    if gap == 1:
        at = _first_difference(observed, expected)
        if not same([*observed[:at], *observed[at + 1 :]], list(expected)):
            return None
        if at == len(expected):
            return Relation("extra_at_end", f"One element too many stands at the end: {show(observed[at])}.")
        if at == 0:
            return Relation("extra_at_start", f"One element too many stands in front: {show(observed[0])}.")
        return Relation("extra_inside", f"One element too many stands at index {at}: {show(observed[at])}.")
    if gap > 1 and same(list(observed[: len(expected)]), list(expected)):
        return Relation(
            "goes_on",
            f"The right elements are there, then {gap} more follow, starting with {show(observed[len(expected)])}.",
        )
    if gap > 1 and same(list(observed[gap:]), list(expected)):
        return Relation(
            "starts_early", f"{gap} elements stand before the right ones, starting with {show(observed[0])}."
        )
    return None


def _ordered(expected: Seq, observed: Seq) -> Relation | None:
    if len(expected) != len(observed) or len(expected) < 2 or not _same_members(expected, observed):
        return None
    if same(list(reversed(expected)), list(observed)):
        return Relation("reversed", "The elements are right and their order is back to front.")
    if same([*expected[1:], expected[0]], list(observed)) or same([expected[-1], *expected[:-1]], list(observed)):
        return Relation(
            "shifted", f"The elements moved one place around: {show(observed[0])} comes first, not {show(expected[0])}."
        )
    at = _first_difference(expected, observed)
    where = f"from index {at} on, where {show(observed[at])} stands before {show(expected[at])}"
    if _is_sorted(expected) and not _is_sorted(observed):
        return Relation("unsorted", f"The elements are right but not in sorted order {where}.")
    if _is_sorted(observed):
        return Relation("sorted", f"The elements came out sorted, which loses their own order {where}.")
    wrong = [index for index, pair in enumerate(zip(expected, observed, strict=True)) if not same(*pair)]
    if len(wrong) == 2:
        return Relation("two_swapped", f"The elements at index {at} and {wrong[1]} changed places.")
    return Relation("reordered", f"The same elements stand in another order {where}.")


def _duplicates(expected: Seq, observed: Seq) -> Relation | None:
    if not (_within(expected, observed) and _within(observed, expected)):
        return None
    if len(observed) > len(expected):
        again = next(value for index, value in enumerate(observed) if _within([value], observed[:index]))
        return Relation("duplicated", f"Nothing foreign is in it, but elements repeat, such as {show(again)}.")
    if len(observed) < len(expected):
        return Relation(
            "duplicates_lost", f"Repeated elements were merged: {len(observed)} are left of {len(expected)}."
        )
    return None


def _nesting(expected: Seq, observed: Seq) -> Relation | None:
    at = _first_difference(expected, observed)
    shown = _pair_at(expected, observed, at)
    if same(_flat(expected), list(observed)):
        return Relation("flattened", f"The inner groups are dissolved, first at index {at}{shown}.")
    if same(_flat(observed), list(expected)):
        return Relation("nested", f"There is a level of nesting too many, first at index {at}{shown}.")
    return None


def _every_number(expected: Seq, observed: Seq) -> Relation | None:
    if len(expected) != len(observed) or len(expected) < 2 or not all(map(is_number, [*expected, *observed])):
        return None
    gaps = {right - left for left, right in zip(expected, observed, strict=True)}
    if len(gaps) == 1 and (gap := gaps.pop()) != 0:
        return Relation("all_moved", f"Every element is off by the same amount, {show(gap)}.")
    if all(right == -left for left, right in zip(expected, observed, strict=True)):
        return Relation("all_signs_flipped", "Every element has the opposite sign.")
    return None


def _elements(expected: Seq, observed: Seq, inner: Inner) -> Relation | None:
    if len(expected) != len(observed):
        at = _first_difference(expected, observed)
        found = f"{len(observed)} instead of {len(expected)}"
        return Relation(
            "length_differs",
            f"The length is {found}, and the two part at index {at}{_pair_at(expected, observed, at)}.",
        )
    wrong = [index for index, pair in enumerate(zip(expected, observed, strict=True)) if not same(*pair)]
    if not wrong:
        return None
    at = wrong[0]
    if len(wrong) == 1:
        within = inner(expected[at], observed[at])
        deep = elements_of(expected[at]) is not None or isinstance(expected[at], dict)
        name = "nested_element_differs" if deep else "one_element_differs"
        inside = within.sentence.replace("Only the", "Inside it, only the", 1)
        return Relation(name, f"Only the element at index {at} is wrong. {inside}")
    return Relation(
        "elements_differ",
        f"{len(wrong)} of {len(expected)} elements are wrong, first at index {at}{_pair_at(expected, observed, at)}.",
    )


def _pair_at(expected: Seq, observed: Seq, at: int) -> str:
    if at < len(expected) and at < len(observed):
        return f": {show(observed[at])} where {show(expected[at])} is right"
    return ""


def _first_difference(expected: Seq, observed: Seq) -> int:
    pairs = enumerate(zip(expected, observed, strict=False))
    return next((index for index, pair in pairs if not same(*pair)), min(len(expected), len(observed)))


def _within(few: Seq, many: Seq) -> bool:
    return len(few) * len(many) <= COMPARED and all(any(same(value, other) for other in many) for value in few)


def _same_members(expected: Seq, observed: Seq) -> bool:
    rest = list(observed)
    if len(expected) * len(rest) > COMPARED:
        return False
    for value in expected:
        at = next((index for index, other in enumerate(rest) if same(value, other)), None)
        if at is None:
            return False
        del rest[at]
    return not rest


def _is_sorted(values: Seq) -> bool:
    try:
        return all(not right < left for left, right in pairwise(values))
    except TypeError:
        return False


def _flat(values: Seq) -> list[Any]:
    return [inner for value in values for inner in (elements_of(value) or [value])]


_FINDERS: tuple[Callable[[Seq, Seq], Relation | None], ...] = (
    _shorter,
    _longer,
    _ordered,
    _duplicates,
    _nesting,
    _every_number,
)
