"""What follows a fault: diagnose, recall and repair; or quarantine, restate, resample, restart."""

from __future__ import annotations

from mendloop.agents.critic import failure_of
from mendloop.agents.programmer import RepairAsk
from mendloop.agents.selection import smallest_failing
from mendloop.events import Diagnosed, MemoryQueried, ProblemProposed, Ref
from mendloop.executions import ProgramResult
from mendloop.frozen import digest
from mendloop.graphs.opening import more_peers, solution_written, suite_designed
from mendloop.graphs.routes import MAX_FIXES, MAX_FIXES_PER_CASE, MAX_RESAMPLES, MAX_RESTARTS, MAX_RESTATEMENTS
from mendloop.graphs.state import RepairState, RepairUpdate
from mendloop.graphs.team import Desk
from mendloop.memory.protocol import Found, Query
from mendloop.records import Diagnosis, Failure, Problem, Reflection, Solution, Suite, Verdict

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
    diagnosis = await desk.team.critic.diagnose(desk.bench.as_role("critic"), problem, solution, failure)
    ref = desk.journal.put(diagnosis)
    await desk.journal.emit(desk.bench.key("diagnosis"), Diagnosed(turn=turn, fault=diagnosis.fault, diagnosis=ref))
    return {"diagnoses": [*state.get("diagnoses", [])[:turn], ref.sha256], "conflict": ""}


def _stopped(state: RepairState, desk: Desk, turn: int) -> RepairUpdate | None:
    if _no_progress(state, desk, turn):
        if state.get("restarts", 0) >= MAX_RESTARTS:
            return {"reason": "no_progress"}
        return {"conflict": "no_progress"}
    if turn - state.get("restarts", 0) >= desk.team.loop.max_repairs:
        return {"reason": "out_of_repairs"}
    return None


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
    """Return the smallest failing case of a turn, among those its verdict names."""
    suite = desk.journal.get(state["shown"], Suite)
    result = desk.journal.get(state["results"][turn], ProgramResult)
    verdict = desk.journal.get(state["verdicts"][turn], Verdict)
    named = [case for case in result.cases if case.id in verdict.failing] or list(result.cases)
    return failure_of(suite.cases, result.cases, smallest_failing(named, suite.cases))


async def recall(state: RepairState, desk: Desk) -> RepairUpdate:
    """Retrieve lessons from other sessions that fit the diagnosis; nothing where memory is off for this session."""
    found = await _retrieved(state, desk) if state["memory"] == "on" else NOTHING_FOUND
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
    """Ask the programmer for a repaired program."""
    turn = len(state["solutions"])
    own, wanted = reflections_of(state, desk), desk.team.loop.memory.recent
    ask = _asked(state, desk, turn - 1, own[max(0, len(own) - wanted) :])
    problem = desk.journal.get(state["problem"], Problem)
    repaired = await desk.team.programmer.repair(desk.bench.as_role("programmer"), problem, ask)
    return {"solutions": [*state["solutions"], await solution_written(desk, repaired, turn, 0)]}


def _asked(state: RepairState, desk: Desk, turn: int, recent: tuple[Reflection, ...]) -> RepairAsk:
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
    """Return this session's own lessons, one per diagnosed turn whose repair has been run.

    A repair fixed its fault when the case that was diagnosed passes afterwards.
    """
    problem = desk.journal.get(state["problem"], Problem)
    made: list[Reflection] = []
    for turn, hashed in enumerate(state.get("diagnoses", [])[: len(state["results"]) - 1]):
        diagnosis = desk.journal.get(hashed, Diagnosis)
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


async def restart(state: RepairState, desk: Desk) -> RepairUpdate:
    """Start over once, because repairs went in a circle."""
    problem = desk.journal.get(state["problem"], Problem)
    programmer = desk.bench.as_role("programmer")
    fresh = await desk.team.programmer.start_over(programmer, problem, _asked(state, desk, 0, ()))
    if fresh is None:
        return {"reason": "no_progress"}
    turn = len(state["solutions"])
    hashed = await solution_written(desk, fresh, turn, 0)
    blank = desk.journal.put(NOTHING_FOUND).sha256
    idle = desk.journal.put(_RESTARTED).sha256
    return {
        "solutions": [*state["solutions"], hashed],
        "diagnoses": [*state.get("diagnoses", []), idle],
        "found": [*state.get("found", []), blank],
        "restarts": state.get("restarts", 0) + 1,
        "conflict": "",
    }


_RESTARTED = Diagnosis(
    fault="no_progress",
    error_type="NoProgress",
    line=None,
    symptom="The repair changed nothing that the tests can see.",
    text="The repairs go in a circle: this program, or its failures, came before. Start over with another approach.",
    lesson="When a repair leaves the same cases failing, drop the approach instead of patching it again.",
)


async def quarantine(state: RepairState, desk: Desk) -> RepairUpdate:
    """Take a doubted case out; the tester derives it anew from the statement, never told what was observed."""
    suite = desk.journal.get(state["shown"], Suite)
    verdict = desk.journal.get(state["verdicts"][-1], Verdict)
    doubted = next(case for case in suite.cases if case.id in verdict.failing)
    fixes = dict(state.get("fixes", {}))
    fixes[doubted.id] = fixes.get(doubted.id, 0) + 1
    if sum(fixes.values()) > MAX_FIXES:
        return {"reason": "too_many_test_faults", "fixes": fixes}
    problem = desk.journal.get(state["problem"], Problem)
    derived = None
    if fixes[doubted.id] <= MAX_FIXES_PER_CASE:
        derived = await desk.team.tester.rederive(desk.bench.as_role("tester"), problem, doubted)
    renewed = [derived if case.id == doubted.id else case for case in suite.cases]
    cases = tuple(case for case in renewed if case is not None)
    if not cases:
        return {"reason": "no_tests", "fixes": fixes}
    hashed = await suite_designed(desk, "suite/quarantined", suite.model_copy(update={"cases": cases}))
    return {"shown": hashed, "fixes": fixes, "vetted": False}


async def restate(state: RepairState, desk: Desk) -> RepairUpdate:
    """State the problem once more so that the conflict is decided, and start over; else give up."""
    if state.get("restatements", 0) >= MAX_RESTATEMENTS:
        return {"reason": "spec_fault"}
    problem = desk.journal.get(state["problem"], Problem)
    verdict = desk.journal.get(state["verdicts"][-1], Verdict)
    proposer = desk.bench.as_role("proposer")
    again = await desk.team.proposer.restate(proposer, problem, verdict.note or verdict.rule)
    if again is None:
        return {"reason": "spec_fault"}
    ref = desk.journal.put(again)
    await desk.journal.emit(desk.bench.key("problem"), ProblemProposed(problem=ref))
    return {
        "problem": ref.sha256,
        "restatements": state.get("restatements", 0) + 1,
        "solutions": [],
        "results": [],
        "peers": [],
        "peer_results": [],
        "verdicts": [],
        "diagnoses": [],
        "found": [],
        "vetted": False,
    }


async def resample(state: RepairState, desk: Desk) -> RepairUpdate:
    """Ask for two more peers, once, so that the rules can decide."""
    if state.get("resamples", 0) >= MAX_RESAMPLES:
        return {"reason": "undecided"}
    problem = desk.journal.get(state["problem"], Problem)
    peers = state.get("peers", [])
    more = await more_peers(desk, problem, len(peers), 2)
    if not more:
        return {"reason": "undecided"}
    return {"peers": [*peers, *more], "resamples": state.get("resamples", 0) + 1, "vetted": False}
