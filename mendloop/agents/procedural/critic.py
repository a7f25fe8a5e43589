"""The procedural critic: traces the failing case on both programs and concludes from what it sees."""

from __future__ import annotations

from dataclasses import dataclass

from mendloop.agents.critic import Opinion
from mendloop.agents.procedural.diagnosis import diagnose
from mendloop.agents.procedural.shelf import Shelf
from mendloop.executions import Execution, Limits, Outcome, Request
from mendloop.records import Diagnosis, Failure, Problem, Solution
from mendloop.tools.bench import Bench
from mendloop.tools.judging import calls_of


@dataclass(frozen=True)
class ProceduralCritic:
    """Diagnoses from evidence alone: it is never told which fault was injected."""

    shelf: Shelf
    limits: Limits

    async def diagnose(self, bench: Bench, problem: Problem, solution: Solution, failure: Failure) -> Diagnosis:
        """Trace the failing case on the candidate and on the reference, and say where they part."""
        reference = self.shelf.item_of(problem).code
        calls = calls_of([failure.case])
        faulty_run = await bench.run(
            "trace/candidate", Request(code=solution.code, calls=calls, limits=self.limits, trace=True)
        )
        right_run = await bench.run(
            "trace/reference", Request(code=reference, calls=calls, limits=self.limits, trace=True)
        )
        faulty, right = _only(faulty_run), _only(right_run)
        return diagnose(
            failure,
            call_text=failure.case.call or "",
            faulty_code=solution.code,
            reference_code=reference,
            faulty_trace=faulty.trace if faulty else (),
            reference_trace=right.trace if right else (),
            observed_error=faulty.error if faulty else None,
        )

    async def judge(self, bench: Bench, problem: Problem, failure: Failure) -> Opinion:
        """Return undecided: with an executed reference there is nothing to judge."""
        return Opinion(kind="undecided")


def _only(execution: Execution) -> Outcome | None:
    return execution.outcomes[0] if execution.outcomes else None
