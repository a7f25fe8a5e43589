"""Existing tests as evidence: the assertions of test files become cases that the host can judge."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from mendloop.agents.procedural.evidence import is_about, is_literal, needed
from mendloop.records import Case


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
        context, inner = statement.items[0].context_expr, statement.body[0]
        kind = _raised_by(context)
        if kind and isinstance(inner, ast.Expr):
            return _Assertion(inner.value, None, kind)
    return None


def _compared(test: ast.expr) -> _Assertion | None:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = ast.Call(ast.Name("bool", ast.Load()), [test.operand], [])
        return _Assertion(inner, ast.Constant(False), None)
    if isinstance(test, ast.Call):
        return _Assertion(ast.Call(ast.Name("bool", ast.Load()), [test], []), ast.Constant(True), None)
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq | ast.Is):
        return None
    return _either(test.left, test.comparators[0])


def _either(left: ast.expr, right: ast.expr) -> _Assertion | None:
    for call, expect in ((left, right), (right, left)):
        approx = isinstance(expect, ast.Call) and ast.unparse(expect.func).rpartition(".")[2] == "approx"
        if approx and isinstance(expect, ast.Call) and len(expect.args) == 1 and not expect.keywords:
            return _Assertion(call, expect.args[0], None, tolerance=1e-6)
        if is_literal(ast.unparse(expect)) and not is_literal(ast.unparse(call)):
            return _Assertion(call, expect, None)
    return None


_EXPECTED: dict[str, Literal[True, False] | None] = {"assertTrue": True, "assertFalse": False, "assertIsNone": None}


def _method(call: ast.Call) -> _Assertion | None:
    name = ast.unparse(call.func).rpartition(".")[2]
    equal = name.startswith("assert") and name.endswith(("Equal", "Equals", "assertIs")) and "Not" not in name
    if equal and name != "assertAlmostEqual" and len(call.args) >= 2:
        return _either(call.args[0], call.args[1])
    if name == "assertAlmostEqual" and len(call.args) == 2 and not call.keywords:
        found = _either(call.args[0], call.args[1])
        return _Assertion(found.call, found.expect, None, tolerance=1e-6) if found else None
    if name in _EXPECTED and call.args:
        judged = call.args[0] if name == "assertIsNone" else ast.Call(ast.Name("bool", ast.Load()), [call.args[0]], [])
        return _Assertion(judged, ast.Constant(_EXPECTED[name]), None)
    if name in ("assertRaises", "raises") and len(call.args) >= 2:
        return _Assertion(ast.Call(call.args[1], call.args[2:], call.keywords), None, _exception(call.args[0]))
    return None


def _raised_by(context: ast.expr) -> str | None:
    if isinstance(context, ast.Call) and context.args:
        name = ast.unparse(context.func).rpartition(".")[2]
        return _exception(context.args[0]) if name in ("raises", "assertRaises", "assertRaisesRegex") else None
    return None


def _exception(node: ast.expr) -> str | None:
    return ast.unparse(node).rpartition(".")[2] if isinstance(node, ast.Name | ast.Attribute) else None


def _tables(function: ast.FunctionDef) -> Iterator[dict[str, ast.expr]]:
    """Yield the values of each row of a `parametrize` table; one empty row when there is none."""
    tables = [d for d in function.decorator_list if isinstance(d, ast.Call) and "parametrize" in ast.unparse(d.func)]
    if not tables:
        yield {}
        return
    if len(tables) > 1 or len(tables[0].args) < 2:
        return
    heads, rows = tables[0].args[0], tables[0].args[1]
    if isinstance(heads, ast.Constant):
        names = [part.strip() for part in str(heads.value).split(",") if part.strip()]
    else:
        names = [str(e.value) for e in getattr(heads, "elts", []) if isinstance(e, ast.Constant)]
    for row in getattr(rows, "elts", []):
        values = _row(row, len(names))
        if len(values) == len(names) and all(is_literal(ast.unparse(value)) for value in values):
            yield dict(zip(names, values, strict=True))


def _row(row: ast.expr, width: int) -> list[ast.expr]:
    if isinstance(row, ast.Call) and ast.unparse(row.func).endswith("param"):
        return row.args
    if width > 1 and isinstance(row, ast.Tuple | ast.List):
        return row.elts
    return [row]


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
