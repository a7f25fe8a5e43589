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
        """Return the faulty program; after a restart there is nothing else to begin from, and no peer is needed."""
        if peer or bench.node == "restart":
            return None
        return await self.injector.write(bench, problem, peer)

    async def repair(self, bench: Bench, problem: Problem, ask: RepairAsk) -> Solution:
        """Ask the model; it is not told which faults were injected."""
        return await self.repairer.repair(bench, problem, ask)
