"""The critic concludes: rules on executed facts first, judgement only where they leave a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from mendloop.executions import CaseResult, ProgramResult
from mendloop.frozen import Frozen
from mendloop.records import TRUSTED_ORIGINS, Case, Diagnosis, Failure, Problem, Solution, Verdict, VerdictKind
from mendloop.tools.bench import Bench

SHOWN_TEXT_CAP = 400
"""Characters of an expected or observed value that a message shows."""


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


def decide(
    cases: Sequence[Case], result: ProgramResult, peers: Sequence[ProgramResult], agreement: int = 3
) -> Verdict | None:
    """Return the verdict that executed facts give, or None where a critic must judge.

    `peers` are results of programs with distinct syntax trees on the same cases. Rules in order: all cases pass; an
    anchor fails (code fault); no peer passes the case and at least `agreement` ran it (test fault); at least half of
    the peers pass it (code fault).
    """
    if result.status == "sandbox_error":
        return Verdict(kind="sandbox_fault", rule="sandbox_error", note=result.stderr)
    if result.passed:
        return Verdict(kind="passed", rule="all_cases_pass")
    failing = tuple(case.id for case in result.cases if case.status != "pass")
    if not failing:
        return Verdict(kind="code_fault", rule="program_status", note=result.status)
    origins = {case.id: case.origin for case in cases}
    if any(origins[case_id] in TRUSTED_ORIGINS for case_id in failing):
        return Verdict(kind="code_fault", rule="fails_an_anchor", failing=failing)
    return _by_peers(failing, [_statuses(peer) for peer in peers], agreement)


def _statuses(result: ProgramResult) -> Mapping[str, str]:
    return {case.id: case.status for case in result.cases if case.status != "missing"}


def _by_peers(failing: tuple[str, ...], peers: Sequence[Mapping[str, str]], agreement: int) -> Verdict | None:
    for case_id in failing:
        ran = [peer[case_id] for peer in peers if case_id in peer]
        passed = ran.count("pass")
        if passed == 0 and len(ran) >= agreement:
            return Verdict(
                kind="test_fault", rule="no_peer_passes", failing=(case_id,), note=f"{len(ran)} peers ran it"
            )
        if ran and passed * 2 >= len(ran):
            return Verdict(
                kind="code_fault",
                rule="peers_pass",
                failing=failing,
                note=f"{passed} of {len(ran)} peers pass {case_id}",
            )
    return None


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


def _cap(text: str) -> str:
    return text if len(text) <= SHOWN_TEXT_CAP else f"{text[:SHOWN_TEXT_CAP]}... ({len(text)} characters)"
