"""Running recorded programs: on calls, on cases, and under a benchmark's own test program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mendloop.executions import Call, Limits, Outcome, ProgramResult, Request
from mendloop.records import Case
from mendloop.tools.judging import calls_of, judge
from mendloop.tools.sandbox.protocol import Sandbox

LIMITS = Limits(cpu_s=1, wall_s=4)
CALLS_AT_ONCE = 64


@dataclass(frozen=True)
class Runner:
    """Runs programs in one sandbox."""

    sandbox: Sandbox

    async def outcomes(self, code: str, calls: Sequence[str]) -> tuple[Outcome, ...]:
        """Return what a program does on calls."""
        found: list[Outcome] = []
        for start in range(0, len(calls), CALLS_AT_ONCE):
            part = tuple(
                Call(id=f"c{start + place}", call=call)
                for place, call in enumerate(calls[start : start + CALLS_AT_ONCE])
            )
            execution = await self.sandbox.run(Request(code=code, calls=part, limits=LIMITS, give_up=True))
            by_id = {outcome.id: outcome for outcome in execution.outcomes}
            found += [by_id.get(call.id, Outcome(id=call.id, status="missing")) for call in part]
        return tuple(found)

    async def result(self, code: str, cases: Sequence[Case]) -> ProgramResult:
        """Return how a program fares on cases."""
        request = Request(code=code, calls=calls_of(cases), limits=LIMITS, give_up=True)
        return await judge(cases, await self.sandbox.run(request), self.sandbox, LIMITS)

    async def checked(self, code: str, check: str, entry: str) -> bool:
        """Tell whether a program passes a benchmark's own test program."""
        request = Request(
            code=f"{code}\n\n{check}",
            calls=(Call(id="check", call=f"check({entry})"),),
            limits=Limits(cpu_s=5, wall_s=20),
        )
        execution = await self.sandbox.run(request)
        return bool(execution.outcomes) and execution.outcomes[0].status == "returned"
