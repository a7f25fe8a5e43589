"""What follows a fault of the code: diagnose, recall and repair, or write another program instead."""

from __future__ import annotations

from mendloop.agents.critic import failure_of, unexplained
from mendloop.agents.executor import examine
from mendloop.agents.programmer import RepairAsk
from mendloop.agents.selection import smallest_failing
from mendloop.agents.shapes import same_program
from mendloop.events import Diagnosed, MemoryQueried, Ref
from mendloop.executions import ProgramResult
from mendloop.frozen import digest
from mendloop.graphs.opening import author_of, solution_written
from mendloop.graphs.state import RepairState, RepairUpdate
from mendloop.graphs.team import Desk
from mendloop.memory.protocol import Found, Query
from mendloop.records import Diagnosis, Failure, Problem, Reflection, Solution, Suite, Verdict
from mendloop.specs import Loop

NOTHING_FOUND = Found(available=False, reason="memory is off in this session")


async def diagnose(state: RepairState, desk: Desk) -> RepairUpdate:
    """Diagnose the smallest failing case, or see that the loop must stop or start over."""
    turn = len(state["solutions"]) - 1
    stop = _stopped(state, desk, turn)
    if stop:
        return stop
    problem = desk.journal.get(state["problem"], Problem)
    solution = desk.journal.get(state["solutions"][-1], Solution)
    failure = shown_failure(state, desk, turn)
    if desk.team.loop.rules.explain == "none" or resamples(state, desk.team.loop):
        diagnosis = unexplained(failure)
    else:
        diagnosis = await desk.team.critic.diagnose(desk.bench.as_role("critic"), problem, solution, failure)
    ref = desk.journal.put(diagnosis)
    await desk.journal.emit(desk.bench.key("diagnosis"), Diagnosed(turn=turn, fault=diagnosis.fault, diagnosis=ref))
    return {
        "diagnoses": [*state.get("diagnoses", [])[:turn], ref.sha256],
        "failures": [*state.get("failures", [])[:turn], desk.journal.put(failure).sha256],
        "conflict": "",
    }


def resamples(state: RepairState, loop: Loop) -> bool:
    """Tell whether a session writes another program where others repair: its method does, or its arm is the control."""
    return loop.rules.mend == "resample" or state.get("arm") == "resample"


def _stopped(state: RepairState, desk: Desk, turn: int) -> RepairUpdate | None:
    loop = desk.team.loop
    minded = loop.rules.circles == "restart" and not resamples(state, loop)
    if minded and _no_progress(state, desk, turn):
        return _circle(state, desk)
    if turn - state.get("restarts", 0) >= loop.repairs:
        return {"reason": "out_of_repairs"}
    return None


def _circle(state: RepairState, desk: Desk) -> RepairUpdate:
    """Start over, or give up where that was done."""
    if state.get("restarts", 0) >= desk.team.loop.stops.restarts:
        return {"reason": "no_progress"}
    return {"conflict": "no_progress"}


def _no_progress(state: RepairState, desk: Desk, turn: int) -> bool:
    """Tell whether this turn repeats an earlier one: the same code, or the same failing cases with the same results."""
    if turn == 0:
        return False
    code = [desk.journal.get(each, Solution).code for each in state["solutions"]]
    failing = [_failing(desk.journal.get(each, ProgramResult)) for each in state["results"]]
    return code[turn] in code[:turn] or failing[turn] in failing[:turn]


def _failing(result: ProgramResult) -> str:
    return digest([(case.id, case.status, case.got, case.error) for case in result.cases if case.status != "pass"])


def shown_failure(state: RepairState, desk: Desk, turn: int) -> Failure:
    """Return the smallest failing case of a turn, among those its verdict names.

    What a turn was diagnosed by stays, whatever becomes of the case later.
    """
    if turn < len(state.get("failures", [])):
        return desk.journal.get(state["failures"][turn], Failure)
    suite = desk.journal.get(state["shown"], Suite)
    result = desk.journal.get(state["results"][turn], ProgramResult)
    verdict = desk.journal.get(state["verdicts"][turn], Verdict)
    named = [case for case in result.cases if case.id in verdict.failing] or list(result.cases)
    return failure_of(suite.cases, result.cases, smallest_failing(named, suite.cases))


async def recall(state: RepairState, desk: Desk) -> RepairUpdate:
    """Retrieve lessons from other sessions that fit the diagnosis; nothing where the session or its method has none."""
    remembering = state["memory"] == "on" and desk.team.loop.rules.lessons == "across"
    found = await _retrieved(state, desk) if remembering else NOTHING_FOUND
    turn = len(state["solutions"]) - 1
    return {"found": [*state.get("found", [])[:turn], desk.journal.put(found).sha256]}


async def _retrieved(state: RepairState, desk: Desk) -> Found:
    diagnosis = desk.journal.get(state["diagnoses"][-1], Diagnosis)
    problem = desk.journal.get(state["problem"], Problem)
    memory = desk.team.loop.memory
    query = Query(
        text=f"{diagnosis.symptom} {diagnosis.lesson}",
        error_type=diagnosis.error_type,
        fault=diagnosis.fault,
        cluster=problem.cluster,
        index=state["index"],
        before=state["index"] - memory.window + 1 if desk.team.deterministic else None,
        top=memory.top,
    )
    return await desk.journal.effect(
        desk.bench.key("query"), query, lambda: desk.team.memory.query(query), Found, _queried
    )


def _queried(request: str, ref: Ref, found: Found) -> MemoryQueried:
    return MemoryQueried(request=request, result=ref, found=len(found.reflections))


async def repair(state: RepairState, desk: Desk) -> RepairUpdate:
    """Ask the programmer for a repaired program. One that is the same as before is no turn where circles matter."""
    turn = len(state["solutions"])
    own = reflections_of(state, desk)
    wanted = 0 if desk.team.loop.rules.lessons == "none" else desk.team.loop.memory.recent
    ask = asked_for(state, desk, turn - 1, own[max(0, len(own) - wanted) :])
    problem = desk.journal.get(state["problem"], Problem)
    repaired = await desk.team.programmer.repair(desk.bench.as_role("programmer"), problem, ask)
    if desk.team.loop.rules.circles == "restart" and same_program(repaired.code, ask.solution.code):
        return _circle(state, desk)
    return {"solutions": [*state["solutions"], await solution_written(desk, repaired, turn, 0)]}


async def redraw(state: RepairState, desk: Desk) -> RepairUpdate:
    """Write another program from the statement alone, where others repair.

    In the control arm as many are written as a diagnosis and its repairs would have taken questions; each is run on
    the shown suite, and the first that passes is taken, else the first.
    """
    problem = desk.journal.get(state["problem"], Problem)
    cases = desk.journal.get(state["shown"], Suite).cases
    author, programmer = author_of(desk), desk.bench.as_role("programmer")
    first: Solution | None = None
    for number in range(1, _draws(desk) + 1):
        drawn = await author.draw(programmer, problem, number)
        if drawn is None:
            continue
        first = first or drawn
        if (await examine(desk.bench, f"drawn{number}", drawn.code, cases, desk.team.limits, confirm=False)).passed:
            first = drawn
            break
    if first is None:
        return {"reason": "no_program"}
    hashed = await solution_written(desk, first, len(state["solutions"]), 0)
    blank = desk.journal.put(NOTHING_FOUND).sha256
    return {"solutions": [*state["solutions"], hashed], "found": [*state.get("found", []), blank]}


def _draws(desk: Desk) -> int:
    """Return how many programs one turn may write: one for a method that resamples, else as many as a repair asks."""
    rules = desk.team.loop.rules
    if rules.mend == "resample":
        return 1
    return desk.team.loop.samples + (rules.explain != "none")


def asked_for(state: RepairState, desk: Desk, turn: int, recent: tuple[Reflection, ...]) -> RepairAsk:
    """Return what the programmer is given for a repair of the program of a turn."""
    found = desk.journal.get(state["found"][turn], Found)
    return RepairAsk(
        solution=desk.journal.get(state["solutions"][turn], Solution),
        failure=shown_failure(state, desk, turn),
        diagnosis=desk.journal.get(state["diagnoses"][turn], Diagnosis),
        recent=recent,
        recalled=tuple(each.reflection for each in found.reflections),
    )


def reflections_of(state: RepairState, desk: Desk) -> tuple[Reflection, ...]:
    """Return this session's own lessons, one per turn that somebody explained and whose repair has been run.

    A repair fixed its fault when the case that was diagnosed passes afterwards.
    """
    problem = desk.journal.get(state["problem"], Problem)
    made: list[Reflection] = []
    for turn, hashed in enumerate(state.get("diagnoses", [])[: len(state["results"]) - 1]):
        diagnosis = desk.journal.get(hashed, Diagnosis)
        if diagnosis.by == "none":
            continue
        case_id = shown_failure(state, desk, turn).case.id
        after = desk.journal.get(state["results"][turn + 1], ProgramResult)
        fixed = any(case.id == case_id and case.status == "pass" for case in after.cases)
        made.append(
            Reflection(
                id=digest([state["session"], turn])[:16],
                session=state["session"],
                index=state["index"],
                cluster=problem.cluster,
                turn=turn,
                fault=diagnosis.fault,
                error_type=diagnosis.error_type,
                concepts=problem.concepts,
                symptom=diagnosis.symptom,
                lesson=diagnosis.lesson,
                outcome="fixed" if fixed else "not_fixed",
            )
        )
    return tuple(made)
