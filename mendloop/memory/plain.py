"""A memory in this process alone: what the index must agree with, and what tests use instead of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mendloop.memory.ngrams import HashedNgrams
from mendloop.memory.protocol import Embedder, Entry, Found, Query, Vector
from mendloop.memory.scoring import Candidate, eligible, embedded_text, rank, relaxations, strip_code, without_code
from mendloop.records import Reflection


class PlainMemory:
    """Keeps reflections in a dictionary and compares all of them; nothing outlives it."""

    def __init__(self, embedder: Embedder | None = None) -> None:
        self._embedder = embedder or HashedNgrams()
        self._kept: dict[str, tuple[Reflection, Vector]] = {}
        self._credits: dict[str, dict[int, bool]] = {}

    async def store(self, reflection: Reflection, text: str = "") -> None:
        """Keep a reflection whose lesson has words besides its code."""
        kept = without_code(reflection)
        if kept.lesson and reflection.id not in self._kept:
            vector = self._embedder.embed(embedded_text(Entry(reflection=reflection, text=text)))
            self._kept[reflection.id] = (kept, vector)

    async def query(self, query: Query) -> Found:
        """Return the best reflections of other sessions and other clusters that led to a fix."""
        for match in relaxations(query):
            candidates = [
                Candidate(kept.id, vector, self._credits.get(kept.id, {}), partial(_same, kept))
                for kept, vector in self._kept.values()
                if eligible(kept, query, match)
            ]
            if candidates:
                best = rank(candidates, self._embedder.embed(strip_code(query.text)), query)
                return Found(reflections=best, candidates=len(candidates), matched=match)
        return Found()

    async def credit(self, ids: Sequence[str], helped: Sequence[str], index: int) -> None:
        """Note a session's credit."""
        for name in ids:
            if name in self._kept:
                credits = self._credits.setdefault(name, {})
                credits[index] = credits.get(index, False) or name in helped

    async def aclose(self) -> None:
        """Forget everything."""
        self._kept.clear()


def _same(reflection: Reflection) -> Reflection:
    return reflection
