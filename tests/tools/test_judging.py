from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from mendloop.errors import InputError
from mendloop.executions import CaseResult, Execution, Limits, Outcome, Probe, ProgramResult, Raised, Request
from mendloop.records import Case
from mendloop.tools.judging import calls_of, judge, rendered
from mendloop.tools.sandbox.open import open_sandbox
from mendloop.tools.sandbox.protocol import Sandbox
from mendloop.tools.values import parse_expected


class BrokenSandbox:
    """Fails whatever it is asked, and remembers what that was."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    async def probe(self) -> tuple[Probe, ...]:
        return ()

    async def run(self, request: Request) -> Execution:
        self.asked.append(request)
        return Execution(status="sandbox_error", isolation="none", message="broken")

    async def aclose(self) -> None:
        return None


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    opened = open_sandbox("local", workers=1)
    yield opened
    await opened.aclose()


def returned(literal: str, **more: str) -> Outcome:
    return Outcome(
        id="c",
        status="returned",
        value=parse_expected(literal),
        after={name: parse_expected(text) for name, text in more.items()},
    )


def raised(kind: str, base: str = "", message: str = "m") -> Outcome:
    error = Raised(type=kind, base=base or kind, builtin=not base, message=message, line=1)
    return Outcome(id="c", status="raised", error=error)


async def judged(case: Case, outcome: Outcome) -> CaseResult:
    execution = Execution(status="ok", isolation="none", outcomes=(outcome,))
    return (await judge([case], execution, BrokenSandbox(), Limits())).cases[0]


def call(**expectation: object) -> Case:
    return Case.model_validate({"id": "c", "call": "f()", **expectation})


async def run_and_judge(sandbox: Sandbox, code: str, cases: Sequence[Case]) -> ProgramResult:
    execution = await sandbox.run(Request(code=code, calls=calls_of(cases)))
    return await judge(cases, execution, sandbox, Limits())


@pytest.mark.parametrize(
    ("case", "outcome", "status", "got", "error"),
    [
        (call(expect="[2, 1]"), returned("[2, 1]"), "pass", "[2, 1]", None),
        (call(expect="[2, 1]"), returned("[1, 2]"), "fail", "[1, 2]", None),
        (call(expect="0.3"), returned("0.30000000000000004"), "fail", "0.30000000000000004", None),
        (call(expect="0.3", tolerance=1e-9), returned("0.30000000000000004"), "pass", "0.30000000000000004", None),
        (call(expect="1"), raised("KeyError"), "error", None, "KeyError: m"),
        (call(expect="1"), raised("KeyError", message=""), "error", None, "KeyError"),
        (call(raises="KeyError"), raised("KeyError"), "pass", None, "KeyError: m"),
        (call(raises="IOError"), raised("OSError"), "pass", None, "OSError: m"),
        (call(raises="LookupError"), raised("KeyError"), "error", None, "KeyError: m"),
        (call(raises="KeyError"), raised("KeyError", "Exception"), "error", None, "KeyError: m"),
        (call(raises="Odd(ValueError)"), raised("Odd", "ValueError"), "pass", None, "Odd: m"),
        (call(raises="Odd(ValueError)"), raised("Odd", "KeyError"), "error", None, "Odd: m"),
        (call(raises="ValueError"), raised("Odd", "ValueError"), "error", None, "Odd: m"),
        (call(raises="KeyError"), returned("1"), "fail", "1", None),
        (call(raises="KeyError"), Outcome(id="c", status="unencodable"), "fail", None, None),
        (call(expect="1"), Outcome(id="c", status="unencodable"), "unencodable", None, None),
        (call(expect="1"), Outcome(id="c", status="timeout"), "timeout", None, None),
        (call(raises="KeyError"), Outcome(id="c", status="timeout"), "timeout", None, None),
        (call(expect="1"), Outcome(id="c", status="memory"), "memory", None, None),
        (call(expect="1"), Outcome(id="other", status="returned", value=1), "missing", None, None),
        (call(expect="None", setup="s=[]", after={"s": "[1]"}), returned("None", s="[1]"), "pass", "None", None),
        (
            call(expect="None", setup="s=[]", after={"s": "[1]"}),
            returned("None", s="[2]"),
            "fail",
            "None",
            "after the call s is [2]",
        ),
        (
            call(expect="None", setup="s=[]", after={"s": "[1]"}),
            returned("None"),
            "fail",
            "None",
            "after the call s cannot be read",
        ),
        (
            call(expect="None", setup="s=0", after={"s": "1.0"}, tolerance=0.01),
            returned("None", s="1.001"),
            "pass",
            "None",
            None,
        ),
    ],
)
async def test_a_case_is_judged(case: Case, outcome: Outcome, status: str, got: str | None, error: str | None) -> None:
    result = await judged(case, outcome)
    assert (result.status, result.got, result.error) == (status, got, error)


@pytest.mark.parametrize(
    ("expected", "printed", "status"),
    [
        ("a\nb\n", "a\nb", "pass"),
        ("a\nb", "a  \r\nb\n\n", "pass"),
        ("a\nb", "a\n\nb", "fail"),
        ("a", " a", "fail"),
        ("", "\n", "pass"),
    ],
)
async def test_output_is_compared_up_to_trailing_whitespace(expected: str, printed: str, status: str) -> None:
    case = Case(id="c", stdin="", stdout=expected)
    result = await judged(case, Outcome(id="c", status="returned", stdout=printed))
    assert (result.status, result.got) == (status, repr(printed))


async def test_results_come_in_the_order_of_cases_also_when_ids_repeat() -> None:
    cases = [Case(id=name, call="f()", expect="1") for name in ("b", "a", "b")]
    outcomes = tuple(Outcome(id=name, status="returned", value=value) for name, value in (("a", 1), ("b", 2), ("b", 1)))
    result = await judge(cases, Execution(status="ok", isolation="x", outcomes=outcomes), BrokenSandbox(), Limits())
    assert [(case.id, case.status) for case in result.cases] == [("b", "fail"), ("a", "pass"), ("b", "pass")]


def test_calls_hold_no_expected_value() -> None:
    secret = "'the expected value'"
    cases = [
        call(expect=secret),
        call(raises="KeyError"),
        call(check="result == 'the expected value'"),
        call(expect="1", setup="s = 1", after={"s": secret}),
        Case(id="d", stdin="1", stdout="the expected value"),
    ]
    assert "the expected value" not in str([made.model_dump_json() for made in calls_of(cases)])


@pytest.mark.parametrize(
    "expectation",
    [{"expect": "f(1)"}, {"raises": "Nothing"}, {"raises": "Odd(Nothing)"}, {"raises": "int"}, {"check": "x = 1"}],
)
def test_an_expectation_that_cannot_be_read_names_its_case(expectation: dict[str, str]) -> None:
    with pytest.raises(InputError, match="case c"):
        calls_of([call(**expectation)])


async def test_checks_are_evaluated_apart_from_the_solution(sandbox: Sandbox) -> None:
    code = "secret = 1\ndef f(n):\n    return [n] * 2\n"
    cases = [
        Case(id="good", call="f(1)", check="len(result) == 2"),
        Case(id="bad", call="f(1)", check="len(result) == 3"),
        Case(id="value", call="f(1)", expect="[1, 1]"),
        Case(id="no solution here", call="f(1)", check="'secret' in globals()"),
        Case(id="raising", call="f(1)", check="result.nothing"),
        Case(id="after", call="s.append(1)", setup="s = []", check="result is None and s == [1]", after={"s": "[1]"}),
        Case(id="raised", call="1/0", check="True"),
    ]
    result = await run_and_judge(sandbox, code, cases)
    assert [case.status for case in result.cases] == ["pass", "fail", "pass", "fail", "fail", "pass", "error"]
    assert (result.cases[4].error or "").startswith("the check raised AttributeError")


async def test_checks_can_use_nan_and_inf(sandbox: Sandbox) -> None:
    cases = [Case(id="c", call="[float('nan'), float('inf')]", check="result[0] != result[0] and result[1] == inf")]
    assert (await run_and_judge(sandbox, "", cases)).passed


async def test_a_check_that_could_not_run_is_a_fault_of_the_sandbox() -> None:
    execution = Execution(status="ok", isolation="x", outcomes=(returned("1"),))
    broken = BrokenSandbox()
    result = await judge([call(check="result == 1")], execution, broken, Limits())
    assert (result.status, result.cases[0].status) == ("sandbox_error", "error")
    assert "result = 1" in str(broken.asked[0].calls)


async def test_a_right_program_passes_and_a_wrong_one_does_not(sandbox: Sandbox) -> None:
    cases = [Case(id="a", call="f(2)", expect="4"), Case(id="b", call="f('x')", raises="TypeError")]
    assert (await run_and_judge(sandbox, "def f(n):\n    return n ** 2\n", cases)).passed
    assert not (await run_and_judge(sandbox, "def f(n):\n    return n * 2\n", cases)).passed


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (returned("{'a': nan}"), "{'a': nan}"),
        (raised("KeyError", message="a\nb"), "raises KeyError: a\\nb"),
        (Outcome(id="c", status="timeout"), "timed out"),
        (Outcome(id="c", status="memory"), "ran out of memory"),
        (Outcome(id="c", status="missing"), "gave no result"),
        (Outcome(id="c", status="unencodable"), "returned a value that cannot be compared"),
        (Outcome(id="c", status="returned", stdout="a\n"), "prints 'a\\n'"),
    ],
)
def test_an_outcome_in_one_line(outcome: Outcome, text: str) -> None:
    assert rendered(outcome) == text
