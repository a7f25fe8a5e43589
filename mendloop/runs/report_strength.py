"""How strongly a run's records are verified: held-out suites, references, mutants, peers, known faults."""

from __future__ import annotations

from collections.abc import Sequence

from mendloop.records import Solution
from mendloop.runs.figures import Outline, histogram, mutation_score, spread, tally
from mendloop.runs.intervals import clustered_mean, clustered_share
from mendloop.runs.observed import Observed, Sight
from mendloop.runs.report_group import Group
from mendloop.runs.report_model import Compared, Faults, HeldOut, Operators

PARTED = "parts_from_reference"
"""The reason of a session whose accepted program did something else than its reference."""

Injected = Sequence[tuple[Solution, Outline]]


def strength(sight: Sight) -> Group:
    """Return the figures of verification."""
    kept = [(each.cluster, each.kept.outline) for each in sight.sessions if each.kept is not None]
    scores = [(cluster, s) for cluster, each in kept if (s := mutation_score(each.evidence)) is not None]
    injected = [
        (each.kept.first, each.kept.outline)
        for each in sight.sessions
        if each.kept is not None and each.kept.first is not None and each.kept.first.injected
    ]
    return Group(
        {
            "held_out": _held_out(sight.sessions),
            "compared": _compared(sight),
            "test_validity": None,
            "mutation_score": spread([score for _, score in scores]),
            "peers_agreeing": spread([n for _, each in kept if (n := each.evidence.peers_agreeing) is not None]),
            "peers_other_family": spread(
                [n for _, each in kept if (n := each.evidence.peers_other_family) is not None]
            ),
            "faults": _faults(injected),
            "operators": _operators(injected),
        },
        {"mutation_score.mean": clustered_mean(scores)},
    )


def _held_out(sessions: Sequence[Observed]) -> HeldOut | None:
    """Count accepted programs, kept or dropped afterwards, by what their held-out suite said."""
    met = [
        (each.cluster, each.evidence.held_out_passed != each.evidence.held_out_cases)
        for each in sessions
        if each.evidence is not None and each.evidence.held_out_cases
    ]
    failing = clustered_share(met)
    if failing is None:
        return None
    return HeldOut(n=failing.n, failed=sum(failed for _, failed in met), low=failing.low, high=failing.high)


def _compared(sight: Sight) -> Compared | None:
    n = sum(1 for each in sight.evidence if each.reference_inputs)
    ends = [each.told.end for each in sight.sessions]
    parted = sum(1 for end in ends if end.outcome == "dropped" and end.reason == PARTED)
    return Compared(n=n, parted=parted) if n else None


def _faults(injected: Injected) -> Faults | None:
    if not injected:
        return None
    pairs = [(len(first.injected), outline.failed_turns) for first, outline in injected]
    by_count = {n: histogram(turns for count, turns in pairs if count == n) for n in histogram(n for n, _ in pairs)}
    modelled = any(outline.maker.models for _, outline in injected)
    return Faults(by_count=by_count, known_answer_ok=None if modelled else all(n == turns for n, turns in pairs))


def _operators(injected: Injected) -> Operators | None:
    if not injected:
        return None
    faults = [fault for first, _ in injected for fault in first.injected]
    return Operators(
        by_operator=tally(fault.operator for fault in faults), by_family=tally(fault.kind for fault in faults)
    )
