"""Searching instead of going on from the last program: uniform cost over sets of passed cases (Reflexion's variant)."""

from __future__ import annotations

from mendloop.events import BranchChosen
from mendloop.executions import ProgramResult
from mendloop.graphs.state import Branch, RepairState, RepairUpdate
from mendloop.graphs.team import Desk
from mendloop.tools.journal import Journal


async def choose_branch(state: RepairState, desk: Desk) -> RepairUpdate:
    """Add the last program to those that may be repaired, and go on from the cheapest (Reflexion, released code).

    The cost of a program is the number of failing cases of all programs on the way to it. One with the same passed
    cases as another is left aside. The state then holds the turns that led to the chosen one.
    """
    rules, journal = desk.team.loop.rules, desk.journal
    branches, tried = list(state.get("branches", [])), state.get("tried", 0)
    if tried >= desk.team.loop.repairs:
        return {"reason": "out_of_repairs"}
    passed = _passed(state["results"][-1], journal)
    if all(_passed(branch["results"][-1], journal) != passed for branch in branches):
        way = branches[state["branch"]]["cost"] if branches else 0
        branches.append(_branch(state, way + _failing(state["results"][-1], journal), rules.branches))
    left = [number for number, branch in enumerate(branches) if branch["left"]]
    if not left:
        return {"reason": "no_progress"}
    number = min(left, key=lambda each: (branches[each]["cost"], each))
    chosen = branches[number] = {**branches[number], "left": branches[number]["left"] - 1}
    event = BranchChosen(turn=len(chosen["solutions"]) - 1, cost=chosen["cost"], open=len(left))
    await journal.emit(desk.bench.key("branch"), event)
    return {
        "solutions": chosen["solutions"],
        "results": chosen["results"],
        "verdicts": chosen["verdicts"],
        "diagnoses": chosen["diagnoses"],
        "failures": chosen["failures"],
        "found": chosen["found"],
        "branches": branches,
        "branch": number,
        "tried": tried + 1,
    }


def _branch(state: RepairState, cost: int, left: int) -> Branch:
    return Branch(
        cost=cost,
        left=left,
        solutions=state["solutions"],
        results=state["results"],
        verdicts=state["verdicts"],
        diagnoses=state["diagnoses"],
        failures=state["failures"],
        found=state.get("found", []),
    )


def _passed(result: str, journal: Journal) -> tuple[str, ...]:
    return tuple(case.id for case in journal.get(result, ProgramResult).cases if case.status == "pass")


def _failing(result: str, journal: Journal) -> int:
    return sum(case.status != "pass" for case in journal.get(result, ProgramResult).cases)
