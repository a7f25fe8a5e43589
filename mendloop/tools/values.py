"""Values that come out of a sandbox: checked, compared, and written as literals. The host never evaluates one.

The tagged form is described in `mendloop.tools.sandbox.inside.encode`, which writes it.
"""

from __future__ import annotations

import ast
import json
import math
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, cast

from pydantic import JsonValue

from mendloop.errors import InputError
from mendloop.tools.sandbox.inside.encode import MAX_DEPTH, MAX_ITEMS, UnencodableError, encode

_SEQUENCES = ("list", "tuple", "set", "frozenset", "iter")
_FLOATS = {"nan": math.nan, "inf": math.inf}
_DECIMAL_BITS = 4_000  # above it an int is written in base 16, which has no limit on digits and takes linear time
_MAX_MATCHED = 300

_Number = int | float


def tag(value: object) -> JsonValue:
    """Return the tagged form of a Python value. Raises InputError for what is not encodable."""
    try:
        return cast(JsonValue, json.loads(encode(value)))
    except UnencodableError as error:
        raise InputError(str(error)) from error


def is_tagged(value: object) -> bool:
    """Tell whether JSON from a sandbox is a well-formed tagged value within the caps of depth and size."""
    try:
        budget = [MAX_ITEMS * 2]
        _check(value, 0, budget)
        decode(cast(JsonValue, value))
    except (ValueError, TypeError, IndexError, OverflowError, RecursionError):
        return False
    return True


def _check(value: object, depth: int, budget: list[int]) -> None:
    budget[0] -= 1
    if depth > MAX_DEPTH + 1 or budget[0] < 0:
        raise ValueError("too deep or too large")
    if value is None or type(value) in (bool, int, str):
        return
    if type(value) is not list or type(value[0]) is not str:
        raise TypeError("not a tagged value")
    name, *rest = value
    if name in ("int", "float", "str", "bytes", "complex"):
        if len(rest) != 1 + (name == "complex") or any(type(part) is not str for part in rest):
            raise TypeError("not a scalar")
        return
    if len(rest) != 1 or type(rest[0]) is not list or name not in (*_SEQUENCES, "dict"):
        raise TypeError("unknown tag")
    for item in rest[0]:
        if name != "dict":
            _check(item, depth + 1, budget)
        elif type(item) is not list or len(item) != 2:
            raise TypeError("not a pair")
        else:
            _check(item[0], depth + 1, budget)
            _check(item[1], depth + 1, budget)


def decode(tagged: JsonValue) -> Any:
    """Return the Python value of a tagged one; an iterator comes back as a list iterator.

    Raises ValueError or TypeError when it is not a tagged value.
    """
    if not isinstance(tagged, list):
        return tagged
    name, body = cast(str, tagged[0]), cast(Any, tagged[1])
    if name in _SCALARS:
        return _scalar(tagged)
    if name == "dict":
        return {decode(key): decode(value) for key, value in body}
    items = [decode(item) for item in body]
    return {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset, "iter": iter}[name](items)


_SCALARS = ("int", "float", "complex", "str", "bytes")


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
