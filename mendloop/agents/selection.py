"""Which failing case to show: the one that is easiest to read."""

from __future__ import annotations

from collections.abc import Sequence

from mendloop.executions import CaseResult, CaseStatus
from mendloop.records import Case

_READABLE: dict[CaseStatus, int] = {"fail": 0, "error": 0, "missing": 1, "unencodable": 1, "timeout": 2, "memory": 2}


def smallest_failing(results: Sequence[CaseResult], cases: Sequence[Case]) -> str:
    """Return the id of the failing case that is easiest to read.

    Wrong values and exceptions come before time-outs, plain calls before those with a setup or several calls, short
    texts before long ones, and earlier cases before later ones. Raises ValueError when no case fails.
    """
    failing = {result.id: result.status for result in results if result.status != "pass"}
    ranked = [
        (_READABLE.get(failing[case.id], 3), _effort(case), _length(case), position, case.id)
        for position, case in enumerate(cases)
        if case.id in failing
    ]
    if not ranked:
        raise ValueError("no case fails")
    return min(ranked)[-1]


def _effort(case: Case) -> int:
    call = case.call or ""
    several = call.lstrip()[:1] in ("(", "[") or "; " in call
    return sum(
        (case.setup is not None, case.after is not None, case.check is not None, case.stdin is not None, several)
    )


def _length(case: Case) -> int:
    parts = (case.call, case.expect, case.raises, case.check, case.setup, case.stdin, case.stdout)
    return sum(len(part) for part in parts if part)
