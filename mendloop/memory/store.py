"""The store that runs use: the index on disk behind one worker thread."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from mendloop.frozen import canonical_json, digest
from mendloop.memory.chroma import Index, IndexFailed, Metadata, Row, Where
from mendloop.memory.protocol import Credit, Embedder, EmbeddingFailed, Entry, Found, Match, Query, Vector
from mendloop.memory.scoring import Candidate, embedded_text, rank, relaxations, strip_code, without_code
from mendloop.records import Reflection

Result = TypeVar("Result")


class IndexedMemory:
    """A ReflectionStore on an open index.

    When the index or the embedding fails it keeps nothing more, and every answer says why.
    """

    def __init__(
        self, index: Index, embedder: Embedder, thread: ThreadPoolExecutor, release: Callable[[], None]
    ) -> None:
        """Take over the index, the only thread that may use it, and what must be called when it is closed."""
        self._index, self._embedder, self._thread, self._release = index, embedder, thread, release
        self._failure = ""
        self._closed = False

    async def store(self, reflection: Reflection, text: str = "") -> None:
        """Keep a reflection whose lesson has words besides its code."""
        entry = Entry(reflection=reflection, text=text)
        await self._use(lambda: self._store(entry), None)

    async def query(self, query: Query) -> Found:
        """Return the best reflections of other sessions and other clusters that led to a fix."""
        found = await self._use(lambda: self._query(query), Found())
        return Found(available=False, reason=self._failure) if self._failure else found

    async def credit(self, ids: Sequence[str], helped: Sequence[str], index: int) -> None:
        """Note a session's credit."""
        credit = Credit(ids=tuple(ids), helped=tuple(helped), index=index)
        await self._use(lambda: self._credit(credit), None)

    async def aclose(self) -> None:
        """Close the index and let others open it."""
        if self._closed:
            return
        self._closed = True
        self._failure = self._failure or "memory is closed"
        closing = asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)
        await closing

    async def _use(self, call: Callable[[], Result], otherwise: Result) -> Result:
        """Run a call in the index's thread. The first failure ends the index's use: it lacks what was to be kept."""
        if self._failure:
            return otherwise
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, call)
        except IndexFailed as error:
            self._failure = f"the memory's index failed: {error}"
        except EmbeddingFailed as error:
            self._failure = f"the memory's embedding failed: {error}"
        return otherwise

    def _close(self) -> None:
        """Run as the thread's last work, so that the folder is free only when nothing uses it."""
        try:
            with suppress(IndexFailed):
                self._index.close()
        finally:
            self._release()

    def _store(self, entry: Entry) -> None:
        row = row_of(entry)
        if row and not self._index.get([row.id]):
            self._index.put([row], [self._embedder.embed(embedded_text(entry))])

    def _query(self, query: Query) -> Found:
        for match in relaxations(query):
            candidates = [_candidate(row, vector) for row, vector in self._index.find(condition(query, match))]
            if candidates:
                vector = self._embedder.embed(strip_code(query.text))
                best = rank(candidates, vector, query)
                return Found(reflections=best, candidates=len(candidates), matched=match)
        return Found()

    def _credit(self, credit: Credit) -> None:
        self._index.update([credited(row, credit) for row in self._index.get(credit.ids)])


def row_of(entry: Entry) -> Row | None:
    """Return an entry's row, without credits; None when its lesson is nothing but code."""
    reflection = without_code(entry.reflection)
    if not reflection.lesson:
        return None
    metadata: Metadata = {
        "error_type": _key(reflection.error_type),
        "fault": _key(reflection.fault),
        "cluster": _key(reflection.cluster),
        "outcome": reflection.outcome,
        "index": reflection.index,
        "text": digest(embedded_text(entry)),
        "credits": "{}",
    }
    return Row(reflection.id, canonical_json(reflection), metadata)


def credited(row: Row, credit: Credit) -> Row:
    """Return a row with a session's credit in it; a session that helped once has helped."""
    credits = _credits(row)
    credits[credit.index] = credits.get(credit.index, False) or row.id in credit.helped
    written = json.dumps({str(index): int(credits[index]) for index in sorted(credits)})
    return Row(row.id, row.document, {**row.metadata, "credits": written})


def condition(query: Query, match: Match) -> Where:
    """Return the index's filter for `eligible` (mendloop.memory.scoring)."""
    terms: list[dict[str, Any]] = [{"outcome": "fixed"}, {"index": {"$ne": query.index}}]
    if query.cluster:
        terms.append({"cluster": {"$ne": _key(query.cluster)}})
    if query.before is not None:
        terms.append({"index": {"$lt": query.before}})
    if match == "error_type":
        terms.append({"error_type": _key(query.error_type)})
    if match == "fault":
        terms.append({"fault": _key(query.fault or "")})
    return {"$and": terms}


def _key(text: str) -> str:
    """Return a text as the index can hold it: it takes no lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()


def _credits(row: Row) -> dict[int, bool]:
    try:
        return {int(index): bool(helped) for index, helped in json.loads(str(row.metadata["credits"])).items()}
    except (ValueError, KeyError, AttributeError) as error:
        raise IndexFailed(f"the credits of {row.id} are damaged") from error


def _candidate(row: Row, vector: Vector) -> Candidate:
    return Candidate(row.id, vector, _credits(row), partial(_reflection, row))


def _reflection(row: Row) -> Reflection:
    try:
        return Reflection.model_validate(json.loads(row.document))  # pydantic's own parser refuses lone surrogates
    except ValueError as error:
        raise IndexFailed(f"the reflection {row.id} is damaged") from error
