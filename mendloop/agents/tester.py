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

    async def extend(
        self, bench: Bench, problem: Problem, suites: Sequence[Suite], aims: Sequence[str] = ()
    ) -> tuple[Case, ...]:
        """Return further cases that none of the suites has, for those that a suite turns out to need.

        `aims` describe in words wrong programs that the suites let pass; they tell nothing of the program under test.
        """
        ...

    async def compare(self, bench: Bench, problem: Problem, code: str, suites: Sequence[Suite]) -> tuple[Case, ...]:
        """Return cases that an executed reference gave, on inputs where an accepted program is likely to part from it.

        None where there is no reference, or where the program is the reference itself.
        """
        ...

    async def rederive(self, bench: Bench, problem: Problem, case: Case) -> Case | None:
        """Derive a case's expected value anew from the statement, or None; never told what a candidate returned."""
        ...
