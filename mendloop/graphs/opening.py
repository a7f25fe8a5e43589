"""The opening of a session: propose, screen, design tests, program."""

from __future__ import annotations

import ast
import re

from mendloop.events import ProblemProposed, SolutionWritten, SuiteDesigned
from mendloop.graphs.state import RepairState, RepairUpdate
from mendloop.graphs.team import Desk
from mendloop.records import Brief, Problem, Suite

MAX_TITLE = 120
SOURCE_SPENT = "source_spent"
"""The reason of a session for which the source had no problem left."""


async def propose(state: RepairState, desk: Desk) -> RepairUpdate:
    """State the session's problem."""
    brief = desk.journal.get(state["brief"], Brief)
    problem = await desk.team.proposer.propose(desk.bench.as_role("proposer"), state["index"], brief)
    if problem is None:
        return {"reason": SOURCE_SPENT}
    return {"problem": await _stated(desk, problem)}


async def _stated(desk: Desk, problem: Problem) -> str:
    ref = desk.journal.put(problem)
    await desk.journal.emit(desk.bench.key("problem"), ProblemProposed(problem=ref))
    return ref.sha256


async def screen(state: RepairState, desk: Desk) -> RepairUpdate:
    """Refuse a problem that is not well-formed, or that the brief says is there already."""
    problem = desk.journal.get(state["problem"], Problem)
    if flaw := flaw_of(problem):
        return {"reason": f"ill_formed: {flaw}"}
    if title_of(problem) in desk.journal.get(state["brief"], Brief).avoid:
        return {"reason": "duplicate"}
    return {}


def title_of(problem: Problem) -> str:
    """Return a problem in short: its entry point and how its statement goes on after naming it."""
    said = " ".join(problem.statement.partition("\n")[2].split())
    sentence = re.split(r"(?<=[.!?])\s", said, maxsplit=1)[0]
    return f"{problem.entry_point}: {sentence[:MAX_TITLE]}"


def flaw_of(problem: Problem) -> str:
    """Return what is wrong with a problem's form, or an empty text."""
    if not problem.statement.strip():
        return "no statement"
    try:
        tree = ast.parse(f"def {problem.signature}: ...")
    except SyntaxError:
        return "the signature does not parse"
    stated = tree.body[0]
    if not isinstance(stated, ast.FunctionDef) or stated.name != problem.entry_point:
        return "the signature is not the entry point's"
    if problem.entry_point not in problem.statement:
        return "the statement never names the entry point"
    return ""


async def design_tests(state: RepairState, desk: Desk) -> RepairUpdate:
    """Design the shown and the held-out suite, blind to every program."""
    problem = desk.journal.get(state["problem"], Problem)
    tester = desk.bench.as_role("tester")
    shown = await desk.team.tester.design(tester, problem, "shown")
    held_out = Suite(author=shown.author, role="held_out", cases=())
    if desk.team.loop.held_out:
        designed = await desk.team.tester.design(tester, problem, "held_out")
        taken = {(case.call, case.setup, case.stdin) for case in shown.cases}
        unseen = tuple(case for case in designed.cases if (case.call, case.setup, case.stdin) not in taken)
        held_out = designed.model_copy(update={"cases": unseen})
    return {
        "shown": await suite_designed(desk, "suite/shown", shown),
        "held_out": await suite_designed(desk, "suite/held_out", held_out),
        "vetted": False,
    }


async def suite_designed(desk: Desk, slot: str, suite: Suite) -> str:
    """Journal a suite and return its hash."""
    ref = desk.journal.put(suite)
    await desk.journal.emit(desk.bench.key(slot), SuiteDesigned(role=suite.role, cases=len(suite.cases), suite=ref))
    return ref.sha256


async def program(state: RepairState, desk: Desk) -> RepairUpdate:
    """Write the candidate and as many peers as the loop asks for."""
    problem = desk.journal.get(state["problem"], Problem)
    bench = desk.bench.as_role("programmer")
    candidate = await desk.team.programmer.write(bench, problem, 0)
    if candidate is None:
        return {"reason": "no_program"}
    written: RepairUpdate = {"solutions": [await solution_written(desk, candidate, 0, 0)], "results": []}
    return {**written, "peers": await more_peers(desk, problem, 0, desk.team.peers)}


async def more_peers(desk: Desk, problem: Problem, have: int, want: int) -> list[str]:
    """Return the hashes of `want` further peer programs, fewer where the programmer has none to give."""
    bench = desk.bench.as_role("programmer")
    hashes: list[str] = []
    for number in range(have + 1, have + want + 1):
        peer = await desk.team.programmer.write(bench, problem, number)
        if peer is None:
            break
        hashes.append(await solution_written(desk, peer, 0, number))
    return hashes


async def solution_written(desk: Desk, solution: object, turn: int, peer: int) -> str:
    """Journal a solution and return its hash."""
    ref = desk.journal.put(solution)
    await desk.journal.emit(desk.bench.key(f"solution/{peer}"), SolutionWritten(turn=turn, peer=peer, solution=ref))
    return ref.sha256
