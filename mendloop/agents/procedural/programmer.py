"""The procedural programmer: hands in the reference with faults, and takes one out per repair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mendloop.agents.executor import examine
from mendloop.agents.procedural.changes import describe_change
from mendloop.agents.procedural.families import diagnosed_as
from mendloop.agents.procedural.faults import apply_faults
from mendloop.agents.procedural.injector import Injector, pools
from mendloop.agents.procedural.item import Item
from mendloop.agents.procedural.reference import ask, shown_calls
from mendloop.agents.procedural.shelf import Shelf
from mendloop.agents.programmer import RepairAsk
from mendloop.executions import Limits
from mendloop.records import Case, Fault, Problem, Reflection, Solution
from mendloop.specs import FaultCount
from mendloop.tools.bench import Bench

AUTHOR = "procedural"
MISLED = "Mending line {line} alone leaves this case failing (tried in the sandbox); it fails for another reason too. "


@dataclass(frozen=True)
class ProceduralProgrammer:
    """Writes the reference with one to three verified faults; repairs by trying which fault to take out."""

    shelf: Shelf
    faults: FaultCount
    limits: Limits

    async def write(self, bench: Bench, problem: Problem, peer: int) -> Solution | None:
        """Return the faulty program, or None for peers and where no fault of this variant shows.

        The faults are verified on the inputs of the shown suite, which follow from contract, seed and session; the
        held-out suite is never asked for.
        """
        if peer > 0:
            return None
        item = self.shelf.item_of(problem)
        calls = shown_calls(item, problem, bench)
        # Once is enough: were an input unsteady, no fault set would fail alike both ways, and none be chosen.
        asked = await ask(bench, "verify", item, calls, self.limits, "s", twice=False)
        cases = (*problem.examples, *asked)
        own, joining = pools(item, bench.seed, self.shelf.variants, self.shelf.variant_of(problem))
        wanted = bench.random("fault count").randint(self.faults.min, self.faults.max)
        injector = Injector(bench, item, cases, self.limits)
        chosen = await injector.choose(own, joining, wanted)
        if len(chosen) < self.faults.min:
            return None
        return Solution(code=apply_faults(item.code, chosen), author=AUTHOR, injected=chosen, trials=injector.trials)

    async def repair(self, bench: Bench, problem: Problem, ask: RepairAsk) -> Solution:
        """Take out the fault that mends the failing case; which one is found by trying, likeliest first."""
        item, left = self.shelf.item_of(problem), ask.solution.injected
        if not left:
            return ask.solution
        ordered = likeliest_first(left, ask)
        undone, trials = ordered[0], 0
        for fault in ordered:
            trials += 1
            if await self._mends(bench, f"undo{trials}", item, without(left, fault), ask.failure.case):
                undone = fault
                break
        led_astray = misled(left, ordered[0], undone, ask.diagnosis.line)
        rest = without(left, undone)
        code = apply_faults(item.code, rest)
        return Solution(
            code=code,
            author=AUTHOR,
            note=(MISLED.format(line=ask.diagnosis.line) if led_astray else "")
            + describe_change(ask.solution.code, code),
            injected=rest,
            undone=(*ask.solution.undone, undone),
            trials=trials,
        )

    async def start_over(self, bench: Bench, problem: Problem, first: RepairAsk) -> Solution | None:
        """Return None: its repairs take known faults out, and never go in a circle."""
        return None

    async def _mends(self, bench: Bench, slot: str, item: Item, rest: Sequence[Fault], case: Case) -> bool:
        code = apply_faults(item.code, rest)
        return (await examine(bench, slot, code, [case], self.limits, confirm=False)).passed


def without(faults: Sequence[Fault], fault: Fault) -> tuple[Fault, ...]:
    """Return the faults but one."""
    return tuple(each for each in faults if each.id != fault.id)


def misled(faults: Sequence[Fault], first: Fault, undone: Fault, line: int | None) -> bool:
    """Tell whether the diagnosed line held the fault tried first, and not the one whose undoing mended the case."""
    return line in lines_in(faults, first) and line not in lines_in(faults, undone)


def likeliest_first(faults: Sequence[Fault], ask: RepairAsk) -> list[Fault]:
    """Order faults for trying: on the diagnosed line first, then of a kind that a lesson names, then by distance.

    Retrieved lessons come before the session's own, because they led to a fix of the same symptom elsewhere.
    """
    kinds = remembered_kinds((*ask.recalled, *ask.recent))
    line = ask.diagnosis.line

    def rank(fault: Fault) -> tuple[bool, int, int, int]:
        place = kinds.index(kind) if (kind := diagnosed_as(fault.kind)) in kinds else len(kinds)
        here = lines_in(faults, fault)
        return line not in here, place, abs(here.start - line) if line is not None else 0, fault.start

    return sorted(faults, key=rank)


def lines_in(faults: Sequence[Fault], fault: Fault) -> range:
    """Return the lines that a fault takes up in the program that has all these faults."""
    shift = sum(each.after.count("\n") - each.before.count("\n") for each in faults if each.start < fault.start)
    first = fault.line + shift
    return range(first, first + fault.after.count("\n") + 1)


def remembered_kinds(lessons: Sequence[Reflection]) -> list[str]:
    """Return the fault kinds of lessons that led to a fix, best first, each once."""
    return list(dict.fromkeys(lesson.fault for lesson in lessons if lesson.outcome == "fixed"))
