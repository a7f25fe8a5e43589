"""The middle of a session: execute, adjudicate, and derive a doubted value anew."""

from __future__ import annotations

from mendloop.agents.critic import failure_of
from mendloop.agents.executor import examine
from mendloop.events import VerdictReached
from mendloop.executions import ProgramResult
from mendloop.graphs.accepting import hopeless
from mendloop.graphs.agreeing import agreed
from mendloop.graphs.peers import independent
from mendloop.graphs.state import RepairState, RepairUpdate
from mendloop.graphs.team import Desk
from mendloop.judgement.adjudication import MIN_RAN, Finding, Suspicion, confirmed, decide, settled
from mendloop.records import Case, Problem, Solution, Suite, Verdict

MAX_SANDBOX_FAULTS = 2
"""How often a session runs a turn again after a sandbox fault that its own retries did not mend."""


async def execute(state: RepairState, desk: Desk) -> RepairUpdate:
    """Run the last candidate, and the peers once, against the shown suite."""
    if state.get("reason"):
        return {}
    suite = desk.journal.get(state["shown"], Suite)
    turn = len(state["solutions"]) - 1
    result = await examined(desk, "candidate", state["solutions"][-1], suite)
    update: RepairUpdate = {"results": [*state.get("results", [])[:turn], desk.journal.put(result).sha256]}
    if not state.get("vetted"):
        peers = [await examined(desk, f"peer{n}", peer, suite) for n, peer in enumerate(state.get("peers", []), 1)]
        update["peer_results"] = [desk.journal.put(peer).sha256 for peer in peers]
    if result.status != "sandbox_error":
        return update
    faults = state.get("sandbox_faults", 0) + 1
    if faults > MAX_SANDBOX_FAULTS:
        return {**update, "sandbox_faults": faults, "reason": "sandbox_fault"}
    return {**update, "sandbox_faults": faults}


async def examined(desk: Desk, slot: str, solution: str, suite: Suite) -> ProgramResult:
    """Return what a journalled program does with the cases of a suite."""
    code = desk.journal.get(solution, Solution).code
    return await examine(desk.bench, slot, code, suite.cases, desk.team.limits)


async def adjudicate(state: RepairState, desk: Desk) -> RepairUpdate:
    """Conclude who is at fault, as the method does: by rules on executed facts, the critic, consensus, or the code.

    Where that takes peers and they have not been asked for, nothing is concluded yet. An accepted program that cannot
    become a record, whatever else is checked, ends the session.
    """
    rules = desk.team.loop.rules
    if _wants_peers(state, desk):
        return {"wanting": True}
    if rules.accept == "dual_agreement":
        chosen = await agreed(state, desk)
        return {**chosen.update, **await _concluded(state, desk, chosen.verdict)}
    finding = _blamed(state, desk) if rules.blame == "code" else await _found(state, desk)
    if isinstance(finding, Suspicion):
        return {"suspicion": desk.journal.put(finding).sha256}
    return await _concluded(state, desk, finding)


def _wants_peers(state: RepairState, desk: Desk) -> bool:
    rules = desk.team.loop.rules
    if state.get("peers_asked") or not desk.team.peers or not rules.needs_peers:
        return False
    if rules.accept == "dual_agreement":
        return True
    suite = desk.journal.get(state["shown"], Suite)
    result = desk.journal.get(state["results"][-1], ProgramResult)
    return rules.blame == "adjudicate" and settled(suite.cases, result) is None


async def _concluded(state: RepairState, desk: Desk, verdict: Verdict) -> RepairUpdate:
    turn = len(state["solutions"]) - 1
    ref = desk.journal.put(verdict)
    event = VerdictReached(turn=turn, verdict=verdict.kind, rule=verdict.rule, detail=ref)
    await desk.journal.emit(desk.bench.key("verdict"), event)
    update: RepairUpdate = {"reached": verdict.kind, "suspicion": ""}
    if verdict.kind == "passed":
        update["reason"] = hopeless(state, desk)
    return {**update, "verdicts": [*state.get("verdicts", [])[:turn], ref.sha256]}


def _blamed(state: RepairState, desk: Desk) -> Verdict:
    """Return the verdict of a method in which every failing test is the code's fault."""
    result = desk.journal.get(state["results"][-1], ProgramResult)
    if result.status == "sandbox_error":
        return Verdict(kind="sandbox_fault", rule="sandbox_error", note=result.stderr)
    if result.passed:
        return Verdict(kind="passed", rule="all_cases_pass")
    failing = tuple(case.id for case in result.cases if case.status != "pass")
    return Verdict(kind="code_fault", rule="blame_the_code", failing=failing, note="" if failing else result.status)


async def _found(state: RepairState, desk: Desk) -> Verdict | Suspicion:
    """Return what executed facts say; where they leave it open or split the programs, what the critic cites."""
    suite = desk.journal.get(state["shown"], Suite)
    result = desk.journal.get(state["results"][-1], ProgramResult)
    peers = [peer.result for peer in independent(state, desk)]
    finding: Finding = decide(suite.cases, result, peers, min(MIN_RAN, max(1, len(peers))))
    if isinstance(finding, Suspicion) and finding.case in state.get("stands", []):
        return Verdict(kind="code_fault", rule="rederivation_confirms_test", failing=(finding.case,))
    if finding is None:
        failing = tuple(case.id for case in result.cases if case.status != "pass")
        return await _read(state, desk, suite, result, failing)
    if isinstance(finding, Verdict) and finding.rule == "programs_split":
        read = await _read(state, desk, suite, result, finding.failing)
        return finding if read.kind == "undecided" else read
    return finding


async def _read(
    state: RepairState, desk: Desk, suite: Suite, result: ProgramResult, failing: tuple[str, ...]
) -> Verdict:
    """Ask the critic twice; two readings that disagree, or one that cites nothing, decide nothing."""
    problem = desk.journal.get(state["problem"], Problem)
    failure = failure_of(suite.cases, result.cases, failing[0])
    first = await desk.team.critic.judge(desk.bench.as_role("critic"), problem, failure)
    second = await desk.team.critic.judge(desk.bench.as_role("critic-again"), problem, failure)
    if first.kind != second.kind or not (first.cites and second.cites):
        return Verdict(kind="undecided", rule="critic_undecided", failing=failing)
    at_fault = failing if first.kind == "code_fault" else failing[:1]
    return Verdict(kind=first.kind, rule="critic_cites", failing=at_fault, note=first.cites)


async def rederive(state: RepairState, desk: Desk) -> RepairUpdate:
    """Have the tester work out a doubted case's value from statement and input alone, and conclude from that."""
    suspicion = desk.journal.get(state["suspicion"], Suspicion)
    problem = desk.journal.get(state["problem"], Problem)
    suite = desk.journal.get(state["shown"], Suite)
    doubted = next(case for case in suite.cases if case.id == suspicion.case)
    derived = await desk.team.tester.rederive(desk.bench.as_role("tester"), problem, doubted)
    verdict = confirmed(doubted, suspicion, _value(derived))
    update = await _concluded(state, desk, verdict)
    if verdict.kind == "code_fault":
        return {**update, "stands": [*state.get("stands", []), doubted.id]}
    if verdict.rule == "programs_outvote_rederivation":
        update["outvoted"] = True
    agrees = derived is not None and verdict.rule == "rederivation_agrees_with_programs"
    return {**update, "derived": desk.journal.put(derived).sha256 if agrees else ""}


def _value(case: Case | None) -> str | None:
    if case is None:
        return None
    return f"raises {case.raises}" if case.raises is not None else case.expect
