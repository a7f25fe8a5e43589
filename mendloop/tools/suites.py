"""Judge a program by a pytest file that runs beside it, in one process: for classes, fixtures and users' own tests.

What such a process reports, the program could forge, so its word is checked three ways and the result is labelled
`inproc`. The same file with a false assertion at the end of every test has to fail wherever the true one passed: a
program that patches pytest, writes reports itself or ends the process cannot tell the two runs apart. With one of two
hollow programs (mendloop.tools.hollow) in the program's place a test has to fail, or it tests nothing; nor is one
believed in which no assert can fail (mendloop.tools.vacuity). And every test of the file has to be reported.
"""

from __future__ import annotations

import ast
import asyncio
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

from mendloop.errors import InputError
from mendloop.executions import CaseResult, Execution, Limits, Outcome, Profile, ProgramResult, Request
from mendloop.tools.hollow import hollow_programs
from mendloop.tools.pytestfile.file import items_of, parsed
from mendloop.tools.pytestfile.flaws import Flaw
from mendloop.tools.pytestfile.names import Function
from mendloop.tools.sandbox.protocol import Sandbox
from mendloop.tools.vacuity import flaws_in, vacuous_tests

_FILE = re.compile(r"^[^:]*::")
_FORGED = "its false twin was reported as passed: the program forges reports"
_VACUOUS = (
    "vacuous: it passes with a program whose functions return None, and with one whose functions return placeholders: "
    "it tests nothing of the program"
)
_FOREIGN = "reported, and no test of the file"


async def judge_suite(code: str, tests: str, sandbox: Sandbox, limits: Limits, profile: Profile) -> ProgramResult:
    """Run a pytest file that imports the program as `solution`; one case a test, in the order of the file.

    A test that passes whatever the program does is an `error` that begins with `vacuous:` and names the reason.
    Raises InputError when the file is no Python or has no test in it.
    """
    names = tests_in(tests)
    request = Request(code=code, tests=tests, limits=limits, profile=profile)
    false = request.model_copy(update={"tests": falsified(tests)})
    hollow = [request.model_copy(update={"code": text}) for text in hollow_programs(code)]
    runs = await asyncio.gather(*(sandbox.run(each) for each in (request, false, *hollow)))
    done, twins, *hollows = runs
    broken = [each for each in runs if each.status == "sandbox_error"]
    believed = _Doubts(names, vacuous_tests(tests), flaws_in(tests), _reported(twins), tuple(map(_reported, hollows)))
    return ProgramResult(
        status=broken[0].status if broken else done.status,
        isolation=done.isolation,
        integrity="inproc",
        cases=() if broken else _cases(done, believed),
        stdout=done.stdout,
        stderr=broken[0].message if broken else done.stderr or done.message,
        cpu_s=sum(each.cpu_s for each in runs),
        wall_s=max(each.wall_s for each in runs),
        peak_rss_mb=done.peak_rss_mb,
    )


def tests_in(text: str) -> tuple[str, ...]:
    """Return the tests of a pytest file as `test_name` or `TestClass::test_name`. Raises InputError for none."""
    items = list(items_of(_parsed(text)))
    if not any(item.collected for item in items):
        idle = [f": {flaw.test} (line {flaw.line}): {flaw.sentence}" for flaw in flaws_in(text) if flaw.test]
        raise InputError(f"the pytest file has no test in it{''.join(idle[:1])}", remedy="name its functions test_...")
    return tuple(dict.fromkeys(item.name for item in items))


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
        return parsed(text)
    except SyntaxError as error:
        raise InputError(f"the pytest file is no Python: {error}") from error


def _test_functions(tree: ast.Module) -> list[Function]:
    return [node for node in ast.walk(tree) if isinstance(node, Function) and node.name.startswith("test")]


def _reported(execution: Execution) -> Mapping[str, str]:
    return {_short(outcome.id): outcome.status for outcome in execution.outcomes}


def _short(name: str) -> str:
    return _FILE.sub("", name)


@dataclass(frozen=True)
class _Doubts:
    """Why the report of a test is not believed: `names` of the file, what reading found, and the other runs."""

    names: tuple[str, ...]
    vacuous: Mapping[str, Flaw]
    flaws: tuple[Flaw, ...]
    twins: Mapping[str, str]
    hollows: tuple[Mapping[str, str], ...]

    def of_passed(self, name: str) -> str | None:
        """Say why a test that was reported as passed did not pass."""
        if _base(name) not in self.names:
            return _FOREIGN
        if self.twins.get(name) != "raised":
            return _FORGED
        # A program that is no Python has no hollow ones: what passes beside it does not even load it.
        hollow = all(reported.get(name) == "returned" for reported in self.hollows)
        return self.as_written(name) or (self._hollow(name) if hollow else None)

    def as_written(self, name: str) -> str | None:
        """Say why no outcome of a test tells anything of the program."""
        flaw = self.vacuous.get(_base(name)) or self.vacuous.get("")
        return _named(flaw) if flaw else None

    def _hollow(self, name: str) -> str:
        """Say why hollow programs pass a test: what reading found in it, else that they do."""
        return next((_named(flaw) for flaw in self.flaws if flaw.test == _base(name)), _VACUOUS)


def _named(flaw: Flaw) -> str:
    return f"vacuous: {flaw.sentence} (line {flaw.line})"


def _cases(done: Execution, doubts: _Doubts) -> tuple[CaseResult, ...]:
    found = [_case(outcome, doubts) for outcome in done.outcomes]
    told = {_base(case.id) for case in found}
    names = doubts.names
    failed_to_load = any(case.status == "error" and "::" not in case.id and case.id not in names for case in found)
    missing = () if failed_to_load else tuple(name for name in names if name not in told)
    return (*found, *(CaseResult(id=name, status="missing", error=doubts.as_written(name)) for name in missing))


def _base(name: str) -> str:
    return name.partition("[")[0]


def _case(outcome: Outcome, doubts: _Doubts) -> CaseResult:
    name = _short(outcome.id)
    said = outcome.error.message if outcome.error else None
    vacuous = doubts.as_written(name)
    if outcome.status == "returned":
        doubt = doubts.of_passed(name)
        return CaseResult(id=name, status="error" if doubt else "pass", error=doubt, ms=outcome.ms)
    if outcome.status == "raised" and vacuous is not None:
        return CaseResult(id=name, status="error", error=f"{vacuous}\n{said}", ms=outcome.ms)
    if outcome.status == "raised" and outcome.error is not None:
        kind = "fail" if outcome.error.type == "AssertionError" else "error"
        return CaseResult(id=name, status=kind, error=said, ms=outcome.ms)
    return CaseResult(id=name, status="missing", error=vacuous or said, ms=outcome.ms)
