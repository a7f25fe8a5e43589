"""Choosing faults that show: each is executed alone and with the others before it may stand in a program."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice, zip_longest

from mendloop.agents.executor import examine
from mendloop.agents.procedural.faults import apply_faults, compatible, propose_faults
from mendloop.agents.procedural.item import Item
from mendloop.agents.selection import smallest_failing
from mendloop.executions import Limits, ProgramResult
from mendloop.frozen import digest
from mendloop.records import Case, Fault
from mendloop.tools.bench import Bench, derive

MAX_TRIES = 6
"""Faults tried for one place in a fault set before the set stays smaller."""

MAX_BLUNT = 2
"""Faults with which every case fails that are passed over in the hope of one with which some case passes."""

FaultSet = tuple[Fault, ...]


def pools(item: Item, seed: int, variants: int, variant: int) -> tuple[list[Fault], list[Fault]]:
    """Return the faults that may come first in a variant, and those that may join them.

    Faults are dealt out over the variants; a set holds one of its own variant's and none of an earlier one's, so no
    two variants of a function can have the same set.
    """
    dealt = spread_over_families(propose_faults(item.code, item.entry_point), derive(seed, item.id, "faults"))
    own = [fault for place, fault in enumerate(dealt) if place % variants == variant]
    later = [fault for place, fault in enumerate(dealt) if place % variants > variant]
    return own, own + later


def spread_over_families(faults: Sequence[Fault], seed: int) -> list[Fault]:
    """Return the faults in an order drawn from the seed in which every family gives one before any gives two.

    Otherwise the families that find something everywhere, such as a wrong variable, would fill the data set.
    """
    rng = random.Random(seed)  # noqa: S311 - sampling, not secrecy
    by_family: dict[str, list[Fault]] = defaultdict(list)
    for fault in faults:
        by_family[fault.kind].append(fault)
    piles = list(by_family.values())
    rng.shuffle(piles)
    for pile in piles:
        rng.shuffle(pile)
    return [fault for row in zip_longest(*piles) for fault in row if fault is not None]


@dataclass
class Injector:
    """Tries fault sets on the reference in one node visit; every program that it runs is journalled."""

    bench: Bench
    item: Item
    cases: Sequence[Case]
    limits: Limits
    trials: int = 0
    rechecks: int = 0
    tried: dict[FaultSet, ProgramResult | None] = field(default_factory=dict)

    async def choose(self, own: Sequence[Fault], joining: Sequence[Fault], wanted: int) -> FaultSet:
        """Return a verified fault set of at most `wanted` faults, empty when no fault shows.

        Verified: every non-empty subset fails on the cases, the same way backwards and under another hash seed; no
        two subsets fail alike; and the smallest failing case of each subset is mended by taking out one fault. So n
        faults give exactly n failing turns, in whatever order they are undone.
        """
        results: dict[FaultSet, ProgramResult] = {}
        chosen: FaultSet = ()
        for place in range(wanted):
            chosen = await self._extended(chosen, own if place == 0 else joining, results)
            if len(chosen) == place:
                break
        return chosen

    async def _extended(
        self, chosen: FaultSet, offered: Sequence[Fault], results: dict[FaultSet, ProgramResult]
    ) -> FaultSet:
        """Return the set with one more fault, preferring one with which some case still passes: it says more."""
        hopeful = (fault for fault in offered if self.tried.get((fault,), True) is not None)
        fitting = (fault for fault in hopeful if compatible(self.item.code, (*chosen, fault)))
        blunt: list[tuple[FaultSet, dict[FaultSet, ProgramResult]]] = []
        for fault in islice(fitting, MAX_TRIES):
            larger = tuple(sorted((*chosen, fault), key=lambda each: each.start))
            fresh = [subset for subset in subsets(larger) if fault in subset]
            fits = await self._all_show(fresh, results) and self._undoable(larger, results)
            sharp = fits and any(case.status == "pass" for case in results[fault,].cases)
            if sharp and await self._steady(fresh, results):
                return larger
            taken = {subset: results.pop(subset) for subset in fresh if subset in results}
            if fits and not sharp:
                blunt.append((larger, taken))
            if len(blunt) == MAX_BLUNT:
                break
        for larger, taken in blunt:
            if await self._steady(list(taken), taken):
                results.update(taken)
                return larger
        return chosen

    async def _all_show(self, fresh: Sequence[FaultSet], results: dict[FaultSet, ProgramResult]) -> bool:
        for subset in fresh:
            result = await self._result(subset)
            if result is None or fingerprint(result) in {fingerprint(other) for other in results.values()}:
                return False
            results[subset] = result
        return True

    async def _result(self, subset: FaultSet) -> ProgramResult | None:
        """Return how a fault set fails, or None when it does not, or hangs."""
        if subset in self.tried:
            return self.tried[subset]
        code = apply_faults(self.item.code, subset)
        self.trials += 1
        result = await examine(self.bench, f"fault{self.trials}", code, self.cases, self.limits, confirm=False)
        self.tried[subset] = None if result.passed or not shows(result) else result
        return self.tried[subset]

    async def _steady(self, fresh: Sequence[FaultSet], results: dict[FaultSet, ProgramResult]) -> bool:
        """Tell whether fault sets fail the same way backwards and under another hash seed."""
        backwards = tuple(reversed(self.cases))
        for subset in fresh:
            code = apply_faults(self.item.code, subset)
            self.rechecks += 1
            slot = f"back{self.rechecks}"
            back = await examine(self.bench, slot, code, backwards, self.limits, hash_seed=1, confirm=False)
            if fingerprint(results[subset]) != fingerprint(back):
                return False
        return True

    def _undoable(self, faults: FaultSet, results: dict[FaultSet, ProgramResult]) -> bool:
        return all(
            any(self._passes(tuple(f for f in subset if f is not fault), case_id, results) for fault in subset)
            for subset in subsets(faults)
            for case_id in [self._smallest(results[subset])]
        )

    def _smallest(self, result: ProgramResult) -> str:
        return smallest_failing([case for case in result.cases if case.status != "pass"], self.cases)

    def _passes(self, rest: FaultSet, case_id: str, results: dict[FaultSet, ProgramResult]) -> bool:
        if not rest:
            return True
        return any(case.id == case_id and case.status == "pass" for case in results[rest].cases)


def subsets(faults: FaultSet) -> list[FaultSet]:
    """Return the non-empty subsets, small ones first."""
    return [subset for size in range(1, len(faults) + 1) for subset in combinations(faults, size)]


def shows(result: ProgramResult) -> bool:
    """Tell whether a failure is one to learn from: the program ran, and no case hung or died."""
    return result.status == "ok" and all(case.status in {"pass", "fail", "error"} for case in result.cases)


def fingerprint(result: ProgramResult) -> str:
    """Return a hash of what every case did, without times."""
    return digest(sorted((case.id, case.status, case.got or "", case.error or "") for case in result.cases))
