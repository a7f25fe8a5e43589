"""Why the condition of an assert is true whatever the program does."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from mendloop.tools.pytestfile.flaws import FlawKind
from mendloop.tools.pytestfile.names import Names

_PURE = frozenset({
    "abs", "all", "any", "ascii", "bin", "bool", "bytes", "callable", "chr", "complex", "dict", "divmod", "enumerate",
    "float", "format", "frozenset", "hash", "hex", "int", "isinstance", "issubclass", "len", "list", "max", "min",
    "object", "oct", "ord", "pow", "print", "range", "repr", "reversed", "round", "set", "slice", "sorted", "str",
    "sum", "tuple", "type", "zip", "Exception", "ValueError", "TypeError", "KeyError", "IndexError",
})  # fmt: skip
"""Builtins that cannot reach the program by themselves, as `eval` could."""
_REFLEXIVE = (ast.Eq, ast.LtE, ast.GtE, ast.Is)
_FIXED = (ast.Constant, ast.Tuple, ast.UnaryOp, ast.BinOp, ast.Load, ast.operator, ast.unaryop)


@dataclass(frozen=True)
class Claims:
    """Judges the asserts of one test, which assigns `values` once each and has `patched` names of the program.

    `empty` holds the names of the file that stand for an empty table.
    """

    names: Names
    values: Mapping[str, ast.expr]
    patched: frozenset[str] = frozenset()
    empty: frozenset[str] = frozenset()

    def flaw(self, test: ast.expr) -> FlawKind | None:
        """Return why a condition says nothing of the program; None where it may fail because of it."""
        match test:
            case ast.Tuple(elts=[_, *_]):
                return "tuple"
            case ast.NamedExpr(value=value):
                return self.flaw(value)
            case ast.IfExp(test=ast.Constant(value=value), body=body, orelse=orelse):
                return self.flaw(body if value else orelse)
            case ast.BoolOp(op=ast.Or(), values=values) if any(map(self._is_true, values)):
                return "or_true"
            case ast.BoolOp(op=ast.And(), values=values):
                found = [self.flaw(value) for value in values]
                return None if None in found else found[0]
            case ast.Compare() if self._is_reflexive(test):
                return "itself"
            case ast.Call(func=ast.Name(id="all"), args=[rows]) if self._goes_through_nothing(rows):
                return "empty_loop"
            case ast.Constant(value=value) if not value:
                return None
        if self._is_constant(test):
            return "constant"
        mentioned = self._mentioned(test) if self.patched else set()
        return "patched" if mentioned and mentioned <= self.patched else None

    def is_empty(self, node: ast.expr) -> bool:
        """Tell whether a loop over an expression has no turn."""
        match node:
            case ast.List(elts=[]) | ast.Tuple(elts=[]) | ast.Dict(keys=[]) | ast.Constant(value="" | b""):
                return True
            case ast.Call(func=ast.Name(id="list" | "dict" | "set" | "tuple" | "frozenset"), args=[], keywords=[]):
                return True
            case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=0)]):
                return True
            case ast.Call(func=ast.Name(id="zip" | "enumerate" | "reversed" | "sorted" | "list"), args=[first, *_]):
                return self.is_empty(first)
            case ast.Call(func=ast.Attribute(value=owner, attr="items" | "keys" | "values"), args=[]):
                return self.is_empty(owner)
            case ast.Name(id=name):
                return name in self.empty
        return False

    def is_false(self, test: ast.expr) -> bool:
        """Tell whether a condition is never true."""
        match test:
            case ast.Constant(value=value):
                return not value
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self._is_true(operand)
            case ast.BoolOp(op=ast.And(), values=values):
                return any(map(self.is_false, values))
        return self.is_empty(test)

    def _is_true(self, test: ast.expr) -> bool:
        match test:
            case ast.Constant(value=value):
                return bool(value)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self.is_false(operand)
        return self.flaw(test) in ("tuple", "or_true", "itself")

    def _goes_through_nothing(self, rows: ast.expr) -> bool:
        if isinstance(rows, ast.GeneratorExp | ast.ListComp | ast.SetComp):
            return any(self.is_empty(generator.iter) for generator in rows.generators)
        return self.is_empty(rows)

    def _is_constant(self, test: ast.expr) -> bool:
        """Tell whether nothing that an expression reads can come from the program."""
        return all(self._is_fixed_name(node.id) for node in ast.walk(test) if isinstance(node, ast.Name)) and not any(
            isinstance(node, ast.Await | ast.Yield | ast.YieldFrom) for node in ast.walk(test)
        )

    def _is_fixed_name(self, name: str) -> bool:
        if name in _PURE and name not in self.names.bound:
            return True
        value = self.values.get(name)
        return value is not None and all(isinstance(node, _FIXED) for node in ast.walk(value))

    def _is_reflexive(self, test: ast.Compare) -> bool:
        """Tell whether a comparison has one thing on both sides, which the test has no reason to expect to change.

        `is` between two calls stands: it tells a program that makes a new object from one that does not.
        """
        if not (len(test.ops) == 1 and isinstance(test.ops[0], _REFLEXIVE)):
            return False
        left, right = test.left, test.comparators[0]
        if ast.dump(left) != ast.dump(right):
            left, right = _written(left, self._calls), _written(right, self._calls)
        calls = [node for node in ast.walk(left) if isinstance(node, ast.Call)]
        same = ast.dump(left) == ast.dump(right) and all(map(self._is_repeatable, calls))
        return same and not (calls and isinstance(test.ops[0], ast.Is))

    def _is_repeatable(self, call: ast.Call) -> bool:
        """Tell whether a call is one of the program or a plain builtin, and no method of an object with a state."""
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        made = isinstance(owner, ast.Call) and bool(self.names.of_program(owner.func))
        pure = isinstance(call.func, ast.Name) and call.func.id in _PURE - self.names.bound
        return pure or made or bool(self.names.of_program(call.func))

    def _mentioned(self, test: ast.expr) -> set[str]:
        """Return the names of the program, and of methods, that a condition rests on."""
        nodes = list(ast.walk(_written(test, self.values)))
        called = [node.func for node in nodes if isinstance(node, ast.Call)]
        named = {name for node in nodes if (name := self.names.of_program(node))}
        return named | {node.attr for node in called if isinstance(node, ast.Attribute)}

    @cached_property
    def _calls(self) -> dict[str, ast.expr]:
        """The names that stand for a call of the program on constants, which gives the same again."""
        calls = {name: value for name, value in self.values.items() if isinstance(value, ast.Call)}
        return {name: call for name, call in calls.items() if self._is_plain(call)}

    def _is_plain(self, call: ast.Call) -> bool:
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        names = [node for argument in arguments for node in ast.walk(argument) if isinstance(node, ast.Name | ast.Call)]
        return bool(arguments) and self._is_repeatable(call) and not names


def _written(node: ast.expr, values: Mapping[str, ast.expr]) -> ast.expr:
    """Return an expression with values in the place of their names; what is put in is not looked into."""
    if not values:
        return node
    written: ast.expr = _Written(values).visit(ast.parse(ast.unparse(node), mode="eval").body)
    return written


class _Written(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._values.get(node.id, node)
