"""The forms in which tests state what they expect, whatever library they are written for."""

from __future__ import annotations

import ast
import builtins
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product

from mendloop.agents.asserts.constants import constant

MAX_ROWS = 500
_NEAR = 0.01
"""Above this share of the expected value a case's tolerance would be wider than what the test allows."""


def last_name(node: ast.expr) -> str:
    """Return `c` of `a.b.c`; an empty text for what is no name."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


# --- methods of unittest ---------------------------------------------------------------------------------------------

_COMPARED: dict[str, type[ast.cmpop]] = {
    "assertNotEqual": ast.NotEq,
    "assertIsNot": ast.IsNot,
    "assertIn": ast.In,
    "assertNotIn": ast.NotIn,
    "assertLess": ast.Lt,
    "assertLessEqual": ast.LtE,
    "assertGreater": ast.Gt,
    "assertGreaterEqual": ast.GtE,
}


def method_test(call: ast.Call) -> ast.expr | None:
    """Return the expression that `self.assertEqual(a, b)` and its kin assert, or None for another call."""
    name, args = last_name(call.func), call.args
    if not name.startswith("assert") or not args or any(isinstance(argument, ast.Starred) for argument in args):
        return None
    match name, args:
        case "assertTrue", [test, *_]:
            return test
        case "assertFalse", [test, *_]:
            return ast.UnaryOp(ast.Not(), test)
        case "assertIsNone", [test, *_]:
            return ast.Compare(test, [ast.Is()], [ast.Constant(None)])
        case "assertIsNotNone", [test, *_]:
            return ast.Compare(test, [ast.IsNot()], [ast.Constant(None)])
        case "assertIsInstance", [test, kind, *_]:
            return ast.Call(ast.Name("isinstance", ast.Load()), [test, kind], [])
        case "assertCountEqual", [left, right, *_]:
            return ast.Compare(_sorted(left), [ast.Eq()], [_sorted(right)])
        case "assertAlmostEqual" | "assertAlmostEquals", [left, right, *_]:
            return _almost(left, right, args[2:3], call.keywords)
        case _, [left, right, *_] if name in _COMPARED:
            return ast.Compare(left, [_COMPARED[name]()], [right])
        case _, [left, right, *_] if "Not" not in name and name.endswith(("Equal", "Equals", "assertIs")):
            return ast.Compare(left, [ast.Eq()], [right])
    return None


def _sorted(node: ast.expr) -> ast.expr:
    return ast.Call(ast.Name("sorted", ast.Load()), [node], [])


def _almost(left: ast.expr, right: ast.expr, places: list[ast.expr], keywords: list[ast.keyword]) -> ast.expr:
    """Return `abs(left - right) <= bound`; seven places unless the call says otherwise."""
    named = {keyword.arg: keyword.value for keyword in keywords}
    digits = places[0] if places else named.get("places", ast.Constant(7))
    bound = named.get("delta", ast.BinOp(ast.Constant(0.5), ast.Mult(), _power_of_ten(digits)))
    difference = ast.Call(ast.Name("abs", ast.Load()), [ast.BinOp(left, ast.Sub(), right)], [])
    return ast.Compare(difference, [ast.LtE()], [bound])


def _power_of_ten(digits: ast.expr) -> ast.expr:
    return ast.BinOp(ast.Constant(10.0), ast.Pow(), ast.UnaryOp(ast.USub(), digits))


# --- exceptions ------------------------------------------------------------------------------------------------------


def raised_class(call: ast.expr) -> ast.expr | None:
    """Return the class that `pytest.raises(E)` or `self.assertRaises(E)` names, or None for another expression."""
    if isinstance(call, ast.Call) and call.args and last_name(call.func) in _RAISES:
        return call.args[0]
    return None


_RAISES = ("raises", "assertRaises", "assertRaisesRegex", "assertRaisesRegexp")


def raising_call(call: ast.Call) -> ast.expr | None:
    """Return the call that `assertRaises(E, f, x)` or `raises(E, f, x)` makes, or None for another expression."""
    if last_name(call.func) not in _RAISES:
        return None
    skipped = 3 if "Regex" in last_name(call.func) else 2
    if len(call.args) < skipped:
        return None
    function = call.args[skipped - 1]
    if isinstance(function, ast.Lambda) and len(call.args) == skipped:
        return function.body
    return ast.Call(function, call.args[skipped:], call.keywords)


def exact_exception(node: ast.expr) -> str | None:
    """Return the name of a built-in exception that stands for itself only; None for others and for base classes."""
    found = getattr(builtins, last_name(node), None)
    if not isinstance(found, type) or not issubclass(found, BaseException) or last_name(node) in _GENERAL:
        return None
    return found.__name__


_GENERAL = frozenset({"BaseException", "Exception", "ArithmeticError", "LookupError", "Warning"})


# --- numbers that are near -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Near:
    """A number that is expected up to `bound`, an absolute difference."""

    judged: ast.expr
    expect: ast.expr
    bound: float

    @property
    def tolerance(self) -> float | None:
        """The bound as a case states it; None where a case would allow more than the test does."""
        found = constant(self.expect)
        value = found.value if found else None
        if isinstance(value, complex) or not isinstance(value, int | float) or not math.isfinite(value):
            return self.bound if isinstance(value, list | tuple | dict) and self.bound <= _NEAR else None
        tolerance = self.bound / max(1.0, abs(value))
        return tolerance if tolerance <= _NEAR else None


def near(test: ast.expr) -> Near | None:
    """Return the parts of `abs(a - b) < c`, `isclose(a, b)` or `a == approx(b)`, the constant as what is expected."""
    match test:
        case ast.Compare(
            left=ast.Call(func=function, args=[ast.BinOp(left=left, op=ast.Sub(), right=right)], keywords=[]),
            ops=[ast.Lt() | ast.LtE()],
            comparators=[limit],
        ) if last_name(function) in ("abs", "fabs"):
            bound = _number(limit)
            sides = _sides(left, right)
            return Near(*sides, bound) if sides and bound is not None and bound >= 0 else None
        case ast.Call(func=function, args=[left, right, *more], keywords=keywords) if last_name(function) == "isclose":
            sides = _sides(left, right)
            default = (1e-5, 1e-8) if ast.unparse(function).startswith(("np.", "numpy.")) else (1e-9, 0.0)
            return _within(sides, more, keywords, default, ("rel_tol", "rtol"), ("abs_tol", "atol"))
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            for judged, about in ((left, right), (right, left)):
                if isinstance(about, ast.Call) and last_name(about.func) == "approx" and about.args:
                    sides = (judged, about.args[0])
                    return _within(sides, about.args[1:], about.keywords, (1e-6, 1e-12), ("rel",), ("abs",))
    return None


def _sides(left: ast.expr, right: ast.expr) -> tuple[ast.expr, ast.expr] | None:
    if constant(right) is not None:
        return left, right
    return (right, left) if constant(left) is not None else None


def _within(
    sides: tuple[ast.expr, ast.expr] | None,
    positional: Sequence[ast.expr],
    keywords: Sequence[ast.keyword],
    default: tuple[float, float],
    relative: tuple[str, ...],
    absolute: tuple[str, ...],
) -> Near | None:
    """Return the bound that a relative and an absolute tolerance give together at the expected value."""
    given = dict(zip((relative[0], absolute[0]), positional, strict=False))
    given |= {keyword.arg: keyword.value for keyword in keywords if keyword.arg}
    shares = [_number(given[name]) for name in relative if name in given]
    amounts = [_number(given[name]) for name in absolute if name in given]
    found = constant(sides[1]) if sides else None
    if sides is None or found is None or None in shares or None in amounts:
        return None
    share = shares[0] if shares else default[0]
    amount = amounts[0] if amounts else default[1]
    # An absolute tolerance alone switches the relative one of `approx` off.
    if relative == ("rel",) and amounts and not shares:
        share = 0.0
    if isinstance(found.value, list | tuple | dict):
        return Near(*sides, max(share or 0.0, amount or 0.0))
    size = abs(found.value) if isinstance(found.value, int | float) and math.isfinite(found.value) else 0.0
    return Near(*sides, max((share or 0.0) * size, amount or 0.0))


def _number(node: ast.expr) -> float | None:
    found = constant(node)
    if found is None or not isinstance(found.value, int | float) or not math.isfinite(found.value):
        return None
    return float(found.value)


# --- tables ----------------------------------------------------------------------------------------------------------


def parametrized(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[tuple[list[str], ast.expr]]:
    """Return names and table of each `parametrize` decorator."""
    found: list[tuple[list[str], ast.expr]] = []
    for decorator in function.decorator_list:
        if not isinstance(decorator, ast.Call) or "parametrize" not in last_name(decorator.func):
            continue
        named = {keyword.arg: keyword.value for keyword in decorator.keywords}
        heads = decorator.args[0] if decorator.args else named.get("argnames")
        rows = decorator.args[1] if len(decorator.args) > 1 else named.get("argvalues")
        if heads is not None and rows is not None:
            found.append((_heads(heads), rows))
    return found


def _heads(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Constant):
        return [part.strip() for part in str(node.value).split(",") if part.strip()]
    return [str(part.value) for part in getattr(node, "elts", []) if isinstance(part, ast.Constant)]


def table_row(row: ast.expr, names: Sequence[str]) -> dict[str, ast.expr] | None:
    """Return the values of one row of a table by name, or None when it has another width."""
    values = [row]
    if isinstance(row, ast.Call) and last_name(row.func) == "param":
        values = row.args
    elif len(names) > 1 and isinstance(row, ast.Tuple | ast.List):
        values = row.elts
    return dict(zip(names, values, strict=True)) if len(values) == len(names) else None


def crossed(tables: Sequence[Sequence[dict[str, ast.expr]]]) -> Iterator[dict[str, ast.expr]]:
    """Yield every combination of the rows of some tables, at most `MAX_ROWS`."""
    for rows in islice(product(*tables), MAX_ROWS):
        yield {name: value for row in rows for name, value in row.items()}
