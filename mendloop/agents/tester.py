"""The test designer writes suites from the statement alone; it never sees code of a candidate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from mendloop.records import Case, Problem, Suite
from mendloop.tools.bench import Bench

SuiteRole = Literal["shown", "held_out"]


class Tester(Protocol):
    """Designs suites without seeing candidates."""

    async def design(self, bench: Bench, problem: Problem, role: SuiteRole) -> Suite:
        """Return a suite; shown and held-out suites of one problem share no case."""
        ...

    async def extend(self, bench: Bench, problem: Problem, suites: Sequence[Suite]) -> tuple[Case, ...]:
        """Return further cases that none of the suites has, for those that a suite turns out to need."""
        ...

    async def rederive(self, bench: Bench, problem: Problem, case: Case) -> Case | None:
        """Derive a case's expected value anew from the statement, or None; never told what a candidate returned."""
        ...
