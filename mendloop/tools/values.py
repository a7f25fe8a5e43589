"""Values that come out of a sandbox: checked, compared, and written as literals. The host never evaluates one.

The tagged form is described in `mendloop.tools.sandbox.inside.encode`, which writes it. Everything here takes time
that grows with the size of the value only, whatever a hostile program sends: comparison goes through sorted texts, as
hash tables can be made to collide.
"""

from __future__ import annotations

import ast
import cmath
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, cast

from pydantic import JsonValue

from mendloop.errors import InputError
from mendloop.tools.sandbox.inside.encode import MAX_DEPTH, MAX_ITEMS, UnencodableError, encode

_SCALARS = ("int", "float", "complex", "str", "bytes")
_SEQUENCES = ("list", "tuple", "set", "frozenset", "iter")
_UNHASHABLE = ("list", "dict", "set")
_DECIMAL_BITS = 4_000  # above it an int is written in base 16, which has no limit on digits and takes linear time
_MOST_MATCHED = 300  # unordered items that are neither numbers nor equal, matched pairwise under a tolerance

# --- tagged values ---------------------------------------------------------------------------------------------------


def tag(value: object) -> JsonValue:
    """Return the tagged form of a Python value. Raises InputError for what is not encodable."""
    try:
        return cast(JsonValue, json.loads(encode(value)))
    except UnencodableError as error:
        raise InputError(str(error)) from error


def is_tagged(value: object) -> bool:
    """Tell whether JSON from a sandbox is a well-formed tagged value within the caps of depth and size."""
    try:
        _check(value, 0, [2 * MAX_ITEMS])
    except (ValueError, TypeError, IndexError, OverflowError):
        return False
    return True


def _check(value: Any, depth: int, budget: list[int], *, hashable: bool = False) -> None:
    budget[0] -= 1
    if depth > MAX_DEPTH or budget[0] < 0:
        raise ValueError("too deep or too large")
    if type(value) is str:
        value.encode()  # half a character comes as utf-16, or was not written by us
    if value is None or type(value) in (bool, int, str):
        return
    if type(value) is not list or type(value[0]) is not str:
        raise TypeError("not a tagged value")
    name, *parts = value
    if name in _SCALARS:
        if len(parts) != 1 + (name == "complex") or any(type(part) is not str for part in parts):
            raise TypeError("not a scalar")
        _scalar(value)
    elif hashable and name in _UNHASHABLE:
        raise TypeError("not hashable")
    else:
        _check_items(name, parts, depth + 1, budget, hashable=hashable)


def _check_items(name: str, parts: Sequence[Any], depth: int, budget: list[int], *, hashable: bool) -> None:
    if name not in (*_SEQUENCES, "dict") or len(parts) != 1 or type(parts[0]) is not list:
        raise TypeError("unknown tag")
    for item in parts[0]:
        if name != "dict":
            inner = name in ("set", "frozenset") or (name == "tuple" and hashable)
            _check(item, depth, budget, hashable=inner)
        elif type(item) is not list or len(item) != 2:
            raise TypeError("not a pair")
        else:
            _check(item[0], depth, budget, hashable=True)
            _check(item[1], depth, budget)


def decode(tagged: JsonValue) -> Any:
    """Return the Python value of a tagged one; an iterator comes back as a list iterator."""
    if not isinstance(tagged, list):
        return tagged
    name, body = cast(str, tagged[0]), cast(Any, tagged[1])
    if name in _SCALARS:
        return _scalar(tagged)
    if name == "dict":
        return {decode(key): decode(value) for key, value in body}
    return _BUILD[name]([decode(item) for item in body])


_BUILD: dict[str, Callable[[list[Any]], Any]] = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "iter": iter,
}


def _scalar(tagged: Sequence[Any]) -> Any:
    name, text = tagged[0], tagged[1]
    if name == "int":
        return int(text, 16)
    if name == "float":
        return float(text)
    if name == "complex":
        return complex(float(text), float(tagged[2]))
    raw = bytes.fromhex(text)
    return raw if name == "bytes" else raw.decode("utf-16-le", "surrogatepass")


def _plain(tagged: JsonValue) -> tuple[str, Any]:
    """Return the kind of a tagged value and its Python scalar, or its tagged items."""
    if isinstance(tagged, list):
        name = cast(str, tagged[0])
        return (name, _scalar(tagged)) if name in _SCALARS else (name, cast(Any, tagged[1]))
    return type(tagged).__name__, tagged


# --- comparison ------------------------------------------------------------------------------------------------------


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
    kind, body = _plain(tagged)
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
    if kind in _SEQUENCES:
        items = [_canonical(item) for item in body]
        return f"{kind}({','.join(sorted(items) if kind in ('set', 'frozenset') else items)})"
    return repr(body)


def _canonical_number(number: int | float) -> str:
    if isinstance(number, float) and not number.is_integer():
        return number.hex()
    return hex(int(number))


def _close(a: JsonValue, b: JsonValue, tolerance: float) -> bool:
    (kind, left), (other, right) = _plain(a), _plain(b)
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
    if kind in _SEQUENCES:
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
    plain = [(_plain(item), item) for item in items]
    numbers = [body for (kind, body), _ in plain if kind in ("int", "float")]
    numbers.sort(key=lambda number: (number != number, number if number == number else 0))  # noqa: PLR0124 - NaN last
    return numbers, [item for (kind, _), item in plain if kind not in ("int", "float")]


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


# --- literals --------------------------------------------------------------------------------------------------------


def render(tagged: JsonValue) -> str:
    """Return the one-line literal of a tagged value: `parse_expected(render(v))` equals `v`.

    Sets are written in the order of their items' texts, dicts in their own order.
    """
    kind, body = _plain(tagged)
    if kind == "int":
        return hex(body) if body.bit_length() > _DECIMAL_BITS else str(body)
    if kind == "complex":
        finite = cmath.isfinite(body)
        return repr(body) if finite else f"complex({body.real!r}, {body.imag!r})"
    if kind == "dict":
        return f"{{{', '.join(f'{render(key)}: {render(value)}' for key, value in body)}}}"
    if kind in _SEQUENCES:
        return _render_items(kind, [render(item) for item in body])
    return repr(body)


def _render_items(kind: str, items: list[str]) -> str:
    if kind in ("set", "frozenset"):
        inner = f"{{{', '.join(sorted(items))}}}" if items else ""
        return f"frozenset({inner})" if kind == "frozenset" else inner or "set()"
    inner = ", ".join(items)
    if kind == "tuple":
        return f"({inner},)" if len(items) == 1 else f"({inner})"
    return f"iter([{inner}])" if kind == "iter" else f"[{inner}]"


@lru_cache(maxsize=2048)
def parse_expected(text: str) -> JsonValue:
    """Return the tagged value of a literal: Python's own, plus nan, inf, set(), frozenset({...}), iter([...]).

    Nothing is evaluated. The value is shared between callers, who must not change it. Raises InputError on anything
    else.
    """
    try:
        return tag(_build(ast.parse(text.strip(), mode="eval").body))
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        shown = text if len(text) <= 80 else text[:77] + "..."
        raise InputError(
            f"not a literal: {shown!r}: {error}",
            remedy="write a Python literal, nan, inf, set(), frozenset({...}) or iter([...])",
        ) from error


def _build(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=None | bool() | int() | float() | complex() | str() | bytes() as value):
            return value
        case ast.List(elts=items):
            return [_build(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_build(item) for item in items)
        case ast.Set(elts=items):
            return {_build(item) for item in items}
        case ast.Dict(keys=keys, values=values):
            return {_build(_given(key)): _build(value) for key, value in zip(keys, values, strict=True)}
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _build_call(name, [_build(argument) for argument in arguments])
    return _build_number(node)


def _given(key: ast.expr | None) -> ast.expr:
    if key is None:
        raise ValueError("** has no place in a literal")
    return key


def _build_call(name: str, arguments: list[Any]) -> Any:
    match name, arguments:
        case "set", []:
            return set()
        case "frozenset", []:
            return frozenset()
        case "frozenset", [set() as items]:
            return frozenset(items)
        case "iter", [list() as items]:
            return iter(items)
        case "complex", [int() | float() as real, int() | float() as imaginary]:
            return complex(real, imaginary)
    raise ValueError(f"{name}(...) is not a literal")


def _build_number(node: ast.expr) -> Any:
    match node:
        case ast.Name(id="nan"):
            return math.nan
        case ast.Name(id="inf"):
            return math.inf
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            value = _a_number(_build(operand))
            return -value if isinstance(sign, ast.USub) else value
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as sign, right=ast.Constant(value=complex() as imaginary)):
            real = _a_number(_build(left))
            return real + imaginary if isinstance(sign, ast.Add) else real - imaginary
    raise ValueError("an expression, not a literal")


def _a_number(value: Any) -> Any:
    if type(value) not in (int, float, complex):
        raise TypeError("a sign belongs to a number")
    return value
