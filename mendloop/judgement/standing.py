"""Which cases of a suite stand when programs have been run on it: those that the facts do not take out."""

from __future__ import annotations

from collections.abc import Sequence

from mendloop.executions import ProgramResult
from mendloop.frozen import Frozen
from mendloop.judgement.adjudication import MIN_RAN, Suspicion, decide
from mendloop.records import Case

MAX_DOUBTED = 4
"""Cases that may be taken out of one suite; with more of them it is the suite that cannot be relied on."""


class Standing(Frozen):
    """The ids of the cases that were taken out, and whether the program passes all that stand."""

    doubted: frozenset[str]
    passed: bool


def standing(
    cases: Sequence[Case], result: ProgramResult, peers: Sequence[ProgramResult], min_ran: int = MIN_RAN
) -> Standing:
    """Take out cases that the rules of adjudication doubt, until the program passes the rest or is found at fault.

    Nobody derives a doubted value anew here: a suite that nobody saw gives no case away.
    """
    doubted: set[str] = set()
    while len(doubted) <= MAX_DOUBTED:
        left = [case for case in cases if case.id not in doubted]
        finding = decide(left, _on(result, doubted), [_on(peer, doubted) for peer in peers], min_ran)
        if isinstance(finding, Suspicion):
            doubted.add(finding.case)
        elif finding is not None and finding.kind == "test_fault":
            doubted.add(finding.failing[0])
        else:
            passed = finding is not None and finding.kind == "passed"
            return Standing(doubted=frozenset(doubted), passed=passed)
    return Standing(doubted=frozenset(doubted), passed=False)


def _on(result: ProgramResult, doubted: set[str]) -> ProgramResult:
    return result.model_copy(update={"cases": tuple(case for case in result.cases if case.id not in doubted)})
