"""The end of a session: keep or drop, remember."""

from __future__ import annotations

from mendloop.agents.recorded import RECORDED, authors_of
from mendloop.events import MemoryStored, RecordDropped, RecordKept
from mendloop.frozen import digest
from mendloop.graphs.dialogue import dialogue
from mendloop.graphs.mending import reflections_of
from mendloop.graphs.outcome import TOO_SOON
from mendloop.graphs.state import RepairState, RepairUpdate
from mendloop.graphs.team import Desk, Team
from mendloop.graphs.trajectory import Trajectory, trajectory_of
from mendloop.memory.protocol import Found
from mendloop.policies import differing
from mendloop.records import (
    Attempt,
    Provenance,
    Record,
    Reflection,
    Solution,
    Tier,
    TierEvidence,
)

TIER_RANK: dict[Tier, int] = {"C": 0, "B": 1, "A": 2}


async def keep(state: RepairState, desk: Desk) -> RepairUpdate:
    """Make the record, if it meets the target; a program known to carry a fault is never kept."""
    trajectory = trajectory_of(state, desk.journal)
    reason = _unfit(state["tier"], trajectory, desk)
    if reason:
        return {"reason": reason}
    ref = desk.journal.put(record_of(state, desk, trajectory))
    await desk.journal.emit(desk.bench.key("kept"), RecordKept(tier=state["tier"], record=ref))
    return {}


def hopeless(state: RepairState, desk: Desk) -> str:
    """Return why an accepted program cannot become a record, whatever its tier would be; an empty text where it can.

    With stages all that was solved counts, kept or not, and is checked whole.
    """
    if desk.team.loop.stages is not None:
        return ""
    accepted = desk.journal.get(state["solutions"][-1], Solution)
    return _turned_away(accepted, len(state["solutions"]) - 1, desk)


def _turned_away(accepted: Solution, failed_turns: int, desk: Desk) -> str:
    if accepted.injected:
        return "fault_not_shown"
    return TOO_SOON if failed_turns < desk.team.target.min_failed_turns else ""


def _unfit(tier: Tier, trajectory: Trajectory, desk: Desk) -> str:
    min_tier = desk.team.target.min_tier
    if TIER_RANK[tier] < TIER_RANK[min_tier]:
        return f"below_tier_{min_tier}"
    return _turned_away(trajectory.turns[-1].solution, len(trajectory.turns) - 1, desk)


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
            method=team.loop.method,
            policy=differing(team.loop.method, team.loop.rules),
            arm=state.get("arm", "repair"),
            models=_models(team, trajectory),
            weights=team.weights,
            prompts=team.prompts,
            operators=tuple(fault.operator for fault in first.injected),
            seed=team.seed,
            memory=state["memory"],
            **(team.standing.model_dump() if team.standing else {}),
        ),
    )


def _models(team: Team, trajectory: Trajectory) -> dict[str, str]:
    """Return which model plays which role; in a recorded team the programs and the suite say who wrote them."""
    if team.name != RECORDED:
        return team.models
    return authors_of([turn.solution for turn in trajectory.turns], trajectory.shown)


async def drop(state: RepairState, desk: Desk) -> RepairUpdate:
    """Give the problem up, with the reason and what there was of it."""
    kept = {key: value for key, value in state.items() if key not in {"visits"}}
    detail = desk.journal.put(kept)
    await desk.journal.emit(desk.bench.key("dropped"), RecordDropped(reason=state["reason"], detail=detail))
    return {}


async def remember(state: RepairState, desk: Desk) -> RepairUpdate:
    """Store the session's lessons with their outcome and credit those retrieved, where the method shares lessons."""
    if not state.get("diagnoses") or desk.team.loop.rules.lessons != "across":
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
