"""Judge a program by a pytest file that runs beside it, in one process: for classes, fixtures and users' own tests.

What such a process reports, the program could forge, so its word is checked three ways and the result is labelled
`inproc`. The same file with a false assertion at the end of every test has to fail wherever the true one passed: a
program that patches pytest, writes reports itself or ends the process cannot tell the two runs apart. With an empty
module in the program's place a test has to fail, or it tests nothing. And every test of the file has to be reported.
"""

from __future__ import annotations

import ast
import asyncio
import random
import re
from collections.abc import Mapping

from mendloop.errors import InputError
from mendloop.executions import CaseResult, Execution, Limits, Outcome, Profile, ProgramResult, Request
from mendloop.tools.sandbox.protocol import Sandbox

_FILE = re.compile(r"^[^:]*::")
_FORGED = "its false twin was reported as passed: the program forges reports"
_VACUOUS = "it passes with an empty module in the program's place: it tests nothing"
_FOREIGN = "reported, and no test of the file"


async def judge_suite(code: str, tests: str, sandbox: Sandbox, limits: Limits, profile: Profile) -> ProgramResult:
    """Run a pytest file that imports the program as `solution`; one case a test, in the order of the file.

    Raises InputError when the file is no Python or has no test in it.
    """
    names = tests_in(tests)
    request = Request(code=code, tests=tests, limits=limits, profile=profile)
    false = request.model_copy(update={"tests": falsified(tests)})
    empty = request.model_copy(update={"code": ""})
    done, twins, stubbed = await asyncio.gather(*(sandbox.run(each) for each in (request, false, empty)))
    broken = [each for each in (done, twins, stubbed) if each.status == "sandbox_error"]
    return ProgramResult(
        status=broken[0].status if broken else done.status,
        isolation=done.isolation,
        integrity="inproc",
        cases=() if broken else _cases(names, done, _reported(twins), _reported(stubbed)),
        stdout=done.stdout,
        stderr=broken[0].message if broken else done.stderr or done.message,
        cpu_s=sum(each.cpu_s for each in (done, twins, stubbed)),
        wall_s=max(each.wall_s for each in (done, twins, stubbed)),
        peak_rss_mb=done.peak_rss_mb,
    )


def tests_in(text: str) -> tuple[str, ...]:
    """Return the tests of a pytest file as `test_name` or `TestClass::test_name`. Raises InputError for none."""
    tree = _parsed(text)
    names = [name for node in tree.body for name in _names(node)]
    if not names:
        raise InputError("the pytest file has no test in it", remedy="name its functions test_...")
    return tuple(dict.fromkeys(names))


def falsified(text: str) -> str:
    """Return a pytest file in which every test ends in a false assertion, however it ends otherwise."""
    tree = _parsed(text)
    for function in _test_functions(tree):
        low, high = sorted(random.sample(range(10**6), 2))
        false = ast.parse(f"assert {low} == {high}").body
        documentation = function.body[:1] if ast.get_docstring(function) else []
        body = function.body[len(documentation) :] or [ast.Pass()]
        function.body = [*documentation, ast.Try(body=body, handlers=[], orelse=[], finalbody=false)]
    return ast.unparse(ast.fix_missing_locations(tree))


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"the pytest file is no Python: {error}") from error


Function = ast.FunctionDef | ast.AsyncFunctionDef


def _test_functions(tree: ast.Module) -> list[Function]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
    ]


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.name] if node.name.startswith("test") else []
    if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
        return [f"{node.name}::{name}" for child in node.body for name in _names(child)]
    return []


def _reported(execution: Execution) -> Mapping[str, str]:
    return {_short(outcome.id): outcome.status for outcome in execution.outcomes}


def _short(name: str) -> str:
    return _FILE.sub("", name)


def _cases(
    names: tuple[str, ...], done: Execution, twins: Mapping[str, str], stubbed: Mapping[str, str]
) -> tuple[CaseResult, ...]:
    found = [_case(outcome, names, twins, stubbed) for outcome in done.outcomes]
    told = {_base(case.id) for case in found}
    failed_to_load = any(case.status == "error" and "::" not in case.id and case.id not in names for case in found)
    missing = () if failed_to_load else tuple(name for name in names if name not in told)
    return (*found, *(CaseResult(id=name, status="missing") for name in missing))


def _base(name: str) -> str:
    return name.partition("[")[0]


def _case(outcome: Outcome, names: tuple[str, ...], twins: Mapping[str, str], stubbed: Mapping[str, str]) -> CaseResult:
    name = _short(outcome.id)
    said = outcome.error.message if outcome.error else None
    if outcome.status == "returned":
        doubt = _doubt(name, names, twins, stubbed)
        return CaseResult(id=name, status="error" if doubt else "pass", error=doubt, ms=outcome.ms)
    if outcome.status == "raised" and outcome.error is not None:
        kind = "fail" if outcome.error.type == "AssertionError" else "error"
        return CaseResult(id=name, status=kind, error=said, ms=outcome.ms)
    return CaseResult(id=name, status="missing", error=said, ms=outcome.ms)


def _doubt(name: str, names: tuple[str, ...], twins: Mapping[str, str], stubbed: Mapping[str, str]) -> str | None:
    """Say why the report of a passed test is not believed."""
    if _base(name) not in names:
        return _FOREIGN
    if twins.get(name) != "raised":
        return _FORGED
    return _VACUOUS if stubbed.get(name) == "returned" else None
