"""The author writes programs in ways that only some methods ask for: with tests in sight, or together with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mendloop.frozen import Frozen
from mendloop.records import Case, Problem, Solution, Suite
from mendloop.tools.bench import Bench


class Joint(Frozen):
    """A program and the tests that came with it in one answer; there may be none that can be judged."""

    solution: Solution
    cases: tuple[Case, ...]


class Author(Protocol):
    """Writes programs from the statement where no programmer's repair is wanted, and tests where no tester's are."""

    async def draw(self, bench: Bench, problem: Problem, number: int, shown: Sequence[Case] = ()) -> Solution | None:
        """Write program `number` (0 is the candidate) from the statement, and from the tests where some are shown.

        None where nothing usable came for a number above 0.
        """
        ...

    async def design(self, bench: Bench, problem: Problem) -> Suite:
        """Write a shown suite from the statement alone; tester and programmer are one."""
        ...

    async def write_both(self, bench: Bench, problem: Problem) -> Joint:
        """Write a program and its tests in one answer."""
        ...
