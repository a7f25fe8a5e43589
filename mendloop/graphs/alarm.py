"""The alarm: a run stops when its own held-out suites say that its models fool themselves (METHOD: tiers)."""

from __future__ import annotations

from mendloop.errors import AlarmError
from mendloop.graphs.outcome import SessionOutcome
from mendloop.graphs.state import Met
from mendloop.judgement.shares import wilson
from mendloop.specs import Alarm

NOBODY_MET = Met(met=0, failed=0)
"""The counts of a run that begins."""


def counted(before: Met, outcome: SessionOutcome) -> Met:
    """Return the counts with a session's end in them; one that met no held-out suite changes nothing."""
    return Met(
        met=before["met"] + (outcome.held_out is not None),
        failed=before["failed"] + (outcome.held_out == "failed"),
    )


def sound(counts: Met, alarm: Alarm) -> None:
    """Raise AlarmError where enough programs met a suite and the share that failed is surely above the limit."""
    met, failed = counts["met"], counts["failed"]
    if not alarm.enabled or met < alarm.after:
        return
    low, _ = wilson(failed, met)
    if low > alarm.above:
        raise AlarmError(
            f"{failed} of {met} accepted programs failed their held-out suites, surely more than {alarm.above:.0%}",
            remedy="see `mendloop report`; begin again with a stronger model, or with --set loop.alarm.enabled=false",
        )
