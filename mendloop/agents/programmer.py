"""The programmer writes solutions and repairs them; it never sees the held-out suite."""

from __future__ import annotations

from typing import Protocol

from mendloop.frozen import Frozen
from mendloop.records import Diagnosis, Failure, Problem, Reflection, Solution
from mendloop.tools.bench import Bench


class RepairAsk(Frozen):
    """What the programmer is given for a repair: its own last program, one failing case, and lessons.

    `recent` are this session's own lessons, `recalled` those retrieved from other sessions.
    """

    solution: Solution
    failure: Failure
    diagnosis: Diagnosis
    recent: tuple[Reflection, ...] = ()
    recalled: tuple[Reflection, ...] = ()


class Programmer(Protocol):
    """Writes candidate programs."""

    async def write(self, bench: Bench, problem: Problem, peer: int) -> Solution | None:
        """Write a first program (peer 0 is the candidate), or None when this programmer has none to give."""
        ...

    async def repair(self, bench: Bench, problem: Problem, ask: RepairAsk) -> Solution:
        """Return a repaired program."""
        ...

    async def start_over(self, bench: Bench, problem: Problem, first: RepairAsk) -> Solution | None:
        """Return a program to begin again from, because repairs went in a circle; None when there is no other.

        `first` is what the first repair of the session was asked for.
        """
        ...
