"""The user's own oracle: what decides, outside of a run, whether its programs are right."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence
from pathlib import Path

from mendloop.agents.assertions import ParsedCases, parse_cases
from mendloop.agents.asserts.expressions import statements
from mendloop.agents.asserts.reasons import DUPLICATE, ON_CONSTANT
from mendloop.agents.sources.given_cases import given_cases
from mendloop.agents.sources.jsonl import JsonRow, RowError, Unusable, nothing_usable, plain_text, read_rows
from mendloop.errors import InputError
from mendloop.frozen import Frozen
from mendloop.records import Case
from mendloop.tools.suites import tests_in

MAX_CASES = 1_000
_HARMLESS = frozenset({DUPLICATE, ON_CONSTANT})
"""Asserts that say nothing more: leaving them out of a suite changes no judgement."""
_WANTED = 'write {"id": "...", "cases": [...]}, a row of MBPP or HumanEval, or {"id": "...", "solution": "..."}'


class Truth(Frozen):
    """What decides about a problem's programs: `cases`, else `tests` (a pytest file), else the `reference` alone.

    A reference is a program that is right; a program is compared with it on the inputs of its own sessions.
    """

    id: str
    line: int
    cases: tuple[Case, ...] = ()
    tests: str = ""
    reference: str = ""

    @property
    def judges(self) -> bool:
        """True when there are cases or tests of the oracle's own."""
        return bool(self.cases or self.tests)


class Oracle(Frozen):
    """The rows of an oracle file by problem id; `unusable` names the lines that cannot be used, with the reasons."""

    file: str
    truths: dict[str, Truth]
    unusable: dict[int, str] = {}


def read_oracle(path: Path) -> Oracle:
    """Read a file of JSON lines. Each names its problem by `id`, `task_id` or `problem`, and holds one of:

    - `cases`: case objects as `mendloop exec` takes them, or texts of asserts (these need `entry_point`);
    - `test_list`, the asserts of a row of MBPP, whose `code` is taken as the reference;
    - `test` with a function `check(candidate)`, and `entry_point`, as in HumanEval; `prompt` with `canonical_solution`
      is the reference.

    `solution` is the reference in any of them, or alone. Raises SourceError when no row can be used.
    """
    truths: dict[str, Truth] = {}
    unusable: list[Unusable] = []
    for row in read_rows(path):
        if isinstance(row, Unusable):
            unusable.append(row)
            continue
        try:
            truth = _truth(row)
            if truth.id in truths:
                raise RowError(f"its id was used before, in line {truths[truth.id].line}")
        except (RowError, InputError) as reason:
            unusable.append(Unusable(line=row.line, reason=str(reason)))
            continue
        truths[truth.id] = truth
    if not truths:
        raise nothing_usable(path, unusable, _WANTED)
    return Oracle(file=path.name, truths=truths, unusable={each.line: each.reason for each in unusable})


def _truth(row: JsonRow) -> Truth:
    name = row.text("id", "task_id", "problem").strip()
    if "cases" in row.values:
        parsed = given_cases(row.values["cases"], row.optional("entry_point"), key="cases", prefix="c")
        if not parsed.cases or set(parsed.refused) - _HARMLESS:
            raise RowError(f"some of its `cases` cannot be used ({_said(parsed)})")
        return Truth(id=name, line=row.line, cases=parsed.cases, reference=row.optional("solution"))
    if "test_list" in row.values:
        return _of_asserts(row, f"mbpp/{name}" if name.isdecimal() else name)
    if row.optional("test").strip():
        return _of_check(row, name)
    reference = row.optional("solution")
    if not reference.strip():
        raise RowError("has none of `cases`, `test_list`, `test` and `solution`")
    return Truth(id=name, line=row.line, reference=reference)


def _said(parsed: ParsedCases) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in parsed.refused.items()) or "there is none"


# --- MBPP (Austin et al., arXiv 2108.07732) --------------------------------------------------------------------------


def _of_asserts(row: JsonRow, name: str) -> Truth:
    given = row.values["test_list"]
    if not isinstance(given, list) or not given:
        raise RowError("`test_list` is no list of asserts")
    asserts, reference = [plain_text(each) for each in given], row.optional("solution", "code")
    setup = row.optional("test_setup_code")
    entry = row.optional("entry_point").strip() or _called(asserts[0], reference)
    parsed = parse_cases("\n".join(asserts), entry, prefix="c", limit=MAX_CASES, origin="given")
    if _whole(parsed) and not setup.strip():
        return Truth(id=name, line=row.line, cases=parsed.cases, reference=reference)
    body = "\n".join(f"    {line}" for each in asserts for line in each.strip().splitlines())
    tests = _pytest_file(entry, setup, f"def test_oracle():\n{body}\n")
    return Truth(id=name, line=row.line, tests=tests, reference=reference)


def _called(test: str, code: str) -> str:
    """Return the function that a test is about: the last one of the code that it calls, else the first it calls."""
    tree = statements(test)
    if tree is None:
        raise RowError("its first test does not parse")
    calls = [node.func.id for node in _calls(tree) if isinstance(node.func, ast.Name)]
    defined = [node.name for node in statements(code) or [] if isinstance(node, ast.FunctionDef)]
    named = [name for name in defined if name in calls]
    free = [name for name in calls if not hasattr(builtins, name)]
    if not named and not free:
        raise RowError("its first test calls no function")
    return named[-1] if named else free[0]


def _calls(tree: Sequence[ast.stmt]) -> Iterator[ast.Call]:
    yield from (node for part in tree for node in ast.walk(part) if isinstance(node, ast.Call))


# --- HumanEval (Chen et al., arXiv 2107.03374) -----------------------------------------------------------------------


def _of_check(row: JsonRow, name: str) -> Truth:
    entry, test = row.text("entry_point").strip(), row.text("test")
    before = row.optional("prompt", "declaration")
    canonical = row.optional("canonical_solution")
    reference = row.optional("solution") or (before + canonical if canonical else "")
    renamed = _renamed(test, entry)
    parsed = parse_cases(renamed, entry, prefix="c", limit=MAX_CASES, origin="given")
    if _whole(parsed):
        return Truth(id=name, line=row.line, cases=parsed.cases, reference=reference)
    body = f"{test}\n\n\ndef test_oracle():\n    check({entry})\n"
    return Truth(id=name, line=row.line, tests=_pytest_file(entry, _besides(before, entry), body), reference=reference)


def _renamed(test: str, entry: str) -> str:
    """Return a test whose `candidate` bears the name of the function."""
    body = statements(test)
    if body is None:
        raise RowError("its `test` does not parse")
    tree = ast.Module(body=body, type_ignores=[])
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "candidate":
            node.id = entry
    return ast.unparse(tree)


def _besides(prompt: str, entry: str) -> str:
    """Return what a prompt defines beside the function itself: a test may use it."""
    body = statements(prompt) or []
    others = [node for node in body if not (isinstance(node, ast.FunctionDef) and node.name == entry)]
    return "\n".join(ast.unparse(node) for node in others)


# --- asserts that need their surroundings ----------------------------------------------------------------------------


def _whole(parsed: ParsedCases) -> bool:
    """Tell whether every assert that says something became a case."""
    return bool(parsed.cases) and not set(parsed.refused) - _HARMLESS


def _pytest_file(entry: str, before: str, body: str) -> str:
    """Return a file for pytest whose names are the program's. Raises RowError where that is no Python."""
    text = f"from solution import *\nfrom solution import {entry}\n{before}\n\n\n{body}"
    try:
        tests_in(text)
    except InputError as error:
        raise RowError(error.what) from error
    return text
