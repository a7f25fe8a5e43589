"""Near-duplicates among programs: every pair that is alike is found, so the figure depends on no random hashing.

Alike are two programs whose sets of five tokens in a row have a Jaccard index of at least 0.8. Candidates come from a
prefix filter (R. Bayardo et al., "Scaling Up All Pairs Similarity Search", WWW 2007): two sets that alike share one of
their rarest members, so that only those are indexed.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from mendloop.frozen import Frozen

LENGTH = 5
"""Tokens in a shingle."""
ALIKE = 0.8
_TOKEN = re.compile(r"\w+|[^\w\s]")
_COMMENT = re.compile(r"(?m)^\s*#.*$")

Shingles = frozenset[tuple[str, ...]]


class NearDuplicates(Frozen):
    """`n` programs by near-duplicates: chains of alike programs are one cluster.

    `largest` is the size of the largest cluster, `share` that of the programs that have a near-duplicate.
    """

    n: int
    clusters: int
    largest: int
    share: float


def shingles(code: str) -> Shingles:
    """Return the sets of five tokens in a row of a program; a shorter one is a single set. Layout does not count."""
    tokens = [*map(str, _TOKEN.findall(_COMMENT.sub("", code)))]
    return frozenset(tuple(tokens[at : at + LENGTH]) for at in range(max(1, len(tokens) - LENGTH + 1)))


def near_duplicates(programs: Sequence[Shingles]) -> NearDuplicates | None:
    """Return how many near-duplicates there are, or None where there is no program."""
    if not programs:
        return None
    sizes = [len(cluster) for cluster in clusters_of(programs)]
    doubled = sum(size for size in sizes if size > 1)
    share = round(doubled / len(programs), 6)
    return NearDuplicates(n=len(programs), clusters=len(sizes), largest=max(sizes), share=share)


def clusters_of(programs: Sequence[Shingles]) -> list[list[int]]:
    """Return the places of programs in clusters of near-duplicates, in the order of their first members."""
    leader = list(range(len(programs)))

    def led(place: int) -> int:
        while leader[place] != place:
            leader[place] = place = leader[leader[place]]
        return place

    for one, other in _alike(programs):
        first, second = sorted((led(one), led(other)))
        leader[second] = first
    found: dict[int, list[int]] = defaultdict(list)
    for place in range(len(programs)):
        found[led(place)].append(place)
    return list(found.values())


def _alike(programs: Sequence[Shingles]) -> Iterator[tuple[int, int]]:
    """Yield pairs of places that are alike: the same set once with its first place, others each pair once."""
    first: dict[Shingles, int] = {}
    for place, program in enumerate(programs):
        if program in first:
            yield first[program], place
        else:
            first[program] = place
    frequency = Counter(shingle for program in first for shingle in program)
    index: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for program, place in first.items():
        rarest = sorted(program, key=lambda shingle: (frequency[shingle], shingle))
        prefix = rarest[: len(program) - math.ceil(ALIKE * len(program)) + 1]
        for candidate in dict.fromkeys(_indexed(index, prefix)):
            if jaccard(programs[candidate], program) >= ALIKE:
                yield candidate, place
        for shingle in prefix:
            index[shingle].append(place)


def _indexed(index: dict[tuple[str, ...], list[int]], prefix: Iterable[tuple[str, ...]]) -> Iterator[int]:
    for shingle in prefix:
        yield from index.get(shingle, ())


def jaccard(one: Shingles, other: Shingles) -> float:
    """Return the share of two sets' members that both have."""
    both = len(one & other)
    return both / (len(one) + len(other) - both)
