"""A run against an oracle: how many of its records are right, what was dropped wrongly, and which verdicts were.

The run's own figures say what it could see; an oracle (given tests, or a reference program for each problem) says what
is true. Everything is executed in the sandbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from mendloop.executions import Limits
from mendloop.records import Case
from mendloop.runs.against_model import Against, JudgedSession, Rejects
from mendloop.runs.against_verdicts import Told, adjudication, generated, validity
from mendloop.runs.counted import Story
from mendloop.runs.figures import tally
from mendloop.runs.intervals import Share, clustered_share
from mendloop.runs.oracle import Oracle
from mendloop.runs.oracle_judging import Inputs, Judge, Question, answers, inputs_of
from mendloop.runs.reader import Reader
from mendloop.runs.trials import Trial, trials
from mendloop.tools.sandbox.protocol import Sandbox

_WHY = {
    "yield_kept": "no session is about a problem of the oracle",
    "yield_right": "no session is about a problem of the oracle",
    "test_validity": "no suite with generated cases belongs to a problem of which the oracle has a reference",
}


async def against(reader: Reader, story: Story, oracle: Oracle, sandbox: Sandbox, limits: Limits) -> Against:
    """Judge a run's programs, suites and verdicts by an oracle. Raises DamageError."""
    judge = Judge(sandbox, limits)
    about = [trial for trial in trials(reader, story) if trial.problem.id in oracle.truths]
    broken = await _broken(judge, oracle, {trial.problem.id for trial in about})
    matched = [trial for trial in about if trial.problem.id not in broken]
    told = await _told(judge, matched, oracle)
    figures = {
        "yield_kept": clustered_share((trial.cluster, trial.outcome == "kept") for trial in matched),
        "yield_right": clustered_share((trial.cluster, _kept_right(trial, told)) for trial in matched),
        "test_validity": validity(matched, told),
    }
    solved = {trial.problem.id for trial in matched if _kept_right(trial, told)}
    kinds, rules = adjudication(matched, told)
    return Against(
        **figures,
        oracle=oracle.file,
        problems=len(oracle.truths) - len(broken),
        solved=len(solved),
        sessions=len(matched),
        unmatched=len(story.sessions) - len(matched),
        untold=sum(told.right(trial.problem.id, trial.program) is None for trial in matched),
        precision=_precision(matched, told),
        rejects=_rejects(matched, told),
        adjudication=kinds,
        adjudication_by_rule=rules,
        judged=tuple(_judged(trial, told) for trial in matched),
        unusable={f"line {line}": reason for line, reason in oracle.unusable.items()} | broken,
        not_measured={name: why for name, why in _WHY.items() if figures[name] is None},
    )


async def _broken(judge: Judge, oracle: Oracle, wanted: Collection[str]) -> dict[str, str]:
    """Return the problems whose own reference fails their tests: such tests decide nothing."""
    both = [each for name, each in oracle.truths.items() if name in wanted and each.judges and each.reference]
    found = await answers(judge, [Question(truth, truth.reference) for truth in both])
    return {name: "its own reference fails its tests" for (name, _), right in found.items() if right is False}


async def _told(judge: Judge, matched: Sequence[Trial], oracle: Oracle) -> Told:
    """Ask about every program that matters once, and about every generated case of which a reference can tell."""
    cases: dict[str, list[Case]] = {}
    for trial in matched:
        cases.setdefault(trial.problem.id, []).extend(_suites(trial))
    inputs = {name: Inputs() if oracle.truths[name].judges else inputs_of(each) for name, each in cases.items()}
    asked: dict[tuple[str, str], Question] = {}
    for trial in matched:
        name = trial.problem.id
        for code in (trial.program, *(blame.code for blame in trial.blames)):
            asked[name, code] = Question(oracle.truths[name], code, trial.problem.statement, inputs[name])
    rights = await answers(judge, list(asked.values()))
    known = {name: generated(each) for name, each in cases.items() if oracle.truths[name].reference}
    valid = await asyncio.gather(*(judge.valid(oracle.truths[name].reference, each) for name, each in known.items()))
    return Told(rights, dict(zip(known, valid, strict=True)))


def _suites(trial: Trial) -> list[Case]:
    return [*trial.designed, *trial.shown, *trial.held_out, *(case for blame in trial.blames for case in blame.cases)]


def _kept_right(trial: Trial, told: Told) -> bool:
    return trial.outcome == "kept" and told.right(trial.problem.id, trial.program) is True


def _precision(matched: Sequence[Trial], told: Told) -> dict[str, Share]:
    """Return the share of right programs among the kept ones that could be judged: of all, and by tier."""
    judged = [
        (trial.cluster, trial.tier, right)
        for trial in matched
        if trial.outcome == "kept" and (right := told.right(trial.problem.id, trial.program)) is not None
    ]
    shares = {"all": clustered_share((cluster, right) for cluster, _, right in judged)}
    for tier in ("A", "B", "C"):
        shares[tier] = clustered_share((cluster, right) for cluster, mine, right in judged if mine == tier)
    return {name: share for name, share in shares.items() if share is not None}


def _rejects(matched: Sequence[Trial], told: Told) -> Rejects:
    dropped = [
        (trial, right)
        for trial in matched
        if trial.outcome == "dropped" and (right := told.right(trial.problem.id, trial.program)) is not None
    ]
    return Rejects(
        n=len(dropped),
        right=sum(right for _, right in dropped),
        accepted=sum(trial.accepted for trial, _ in dropped),
        accepted_right=sum(trial.accepted and right for trial, right in dropped),
        by_reason=tally(trial.reason for trial, right in dropped if right),
    )


def _judged(trial: Trial, told: Told) -> JudgedSession:
    return JudgedSession(
        session=trial.session,
        problem=trial.problem.id,
        outcome=trial.outcome,
        reason=trial.reason,
        tier=trial.tier,
        accepted=trial.accepted,
        right=told.right(trial.problem.id, trial.program),
    )
