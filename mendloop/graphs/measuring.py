"""Measuring: what a method did not make for itself, made after acceptance so that its tier can be told.

Its questions stand in the journal under a node of its own, apart from what making the record took.
"""

from __future__ import annotations

from mendloop.agents.unanswered import Unanswered
from mendloop.graphs.judging import examined
from mendloop.graphs.opening import NO_SUITE, held_out_suite, more_peers, suite_designed
from mendloop.graphs.state import RepairState, RepairUpdate
from mendloop.graphs.team import Desk
from mendloop.records import Problem, Suite


async def measure(state: RepairState, desk: Desk) -> RepairUpdate:
    """Design a held-out suite and further cases, and write peers where there are none.

    What the models do not give is not measured: that takes no accepted program away.
    """
    problem = desk.journal.get(state["problem"], Problem)
    shown = desk.journal.get(state["shown"], Suite)
    hashed = await _held_out(desk, problem, shown)
    held_out = desk.journal.get(hashed, Suite)
    further = await desk.team.tester.extend(desk.bench.as_role("tester"), problem, (shown, held_out))
    suite = Suite(author=shown.author, role="held_out", cases=further)
    peers = state.get("peers") or await more_peers(desk, problem, 0, desk.team.peers)
    cases = {case.id: case for case in (*problem.examples, *shown.cases)}
    judging = shown.model_copy(update={"cases": tuple(cases.values())})
    results = [await examined(desk, f"peer{number}", peer, judging) for number, peer in enumerate(peers, 1)]
    return {
        "held_out": hashed,
        "further": desk.journal.put(suite).sha256,
        "peers": peers,
        "peer_results": [desk.journal.put(result).sha256 for result in results],
    }


async def _held_out(desk: Desk, problem: Problem, shown: Suite) -> str:
    try:
        return await held_out_suite(desk, problem, shown)
    except Unanswered:
        return await suite_designed(desk, "suite/held_out", NO_SUITE)
