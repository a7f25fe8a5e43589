"""The seams of the memory: a store of reflections, and the embedding that it compares texts with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mendloop.frozen import Frozen
from mendloop.records import Reflection

Vector: TypeAlias = NDArray[np.float32]
Vectors: TypeAlias = NDArray[np.float32]
"""Rows of vectors."""
Match: TypeAlias = Literal["error_type", "fault", "any", "nothing"]


class Query(Frozen):
    """What a session asks for.

    `text` is compared with the stored texts; `cluster` is the near-duplicate group of the asking problem ("" is none);
    `index` is the asking session's number. With `before`, only lessons and credits of sessions with a smaller number
    count: in a deterministic run that is `index - window + 1`, and whoever asks waits until those sessions are done.
    """

    text: str
    error_type: str
    fault: str | None = None
    cluster: str = ""
    index: int
    before: int | None = None
    top: int = Field(default=2, ge=0)


class Retrieved(Frozen):
    """A reflection that was found, and the numbers behind its rank."""

    reflection: Reflection
    similarity: float
    score: float
    used: int
    helped: int


class Found(Frozen):
    """What a query found, best first. `available` is False when there is no memory, and `reason` says why.

    `candidates` were compared; `matched` says on what they agreed with the query.
    """

    reflections: tuple[Retrieved, ...] = ()
    candidates: int = 0
    matched: Match = "nothing"
    available: bool = True
    reason: str = ""


class Entry(Frozen):
    """A stored reflection as the journal knows it. Without a `text`, symptom and lesson are what is compared."""

    reflection: Reflection
    text: str = ""


class Credit(Frozen):
    """One session's account: the reflections it was given, and those of them that led to a fix."""

    ids: tuple[str, ...]
    helped: tuple[str, ...] = ()
    index: int


class ReflectionStore(Protocol):
    """Keeps reflections. No method raises because of the store's own state: a store that fails says so in `Found`."""

    async def store(self, reflection: Reflection, text: str = "") -> None:
        """Keep a reflection, found by `text` (else by symptom and lesson), code stripped. Again changes nothing."""
        ...

    async def query(self, query: Query) -> Found:
        """Return the best reflections of other sessions and other clusters that led to a fix."""
        ...

    async def credit(self, ids: Sequence[str], helped: Sequence[str], index: int) -> None:
        """Note that session `index` was given `ids`, and that `helped` of them led to a fix.

        A session counts once per reflection however often it says so; unknown ids are ignored.
        """
        ...

    async def aclose(self) -> None:
        """Release the store. Closing twice is harmless."""
        ...


class EmbeddingFailed(Exception):  # noqa: N818 - internal: it ends in the store, as the reason in its answers
    """A text got no vector, and trying again is of no use; the text says why."""


class Embedder(Protocol):
    """Turns texts into unit vectors (or zero, for a text without content), the same in every process."""

    @property
    def name(self) -> str:
        """The name with its version; another name means vectors that cannot be compared."""
        ...

    @property
    def dimensions(self) -> int:
        """The length of every vector; an embedder that learns it from its first answer is asked after that."""
        ...

    def embed(self, text: str) -> Vector:
        """Return the vector of a text. Raises EmbeddingFailed."""
        ...


async def rebuild(store: ReflectionStore, entries: Iterable[Entry], credits: Iterable[Credit]) -> None:
    """Fill a store from the journal's entries and credits; their order does not matter to what is found later."""
    for entry in entries:
        await store.store(entry.reflection, entry.text)
    for credit in credits:
        await store.credit(credit.ids, credit.helped, credit.index)
