"""Which lessons are worth giving: exact similarity, weighted by how often each one helped."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mendloop.memory.protocol import Entry, Match, Query, Retrieved, Vector, Vectors
from mendloop.records import Reflection

_FENCED = re.compile(r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_DOCTEST = re.compile(r"^[ \t]*(>>>|\.\.\.)(?: .*)?$", re.MULTILINE)
_INDENTED = re.compile(r"(?:\A|(?<=\n\n))(?:(?: {4}|\t).*(?:\n|\Z))+")
_GAPS = re.compile(r"\n{3,}")


@dataclass(frozen=True)
class Candidate:
    """A reflection that may be given; only those that are given get loaded.

    `credits` maps the number of a session that was given it to whether it helped.
    """

    id: str
    vector: Vector
    credits: Mapping[int, bool]
    load: Callable[[], Reflection]


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
    if not candidates:
        return ()
    close = similarities(np.stack([candidate.vector for candidate in candidates]), vector)
    scored = []
    for candidate, each in zip(candidates, close, strict=True):
        used, helped = tally(candidate.credits, query.before)
        scored.append((-round(score(each, used, helped), 9), candidate.id, each, used, helped, candidate.load))
    best: dict[str, Retrieved] = {}
    for negative, _, each, used, helped, load in sorted(scored, key=lambda item: item[:2]):
        if len(best) == query.top or each <= 0:
            break
        reflection = load()
        found = Retrieved(reflection=reflection, similarity=each, score=-negative, used=used, helped=helped)
        best.setdefault(reflection.lesson, found)
    return tuple(best.values())


def tally(credits: Mapping[int, bool], before: int | None) -> tuple[int, int]:
    """Return how many sessions (with a number below `before`) were given a lesson, and how many it helped."""
    counted = [helped for index, helped in credits.items() if before is None or index < before]
    return len(counted), sum(counted)


def similarities(vectors: Vectors, vector: Vector) -> list[float]:
    """Return the cosine of each row with a unit vector to 6 places: the rest differs between processors.

    Rows are summed one by one, so that a row's result does not depend on the others.
    """
    products = vectors.astype(np.float64) * vector.astype(np.float64)
    return [round(value, 6) for value in products.sum(axis=1).tolist()]


def score(similarity: float, used: int, helped: int) -> float:
    """Return similarity x (helped + 1) / (used + 2): an untried lesson counts as one that helps every other time."""
    return similarity * (helped + 1) / (used + 2)


def strip_code(text: str) -> str:
    """Return the prose of a text: fenced and indented code blocks and doctest lines are left out."""
    for pattern in (_FENCED, _DOCTEST, _INDENTED):
        text = pattern.sub("", text)
    return _GAPS.sub("\n\n", text).strip()


def without_code(reflection: Reflection) -> Reflection:
    """Return a reflection whose texts are prose: a lesson must not hand over somebody's solution."""
    texts = {"symptom": strip_code(reflection.symptom), "lesson": strip_code(reflection.lesson)}
    return reflection.model_copy(update=texts)


def embedded_text(entry: Entry) -> str:
    """Return what queries are compared with: the entry's text, or else symptom and lesson, without code."""
    return strip_code(entry.text) or strip_code(f"{entry.reflection.symptom}\n\n{entry.reflection.lesson}")
