"""The opening of a session: propose, screen, design tests, program."""

from __future__ import annotations

import ast
import re

from mendloop.agents.author import Author
from mendloop.errors import ScenarioError
from mendloop.events import ProblemProposed, SolutionWritten, SuiteDesigned
from mendloop.graphs.state import RepairState, RepairUpdate
from mendloop.graphs.team import Desk
from mendloop.records import Brief, Problem, Solution, Suite

MAX_TITLE = 120
NO_SUITE = Suite(author="", role="held_out", cases=())
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


async def limit_inputs(state: RepairState, desk: Desk) -> RepairUpdate:
    """Find out which inputs the statement promises, so that nothing is judged by others."""
    assert desk.team.contractor is not None, "a session comes here where the team has a contractor"
    problem = desk.journal.get(state["problem"], Problem)
    contract = await desk.team.contractor.contract(desk.bench, problem, ())
    if contract == problem.contract:
        return {}
    return {"problem": await _stated(desk, problem.model_copy(update={"contract": contract}))}


async def design_tests(state: RepairState, desk: Desk) -> RepairUpdate:
    """Design the shown suite, blind to every program; where tests come with the program there is none yet.

    The held-out suite is designed once a program is accepted, or here where the scenario wants it ahead.
    """
    rules = desk.team.loop.rules
    problem = desk.journal.get(state["problem"], Problem)
    if rules.tests == "joint":
        return {"vetted": False}
    shown = await _shown(desk, problem)
    update: RepairUpdate = {"shown": await suite_designed(desk, "suite/shown", shown), "vetted": False}
    if rules.measured or not desk.team.loop.ahead:
        return update
    return {**update, "held_out": await held_out_suite(desk, problem, shown)}


async def _shown(desk: Desk, problem: Problem) -> Suite:
    """Return the shown suite; of several suites the cases of all, with the suite's number in their ids."""
    rules = desk.team.loop.rules
    suites: list[Suite] = []
    for number in range(rules.suites):
        role = "tester" if number == 0 else f"tester-{number + 1}"
        if rules.tests == "own":
            suites.append(await author_of(desk).design(desk.bench.as_role(role), problem))
        else:
            suites.append(await desk.team.tester.design(desk.bench.as_role(role), problem, "shown"))
    first, *others = suites
    pooled = {(case.call, case.setup, case.stdin, case.expect, case.raises): case for case in first.cases}
    for number, suite in enumerate(others, 2):
        for case in suite.cases:
            key = (case.call, case.setup, case.stdin, case.expect, case.raises)
            pooled.setdefault(key, case.model_copy(update={"id": f"{case.id}.{number}"}))
    return first.model_copy(update={"cases": tuple(pooled.values())}) if others else first


async def held_out_suite(desk: Desk, problem: Problem, shown: Suite) -> str:
    """Journal a suite that shares no case with the shown one, empty where the scenario wants none; return its hash."""
    if not desk.team.loop.held_out:
        return await suite_designed(desk, "suite/held_out", NO_SUITE.model_copy(update={"author": shown.author}))
    designed = await desk.team.tester.design(desk.bench.as_role("tester"), problem, "held_out")
    taken = {(case.call, case.setup, case.stdin) for case in shown.cases}
    unseen = tuple(case for case in designed.cases if (case.call, case.setup, case.stdin) not in taken)
    return await suite_designed(desk, "suite/held_out", designed.model_copy(update={"cases": unseen}))


async def suite_designed(desk: Desk, slot: str, suite: Suite) -> str:
    """Journal a suite and return its hash."""
    ref = desk.journal.put(suite)
    await desk.journal.emit(desk.bench.key(slot), SuiteDesigned(role=suite.role, cases=len(suite.cases), suite=ref))
    return ref.sha256


async def program(state: RepairState, desk: Desk) -> RepairUpdate:
    """Write the candidate, and its peers where the scenario wants them ahead and the method has any."""
    rules = desk.team.loop.rules
    problem = desk.journal.get(state["problem"], Problem)
    update: RepairUpdate = {"results": []}
    if rules.tests == "joint":
        both = await author_of(desk).write_both(desk.bench.as_role("programmer"), problem)
        suite = Suite(author=both.solution.author, role="shown", cases=both.cases)
        candidate: Solution | None = both.solution
        update["shown"] = await suite_designed(desk, "suite/shown", suite)
    else:
        candidate = await _candidate(state, desk, problem)
    if candidate is None:
        return {"reason": "no_program"}
    update["solutions"] = [await solution_written(desk, candidate, 0, 0)]
    if rules.needs_peers and desk.team.loop.ahead:
        update["peers"] = await more_peers(desk, problem, 0, desk.team.peers)
    return {**update, "peers_asked": "peers" in update, "wanting": False}


async def _candidate(state: RepairState, desk: Desk, problem: Problem) -> Solution | None:
    bench = desk.bench.as_role("programmer")
    if desk.team.loop.rules.programmer_sees_tests:
        shown = desk.journal.get(state["shown"], Suite)
        return await author_of(desk).draw(bench, problem, 0, shown.cases)
    return await desk.team.programmer.write(bench, problem, 0)


def author_of(desk: Desk) -> Author:
    """Return the team's author. Raises ScenarioError where the method asks for one and the team has none."""
    if desk.team.author is None:
        raise ScenarioError(f"the team `{desk.team.name}` has no author", where="loop.method")
    return desk.team.author


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
