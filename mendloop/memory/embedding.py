"""Which embedding a run's memory uses, and how it says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mendloop.errors import InputError
from mendloop.memory.minilm import MiniLmMissing, installed_minilm
from mendloop.memory.ngrams import HashedNgrams
from mendloop.memory.protocol import Embedder

EmbedderKind: TypeAlias = Literal["auto", "minilm", "endpoint", "ngrams"]


@dataclass(frozen=True)
class Chosen:
    """An embedder, and the sentence that tells a person which one it is."""

    embedder: Embedder
    said: str


def choose_embedder(
    kind: EmbedderKind = "auto", endpoint: Embedder | None = None, minilm: Callable[[], Embedder] = installed_minilm
) -> Chosen:
    """Return the embedder of a kind; "auto" is MiniLM, else the endpoint's where one is handed in, else n-grams.

    `minilm` loads the model or raises MiniLmMissing. Raises InputError for a kind that is named and cannot be had.
    """
    match kind:
        case "auto":
            return _best(endpoint, minilm)
        case "minilm":
            try:
                return _minilm(minilm)
            except MiniLmMissing as missing:
                raise InputError(f"no MiniLM for the memory: {missing}", remedy=missing.remedy) from missing
        case "endpoint":
            if endpoint is None:
                raise InputError(
                    "no endpoint gives embeddings for the memory",
                    remedy="name an embedding model of the endpoint, or take `minilm` or `ngrams`",
                )
            return _endpoint(endpoint)
        case "ngrams":
            return Chosen(HashedNgrams(), "memory: hashed n-grams, which find only lessons worded alike")


def _best(endpoint: Embedder | None, minilm: Callable[[], Embedder]) -> Chosen:
    try:
        return _minilm(minilm)
    except MiniLmMissing as missing:
        if endpoint is not None:
            return _endpoint(endpoint)
        why = f"{missing.remedy} for better retrieval: {missing}"
        return Chosen(HashedNgrams(), f"memory: hashed n-grams, which find only lessons worded alike ({why})")


def _minilm(load: Callable[[], Embedder]) -> Chosen:
    embedder = load()
    return Chosen(embedder, f"memory: MiniLM (int8, {embedder.dimensions} dimensions)")


def _endpoint(endpoint: Embedder) -> Chosen:
    return Chosen(endpoint, f"memory: embeddings of the endpoint ({endpoint.name})")
