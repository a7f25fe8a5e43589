"""Injected faults for a model to repair: a real function with faults that show, and a model that takes them out."""

from __future__ import annotations

from dataclasses import dataclass

from mendloop.agents.programmer import Programmer, RepairAsk
from mendloop.records import Problem, Solution
from mendloop.tools.bench import Bench


@dataclass(frozen=True)
class InjectingProgrammer:
    """The first program is `injector`'s, verified to fail; every later one is `repairer`'s."""

    injector: Programmer
    repairer: Programmer

    async def write(self, bench: Bench, problem: Problem, peer: int) -> Solution | None:
        """Return the faulty program; no peer is needed beside a reference."""
        return await self.injector.write(bench, problem, peer) if peer == 0 else None

    async def repair(self, bench: Bench, problem: Problem, ask: RepairAsk) -> Solution:
        """Ask the model; it is not told which faults were injected."""
        return await self.repairer.repair(bench, problem, ask)

    async def start_over(self, bench: Bench, problem: Problem, first: RepairAsk) -> Solution | None:
        """Ask the model for another repair of the faulty program, warmer than before."""
        return await self.repairer.repair(bench, problem, first)
