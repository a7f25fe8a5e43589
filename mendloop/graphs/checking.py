"""What an accepted program is checked against: the suite that nobody saw, a reference, and independent programs."""

from __future__ import annotations

from collections.abc import Sequence

from mendloop.agents.executor import examine
from mendloop.executions import Outcome, ProgramResult
from mendloop.graphs.peers import family_of, independent
from mendloop.graphs.sampling import behaviour, sampled_calls, sampled_edges, wanted
from mendloop.graphs.state import RepairState, RepairUpdate
from mendloop.graphs.team import Desk
from mendloop.judgement.behaviour import any_order
from mendloop.judgement.standing import standing
from mendloop.judgement.tiers import tier_of
from mendloop.judgement.vouching import vouched
from mendloop.records import TRUSTED_ORIGINS, Problem, Solution, Suite, TierEvidence


async def hold_out(state: RepairState, desk: Desk) -> RepairUpdate:
    """Run the accepted program on the suite that nobody saw.

    Failing an anchor there proves the program wrong: where the method has a gate, it is dropped. A generated case that
    it fails is adjudicated like a shown one, by what the peers do; one that is doubted counts no more.
    """
    suite = desk.journal.get(state["held_out"], Suite)
    if not suite.cases:
        return {}
    evidence = desk.journal.get(state["evidence"], TierEvidence)
    code = desk.journal.get(state["solutions"][-1], Solution).code
    result = await examine(desk.bench, "held_out", code, suite.cases, desk.team.limits)
    doubted = await _doubted(state, desk, suite, result)
    failed = {case.id for case in result.cases if case.status != "pass"} - doubted
    stand = len(suite.cases) - len(doubted)
    counted = {
        "held_out_cases": stand,
        "held_out_passed": stand - len(failed),
        "doubted_cases": evidence.doubted_cases + len(doubted),
    }
    update: RepairUpdate = {
        "evidence": desk.journal.put(evidence.model_copy(update=counted)).sha256,
        "met": "failed" if failed else "passed",
    }
    anchored = any(case.origin in TRUSTED_ORIGINS and case.id in failed for case in suite.cases)
    return {**update, "reason": "fails_held_out"} if anchored and desk.team.loop.rules.gate else update


async def _doubted(state: RepairState, desk: Desk, suite: Suite, result: ProgramResult) -> frozenset[str]:
    """Return the held-out cases that the facts take out: none where everything passes, or nobody else ran them."""
    peers = independent(state, desk)
    if result.passed or desk.team.loop.rules.blame == "code" or not peers:
        return frozenset()
    results = [
        await examine(desk.bench, f"held_out/peer{number}", peer.solution.code, suite.cases, desk.team.limits)
        for number, peer in enumerate(peers, 1)
    ]
    return standing(suite.cases, result, results).doubted


async def compare_peers(state: RepairState, desk: Desk) -> RepairUpdate:
    """Compare the accepted program with other programs on valid inputs, and give it its tier.

    Where there is an executed reference, it is the peer that decides: a program that parts from it anywhere is wrong.
    It is dropped where the method has a gate, and has tier C where it has none.
    """
    evidence = desk.journal.get(state["evidence"], TierEvidence)
    code = desk.journal.get(state["solutions"][-1], Solution).code
    compared = await _compared(state, desk, code)
    if compared is not None:
        evidence = evidence.model_copy(update={"reference_inputs": len(compared.cases)})
        if not compared.passed:
            parted: RepairUpdate = {"evidence": desk.journal.put(evidence).sha256, "tier": "C"}
            return {**parted, "reason": "parts_from_reference"} if desk.team.loop.rules.gate else parted
    evidence = await _with_peers(state, desk, evidence)
    return {"evidence": desk.journal.put(evidence).sha256, "tier": tier_of(evidence, desk.team.loop.tiers)}


async def _compared(state: RepairState, desk: Desk, code: str) -> ProgramResult | None:
    """Return what the accepted program does on further inputs of the reference; None where there is nothing to do."""
    problem = desk.journal.get(state["problem"], Problem)
    suites = (desk.journal.get(state["shown"], Suite), desk.journal.get(state["held_out"], Suite))
    cases = await desk.team.tester.compare(desk.bench.as_role("tester"), problem, code, suites)
    return await examine(desk.bench, "compared", code, cases, desk.team.limits) if cases else None


async def _with_peers(state: RepairState, desk: Desk, evidence: TierEvidence) -> TierEvidence:
    """Return the evidence with what peers that have a say do on sampled inputs, or on the held-out suite's without.

    Peers that outvoted a derivation agree with the program already where it matters: their agreement says no more.
    """
    if not state.get("peers") or state.get("outvoted"):
        return evidence
    accepted = desk.journal.get(state["solutions"][-1], Solution)
    peers = [peer.solution for peer in independent(state, desk)]
    problem = desk.journal.get(state["problem"], Problem)
    held_out = desk.journal.get(state["held_out"], Suite)
    suites = (desk.journal.get(state["shown"], Suite), held_out)
    calls = await sampled_calls(desk, problem, suites)
    if calls:
        return await _on_inputs(desk, problem, accepted, peers, calls, suites, evidence)
    passing = [
        peer
        for number, peer in enumerate(peers)
        if (await examine(desk.bench, f"peer{number}", peer.code, held_out.cases, desk.team.limits)).passed
    ]
    return evidence.model_copy(
        update={
            "peers_agreeing": len(passing),
            "peers_other_family": _other_family(accepted, passing),
            "peer_inputs": len(held_out.cases),
        }
    )


async def _on_inputs(
    desk: Desk,
    problem: Problem,
    accepted: Solution,
    peers: Sequence[Solution],
    calls: tuple[str, ...],
    suites: Sequence[Suite],
    evidence: TierEvidence,
) -> TierEvidence:
    programs = (accepted, *peers)
    edges = await sampled_edges(desk, problem, calls, suites)
    behaviours = [
        await _done(desk, "inputs", number, program, problem, calls) for number, program in enumerate(programs)
    ]
    at_edges = [await _done(desk, "edges", number, program, problem, edges) for number, program in enumerate(programs)]
    found = vouched(
        behaviours[0],
        behaviours[1:],
        at_edges,
        slack=desk.team.loop.tiers.slack,
        unordered=any_order(problem.statement),
    )
    return evidence.model_copy(
        update={
            "peers_agreeing": len(found.agreeing),
            "peers_other_family": _other_family(accepted, [peers[number] for number in found.agreeing]),
            "peer_inputs": found.inputs,
            "peer_inputs_all": len(calls) < wanted(desk),
            "rivals": found.rivals,
            "contested_edges": found.contested_edges,
        }
    )


async def _done(
    desk: Desk, kind: str, number: int, program: Solution, problem: Problem, calls: Sequence[str]
) -> tuple[Outcome, ...]:
    """Return what a program does on calls; the accepted one has number 0."""
    if not calls:
        return ()
    slot = f"{kind}/peer{number}" if number else f"{kind}/candidate"
    return await behaviour(desk, slot, program.code, problem, calls)


def _other_family(accepted: Solution, peers: Sequence[Solution]) -> int:
    return sum(family_of(peer.author) != family_of(accepted.author) for peer in peers)
