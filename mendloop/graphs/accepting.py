"""The end of a session: hold out, compare peers, keep or drop, remember."""

from __future__ import annotations

from mendloop.agents.executor import examine
from mendloop.agents.shapes import shape
from mendloop.events import MemoryStored, RecordDropped, RecordKept
from mendloop.executions import ProgramResult
from mendloop.frozen import digest
from mendloop.graphs.dialogue import dialogue
from mendloop.graphs.mending import reflections_of
from mendloop.graphs.state import RepairState, RepairUpdate
from mendloop.graphs.team import Desk
from mendloop.graphs.trajectory import Trajectory, trajectory_of
from mendloop.memory.protocol import Found
from mendloop.records import (
    MIN_LIVE_MUTANTS,
    TRUSTED_ORIGINS,
    Attempt,
    Problem,
    Provenance,
    Record,
    Reflection,
    Solution,
    Suite,
    Tier,
    TierEvidence,
)

MIN_MUTATION_SCORE = 0.8
MIN_PEERS = 2
MIN_PEER_INPUTS = 40
TIER_RANK: dict[Tier, int] = {"C": 0, "B": 1, "A": 2}


async def hold_out(state: RepairState, desk: Desk) -> RepairUpdate:
    """Run the accepted program on the suite that nobody saw. Failing an anchor there proves the program wrong."""
    suite = desk.journal.get(state["held_out"], Suite)
    if not suite.cases:
        return {}
    evidence = desk.journal.get(state["evidence"], TierEvidence)
    code = desk.journal.get(state["solutions"][-1], Solution).code
    result = await examine(desk.bench, "held_out", code, suite.cases, desk.team.limits)
    passed = {case.id for case in result.cases if case.status == "pass"}
    counted = evidence.model_copy(update={"held_out_cases": len(suite.cases), "held_out_passed": len(passed)})
    update: RepairUpdate = {"evidence": desk.journal.put(counted).sha256}
    if any(case.origin in TRUSTED_ORIGINS and case.id not in passed for case in suite.cases):
        return {**update, "reason": "fails_held_out"}
    return update


async def compare_peers(state: RepairState, desk: Desk) -> RepairUpdate:
    """Count the peers, distinct by syntax tree, that agree with the accepted program on every held-out input.

    Where there is an executed reference, it is the peer that decides: a program that parts from it anywhere is wrong.
    """
    evidence = desk.journal.get(state["evidence"], TierEvidence)
    suite = desk.journal.get(state["held_out"], Suite)
    code = desk.journal.get(state["solutions"][-1], Solution).code
    compared = await _compared(state, desk, code, suite)
    if compared is not None:
        evidence = evidence.model_copy(update={"reference_inputs": len(compared.cases)})
        if not compared.passed:
            return {"evidence": desk.journal.put(evidence).sha256, "reason": "parts_from_reference"}
    seen, agreeing = {shape(code)}, 0
    peers = [desk.journal.get(peer, Solution).code for peer in state.get("peers", [])]
    for number, peer in enumerate(peers):
        if shape(peer) in seen:
            continue
        seen.add(shape(peer))
        result = await examine(desk.bench, f"peer{number}", peer, suite.cases, desk.team.limits)
        agreeing += result.passed
    if peers:
        evidence = evidence.model_copy(update={"peers_agreeing": agreeing, "peer_inputs": len(suite.cases)})
    return {"evidence": desk.journal.put(evidence).sha256, "tier": tier_of(evidence)}


async def _compared(state: RepairState, desk: Desk, code: str, held_out: Suite) -> ProgramResult | None:
    """Return what the accepted program does on further inputs of the reference; None where there is nothing to do."""
    problem = desk.journal.get(state["problem"], Problem)
    suites = (desk.journal.get(state["shown"], Suite), held_out)
    cases = await desk.team.tester.compare(desk.bench.as_role("tester"), problem, code, suites)
    return await examine(desk.bench, "compared", code, cases, desk.team.limits) if cases else None


def tier_of(evidence: TierEvidence) -> Tier:
    """Return the tier that the numbers give (METHOD: tiers). A check that was not run gives nothing."""
    if not evidence.held_out_cases or evidence.held_out_passed != evidence.held_out_cases:
        return "C"
    live, killed = evidence.mutants_live or 0, evidence.mutants_killed or 0
    if live < MIN_LIVE_MUTANTS or killed < MIN_MUTATION_SCORE * live:
        return "C"
    if evidence.basis == "reference" or evidence.integrity != "values":
        return "B"
    agreed = (evidence.peers_agreeing or 0) >= MIN_PEERS and (evidence.peer_inputs or 0) >= MIN_PEER_INPUTS
    return "A" if agreed else "B"


async def keep(state: RepairState, desk: Desk) -> RepairUpdate:
    """Make the record, if it meets the target; a program known to carry a fault is never kept."""
    trajectory = trajectory_of(state, desk.journal)
    reason = _unfit(state["tier"], trajectory, desk)
    if reason:
        return {"reason": reason}
    ref = desk.journal.put(record_of(state, desk, trajectory))
    await desk.journal.emit(desk.bench.key("kept"), RecordKept(tier=state["tier"], record=ref))
    return {}


def _unfit(tier: Tier, trajectory: Trajectory, desk: Desk) -> str:
    target = desk.team.target
    if trajectory.turns[-1].solution.injected:
        return "fault_not_shown"
    if TIER_RANK[tier] < TIER_RANK[target.min_tier]:
        return f"below_tier_{target.min_tier}"
    if len(trajectory.turns) - 1 < target.min_failed_turns:
        return "too_few_failed_turns"
    return ""


def record_of(state: RepairState, desk: Desk, trajectory: Trajectory) -> Record:
    """Return the canonical record of an accepted trajectory."""
    team, problem = desk.team, trajectory.problem
    first = trajectory.turns[0].solution
    return Record(
        id=digest([problem.id, [turn.solution.code for turn in trajectory.turns]])[:24],
        session=state["session"],
        problem=problem,
        messages=dialogue(trajectory),
        attempts=tuple(
            Attempt(turn=number, code=turn.solution.code, verdict=turn.verdict, cases=turn.untimed)
            for number, turn in enumerate(trajectory.turns)
        ),
        cases=trajectory.shown.cases,
        reflections=reflections_of(state, desk),
        tier=state["tier"],
        evidence=desk.journal.get(state["evidence"], TierEvidence),
        provenance=Provenance(
            team=team.name,
            models=team.models,
            weights=team.weights,
            prompts=team.prompts,
            operators=tuple(fault.operator for fault in first.injected),
            seed=team.seed,
            memory=state["memory"],
        ),
    )


async def drop(state: RepairState, desk: Desk) -> RepairUpdate:
    """Give the problem up, with the reason and what there was of it."""
    kept = {key: value for key, value in state.items() if key not in {"visits"}}
    detail = desk.journal.put(kept)
    await desk.journal.emit(desk.bench.key("dropped"), RecordDropped(reason=state["reason"], detail=detail))
    return {}


async def remember(state: RepairState, desk: Desk) -> RepairUpdate:
    """Store the session's lessons with their outcome, and credit those that were retrieved."""
    if not state.get("diagnoses"):
        return {}
    for number, lesson in enumerate(reflections_of(state, desk)):
        found = desk.journal.get(state["found"][lesson.turn], Found)
        retrieved = tuple(each.reflection.id for each in found.reflections)
        helped = retrieved if lesson.outcome == "fixed" else ()
        stored = MemoryStored(reflection=desk.journal.put(lesson), retrieved=retrieved, helped=helped)
        await desk.journal.emit(desk.bench.key(f"lesson{number}"), stored)
        await _into_memory(desk, lesson, retrieved, helped)
    return {}


async def _into_memory(desk: Desk, lesson: Reflection, retrieved: tuple[str, ...], helped: tuple[str, ...]) -> None:
    await desk.team.memory.store(lesson, f"{lesson.symptom} {lesson.lesson}")
    if retrieved:
        await desk.team.memory.credit(retrieved, helped, lesson.index)
