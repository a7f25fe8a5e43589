"""Which cases of a suite stand."""

from __future__ import annotations

from collections.abc import Mapping

from mendloop.executions import CaseResult, ProgramResult
from mendloop.judgement.standing import MAX_DOUBTED, standing
from mendloop.records import Case, Origin

LETTERS = "abcdefg"


def suite(origins: Mapping[str, Origin] | None = None, names: str = LETTERS) -> list[Case]:
    return [Case(id=n, call=f"f({n!r})", expect="1", origin=(origins or {}).get(n, "generated")) for n in names]


def ran(wrong: str = "", names: str = LETTERS) -> ProgramResult:
    cases = [CaseResult(id=n, status="fail" if n in wrong else "pass", got="2" if n in wrong else "1") for n in names]
    return ProgramResult(status="ok", isolation="test", integrity="values", cases=tuple(cases))


def test_everything_stands_when_everything_passes() -> None:
    found = standing(suite(), ran(), [ran("a")])
    assert (found.doubted, found.passed) == (frozenset(), True)


def test_cases_that_nobody_passes_are_taken_out() -> None:
    found = standing(suite(), ran("ab"), [ran("ab"), ran("abc")])
    assert (found.doubted, found.passed) == (frozenset("ab"), True)


def test_a_case_that_peers_pass_stands_and_the_program_fails() -> None:
    found = standing(suite(), ran("ab"), [ran("a"), ran("a")])
    assert not found.passed
    assert "b" not in found.doubted


def test_an_anchor_stands_whatever_the_programs_do() -> None:
    found = standing(suite({"a": "given"}), ran("a"), [ran("a"), ran("a"), ran("a")])
    assert (found.doubted, found.passed) == (frozenset(), False)


def test_a_suite_with_too_many_doubted_cases_passes_nobody() -> None:
    wrong = LETTERS[: MAX_DOUBTED + 1]
    assert not standing(suite(), ran(wrong), [ran(wrong), ran(wrong)]).passed
    assert standing(suite(), ran(wrong[1:]), [ran(wrong[1:]), ran(wrong[1:])]).passed
