"""The opening of a session: propose, screen, design tests, program."""

from __future__ import annotations

import ast

from mendloop.events import ProblemProposed, SolutionWritten, SuiteDesigned
from mendloop.graphs.state import RepairState, RepairUpdate
from mendloop.graphs.team import Desk
from mendloop.records import Problem, Suite

SOURCE_SPENT = "source_spent"
"""The reason of a session for which the source had no problem left."""


async def propose(state: RepairState, desk: Desk) -> RepairUpdate:
    """State the session's problem."""
    problem = await desk.team.proposer.propose(desk.bench.as_role("proposer"), state["index"])
    if problem is None:
        return {"reason": SOURCE_SPENT}
    return {"problem": await _stated(desk, problem)}


async def _stated(desk: Desk, problem: Problem) -> str:
    ref = desk.journal.put(problem)
    await desk.journal.emit(desk.bench.key("problem"), ProblemProposed(problem=ref))
    return ref.sha256


async def screen(state: RepairState, desk: Desk) -> RepairUpdate:
    """Refuse a problem that is not well-formed. Duplicates are refused where the source is surveyed."""
    flaw = flaw_of(desk.journal.get(state["problem"], Problem))
    return {"reason": f"ill_formed: {flaw}"} if flaw else {}


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
        held_out = await desk.team.tester.design(tester, problem, "held_out")
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
