"""What became of a run's sessions: yield by reason of loss, tiers, verdicts, turns, and how hard the problems were."""

from __future__ import annotations

from collections.abc import Sequence

from mendloop.events import VerdictReached
from mendloop.runs.answers import model_reason
from mendloop.runs.figures import histogram, spread, tally, tiers
from mendloop.runs.intervals import Share, clustered_mean, clustered_share
from mendloop.runs.observed import Observed, Sight
from mendloop.runs.report_group import Group
from mendloop.runs.report_model import Difficulty, Funnel, Repaired


def yields(sight: Sight) -> Group:
    """Return the figures of yield."""
    sessions, outlines = sight.sessions, sight.outlines
    verdicts = [event for each in sessions for event in each.told.of(VerdictReached)]
    kept = clustered_share((each.cluster, each.is_kept) for each in sessions)
    tried = clustered_share((each.cluster, each.first_verdict == "passed") for each in sessions if each.first_verdict)
    repaired = clustered_share((each.cluster, each.is_kept) for each in sessions if each.failed_a_turn)
    shares = _tier_shares(sessions)
    turns = [(each.cluster, n) for each in sessions if each.kept and (n := each.kept.outline.failed_turns)]
    return Group(
        {
            "funnel": _funnel(sessions),
            "kept_share": kept.share if kept else None,
            "tiers": tiers(outlines),
            "tier_shares": {tier: each.share for tier, each in shares.items()} or None,
            "adjudication": tally(event.rule for event in verdicts),
            "verdicts": tally(event.verdict for event in verdicts),
            "turns": histogram(each.failed_turns for each in outlines),
            "difficulty": Difficulty(first_try_rate=tried.share, n=tried.n) if tried else None,
            "repaired": _repaired(sessions, repaired),
            "turns_to_repair": spread([n for _, n in turns]),
        },
        {
            "kept_share": kept,
            **{f"tier_shares.{tier}": each for tier, each in shares.items()},
            "difficulty.first_try_rate": tried,
            "repaired.share": repaired,
            "turns_to_repair.mean": clustered_mean(turns),
        },
    )


def _funnel(sessions: Sequence[Observed]) -> Funnel:
    reasons = tally(_reason(each.told.end.reason) for each in sessions if each.told.end.outcome == "dropped")
    dropped = sum(reasons.values())
    return Funnel(sessions=len(sessions), kept=len(sessions) - dropped, dropped=dropped, by_reason=reasons)


def _reason(reason: str) -> str:
    """Return a reason as losses are counted by it: those that lie in a model's answer without their details."""
    found = model_reason(reason)
    return ": ".join(found) if found else reason


def _tier_shares(sessions: Sequence[Observed]) -> dict[str, Share]:
    """Return each tier's share of the kept records."""
    reached = [(each.cluster, each.kept.outline.tier) for each in sessions if each.kept is not None]
    shares = {tier: clustered_share((cluster, mine == tier) for cluster, mine in reached) for tier in ("A", "B", "C")}
    return {tier: share for tier, share in shares.items() if share is not None}


def _repaired(sessions: Sequence[Observed], share: Share | None) -> Repaired | None:
    """Count the sessions in which a program was judged and did not pass, whatever became of them."""
    if share is None:
        return None
    kept = sum(each.is_kept for each in sessions if each.failed_a_turn)
    return Repaired(sessions=share.n, kept=kept, share=share.share)
