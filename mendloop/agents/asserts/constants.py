"""Constant expressions such as `[0] * 5` or `10**6`, worked out on the host within caps; no code is evaluated."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mendloop.errors import InputError
from mendloop.tools.values import render, tag

MAX_SIZE = 10_000
"""Characters of a literal, about: nothing larger is ever made."""
_MAX_BITS = 33_000  # about as many digits
_INEXACT = 1e-9


class NotConstantError(ValueError):
    """An expression is no constant, or one that is too large."""


@dataclass(frozen=True)
class Constant:
    """A worked-out value. `size` is about the length of its text; `exact` is false where floats were rounded."""

    value: Any
    size: int
    exact: bool = True

    @property
    def literal(self) -> str:
        """The value as a case expects it."""
        return render(tag(self.value))

    @property
    def tolerance(self) -> float | None:
        """What two ways of working out the same number may differ by."""
        return None if self.exact else _INEXACT


def constant(node: ast.expr) -> Constant | None:
    """Return the value of a constant expression; None for everything else, and for what is too large."""
    try:
        found = _fold(node)
        return found if len(found.literal) <= MAX_SIZE else None
    except (ValueError, TypeError, ArithmeticError, RecursionError, MemoryError, InputError):
        return None


def _fold(node: ast.expr) -> Constant:
    match node:
        case ast.Constant(value=None | bool() | int() | float() | complex() | str() | bytes() as value):
            return _sized(value)
        case ast.List(elts=items):
            return _collected(items, list)
        case ast.Tuple(elts=items):
            return _collected(items, tuple)
        case ast.Set(elts=items):
            return _collected(items, set)
        case ast.Dict(keys=keys, values=values):
            return _mapping(keys, values)
        case ast.UnaryOp(op=sign, operand=operand):
            return _signed(sign, _fold(operand))
        case ast.BinOp(left=left, op=sign, right=right):
            return _combined(sign, _fold(left), _fold(right))
        case ast.Call(func=function, args=arguments, keywords=[]):
            return _called(ast.unparse(function), arguments)
        case ast.Attribute(value=ast.Name(id="math"), attr=name) if name in _MATH:
            return _sized(_MATH[name])
        case ast.Name(id="inf" | "nan" as name):
            return _sized(_MATH[name])
        case ast.Subscript(value=ast.expr() as inner, slice=ast.Slice(lower=None, upper=None, step=None)):
            return _sequence(_fold(inner))
    raise NotConstantError(type(node).__name__)


_MATH = {name: getattr(math, name) for name in ("inf", "nan", "pi", "e", "tau")}


def _sized(value: Any, *, exact: bool = True) -> Constant:
    """Return a scalar with its size."""
    if isinstance(value, str | bytes):
        size = len(value) + 2
    elif isinstance(value, int):
        size = 1 + value.bit_length() // 3
    else:
        size = 10
    return _capped(value, size, exact=exact)


def _capped(value: Any, size: int, *, exact: bool = True) -> Constant:
    if size > MAX_SIZE:
        raise NotConstantError("too large")
    return Constant(value, size, exact)


def _collected(nodes: Sequence[ast.expr], build: Callable[[list[Any]], Any]) -> Constant:
    parts: list[Constant] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            parts += [Constant(item, 0) for item in _sequence(_fold(node.value)).value]
        parts += [] if isinstance(node, ast.Starred) else [_fold(node)]
    size = 2 + sum(part.size + 2 for part in parts)
    if size > MAX_SIZE:
        raise NotConstantError("too large")
    return Constant(build([part.value for part in parts]), size, all(part.exact for part in parts))


def _mapping(keys: Sequence[ast.expr | None], values: Sequence[ast.expr]) -> Constant:
    if any(key is None for key in keys):
        raise NotConstantError("** in a dict")
    names = _collected([key for key in keys if key is not None], list)
    items = _collected(values, list)
    built = dict(zip(names.value, items.value, strict=True))
    return _capped(built, names.size + items.size, exact=names.exact and items.exact)


def _signed(sign: ast.unaryop, operand: Constant) -> Constant:
    if isinstance(sign, ast.Not):
        return _sized(not operand.value)
    if not _is_number(operand.value):
        raise NotConstantError("a sign belongs to a number")
    if isinstance(sign, ast.Invert):
        return _sized(~operand.value)
    return Constant(-operand.value if isinstance(sign, ast.USub) else +operand.value, operand.size, operand.exact)


_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
}


def _combined(sign: ast.operator, left: Constant, right: Constant) -> Constant:
    a, b = left.value, right.value
    exact = left.exact and right.exact
    if _is_number(a) and _is_number(b):
        _check_growth(sign, a, b)
        value = _ARITHMETIC[type(sign)](a, b)
        rounded = isinstance(value, float) and math.isfinite(value) and not value.is_integer()
        return _sized(value, exact=exact and not rounded)
    if isinstance(sign, ast.Mult):
        return _repeated(left, right) if isinstance(b, int) else _repeated(right, left)
    plain = type(a) is type(b) and isinstance(a, str | bytes | list | tuple | set | frozenset)
    if not plain or (isinstance(a, set | frozenset) is isinstance(sign, ast.Add)):
        raise NotConstantError("no arithmetic of constants")
    if not isinstance(sign, ast.Add | ast.BitOr | ast.BitAnd | ast.BitXor | ast.Sub):
        raise NotConstantError("no arithmetic of constants")
    size = left.size + right.size
    if size > MAX_SIZE:
        raise NotConstantError("too large")
    return Constant(_ARITHMETIC[type(sign)](a, b), size, exact)


def _repeated(items: Constant, times: Constant) -> Constant:
    count = times.value
    if not isinstance(items.value, str | bytes | list | tuple) or not isinstance(count, int):
        raise NotConstantError("no repetition")
    size = max(1, items.size) * max(0, count) + 2
    if size > MAX_SIZE:
        raise NotConstantError("too large")
    return Constant(items.value * count, size, items.exact)


def _check_growth(sign: ast.operator, a: Any, b: Any) -> None:
    """Refuse powers, shifts and products whose result would be huge, before they are worked out."""
    if not (isinstance(a, int) and isinstance(b, int)):
        return
    bits = a.bit_length()
    if isinstance(sign, ast.Pow | ast.LShift) and b > 0:
        grown = bits * b if isinstance(sign, ast.Pow) else bits + b
    else:
        grown = bits + b.bit_length()
    if grown > _MAX_BITS:
        raise NotConstantError("too large")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | complex)


def _called(name: str, arguments: Sequence[ast.expr]) -> Constant:
    if name in ("list", "tuple", "set", "frozenset") and len(arguments) <= 1:
        build: Callable[[Any], Any] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[name]
        inner = _items(arguments[0]) if arguments else Constant([], 2)
        return Constant(build(inner.value), inner.size, inner.exact)
    values = [_fold(argument) for argument in arguments]
    match name, [part.value for part in values]:
        case "float", [int() | float() | str() as number]:
            return _sized(float(number))
        case "complex", [int() | float() as real, int() | float() as imaginary]:
            return _sized(complex(real, imaginary))
        case "int" | "abs", [int() | float() as number]:
            return _sized(int(number) if name == "int" else abs(number))
        case "math.sqrt" | "sqrt", [int() | float() as number]:
            root = math.sqrt(number)
            return _sized(root, exact=root.is_integer())
        case ("sorted", [list() | tuple() | set() as items]):
            return Constant(sorted(items), values[0].size, values[0].exact)
    raise NotConstantError(f"{name}(...)")


def _items(node: ast.expr) -> Constant:
    """Return what a constructor of a container takes: a constant, or a range that is not too long."""
    if not isinstance(node, ast.Call) or ast.unparse(node.func) != "range" or node.keywords:
        return _sequence(_fold(node))
    bounds = [_fold(argument).value for argument in node.args]
    if not 1 <= len(bounds) <= 3 or any(type(bound) is not int for bound in bounds):
        raise NotConstantError("range(...)")
    numbers = range(*bounds)
    digits = 2 + max((len(str(bound)) for bound in bounds), default=0)
    if max(map(abs, bounds)) > 10**12 or len(numbers) * digits > MAX_SIZE:
        raise NotConstantError("too large")
    return Constant(list(numbers), len(numbers) * digits)


def _sequence(found: Constant) -> Constant:
    if not isinstance(found.value, str | bytes | list | tuple | set | frozenset | dict):
        raise NotConstantError("not a container")
    return found
