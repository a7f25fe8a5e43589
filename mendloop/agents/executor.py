"""The executor runs programs against suites; it alone sees the held-out suite, and it has no opinion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mendloop.executions import CaseResult, Limits, ProgramResult, Request
from mendloop.records import Case
from mendloop.tools.bench import Bench
from mendloop.tools.judging import calls_of, judge

UNSURE = frozenset({"timeout", "memory"})
"""Verdicts that depend on the machine: recorded only when 2 of 3 runs agree."""


async def examine(
    bench: Bench,
    slot: str,
    code: str,
    cases: Sequence[Case],
    limits: Limits,
    *,
    hash_seed: int = 0,
    confirm: bool = True,
) -> ProgramResult:
    """Run a program against cases and return the host's judgement, in the order of the cases.

    A sandbox fault is retried. Time-outs, memory and pids verdicts are confirmed by a majority of three runs, unless
    the result only sorts programs out and is no verdict (`confirm=False`); then the first time-out also ends it.
    """
    request = Request(code=code, calls=calls_of(cases), limits=limits, hash_seed=hash_seed, give_up=not confirm)
    first = await _settled(bench, slot, request, cases)
    if not confirm:
        return first
    if first.status != "pids" and not any(case.status in UNSURE for case in first.cases):
        return first
    runs = [first] + [await _settled(bench, f"{slot}/again{n}", request, cases) for n in (1, 2)]
    return _majority(runs)


async def _settled(bench: Bench, slot: str, request: Request, cases: Sequence[Case]) -> ProgramResult:
    execution = await bench.run(slot, request)
    return await judge(cases, execution, bench.checker(slot), request.limits)


def _majority(runs: Sequence[ProgramResult]) -> ProgramResult:
    """Return the run whose case statuses agree with the majority; a case without one is missing."""
    votes = [Counter(run.cases[place].status for run in runs) for place in range(len(runs[0].cases))]
    agreed: list[CaseResult] = []
    for place, vote in enumerate(votes):
        status, count = vote.most_common(1)[0]
        chosen = next(run.cases[place] for run in runs if run.cases[place].status == status)
        agreed.append(chosen if count >= 2 else CaseResult(id=chosen.id, status="missing", error="three runs disagree"))
    best = max(runs, key=lambda run: sum(a.status == b.status for a, b in zip(run.cases, agreed, strict=True)))
    return best.model_copy(update={"cases": tuple(agreed)})
