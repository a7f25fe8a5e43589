"""What the parts of an expression were worth in a run, worked out from the traced locals without running anything."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from mendloop.agents.procedural.literals import UNREAD, is_number, read

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}
_ORDER: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}


def worth(node: ast.expr, values: Mapping[str, str]) -> Any:
    """Return the value of an expression of names, literals, len(), indexing, + - / // % and comparisons, or UNREAD."""
    try:
        return _worth(node, values)
    except (TypeError, ValueError, ArithmeticError, LookupError, RecursionError):
        return UNREAD


def _worth(node: ast.expr, values: Mapping[str, str]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return read(values[name]) if name in values else UNREAD
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_known(operand, values)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            one, two = _known(left, values), _known(right, values)
            return _ARITHMETIC[type(op)](one, two) if is_number(one) and is_number(two) else UNREAD
        case ast.Call(func=ast.Name(id="len"), args=[value], keywords=[]):
            return len(_known(value, values))
        case ast.Subscript(value=value, slice=index) if not isinstance(index, ast.Slice):
            return _known(value, values)[_known(index, values)]
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _ORDER:
            return _ORDER[type(op)](_known(left, values), _known(right, values))
    return UNREAD


def _known(node: ast.expr, values: Mapping[str, str]) -> Any:
    value = _worth(node, values)
    if value is UNREAD:
        raise ValueError("not known")
    return value
