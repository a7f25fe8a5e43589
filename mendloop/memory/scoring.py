"""Which lessons are worth giving: exact similarity, weighted by how often each one helped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mendloop.memory.protocol import Entry, Match, Query, Retrieved, Vector
from mendloop.records import Reflection

_FENCED = re.compile(r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_DOCTEST = re.compile(r"^[ \t]*(>>>|\.\.\.)(?: .*)?$", re.MULTILINE)
_INDENTED = re.compile(r"(?:\A|(?<=\n\n))(?:(?: {4}|\t).*(?:\n|\Z))+")
_GAPS = re.compile(r"\n{3,}")


@dataclass(frozen=True)
class Candidate:
    """A reflection that may be given. `credits` maps the number of a session that was given it to "did it help"."""

    reflection: Reflection
    vector: Vector
    credits: Mapping[int, bool]


def relaxations(query: Query) -> tuple[Match, ...]:
    """Return what candidates must agree on, in the order tried until there are any.

    The same error type; else the same fault, when the query names one; else nothing in particular.
    """
    return ("error_type", "fault", "any") if query.fault else ("error_type", "any")


def eligible(reflection: Reflection, query: Query, match: Match) -> bool:
    """True when the reflection led to a fix, in another session and cluster, early enough, and matches."""
    return (
        reflection.outcome == "fixed"
        and reflection.index != query.index
        and (not query.cluster or reflection.cluster != query.cluster)
        and (query.before is None or reflection.index < query.before)
        and (match != "error_type" or reflection.error_type == query.error_type)
        and (match != "fault" or reflection.fault == query.fault)
    )


def rank(candidates: Sequence[Candidate], vector: Vector, query: Query) -> tuple[Retrieved, ...]:
    """Return the `query.top` best candidates by score, then id, whatever order they come in.

    A candidate that has nothing in common with the query is left out, and so is a lesson that stands there already.
    """
    scored = [_retrieved(candidate, vector, query) for candidate in candidates]
    best: dict[str, Retrieved] = {}
    for retrieved in sorted(scored, key=lambda item: (-item.score, item.reflection.id)):
        if retrieved.similarity > 0:
            best.setdefault(retrieved.reflection.lesson, retrieved)
    return tuple(best.values())[: query.top]


def similarity(left: Vector, right: Vector) -> float:
    """Return the cosine of two unit vectors to 6 places: the rest differs between processors, and would break ties."""
    return round(float(np.sum(left.astype(np.float64) * right.astype(np.float64))), 6)


def score(similarity: float, used: int, helped: int) -> float:
    """Return similarity x (helped + 1) / (used + 2): an untried lesson counts as one that helps every other time."""
    return similarity * (helped + 1) / (used + 2)


def strip_code(text: str) -> str:
    """Return the prose of a text: fenced and indented code blocks and doctest lines are left out."""
    for pattern in (_FENCED, _DOCTEST, _INDENTED):
        text = pattern.sub("", text)
    return _GAPS.sub("\n\n", text).strip()


def embedded_text(entry: Entry) -> str:
    """Return what queries are compared with: the entry's text, or else symptom and lesson, without code."""
    return strip_code(entry.text) or strip_code(f"{entry.reflection.symptom}\n\n{entry.reflection.lesson}")


def _retrieved(candidate: Candidate, vector: Vector, query: Query) -> Retrieved:
    counted = [helped for index, helped in candidate.credits.items() if query.before is None or index < query.before]
    close = similarity(candidate.vector, vector)
    return Retrieved(
        reflection=candidate.reflection,
        similarity=close,
        score=round(score(close, len(counted), sum(counted)), 9),
        used=len(counted),
        helped=sum(counted),
    )
