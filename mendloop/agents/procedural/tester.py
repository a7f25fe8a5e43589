"""The procedural tester: draws inputs from the contract and asks the executed reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mendloop.agents.procedural.reference import ask, comparing_calls, further_calls, held_out_calls, shown_calls
from mendloop.agents.procedural.shelf import Shelf
from mendloop.agents.shapes import same_program
from mendloop.agents.tester import SuiteRole
from mendloop.executions import Limits
from mendloop.records import Case, Problem, Suite
from mendloop.tools.bench import Bench


@dataclass(frozen=True)
class ProceduralTester:
    """Designs suites whose expected values an executed reference gave. It sees no candidate."""

    shelf: Shelf
    limits: Limits

    async def design(self, bench: Bench, problem: Problem, role: SuiteRole) -> Suite:
        """Return the suite of a role; the shown one begins with the statement's examples."""
        item = self.shelf.item_of(problem)
        if role == "shown":
            calls, anchors, prefix = shown_calls(item, problem, bench), problem.examples, "s"
        else:
            calls, anchors, prefix = held_out_calls(item, problem, bench), (), "h"
        cases = await ask(bench, f"reference/{role}", item, calls, self.limits, prefix)
        return Suite(author="procedural", role=role, cases=(*anchors, *cases))

    async def extend(
        self, bench: Bench, problem: Problem, suites: Sequence[Suite], aims: Sequence[str] = ()
    ) -> tuple[Case, ...]:
        """Return further inputs of the contract with what the reference says of them."""
        item = self.shelf.item_of(problem)
        taken = {case.call for suite in suites for case in suite.cases}
        return await ask(bench, "reference/further", item, further_calls(item, bench, taken), self.limits, "f")

    async def compare(self, bench: Bench, problem: Problem, code: str, suites: Sequence[Suite]) -> tuple[Case, ...]:
        """Return further inputs and what the reference says of them, those at the constants of both programs first."""
        item = self.shelf.item_of(problem)
        if same_program(code, item.code):
            return ()
        taken = {case.call for suite in suites for case in suite.cases}
        calls = comparing_calls(item, code, bench, taken)
        return await ask(bench, "reference/compare", item, calls, self.limits, "c", twice=False)

    async def rederive(self, bench: Bench, problem: Problem, case: Case) -> Case | None:
        """Return None: a reference that was asked twice has nothing else to say."""
        return None
