"""Existing tests as evidence: the assertions of test files become cases that the host can judge."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mendloop.agents.asserts.expressions import is_about, is_literal, needed
from mendloop.agents.asserts.forms import last_name, method_test, parametrized, raised_class, raising_call, table_row
from mendloop.records import Case

_NEAR = 1e-6


def cases_of_tests(texts: Iterable[str], names: frozenset[str]) -> dict[str, list[Case]]:
    """Parse the assertions of test files into cases by the function they call.

    Understood: `assert f(..) == literal`, `is None/True/False`, `not f(..)`, `assertEqual` and its kin, `raises` with
    one call, and `parametrize` with a table of literals. Everything else is passed over.
    """
    found: dict[str, list[Case]] = {}
    for text in texts:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            continue
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and function.name.startswith("test"):
                for bare in _assertions(function):
                    _file_case(bare, names, found)
    return found


@dataclass(frozen=True)
class _Assertion:
    call: ast.expr
    expect: ast.expr | None
    raises: str | None
    setup: tuple[ast.Assign, ...] = ()
    tolerance: float | None = None


def _file_case(bare: _Assertion, names: frozenset[str], found: dict[str, list[Case]]) -> None:
    call = _PlainNames(names).visit(bare.call)
    about = [n.func.id for n in ast.walk(call) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    about = [name for name in about if name in names]
    if not about:
        return
    name, text = about[0], ast.unparse(call)
    setup = needed(text, [ast.unparse(node) for node in bare.setup])
    expect = ast.unparse(bare.expect) if bare.expect is not None else None
    if not is_about(text, name, setup) or (expect is not None and not is_literal(expect)):
        return
    cases = found.setdefault(name, [])
    cases.append(
        Case(
            id=f"g{len(cases) + 1:02d}",
            call=text,
            expect=expect,
            raises=bare.raises,
            setup="; ".join(setup) or None,
            tolerance=bare.tolerance,
        )
    )


class _PlainNames(ast.NodeTransformer):
    """Turns `module.f(..)` into `f(..)` for the functions that are looked for."""

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if node.attr in self.names and isinstance(node.value, ast.Name | ast.Attribute):
            return ast.Name(node.attr, ast.Load())
        return self.generic_visit(node)


def _assertions(function: ast.FunctionDef) -> Iterator[_Assertion]:
    for values in _tables(function):
        setup: list[ast.Assign] = []
        for statement in function.body:
            if isinstance(statement, ast.Assign) and is_literal(ast.unparse(statement.value)):
                setup.append(statement)
            elif bare := _assertion(_filled(statement, values)):
                yield _Assertion(bare.call, bare.expect, bare.raises, tuple(setup), bare.tolerance)


def _assertion(statement: ast.stmt) -> _Assertion | None:
    if isinstance(statement, ast.Assert):
        return _compared(statement.test)
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return _method(statement.value)
    if isinstance(statement, ast.With) and len(statement.items) == 1 and len(statement.body) == 1:
        kind, inner = raised_class(statement.items[0].context_expr), statement.body[0]
        if kind is not None and last_name(kind) and isinstance(inner, ast.Expr):
            return _Assertion(inner.value, None, last_name(kind))
    return None


def _compared(test: ast.expr) -> _Assertion | None:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _truth(test.operand, expect=False)
    if isinstance(test, ast.Call):
        return _truth(test, expect=True)
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq | ast.Is):
        return None
    return _either(test.left, test.comparators[0])


def _truth(test: ast.expr, *, expect: bool) -> _Assertion:
    return _Assertion(ast.Call(ast.Name("bool", ast.Load()), [test], []), ast.Constant(expect), None)


def _either(left: ast.expr, right: ast.expr) -> _Assertion | None:
    for call, expect in ((left, right), (right, left)):
        approx = isinstance(expect, ast.Call) and last_name(expect.func) == "approx"
        if approx and isinstance(expect, ast.Call) and len(expect.args) == 1 and not expect.keywords:
            return _Assertion(call, expect.args[0], None, tolerance=_NEAR)
        if is_literal(ast.unparse(expect)) and not is_literal(ast.unparse(call)):
            return _Assertion(call, expect, None)
    return None


def _method(call: ast.Call) -> _Assertion | None:
    raising = raising_call(call)
    if raising is not None:
        kind = last_name(call.args[0])
        return _Assertion(raising, None, kind) if kind else None
    if last_name(call.func) == "assertAlmostEqual":
        plain = len(call.args) == 2 and not call.keywords
        found = _either(call.args[0], call.args[1]) if plain else None
        return _Assertion(found.call, found.expect, None, tolerance=_NEAR) if found else None
    test = method_test(call)
    if last_name(call.func) in ("assertTrue", "assertFalse"):
        return _truth(call.args[0], expect=last_name(call.func) == "assertTrue") if call.args else None
    return _compared(test) if isinstance(test, ast.Compare) else None


def _tables(function: ast.FunctionDef) -> Iterator[dict[str, ast.expr]]:
    """Yield the values of each row of a `parametrize` table; one empty row when there is none."""
    tables = parametrized(function)
    if not tables:
        yield {}
        return
    if len(tables) > 1:
        return
    names, rows = tables[0]
    for row in getattr(rows, "elts", []):
        values = table_row(row, names)
        if values is not None and all(is_literal(ast.unparse(value)) for value in values.values()):
            yield values


def _filled(statement: ast.stmt, values: dict[str, ast.expr]) -> ast.stmt:
    """Return a copy of the statement with the parameters of its table written out."""
    if not values:
        return statement
    (copy,) = ast.parse(ast.unparse(statement)).body
    filled: ast.stmt = _Fill(values).visit(copy)
    return ast.fix_missing_locations(filled)


class _Fill(ast.NodeTransformer):
    def __init__(self, values: dict[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self.values.get(node.id, node)
