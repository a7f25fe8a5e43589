"""What verdicts and tiers rest on beside the candidate: peers and the held-out suite, made once something needs them.

Most problems end before: their first program passes, which makes no repair record, or it fails an anchor to the last.
"""

from __future__ import annotations

from mendloop.agents.executor import examine
from mendloop.graphs.judging import examined
from mendloop.graphs.opening import held_out_suite, more_peers, suite_designed
from mendloop.graphs.state import RepairState, RepairUpdate
from mendloop.graphs.team import Desk
from mendloop.graphs.vetting import steady, stub_passes, within_contract
from mendloop.records import TRUSTED_ORIGINS, Case, Problem, Solution, Suite


async def write_peers(state: RepairState, desk: Desk) -> RepairUpdate:
    """Write the peers, as many as the loop asks for, and run them against the shown suite."""
    suite = desk.journal.get(state["shown"], Suite)
    problem = desk.journal.get(state["problem"], Problem)
    peers = await more_peers(desk, problem, 0, desk.team.peers)
    results = [await examined(desk, f"peer{number}", peer, suite) for number, peer in enumerate(peers, 1)]
    return {
        "peers": peers,
        "peer_results": [desk.journal.put(result).sha256 for result in results],
        "peers_asked": True,
        "wanting": False,
    }


async def corroborate(state: RepairState, desk: Desk) -> RepairUpdate:
    """Make what the accepted program is to be checked by, as far as it is not there: held-out suite and peers.

    The suite is vetted like a shown one. The tester is as blind as at the start: it is never told of a program.
    """
    update: RepairUpdate = {}
    if not state.get("held_out"):
        problem = desk.journal.get(state["problem"], Problem)
        shown = desk.journal.get(state["shown"], Suite)
        update["held_out"] = await held_out_suite(desk, problem, shown)
    if desk.team.loop.rules.vet:
        update["held_out"] = await _vetted(state, desk, update.get("held_out") or state["held_out"])
    if desk.team.loop.rules.needs_peers and not state.get("peers_asked"):
        return {**update, **await write_peers(state, desk)}
    return update


async def _vetted(state: RepairState, desk: Desk, hashed: str) -> str:
    """Vet the held-out suite; what an executed reference or a person gave has been looked at where it came from."""
    suite = desk.journal.get(hashed, Suite)
    if all(case.origin in TRUSTED_ORIGINS for case in suite.cases):
        return hashed
    kept: tuple[Case, ...] = ()
    if not await stub_passes(state, desk, "held_out/stub", suite.cases):
        code = desk.journal.get(state["solutions"][-1], Solution).code
        first = await examine(desk.bench, "held_out", code, suite.cases, desk.team.limits)
        stable = await steady(state, desk, "held_out/again", suite.cases, first)
        kept = await within_contract(state, desk, "held_out/valid", stable)
    if kept == suite.cases:
        return hashed
    return await suite_designed(desk, "suite/held_out/vetted", suite.model_copy(update={"cases": kept}))
