"""Asking an oracle in the sandbox: whether programs are right, and whether cases are."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mendloop.executions import Call, Execution, Limits, ProgramResult, Request
from mendloop.frozen import canonical_json
from mendloop.judgement.behaviour import any_order, same
from mendloop.records import Case
from mendloop.runs.oracle import Truth
from mendloop.tools.judging import calls_of, judge
from mendloop.tools.sandbox.protocol import Sandbox
from mendloop.tools.suites import judge_suite

TRIES = 3
"""A fault of the sandbox is retried, and a time-out is believed when two of three runs have it."""
_UNSURE = frozenset({"timeout", "memory"})


@dataclass(frozen=True)
class Inputs:
    """Calls to compare programs on; `raising` are the ids of those at which some case expects an exception."""

    calls: tuple[Call, ...] = ()
    raising: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Question:
    """Whether a program is right. `inputs` are to compare it with a reference on, `statement` is the problem's."""

    truth: Truth
    code: str
    statement: str = ""
    inputs: Inputs = Inputs()


@dataclass(frozen=True)
class Judge:
    """An oracle's judge: a sandbox, and the limits of one case."""

    sandbox: Sandbox
    limits: Limits

    async def right(self, question: Question) -> bool | None:
        """Tell whether a program is right; None where the sandbox failed or no input tells."""
        truth = question.truth
        if truth.cases:
            return await self._passes(question.code, truth.cases)
        if truth.tests:
            return await self._passes_file(question.code, truth.tests)
        return await self._agrees(question)

    async def valid(self, reference: str, cases: Sequence[Case]) -> dict[str, bool]:
        """Return which cases a reference passes, by `key_of`; those that gave no result are left out."""
        if not cases:
            return {}
        numbered = [case.model_copy(update={"id": str(number)}) for number, case in enumerate(cases)]
        result = await self._judged(reference, numbered)
        told = zip(cases, result.cases, strict=True)
        return {key_of(case): found.status == "pass" for case, found in told if found.status != "missing"}

    async def _passes(self, code: str, cases: Sequence[Case]) -> bool | None:
        votes: list[bool] = []
        for _ in range(TRIES):
            result = await self._judged(code, cases)
            if result.status == "sandbox_error":
                continue
            votes.append(result.passed)
            doubtful = result.status == "pids" or any(case.status in _UNSURE for case in result.cases)
            if not doubtful or votes.count(result.passed) * 2 > TRIES:
                return result.passed
        return None

    async def _judged(self, code: str, cases: Sequence[Case]) -> ProgramResult:
        execution = await self._run(Request(code=code, calls=calls_of(cases), limits=self.limits))
        return await judge(cases, execution, self.sandbox, self.limits)

    async def _passes_file(self, code: str, tests: str) -> bool | None:
        for _ in range(TRIES):
            result = await judge_suite(code, tests, self.sandbox, self.limits, "pytest")
            if result.status != "sandbox_error":
                return result.passed
        return None

    async def _agrees(self, question: Question) -> bool | None:
        """Compare a program with the reference on its sessions' inputs, where the reference returns.

        Where it raises, the input is most likely none that the problem means, unless a case expects an exception there.
        """
        calls, programs = question.inputs.calls, (question.truth.reference, question.code)
        requests = [Request(code=code, calls=calls, limits=self.limits) for code in programs]
        known, found = await asyncio.gather(*map(self._run, requests))
        if "sandbox_error" in (known.status, found.status):
            return None
        theirs = {outcome.id: outcome for outcome in found.outcomes}
        told = [
            outcome
            for outcome in known.outcomes
            if outcome.status == "returned" or (outcome.status == "raised" and outcome.id in question.inputs.raising)
        ]
        unordered = any_order(question.statement)
        if not told:
            return None
        return all(outcome.id in theirs and same(outcome, theirs[outcome.id], unordered=unordered) for outcome in told)

    async def _run(self, request: Request) -> Execution:
        for _ in range(TRIES):
            execution = await self.sandbox.run(request)
            if execution.status != "sandbox_error":
                break
        return execution


def key_of(case: Case) -> str:
    """Return what is equal for cases that ask and expect the same, whatever they are called and whoever wrote them."""
    return canonical_json(case.model_dump(mode="json", exclude={"id", "origin", "isolated"}))


def inputs_of(cases: Sequence[Case]) -> Inputs:
    """Return the different inputs of cases, in their order and each in a process of its own."""
    found: dict[tuple[str | None, ...], str] = {}
    asked: list[Case] = []
    raising: set[str] = set()
    for case in cases:
        place = (case.call, case.setup, case.stdin)
        if place not in found:
            found[place] = str(len(found))
            asked.append(case.model_copy(update={"id": found[place], "isolated": True}))
        if case.raises is not None:
            raising.add(found[place])
    return Inputs(calls_of(asked), frozenset(raising))


async def answers(judge: Judge, questions: Collection[Question]) -> dict[tuple[str, str], bool | None]:
    """Return whether programs are right, by (problem, code). The sandbox says how many run at once."""
    found = await asyncio.gather(*map(judge.right, questions))
    return {(question.truth.id, question.code): right for question, right in zip(questions, found, strict=True)}
