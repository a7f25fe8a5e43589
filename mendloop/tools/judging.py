"""Judge what a program did against what its cases expect. Expected values never leave this side.

A case that expects a value: `pass`, `fail` when another value (or another state in `after`) came, `error` when an
exception came. A case that expects an exception: `pass`, `fail` when a value came, `error` when another exception
came. Time-outs, exhausted memory, missing and unencodable results are statuses of their own, whatever was expected;
only an unencodable result where an exception was expected is a `fail`.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from mendloop.errors import InputError
from mendloop.executions import (
    Call,
    CaseResult,
    CaseStatus,
    Execution,
    Limits,
    Outcome,
    ProgramResult,
    ProgramStatus,
    Raised,
    Request,
)
from mendloop.records import Case
from mendloop.tools.equality import equal
from mendloop.tools.sandbox.protocol import Sandbox
from mendloop.tools.values import parse_expected, render

_RAISES = re.compile(r"(?P<name>[^\W\d]\w*)(?:\((?P<base>[^\W\d]\w*)\))?")
_MAX_GOT = 10_000
_JAVASCRIPT = ("Error", "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError")
_CHECK_PREAMBLE = "nan = float('nan')\ninf = float('inf')\n"


def calls_of(cases: Sequence[Case], language: str = "python") -> tuple[Call, ...]:
    """Return what goes into the sandbox for cases, in their order: no expected value.

    Raises InputError, with the case's id, for an expectation that cannot be read.
    """
    for case in cases:
        validate(case, language)
    return tuple(
        Call(
            id=case.id,
            call=case.call,
            setup=case.setup,
            after=tuple(case.after or ()),
            stdin=case.stdin,
            isolated=case.isolated,
        )
        for case in cases
    )


def validate(case: Case, language: str = "python") -> None:
    """Check that every expectation of a case can be read. Raises InputError with the case's id."""
    try:
        for literal in [*([] if case.expect is None else [case.expect]), *(case.after or {}).values()]:
            parse_expected(literal)
        if case.raises is not None:
            _expected_exception(case.raises, language)
        if case.check is not None:
            ast.parse(case.check.strip(), mode="eval")
    except InputError as error:
        raise InputError(error.what, where=f"case {case.id}", remedy=error.remedy) from error
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"not an expression: {case.check!r}", where=f"case {case.id}") from error


async def judge(cases: Sequence[Case], execution: Execution, sandbox: Sandbox, limits: Limits) -> ProgramResult:
    """Return the judged outcome of one execution, case by case in the order of the cases.

    `check` cases are evaluated in one more sandboxed run that never contains the solution: `result` is bound to the
    value that came out, the variables of `after` to theirs.
    """
    outcomes = _by_case(cases, execution.outcomes)
    open_checks = [
        (case, outcome)
        for case, outcome in zip(cases, outcomes, strict=True)
        if case.check is not None and outcome.status == "returned"
    ]
    checked = await _run_checks(open_checks, sandbox, limits) if open_checks else None
    answers = iter(_by_case([case for case, _ in open_checks], checked.outcomes if checked else ()))
    results = tuple(
        _judge_check(case, outcome, next(answers))
        if case.check is not None and outcome.status == "returned"
        else _judge(case, outcome)
        for case, outcome in zip(cases, outcomes, strict=True)
    )
    return ProgramResult(
        status=_program_status(execution, checked),
        isolation=execution.isolation,
        integrity=execution.integrity,
        cases=results,
        stdout=execution.stdout,
        stderr=execution.stderr,
        cpu_s=execution.cpu_s,
        wall_s=execution.wall_s,
        peak_rss_mb=execution.peak_rss_mb,
    )


def rendered(outcome: Outcome) -> str:
    """Return what a call did in one line: its literal, `raises Type: message`, or why there is none."""
    if outcome.status == "returned":
        return _one_line(render(outcome.value)) if outcome.stdout is None else _one_line(f"prints {outcome.stdout!r}")
    if outcome.status == "raised" and outcome.error is not None:
        return _one_line(f"raises {_error_text(outcome.error)}")
    return {
        "timeout": "timed out",
        "memory": "ran out of memory",
        "unencodable": "returned a value that cannot be compared",
    }.get(outcome.status, "gave no result")


def _by_case(cases: Sequence[Case], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return one outcome for each case, also when ids repeat or results are missing."""
    waiting: dict[str, list[Outcome]] = {}
    for outcome in reversed(outcomes):
        waiting.setdefault(outcome.id, []).append(outcome)
    return [waiting[case.id].pop() if waiting.get(case.id) else Outcome(id=case.id, status="missing") for case in cases]


def _program_status(execution: Execution, checked: Execution | None) -> ProgramStatus:
    if checked is not None and checked.status == "sandbox_error":
        return "sandbox_error"
    return execution.status


def _judge(case: Case, outcome: Outcome) -> CaseResult:
    if outcome.status == "raised" and outcome.error is not None:
        passed = case.raises is not None and _is_expected(case.raises, outcome.error)
        after = _after_fault(case, outcome.after) if passed else None
        status: CaseStatus = "error" if not passed else "fail" if after else "pass"
        return _result(case, outcome, status, error=after or _error_text(outcome.error))
    if outcome.status == "unencodable" and case.raises is not None:
        return _result(case, outcome, "fail", error=_error_of(outcome))
    if outcome.status != "returned":
        status = "missing" if outcome.status == "raised" else outcome.status
        return _result(case, outcome, status, error=_error_of(outcome))
    if case.stdout is not None:
        printed = outcome.stdout or ""
        same = _trimmed(printed) == _trimmed(case.stdout)
        return _result(case, outcome, "pass" if same else "fail", got=repr(printed))
    got = render(outcome.value)
    if case.expect is None or not equal(outcome.value, parse_expected(case.expect), case.tolerance):
        return _result(case, outcome, "fail", got=got)
    after = _after_fault(case, outcome.after)
    return _result(case, outcome, "fail" if after else "pass", got=got, error=after)


def _after_fault(case: Case, after: Mapping[str, JsonValue]) -> str | None:
    """Say which variable of `setup` is not as expected after the call; None when all are."""
    for name, literal in (case.after or {}).items():
        if name not in after:
            return f"after the call {name} cannot be read"
        if not equal(after[name], parse_expected(literal), case.tolerance):
            return _one_line(f"after the call {name} is {render(after[name])}")
    return None


def _result(
    case: Case, outcome: Outcome, status: CaseStatus, *, got: str | None = None, error: str | None = None
) -> CaseResult:
    return CaseResult(id=case.id, status=status, got=got, error=error, ms=outcome.ms)


def _trimmed(text: str) -> list[str]:
    """Return the lines of a text without whitespace at their ends, and without empty lines at the end of it."""
    return [line.rstrip() for line in text.rstrip().split("\n")]


# --- exceptions ------------------------------------------------------------------------------------------------------


def _expected_exception(text: str, language: str = "javascript") -> tuple[str, str]:
    """Return (name, nearest built-in base) of an expected exception; they are equal for a built-in class.

    JavaScript knows the built-in classes of Python and some more.
    """
    found = _RAISES.fullmatch(text.strip())
    base = found and _builtin_exception(found["base"] or found["name"], language)
    if not found or not base:
        raise InputError(
            f"not an exception: {text!r}", remedy='write a built-in class, or a custom one as "Name(BuiltinBase)"'
        )
    return (found["name"] if found["base"] else base), base


def _builtin_exception(name: str, language: str) -> str | None:
    if language == "javascript" and name in _JAVASCRIPT:
        return name
    found = getattr(builtins, name, None)
    return found.__name__ if isinstance(found, type) and issubclass(found, BaseException) else None


def _is_expected(expected: str, raised: Raised) -> bool:
    name, base = _expected_exception(expected)
    custom = "(" in expected
    return raised.type == name and raised.base == base and raised.builtin is not (custom and name != base)


def _error_text(raised: Raised) -> str:
    return f"{raised.type}: {raised.message}" if raised.message else raised.type


def _error_of(outcome: Outcome) -> str | None:
    return _error_text(outcome.error) if outcome.error is not None else None


def _one_line(text: str) -> str:
    flat = text.replace("\r", "\\r").replace("\n", "\\n")
    return flat if len(flat) <= _MAX_GOT else flat[: _MAX_GOT - 3] + "..."


# --- checks ----------------------------------------------------------------------------------------------------------


async def _run_checks(checks: Sequence[tuple[Case, Outcome]], sandbox: Sandbox, limits: Limits) -> Execution:
    """Evaluate every check in one run whose only inputs are values that came out of the first."""
    calls = tuple(
        Call(id=case.id, call=f"bool(({(case.check or '').strip()}\n))", setup=_bindings(outcome))
        for case, outcome in checks
    )
    return await sandbox.run(Request(code=_CHECK_PREAMBLE, calls=calls, limits=limits))


def _bindings(outcome: Outcome) -> str:
    lines = [f"{name} = {render(value)}" for name, value in outcome.after.items() if name.isidentifier()]
    return "\n".join([*lines, f"result = {render(outcome.value)}"])


def _judge_check(case: Case, outcome: Outcome, answer: Outcome) -> CaseResult:
    got = render(outcome.value)
    after = _after_fault(case, outcome.after)
    if answer.status == "returned":
        status: CaseStatus = "pass" if answer.value is True and not after else "fail"
        return _result(case, outcome, status, got=got, error=after)
    if answer.status == "raised" and answer.error is not None:
        return _result(case, outcome, "fail", got=got, error=f"the check raised {_error_text(answer.error)}")
    return _result(case, outcome, "error", got=got, error=f"the check {rendered(answer)}")
