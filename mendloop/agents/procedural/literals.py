"""Literal texts as values: reading them without evaluating anything, comparing them, and showing them in a sentence."""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

SHOWN = 64
"""Characters of a value that a sentence can carry."""


@dataclass(frozen=True)
class Relation:
    """How the observed outcome relates to the expected one: a name for retrieval, a sentence for people."""

    name: str
    sentence: str


@dataclass(frozen=True)
class Items:
    """What an iterator gave, written `iter([...])`."""

    items: tuple[object, ...]


class Unread:
    """The type of UNREAD."""

    def __repr__(self) -> str:
        return "UNREAD"


UNREAD: Final = Unread()
"""The value of a text that is no literal."""

Finder = Callable[[Any, Any], Relation | None]


def first_of(finders: tuple[Finder, ...], expected: object, observed: object) -> Relation | None:
    """Return what the first finder says that recognises the pair."""
    return next((found for finder in finders if (found := finder(expected, observed))), None)


def read(text: str) -> Any:
    """Return the value of a literal text (also nan, inf, set(), frozenset({...}), iter([...])), or UNREAD."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError, OverflowError):
        return UNREAD


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value) if value is not Ellipsis:
            return value
        case ast.Name(id="nan" | "inf" as name):
            return float(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return +_number(operand)
        case ast.BinOp(op=ast.Add() | ast.Sub() as op, left=left, right=ast.Constant(value=complex() as imaginary)):
            return _number(left) + imaginary if isinstance(op, ast.Add) else _number(left) - imaginary
        case ast.List(elts=elements):
            return [_value(element) for element in elements]
        case ast.Tuple(elts=elements):
            return tuple(_value(element) for element in elements)
        case ast.Set(elts=elements):
            return {_value(element) for element in elements}
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return {_value(k): _value(v) for k, v in zip(keys, values, strict=True) if k is not None}
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _called(name, [_value(argument) for argument in arguments])
    raise ValueError("not a literal")


def _number(node: ast.expr) -> Any:
    value = _value(node)
    if isinstance(value, bool) or not isinstance(value, int | float | complex):
        raise ValueError("not a number")
    return value


def _called(name: str, arguments: list[Any]) -> Any:
    match name, arguments:
        case "set", []:
            return set()
        case "frozenset", []:
            return frozenset()
        case "frozenset", [set() as members]:
            return frozenset(members)
        case "iter", [list() as members]:
            return Items(tuple(members))
    raise ValueError("not a literal")


def same(left: Any, right: Any) -> bool:
    """Return whether two values are equal: bool only equals bool, NaN equals NaN, kinds of container are distinct."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if is_number(left) and is_number(right):
        return bool(left == right) or (is_nan(left) and is_nan(right))
    if type(left) is not type(right):
        return False
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, Items):
        return same(left.items, right.items)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    return bool(left == right)


def is_number(value: object) -> bool:
    """Return whether a value is an int or a float, and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_nan(value: object) -> bool:
    """Return whether a value is the float NaN."""
    return isinstance(value, float) and math.isnan(value)


def text_of(value: object) -> str:
    """Return a value as a literal text: what `read` reads."""
    try:
        return f"iter({list(value.items)!r})" if isinstance(value, Items) else repr(value)
    except (ValueError, RecursionError):  # an int too long for the interpreter's conversion limit
        return "a very large value"


def show(value: object) -> str:
    """Return a value in backticks, shortened in the middle so that a sentence stays readable."""
    return quote(text_of(value))


def quote(text: str, limit: int = SHOWN) -> str:
    """Return a text in backticks on one line, with its middle left out when it is long."""
    flat = " ".join(text.split()) if "\n" in text else text
    flat = flat.replace("`", "'")
    if len(flat) > limit:
        flat = f"{flat[: limit * 2 // 3]} ... {flat[-limit // 4 :]}"
    return f"`{flat}`"


def kind_of(value: object) -> str:
    """Return what people call the type of a value, with its article."""
    names: dict[type, str] = {
        bool: "a bool",
        int: "an int",
        float: "a float",
        complex: "a complex number",
        str: "a string",
        bytes: "bytes",
        list: "a list",
        tuple: "a tuple",
        dict: "a dict",
        set: "a set",
        frozenset: "a frozenset",
        Items: "an iterator",
        type(None): "None",
    }
    return names.get(type(value), "something else")


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th, 11th ..."""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def plural(number: int, noun: str) -> str:
    """Return `1 case`, `2 cases`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
