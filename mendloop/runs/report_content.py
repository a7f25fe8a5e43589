"""What is in a run's records: how different they are, what they rest on, and which models they descend from."""

from __future__ import annotations

from collections.abc import Sequence

from mendloop.runs.figures import Outline, diversity, histogram, tally
from mendloop.runs.intervals import clustered_share
from mendloop.runs.near_duplicates import near_duplicates
from mendloop.runs.observed import Sight
from mendloop.runs.report_group import Group

REAL_CODE = frozenset({"python", "snippets"})
"""Kinds of source whose problems rest on code that exists."""


def content(sight: Sight) -> Group:
    """Return the figures of content."""
    outlines = sight.outlines
    kept = [(each.cluster, each.kept) for each in sight.sessions if each.kept is not None]
    grounded = clustered_share((cluster, each.outline.source_kind in REAL_CODE) for cluster, each in kept)
    return Group(
        {
            "diversity": diversity(outlines),
            "near_duplicates": near_duplicates([each.program for _, each in kept]),
            "grounded_share": grounded.share if grounded else None,
            "generations": histogram(each.generation for each in outlines),
            "ancestry": tally(" > ".join(each.ancestry) for each in outlines if each.ancestry),
            "contamination": _contamination(outlines),
        },
        {"grounded_share": grounded},
    )


def _contamination(outlines: Sequence[Outline]) -> dict[str, int] | None:
    found = tally(each.evidence.contamination for each in outlines)
    return found if set(found) - {"not_checked"} else None
