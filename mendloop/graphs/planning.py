"""The plan of a goal: concepts with quotas, what they have given so far, and what is missing.

Pure functions of the synthesis graph's state, so that a resumed or replayed run gives every session the same concept.
"""

from __future__ import annotations

from collections.abc import Mapping

from mendloop.graphs.outcome import SessionOutcome
from mendloop.graphs.state import ConceptCount
from mendloop.records import Brief

PATIENCE = 4
"""Sessions in a row without a kept record after which a concept is set aside."""
MAX_PLANS = 4
"""How often the proposer is asked for concepts before a run ends for want of them."""
TITLES_KEPT = 6

Counts = Mapping[str, ConceptCount]


def planned(counts: Counts, names: tuple[str, ...], target: int) -> dict[str, ConceptCount]:
    """Return the counts with new concepts in them and every quota set anew.

    What is still missing of `target` is shared evenly among the concepts that are not set aside.
    """
    blank = ConceptCount(quota=0, started=0, kept=0, lost=0, in_a_row=0, titles=[])
    merged: dict[str, ConceptCount] = {**{name: blank for name in names if name not in counts}}
    merged = {**counts, **merged}
    open_names = [name for name, count in merged.items() if not set_aside(count)]
    missing = max(0, target - sum(count["kept"] for count in merged.values()))
    share, rest = divmod(missing, len(open_names)) if open_names else (0, 0)
    for place, name in enumerate(open_names):
        count = merged[name]
        merged[name] = {**count, "quota": count["kept"] + share + (place < rest)}
    for name, count in merged.items():
        if name not in open_names:
            merged[name] = {**count, "quota": count["kept"]}
    return merged


def set_aside(count: ConceptCount) -> bool:
    """Tell whether a concept gives nothing: its last sessions were all lost."""
    return count["in_a_row"] >= PATIENCE


def wants_concepts(counts: Counts) -> bool:
    """Tell whether something is missing that no concept of the plan can give: one with an open quota is set aside."""
    return any(set_aside(count) and count["kept"] < count["quota"] for count in counts.values())


def next_concept(counts: Counts) -> str | None:
    """Return the concept that lacks most beside what is under way; None where all are set aside.

    Ties go to the one that was planned first. When every quota is under way, the one with the fewest sessions is next,
    for some of those will be lost.
    """
    live = {name: count for name, count in counts.items() if not set_aside(count)}
    if not live:
        return None
    order = {name: place for place, name in enumerate(live)}

    def rank(name: str) -> tuple[int, int, int]:
        count = live[name]
        under_way = count["started"] - count["kept"] - count["lost"]
        return -(count["quota"] - count["kept"] - under_way), count["started"], order[name]

    return min(live, key=rank)


def brief_for(counts: Counts, concept: str) -> Brief:
    """Return what a session about a concept is asked for."""
    return Brief(concept=concept, avoid=tuple(counts[concept]["titles"]))


def started(counts: Counts, concept: str) -> dict[str, ConceptCount]:
    """Return the counts with one more session under way."""
    count = counts[concept]
    return {**counts, concept: {**count, "started": count["started"] + 1}}


def ended(counts: Counts, outcome: SessionOutcome) -> dict[str, ConceptCount]:
    """Return the counts with a session's end in them, and its problem among those that must not come again."""
    if outcome.concept not in counts:
        return dict(counts)
    count = counts[outcome.concept]
    kept = outcome.outcome == "kept"
    titles = [*count["titles"], outcome.title] if outcome.title and outcome.title not in count["titles"] else None
    changed: ConceptCount = {
        **count,
        "kept": count["kept"] + kept,
        "lost": count["lost"] + (not kept),
        "in_a_row": 0 if kept else count["in_a_row"] + 1,
        "titles": titles[-TITLES_KEPT:] if titles else count["titles"],
    }
    return {**counts, outcome.concept: changed}
