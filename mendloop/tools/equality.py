"""When two values that came out of a sandbox are equal, as cases compare them.

Everything here takes time that grows with the size of the values only, whatever a hostile program sends: comparison
goes through sorted texts, as hash tables can be made to collide.
"""

from __future__ import annotations

import cmath
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import JsonValue

from mendloop.tools.values import SEQUENCES, plain

_MOST_MATCHED = 300  # unordered items that are neither numbers nor equal, matched pairwise under a tolerance


def equal(a: JsonValue, b: JsonValue, tolerance: float | None = None) -> bool:
    """Compare two tagged values as cases do.

    int and float compare by value, bool only equals bool, NaN equals NaN, the kinds of container are distinct, the
    order of a dict is ignored. `tolerance` is both rel_tol and abs_tol of math.isclose, inside containers too.
    """
    if tolerance is None:
        return _canonical(a) == _canonical(b)
    return _close(a, b, tolerance)


def _canonical(tagged: JsonValue) -> str:
    """Return one text for all values that compare equal."""
    kind, body = plain(tagged)
    if kind in ("int", "float"):
        return _canonical_number(body)
    if kind == "complex":
        return f"complex({_canonical_number(body.real)},{_canonical_number(body.imag)})"
    if kind == "str":
        return json.dumps(body)
    if kind == "bytes":
        return f"b{body.hex()}"
    if kind == "dict":
        return f"dict({','.join(sorted(f'{_canonical(key)}:{_canonical(value)}' for key, value in body))})"
    if kind in SEQUENCES:
        items = [_canonical(item) for item in body]
        return f"{kind}({','.join(sorted(items) if kind in ('set', 'frozenset') else items)})"
    return repr(body)


def _canonical_number(number: int | float) -> str:
    if isinstance(number, float) and not number.is_integer():
        return number.hex()
    return hex(int(number))


def _close(a: JsonValue, b: JsonValue, tolerance: float) -> bool:
    (kind, left), (other, right) = plain(a), plain(b)
    if kind in ("int", "float") and other in ("int", "float"):
        return _numbers_close(left, right, tolerance)
    if kind != other:
        return False
    if kind == "complex":
        return _complex_close(left, right, tolerance)
    if kind == "dict":
        return len(left) == len(right) and _dicts_close(left, right, tolerance)
    if kind in ("set", "frozenset"):
        return len(left) == len(right) and _sets_close(left, right, tolerance)
    if kind in SEQUENCES:
        return len(left) == len(right) and all(_close(x, y, tolerance) for x, y in zip(left, right, strict=True))
    return bool(left == right)


def _numbers_close(a: int | float, b: int | float, tolerance: float) -> bool:
    if a == b or (a != a and b != b):  # noqa: PLR0124 - NaN is the number that differs from itself
        return True
    try:
        return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)
    except OverflowError:  # an int beyond every float
        if isinstance(a, float) or isinstance(b, float):
            return False
        numerator, denominator = tolerance.as_integer_ratio()
        return abs(a - b) * denominator <= numerator * max(abs(a), abs(b))


def _complex_close(a: complex, b: complex, tolerance: float) -> bool:
    if cmath.isfinite(a) and cmath.isfinite(b):
        return cmath.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)
    return _numbers_close(a.real, b.real, tolerance) and _numbers_close(a.imag, b.imag, tolerance)


def _dicts_close(a: Sequence[Any], b: Sequence[Any], tolerance: float) -> bool:
    """Compare pairs by equal keys; only when the keys differ is a tolerance on keys tried."""
    left = sorted((_canonical(key), index) for index, (key, _) in enumerate(a))
    right = sorted((_canonical(key), index) for index, (key, _) in enumerate(b))
    if [key for key, _ in left] == [key for key, _ in right]:
        return all(_close(a[i][1], b[j][1], tolerance) for (_, i), (_, j) in zip(left, right, strict=True))
    return _match(a, b, lambda x, y: _close(x[0], y[0], tolerance) and _close(x[1], y[1], tolerance))


def _sets_close(a: Sequence[JsonValue], b: Sequence[JsonValue], tolerance: float) -> bool:
    """Match items one to one. Numbers are matched in sorted order, which finds a matching if there is one."""
    left, other_left = _split_numbers(a)
    right, other_right = _split_numbers(b)
    if len(left) != len(right):
        return False
    numbers = all(_numbers_close(x, y, tolerance) for x, y in zip(left, right, strict=True))
    return numbers and _match(other_left, other_right, lambda x, y: _close(x, y, tolerance))


def _split_numbers(items: Sequence[JsonValue]) -> tuple[list[int | float], list[JsonValue]]:
    kinds = [(plain(item), item) for item in items]
    numbers = [body for (kind, body), _ in kinds if kind in ("int", "float")]
    numbers.sort(key=lambda number: (number != number, number if number == number else 0))  # noqa: PLR0124 - NaN last
    return numbers, [item for (kind, _), item in kinds if kind not in ("int", "float")]


def _match(a: Sequence[Any], b: Sequence[Any], close: Callable[[Any, Any], bool]) -> bool:
    """Tell whether the items pair up one to one (augmenting paths); too many that are not equal count as different."""
    if len(a) > _MOST_MATCHED:
        a, b = _without_equal(a, b)
    if len(a) != len(b) or len(a) > _MOST_MATCHED:
        return False
    taken: dict[int, int] = {}

    def place(index: int, tried: set[int]) -> bool:
        for other in range(len(b)):
            if other not in tried and close(a[index], b[other]):
                tried.add(other)
                if other not in taken or place(taken[other], tried):
                    taken[other] = index
                    return True
        return False

    return all(place(index, set()) for index in range(len(a)))


def _without_equal(a: Sequence[Any], b: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    left, right = [(_text_of(item), item) for item in a], [(_text_of(item), item) for item in b]
    common = Counter(text for text, _ in left) & Counter(text for text, _ in right)
    return _less(left, common.copy()), _less(right, common.copy())


def _less(items: Sequence[tuple[str, Any]], common: Counter[str]) -> list[Any]:
    rest = []
    for text, item in items:
        if common[text] > 0:
            common[text] -= 1
        else:
            rest.append(item)
    return rest


def _text_of(item: Any) -> str:
    """Return the canonical text of a tagged value, or of a pair of them."""
    if isinstance(item, list) and len(item) == 2 and not (isinstance(item[0], str) and isinstance(item[1], list)):
        return f"{_canonical(item[0])}:{_canonical(item[1])}"
    return _canonical(item)
