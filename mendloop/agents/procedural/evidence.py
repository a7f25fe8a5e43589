"""What a source says about the use of its functions: doctests, existing tests, and calls with literal arguments."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from mendloop.agents.procedural.drawing import literal
from mendloop.agents.procedural.purity import BUILTINS
from mendloop.records import Case

MAX_CALL = 160
_CALL = re.compile(r"(?<![\w.])(?:(\w+)\.)?([A-Za-z_]\w*)\((['\"\d\[({\-bru][^\n]{0,100})")
_BLOCK = re.compile(r"^[ \t]*>>> .*(?:\n(?![ \t]*$|[ \t]*>>>).*)*", re.MULTILINE)


@dataclass
class SeenCalls:
    """Calls of one name with literal arguments, each with the name before the dot and the text it stood in."""

    calls: list[tuple[str, str, str]] = field(default_factory=list)

    def near(self, own_text: str, module: str) -> list[str]:
        """Return the calls in the function's own file, then those in files that mention its module."""
        word = module.rpartition(".")[2]
        own = [call for call, prefix, text in self.calls if text is own_text and prefix in ("", word)]
        others = [call for call, prefix, text in self.calls if text is not own_text and _means(prefix, word, text)]
        return list(dict.fromkeys(own + others))


def _means(prefix: str, module: str, text: str) -> bool:
    """True when a call in another file plausibly is one into `module`."""
    return prefix == module if prefix else re.search(rf"\b{module} import\b", text) is not None


def collect_calls(texts: Iterable[str]) -> dict[str, SeenCalls]:
    """Find calls whose arguments are all literals, also in comments and documentation, by the name that is called."""
    found: dict[str, SeenCalls] = {}
    for text in texts:
        for match in _CALL.finditer(text):
            prefix, name, rest = match[1] or "", match[2], match[3]
            if (prefix or name not in BUILTINS) and (call := _literal_call(name, rest)):
                found.setdefault(name, SeenCalls()).calls.append((call, prefix, text))
    return found


def _literal_call(name: str, rest: str) -> str | None:
    """Return `name(args)` when the text after the bracket closes it on the line and holds only literals."""
    for end in (m.start() for m in re.finditer(r"\)", rest)):
        if arguments := parse_arguments(f"{name}({rest[:end]})"):
            values, named = arguments
            shown = [*map(literal, values), *(f"{key}={literal(value)}" for key, value in named.items())]
            return f"{name}({', '.join(shown)})"
    return None


def parse_arguments(call: str) -> tuple[list[object], dict[str, object]] | None:
    """Return the values of a call's arguments, or None when any of them is not a literal."""
    node = _expression(call)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return None
    try:
        values = [ast.literal_eval(argument) for argument in node.args]
        return values, {str(k.arg): ast.literal_eval(k.value) for k in node.keywords if k.arg}
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _expression(text: str) -> ast.expr | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


# --- doctests --------------------------------------------------------------------------------------------------------


def without_doctests(docstring: str) -> str:
    """Return the prose of a docstring."""
    return re.sub(r"\n{3,}", "\n\n", _BLOCK.sub("", docstring)).strip()


def doctest_cases(name: str, docstring: str) -> list[Case]:
    """Parse the doctests of a docstring that call `name` into cases; what cannot be judged by value is left out."""
    if ">>>" not in docstring:
        return []
    import doctest

    try:
        examples = doctest.DocTestParser().get_examples(docstring)
    except ValueError:
        return []
    cases: list[Case] = []
    setup: list[str] = []
    for example in examples:
        text = _without_comment(example.source.strip())
        if _is_setup(text):
            setup.append(text)
        elif case := _doctest_case(f"d{len(cases) + 1:02d}", name, text, example.want, setup):
            cases.append(case)
    return cases


def _without_comment(text: str) -> str:
    node = _expression(text) if "#" in text else None
    return ast.unparse(node) if node is not None else text


def _doctest_case(ident: str, name: str, text: str, want: str, setup: list[str]) -> Case | None:
    needed = _needed(text, setup)
    if not _is_about(text, name, needed):
        return None
    prepared = "; ".join(needed) or None
    if want.startswith("Traceback"):
        raised = re.match(r"[\w.]*?(\w+)(?::|$)", want.strip().splitlines()[-1])
        return Case(id=ident, call=text, raises=raised[1], setup=prepared, origin="doctest") if raised else None
    expected = want.strip() or "None"
    return (
        Case(id=ident, call=text, expect=expected, setup=prepared, origin="doctest") if _is_literal(expected) else None
    )


def _is_setup(text: str) -> bool:
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return False
    return all(isinstance(node, ast.Assign) and _is_literal(ast.unparse(node.value)) for node in body)


def _needed(text: str, setup: list[str]) -> list[str]:
    words = set(re.findall(r"\w+", text))
    return [line for line in setup if words & set(re.findall(r"\w+", line.partition("=")[0]))]


def _is_literal(text: str) -> bool:
    node = _expression(text)
    if node is None:
        return False
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return isinstance(node, ast.Call) and ast.unparse(node) == "set()"
    return True


def _is_about(text: str, name: str, setup: Iterable[str] = ()) -> bool:
    """True when an expression calls `name` and otherwise uses only builtins and names that `setup` assigns."""
    node = _expression(text)
    if node is None or len(text) > MAX_CALL or "\n" in text:
        return False
    assigned = {part.strip() for line in setup for part in line.partition("=")[0].split(",")}
    used = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)}
    bound = {
        inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load)
    }
    called = any(isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == name for n in ast.walk(node))
    return called and used <= BUILTINS | assigned | bound | {name}


# --- existing tests --------------------------------------------------------------------------------------------------


def test_module_cases(texts: Iterable[str], names: frozenset[str]) -> dict[str, list[Case]]:
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


test_module_cases.__test__ = False  # type: ignore[attr-defined]  # pytest would collect the name


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
    setup = _needed(text, [ast.unparse(node) for node in bare.setup])
    expect = ast.unparse(bare.expect) if bare.expect is not None else None
    if not _is_about(text, name, setup) or (expect is not None and not _is_literal(expect)):
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
            if isinstance(statement, ast.Assign) and _is_literal(ast.unparse(statement.value)):
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
        if _is_literal(ast.unparse(expect)) and not _is_literal(ast.unparse(call)):
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
        if len(values) == len(names) and all(_is_literal(ast.unparse(value)) for value in values):
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
