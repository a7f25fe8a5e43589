"""Cases written as asserts, so that reading them gives the same cases again."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Sequence
from math import inf, isfinite, nextafter

from mendloop.agents.assertions import parse_cases
from mendloop.agents.asserts.expressions import expression, rebuilt
from mendloop.errors import InputError
from mendloop.frozen import Frozen
from mendloop.records import Case
from mendloop.tools.values import decode, parse_expected


class WrittenCases(Frozen):
    """Asserts that `parse_cases` reads as cases in the order of `ids`; `left_out` counts cases that no assert says."""

    asserts: tuple[str, ...]
    ids: tuple[str, ...]
    left_out: int = 0


def written_cases(cases: Sequence[Case], entry_point: str) -> WrittenCases:
    """Return cases as asserts. Each text stands alone, and all of them, joined by lines, give all cases again.

    Equal means: but for the id, and for the origin, which a text cannot say.
    """
    found: list[tuple[Case, str]] = []
    for number, case in enumerate(cases):
        text = next((text for text in _forms(case, entry_point, number) if _says(text, [case], entry_point)), None)
        if text is not None:
            found.append((case, text))
    if not _says(_joined(found), [case for case, _ in found], entry_point):
        found = _compatible(found, entry_point)
    texts, ids = tuple(text for _, text in found), tuple(case.id for case, _ in found)
    return WrittenCases(asserts=texts, ids=ids, left_out=len(cases) - len(found))


def _compatible(found: Sequence[tuple[Case, str]], entry_point: str) -> list[tuple[Case, str]]:
    """Return the cases that can stand together: a later one that says something else of an earlier call is left out."""
    kept: list[tuple[Case, str]] = []
    for pair in found:
        more = [*kept, pair]
        if _says(_joined(more), [case for case, _ in more], entry_point):
            kept = more
    return kept


def _joined(found: Sequence[tuple[Case, str]]) -> str:
    return "\n".join(text for _, text in found)


def _says(text: str, cases: Sequence[Case], entry_point: str) -> bool:
    """Tell whether a text is read as these cases."""
    read = parse_cases(text, entry_point, prefix="w", limit=len(cases) + 1).cases
    return len(read) == len(cases) and all(map(_same, read, cases))


def _same(one: Case, other: Case) -> bool:
    return one.model_copy(update={"id": other.id, "origin": other.origin}) == other


def _forms(case: Case, entry_point: str, number: int) -> Iterator[str]:
    """Yield texts that may say a case; with lines before it, an assert stands in a function of its own."""
    for lines in _lines(case, entry_point):
        if len(lines) == 1:
            yield lines[0]
        yield f"def test_{number}():\n{textwrap.indent(chr(10).join(lines), '    ')}"


def _lines(case: Case, entry_point: str) -> Iterator[list[str]]:
    before = case.setup.split("\n") if case.setup else []
    if case.call is None:
        return
    if case.after is not None:
        for name, value in case.after.items():
            yield [*before, case.call, f"assert {name} == {value}"]
    elif case.raises is not None:
        yield [*before, f"with pytest.raises({case.raises}):", f"    {case.call}"]
    elif case.check is not None:
        yield from ([*before, f"assert {test}"] for test in _tests(case.call, case.check))
    elif case.expect is not None:
        yield from ([*before, f"assert {test}"] for test in _equations(case, case.call, case.expect, entry_point))


def _equations(case: Case, call: str, expect: str, entry_point: str) -> Iterator[str]:
    if case.tolerance is None:
        truth = {"True": "", "False": "not "}.get(expect)
        if truth is not None and call.startswith("bool(") and call.endswith(")"):
            yield f"{truth}{call.removeprefix('bool(').removesuffix(')')}"
        yield f"{call} == {_spelled(expect)}"
        return
    for bound in _bounds(case.tolerance, expect):
        yield f"{call} == pytest.approx({expect}, abs={bound!r})"


def _spelled(expect: str) -> str:
    """Return a literal as Python has it: `nan` and `inf` are calls of `float` there."""
    node = expression(expect)

    def spelled(inner: ast.expr) -> ast.expr | None:
        match inner:
            case ast.Name(id="nan" | "inf" as name):
                return ast.Call(ast.Name("float", ast.Load()), [ast.Constant(name)], [])
        return None

    if node is None or not any(isinstance(inner, ast.Name) for inner in ast.walk(node)):
        return expect
    return ast.unparse(rebuilt(node, spelled))


def _bounds(tolerance: float, expect: str) -> Iterator[float]:
    """Yield absolute bounds that are a case's tolerance at the expected value, up to the last digit."""
    try:
        value = decode(parse_expected(expect))
        number = isinstance(value, int | float) and isfinite(value)
        bound = tolerance * max(1.0, abs(value)) if number else tolerance
    except (InputError, OverflowError):
        return
    yield from (bound, nextafter(bound, inf), nextafter(bound, 0.0))


def _tests(call: str, check: str) -> Iterator[str]:
    """Yield a check with the call in the place of its result; of several calls each has its own place."""
    made, test = expression(call), expression(check)
    if made is None or test is None:
        return
    calls = made.elts if isinstance(made, ast.Tuple) else []

    def placed(inner: ast.expr) -> ast.expr | None:
        match inner:
            case ast.Subscript(value=ast.Name(id="result"), slice=ast.Constant(value=int() as at)) if at < len(calls):
                return calls[at]
            case ast.Name(id="result"):
                return made
        return None

    yield ast.unparse(rebuilt(test, placed))
