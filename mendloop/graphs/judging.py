"""The middle of a session: execute, vet the tests, adjudicate."""

from __future__ import annotations

from mendloop.agents.critic import decide, failure_of
from mendloop.agents.executor import examine
from mendloop.events import VerdictReached
from mendloop.executions import ProgramResult
from mendloop.graphs.opening import suite_designed
from mendloop.graphs.state import RepairState, RepairUpdate
from mendloop.graphs.team import Desk
from mendloop.records import Problem, Solution, Suite, Verdict

MAX_SANDBOX_FAULTS = 2
"""How often a session runs a turn again after a sandbox fault that its own retries did not mend."""


async def execute(state: RepairState, desk: Desk) -> RepairUpdate:
    """Run the last candidate, and the peers once, against the shown suite."""
    if state.get("reason"):
        return {}
    suite = desk.journal.get(state["shown"], Suite)
    turn = len(state["solutions"]) - 1
    result = await _examined(desk, "candidate", state["solutions"][-1], suite)
    update: RepairUpdate = {"results": [*state.get("results", [])[:turn], desk.journal.put(result).sha256]}
    if not state.get("vetted"):
        peers = [await _examined(desk, f"peer{n}", peer, suite) for n, peer in enumerate(state.get("peers", []), 1)]
        update["peer_results"] = [desk.journal.put(peer).sha256 for peer in peers]
    if result.status != "sandbox_error":
        return update
    faults = state.get("sandbox_faults", 0) + 1
    if faults > MAX_SANDBOX_FAULTS:
        return {**update, "sandbox_faults": faults, "reason": "sandbox_fault"}
    return {**update, "sandbox_faults": faults}


async def _examined(desk: Desk, slot: str, solution: str, suite: Suite) -> ProgramResult:
    code = desk.journal.get(solution, Solution).code
    return await examine(desk.bench, slot, code, suite.cases, desk.team.limits)


async def vet_tests(state: RepairState, desk: Desk) -> RepairUpdate:
    """Take out shown cases that cannot judge: those whose outcome changes from run to run; drop a vacuous suite.

    A suite is vacuous when a stub that returns None passes it whole. Inputs are not checked against the contract here:
    a tester that asks a reference has done so, and its cases say so by their origin.
    """
    suite = desk.journal.get(state["shown"], Suite)
    problem = desk.journal.get(state["problem"], Problem)
    if not suite.cases:
        return {"reason": "no_tests"}
    last = desk.journal.get(state["results"][-1], ProgramResult)
    if last.status == "sandbox_error":
        return {}
    stub = f"def {problem.entry_point}(*args, **kwargs):\n    return None\n"
    if (await examine(desk.bench, "stub", stub, suite.cases, desk.team.limits)).passed:
        return {"reason": "vacuous_tests"}
    code = desk.journal.get(state["solutions"][-1], Solution).code
    again = await examine(desk.bench, "again", code, suite.cases, desk.team.limits, hash_seed=1)
    unstable = {
        one.id
        for one, two in zip(last.cases, again.cases, strict=True)
        if (one.status, one.got) != (two.status, two.got)
    }
    if not unstable:
        return {"vetted": True}
    kept = tuple(case for case in suite.cases if case.id not in unstable)
    if not kept:
        return {"reason": "unstable_tests"}
    return {"shown": await suite_designed(desk, "suite/vetted", suite.model_copy(update={"cases": kept}))}


async def adjudicate(state: RepairState, desk: Desk) -> RepairUpdate:
    """Conclude who is at fault: by rules on executed facts, and by the critic where they leave it open."""
    suite = desk.journal.get(state["shown"], Suite)
    result = desk.journal.get(state["results"][-1], ProgramResult)
    peers = [desk.journal.get(peer, ProgramResult) for peer in state.get("peer_results", [])]
    verdict = decide(suite.cases, result, peers) or await _judged(state, desk, suite, result)
    turn = len(state["solutions"]) - 1
    ref = desk.journal.put(verdict)
    event = VerdictReached(turn=turn, verdict=verdict.kind, rule=verdict.rule, detail=ref)
    await desk.journal.emit(desk.bench.key("verdict"), event)
    verdicts = [*state.get("verdicts", [])[:turn], ref.sha256]
    return {"verdicts": verdicts, "reached": verdict.kind}


async def _judged(state: RepairState, desk: Desk, suite: Suite, result: ProgramResult) -> Verdict:
    """Ask the critic twice; two readings that disagree, or one that cites nothing, decide nothing."""
    failing = tuple(case.id for case in result.cases if case.status != "pass")
    problem = desk.journal.get(state["problem"], Problem)
    failure = failure_of(suite.cases, result.cases, failing[0])
    first = await desk.team.critic.judge(desk.bench.as_role("critic"), problem, failure)
    second = await desk.team.critic.judge(desk.bench.as_role("critic-again"), problem, failure)
    if first.kind != second.kind or not (first.cites and second.cites):
        return Verdict(kind="undecided", rule="critic_undecided", failing=failing)
    at_fault = failing if first.kind == "code_fault" else failing[:1]
    return Verdict(kind=first.kind, rule="critic_cites", failing=at_fault, note=first.cites)
