"""Solving a split: each side writes one program for every problem from its statement, and the suites judge it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from mendloop.agents.executor import examine
from mendloop.agents.programmer import Programmer
from mendloop.agents.unanswered import Unanswered
from mendloop.events import AnyEvent, Model, Ref
from mendloop.executions import Limits
from mendloop.graphs.splits import Paired, Split, SplitProblem
from mendloop.records import Case, Problem, Suite
from mendloop.tools.bench import Bench
from mendloop.tools.journal import Journal


@dataclass(frozen=True)
class Lane:
    """A journal with its keys beside those of another: `node#visit.lane/...` instead of `node#visit/...`.

    Two who are asked the same at the same bench have the same seeds, and answers of their own.
    """

    journal: Journal
    name: str

    def put(self, value: object) -> Ref:
        return self.journal.put(value)

    def get(self, sha256: str, model: type[Model]) -> Model:
        return self.journal.get(sha256, model)

    async def emit(self, key: str, event: AnyEvent) -> None:
        await self.journal.emit(self._beside(key), event)

    async def effect(
        self,
        key: str,
        request: object,
        call: Callable[[], Awaitable[Model]],
        model: type[Model],
        event: Callable[[str, Ref, Model], AnyEvent],
    ) -> Model:
        return await self.journal.effect(self._beside(key), request, call, model, event)

    def _beside(self, key: str) -> str:
        visit, slash, rest = key.partition("/")
        return f"{visit}.{self.name}{slash}{rest}"


async def solved(
    split: Split, teacher: Programmer, student: Programmer, bench: Bench, limits: Limits
) -> tuple[Paired, ...]:
    """Return what became of each problem of a split, in its order.

    Both sides are asked with the same prompts and seeds, once, and repair nothing. All is asked at once, and how much
    of it is under way the models' own pace and the sandbox decide. Raises ProviderError or BudgetError once everything
    that was under way has been answered: it is journalled, and resuming pays for none of it again.
    """
    asked = [
        _solves(one, solver, side, number, bench, limits)
        for number, one in enumerate(split.problems)
        for side, solver in (("teacher", teacher), ("student", student))
    ]
    results = await asyncio.gather(*asked, return_exceptions=True)
    passed: list[bool | None] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        passed.append(result)
    return tuple(
        Paired(id=one.id, session=one.session, teacher=passed[2 * number], student=passed[2 * number + 1])
        for number, one in enumerate(split.problems)
    )


async def _solves(
    one: SplitProblem, solver: Programmer, side: str, number: int, bench: Bench, limits: Limits
) -> bool | None:
    """Tell whether one program passes every case of the record's suites; None where the sandbox failed."""
    problem, cases = bench.journal.get(one.problem, Problem), cases_of(one.suites, bench.journal)
    lane = replace(bench, journal=Lane(bench.journal, f"{side}{number}"), session=one.session)
    try:
        solution = await solver.write(lane.as_role("programmer"), problem, 0)
    except Unanswered:
        return False
    if solution is None:
        return False
    result = await examine(lane.as_role("executor"), "judged", solution.code, cases, limits)
    return None if result.status == "sandbox_error" else result.passed


def cases_of(suites: Sequence[str], journal: Journal) -> tuple[Case, ...]:
    """Return the cases of suites that are named by their hashes: what a record was shown, and what was held out."""
    return tuple(case for suite in suites for case in journal.get(suite, Suite).cases)
