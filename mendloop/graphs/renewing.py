"""Starting over, in part or whole: another program, another test, another wording, more programs to compare."""

from __future__ import annotations

from mendloop.events import ProblemProposed
from mendloop.graphs.mending import NOTHING_FOUND, asked_for, shown_failure
from mendloop.graphs.opening import more_peers, solution_written, suite_designed
from mendloop.graphs.state import RepairState, RepairUpdate
from mendloop.graphs.team import Desk
from mendloop.records import Case, Diagnosis, Problem, Suite, Verdict

SETTLED = frozenset(
    {
        "rederivation_agrees_with_programs",
        "rederivation_unclear",
        "programs_outvote_rederivation",
        "contradicts_anchor",
    }
)
"""Rules of test faults that say what becomes of the case; the value is not worked out once more."""


async def restart(state: RepairState, desk: Desk) -> RepairUpdate:
    """Start over once, because repairs went in a circle; that stands in the place of the last turn's diagnosis."""
    problem = desk.journal.get(state["problem"], Problem)
    programmer = desk.bench.as_role("programmer")
    fresh = await desk.team.programmer.start_over(programmer, problem, asked_for(state, desk, 0, ()))
    if fresh is None:
        return {"reason": "no_progress"}
    turn = len(state["solutions"])
    failure = desk.journal.put(shown_failure(state, desk, turn - 1))
    hashed = await solution_written(desk, fresh, turn, 0)
    blank = desk.journal.put(NOTHING_FOUND).sha256
    unchanged = len(state.get("diagnoses", [])) == turn  # the repair of a diagnosed program was that program
    idle = desk.journal.put(_UNCHANGED if unchanged else _RESTARTED).sha256
    return {
        "solutions": [*state["solutions"], hashed],
        "diagnoses": [*state.get("diagnoses", [])[: turn - 1], idle],
        "failures": [*state.get("failures", [])[: turn - 1], failure.sha256],
        "found": [*state.get("found", [])[: turn - 1], blank],
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
_UNCHANGED = _RESTARTED.model_copy(
    update={
        "symptom": "The repair changed nothing.",
        "text": "A repair of this program came back unchanged. Start over with another approach.",
    }
)


async def quarantine(state: RepairState, desk: Desk) -> RepairUpdate:
    """Take a case at fault out of the suite, or give it the value that was derived from the statement alone."""
    suite = desk.journal.get(state["shown"], Suite)
    verdict = desk.journal.get(state["verdicts"][-1], Verdict)
    stops = desk.team.loop.stops
    doubted = next(case for case in suite.cases if case.id in verdict.failing)
    fixes = dict(state.get("fixes", {}))
    fixes[doubted.id] = fixes.get(doubted.id, 0) + 1
    if sum(fixes.values()) > stops.fixes:
        return {"reason": "too_many_test_faults", "fixes": fixes}
    mended = await _mended(state, desk, doubted, verdict) if fixes[doubted.id] <= stops.fixes_per_case else None
    renewed = [mended if case.id == doubted.id else case for case in suite.cases]
    cases = tuple(case for case in renewed if case is not None)
    if not cases:
        return {"reason": "no_tests", "fixes": fixes}
    hashed = await suite_designed(desk, "suite/quarantined", suite.model_copy(update={"cases": cases}))
    return {"shown": hashed, "fixes": fixes, "vetted": False, "derived": ""}


async def _mended(state: RepairState, desk: Desk, doubted: Case, verdict: Verdict) -> Case | None:
    """Return the case with a value that a tester derived without being told what was observed; None without one."""
    if verdict.rule in SETTLED:
        return desk.journal.get(state["derived"], Case) if state.get("derived") else None
    problem = desk.journal.get(state["problem"], Problem)
    return await desk.team.tester.rederive(desk.bench.as_role("tester"), problem, doubted)


async def restate(state: RepairState, desk: Desk) -> RepairUpdate:
    """State the problem once more so that the conflict is decided, and start over; else give up."""
    if state.get("restatements", 0) >= desk.team.loop.stops.restatements:
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
        "held_out": "",
        "outvoted": False,
        "peers": [],
        "peers_asked": False,
        "peer_results": [],
        "verdicts": [],
        "diagnoses": [],
        "failures": [],
        "found": [],
        "stands": [],
        "branches": [],
        "vetted": False,
    }


async def resample(state: RepairState, desk: Desk) -> RepairUpdate:
    """Ask for two more peers, once, so that the rules can decide."""
    if state.get("resamples", 0) >= desk.team.loop.stops.resamples:
        return {"reason": "undecided"}
    problem = desk.journal.get(state["problem"], Problem)
    peers = state.get("peers", [])
    more = await more_peers(desk, problem, len(peers), 2)
    if not more:
        return {"reason": "undecided"}
    return {"peers": [*peers, *more], "resamples": state.get("resamples", 0) + 1, "vetted": False}
