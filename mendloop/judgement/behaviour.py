"""What programs did on the same inputs, compared: who agrees with whom, and on how many inputs that says something."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import JsonValue

from mendloop.executions import Outcome
from mendloop.frozen import Frozen
from mendloop.tools.equality import equal
from mendloop.tools.values import render

TOLERANCE = 1e-6
"""Relative and absolute: two right programs may add floats in another order."""
MAX_NAMED = 5

_ANY_ORDER = re.compile(
    r"\b(?:in )?any order\b|"
    r"\border (?:of [\w\s]{1,40} )?(?:does not|doesn't|is not|isn't|need not) (?:matter|important)|"
    r"\bregardless of (?:the |their )?order\b|\bunordered\b|\border is (?:arbitrary|irrelevant)\b",
    re.IGNORECASE,
)
_ORDERED = ("list", "tuple")

Behaviour = Sequence[Outcome]
"""What one program did on a sequence of inputs, in their order."""


class Agreement(Frozen):
    """Two programs on the inputs that count: how many there were, and those on which the programs part."""

    inputs: int
    parted: tuple[int, ...] = ()

    @property
    def whole(self) -> bool:
        """True when there was an input and the programs agree on every one."""
        return self.inputs > 0 and not self.parted


def any_order(statement: str) -> bool:
    """Tell whether a statement says that the order of the result does not matter."""
    return _ANY_ORDER.search(statement) is not None


def same(one: Outcome, other: Outcome, *, unordered: bool = False) -> bool:
    """Tell whether two outcomes are the same: equal values and equal arguments afterwards, or the same exception.

    Floats compare with a tolerance of 1e-6; with `unordered` the items of a returned list or tuple may come in any
    order. An outcome that nobody saw (a time-out, a death, a value that cannot be encoded) is the same as none.
    """
    if one.status == "raised" and other.status == "raised" and one.error and other.error:
        return one.error.type == other.error.type
    if one.status != "returned" or other.status != "returned":
        return False
    if one.after.keys() != other.after.keys() or one.stdout != other.stdout:
        return False
    values = [(one.value, other.value)]
    if unordered:
        values = [(_sorted(one.value), _sorted(other.value))]
    return all(
        equal(mine, theirs, TOLERANCE)
        for mine, theirs in [*values, *((one.after[key], other.after[key]) for key in one.after)]
    )


def _sorted(value: JsonValue) -> JsonValue:
    if isinstance(value, list) and value and value[0] in _ORDERED and isinstance(value[1], list):
        return [value[0], sorted(value[1], key=render)]
    return value


def telling(behaviours: Sequence[Behaviour]) -> tuple[int, ...]:
    """Return the places of the inputs that count: more than half of the programs return something there.

    Where most programs raise or find no end, the input is likely to be outside what the problem means; a program is not
    held to it.
    """
    if not behaviours:
        return ()
    return tuple(
        place
        for place in range(len(behaviours[0]))
        if 2 * sum(each[place].status == "returned" for each in behaviours) > len(behaviours)
    )


def agreement(one: Behaviour, other: Behaviour, places: Sequence[int], *, unordered: bool = False) -> Agreement:
    """Compare two programs on the inputs at `places`."""
    parted = tuple(place for place in places if not same(one[place], other[place], unordered=unordered))
    return Agreement(inputs=len(places), parted=parted)


def clusters(
    behaviours: Sequence[Behaviour], places: Sequence[int], *, slack: float = 0.0, unordered: bool = False
) -> tuple[tuple[int, ...], ...]:
    """Group programs by what they do at `places`: largest group first, then by their first program.

    A program joins the first group whose founder it agrees with on all but a share `slack` of the inputs.
    """
    groups: list[list[int]] = []
    for number, behaviour in enumerate(behaviours):
        for group in groups:
            found = agreement(behaviours[group[0]], behaviour, places, unordered=unordered)
            if len(found.parted) <= slack * found.inputs:
                group.append(number)
                break
        else:
            groups.append([number])
    return tuple(tuple(group) for group in sorted(groups, key=lambda group: (-len(group), group[0])))


def split_inputs(behaviours: Sequence[Behaviour], places: Sequence[int], *, unordered: bool = False) -> tuple[int, ...]:
    """Return the inputs on which at least two programs say one thing and at least two others another.

    There the statement, not a program, is in doubt (METHOD: a spec fault).
    """
    return tuple(
        place
        for place in places
        if [
            len(group) >= 2 for group in clusters([[each[place]] for each in behaviours], (0,), unordered=unordered)
        ].count(True)
        >= 2
    )
