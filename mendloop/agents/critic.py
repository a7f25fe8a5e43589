"""The critic explains failures, and judges conflicts that rules on executed facts leave open."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from mendloop.agents.failing import case_text
from mendloop.executions import CaseResult
from mendloop.frozen import Frozen
from mendloop.records import Case, Diagnosis, Failure, Problem, Solution, VerdictKind
from mendloop.tools.bench import Bench

SHOWN_TEXT_CAP = 400
"""Characters of an expected or observed value that a message shows."""
_CLASS = re.compile(r"raises (\w+)")


class Opinion(Frozen):
    """A critic's reading of a conflict; an opinion that cites no sentence of the statement decides nothing."""

    kind: VerdictKind
    cites: str = ""


class Critic(Protocol):
    """Diagnoses failures and judges conflicts that rules leave open."""

    async def diagnose(self, bench: Bench, problem: Problem, solution: Solution, failure: Failure) -> Diagnosis:
        """Say why the program fails this case, from evidence."""
        ...

    async def judge(self, bench: Bench, problem: Problem, failure: Failure) -> Opinion:
        """Read statement and both sides of a conflict and say which is at fault."""
        ...


def failure_of(cases: Sequence[Case], results: Sequence[CaseResult], case_id: str) -> Failure:
    """Return both sides of one failing case, and how many other cases fail and pass."""
    case = next(case for case in cases if case.id == case_id)
    result = next(result for result in results if result.id == case_id)
    failing = sum(1 for each in results if each.status != "pass")
    return Failure(
        case=case,
        expected=expected_text(case),
        observed=observed_text(case, result),
        status=result.status,
        also_failing=failing - 1,
        passing=len(results) - failing,
    )


def expected_text(case: Case) -> str:
    """Return what a case expects, in words."""
    if case.raises is not None:
        return f"raises {case.raises.partition('(')[0]}"
    parts = [case.expect if case.expect is not None else (f"a result with {case.check}" if case.check else case.stdout)]
    parts += [f"{name} == {value} afterwards" for name, value in (case.after or {}).items()]
    return _cap("; ".join(part for part in parts if part is not None))


def observed_text(case: Case, result: CaseResult) -> str:
    """Return what a program did with a case, in words."""
    if result.status == "timeout":
        return "timed out"
    if result.status == "memory":
        return "ran out of memory"
    if result.status == "missing":
        return "ended without a result"
    if result.error is not None and result.got is None:
        return _cap(f"raises {result.error}")
    return _cap(result.got or "")


def error_type_of(failure: Failure) -> str:
    """Return the kind of failure that was executed: an exception's name, or what is wrong with the result."""
    raised = _CLASS.match(failure.observed)
    if raised:
        return raised[1]
    if failure.case.raises is not None:
        return "MissingException"
    by_status = {"timeout": "Timeout", "memory": "MemoryLimit", "missing": "NoResult", "unencodable": "WrongType"}
    return by_status.get(failure.status, "WrongValue")


def symptom_of(failure: Failure) -> str:
    """Return what was seen, in one sentence that names no problem."""
    call = case_text(failure.case).splitlines()[-1] if case_text(failure.case) else "the program"
    return f"`{call[:120]}` gives `{failure.observed[:120]}` instead of `{failure.expected[:120]}`."


def unexplained(failure: Failure) -> Diagnosis:
    """Return what was executed as a diagnosis without words, for methods in which nobody explains a failure."""
    return Diagnosis(
        fault="unknown_logic",
        error_type=error_type_of(failure),
        line=None,
        symptom=symptom_of(failure),
        text="",
        lesson="",
        by="none",
    )


def _cap(text: str) -> str:
    return text if len(text) <= SHOWN_TEXT_CAP else f"{text[:SHOWN_TEXT_CAP]}... ({len(text)} characters)"
