"""Values that come out of a sandbox: checked, and written as literals. The host never evaluates one.

The tagged form is described in `mendloop.tools.sandbox.inside.encode`, which writes it. Everything here takes time
that grows with the size of the value only, whatever a hostile program sends.
"""

from __future__ import annotations

import ast
import cmath
import json
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, cast

from pydantic import JsonValue

from mendloop.errors import InputError
from mendloop.tools.sandbox.inside.encode import MAX_DEPTH, MAX_ITEMS, UnencodableError, encode

_SCALARS = ("int", "float", "complex", "str", "bytes")
SEQUENCES = ("list", "tuple", "set", "frozenset", "iter")
_UNHASHABLE = ("list", "dict", "set")
_DECIMAL_BITS = 4_000  # above it an int is written in base 16, which has no limit on digits and takes linear time

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
    if name not in (*SEQUENCES, "dict") or len(parts) != 1 or type(parts[0]) is not list:
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


def plain(tagged: JsonValue) -> tuple[str, Any]:
    """Return the kind of a tagged value and its Python scalar, or its tagged items."""
    if isinstance(tagged, list):
        name = cast(str, tagged[0])
        return (name, _scalar(tagged)) if name in _SCALARS else (name, cast(Any, tagged[1]))
    return type(tagged).__name__, tagged


# --- literals --------------------------------------------------------------------------------------------------------


def render(tagged: JsonValue) -> str:
    """Return the one-line literal of a tagged value: `parse_expected(render(v))` equals `v`.

    Sets are written in the order of their items' texts, dicts in their own order.
    """
    kind, body = plain(tagged)
    if kind == "int":
        return hex(body) if body.bit_length() > _DECIMAL_BITS else str(body)
    if kind == "complex":
        finite = cmath.isfinite(body)
        return repr(body) if finite else f"complex({body.real!r}, {body.imag!r})"
    if kind == "dict":
        return f"{{{', '.join(f'{render(key)}: {render(value)}' for key, value in body)}}}"
    if kind in SEQUENCES:
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
