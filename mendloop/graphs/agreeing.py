"""Dual agreement: which program to accept, by the tests that programs pass together (CodeT, arXiv 2207.10397)."""

from __future__ import annotations

from dataclasses import dataclass

from mendloop.executions import ProgramResult
from mendloop.graphs.opening import suite_designed
from mendloop.graphs.state import RepairState, RepairUpdate
from mendloop.graphs.team import Desk
from mendloop.judgement.consensus import ConsensusSet, consensus_sets
from mendloop.records import Suite, Verdict

NO_CONSENSUS = "no_consensus"


@dataclass(frozen=True)
class Chosen:
    """The verdict, and the state in which the accepted program is the candidate and its set's tests are the suite."""

    verdict: Verdict
    update: RepairUpdate


async def agreed(state: RepairState, desk: Desk) -> Chosen:
    """Accept the first program of the best consensus set, where the set is large enough for the policy.

    A set that passes no test is never accepted.
    """
    suite = desk.journal.get(state["shown"], Suite)
    programs = [state["solutions"][-1], *state.get("peers", [])]
    results = [state["results"][-1], *state.get("peer_results", [])]
    judged = [desk.journal.get(each, ProgramResult) for each in results]
    if judged[0].status == "sandbox_error":
        return Chosen(Verdict(kind="sandbox_fault", rule="sandbox_error", note=judged[0].stderr), {})
    best = consensus_sets([_passes(result, suite) for result in judged])[0]
    said = f"{len(best.programs)} of {len(programs)} programs, {len(best.tests)} of {len(suite.cases)} tests"
    if not _enough(best, suite, desk):
        failing = tuple(case.id for number, case in enumerate(suite.cases) if number not in best.tests)
        verdict = Verdict(kind="undecided", rule=NO_CONSENSUS, failing=failing, note=said)
        return Chosen(verdict, {"reason": NO_CONSENSUS})
    first = best.programs[0]
    agreed_on = {suite.cases[number].id for number in best.tests}
    result = judged[first].model_copy(
        update={"cases": tuple(case for case in judged[first].cases if case.id in agreed_on)}
    )
    cases = tuple(case for case in suite.cases if case.id in agreed_on)
    return Chosen(
        Verdict(kind="passed", rule="dual_agreement", note=said),
        {
            "solutions": [programs[first]],
            "results": [desk.journal.put(result).sha256],
            "peers": [program for number, program in enumerate(programs) if number != first],
            "peer_results": [each for number, each in enumerate(results) if number != first],
            "shown": await suite_designed(desk, "suite/agreed", suite.model_copy(update={"cases": cases})),
        },
    )


def _passes(result: ProgramResult, suite: Suite) -> list[bool]:
    """Return which cases a program passes; one that left its process, or was stopped, passes none."""
    passed = {case.id for case in result.cases if case.status == "pass"} if result.status == "ok" else set[str]()
    return [case.id in passed for case in suite.cases]


def _enough(best: ConsensusSet, suite: Suite, desk: Desk) -> bool:
    needed = desk.team.loop.rules.consensus
    return (
        bool(best.tests)
        and len(best.programs) >= needed.programs
        and len(best.tests) >= needed.share * len(suite.cases)
    )
