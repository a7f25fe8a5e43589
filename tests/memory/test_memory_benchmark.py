"""The benchmark's own texts: enough of them, and the embedding that is promised to be better is."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.memory import NOWHERE, Ranks, fooled, interval, ranks, read, recall, reciprocal
from mendloop.memory.minilm import installed_minilm
from mendloop.memory.ngrams import HashedNgrams


def test_there_are_enough_pairs_and_lookalikes_and_each_is_told_once() -> None:
    entries, pairs = read()
    assert len(pairs) >= 36
    assert sum(bool(pair.lookalike) for pair in pairs) >= 12
    assert len({entry.reflection.id for entry in entries}) == len({entry.text for entry in entries}) == len(entries)
    assert len({pair.text for pair in pairs} | {entry.text for entry in entries}) == len(pairs) + len(entries)


@pytest.mark.parametrize("metadata", [True, False])
async def test_minilm_finds_more_paraphrases_than_ngrams(metadata: bool) -> None:
    entries, pairs = read()
    better, worse = [
        await ranks(embedder, entries, pairs, metadata=metadata) for embedder in (installed_minilm(), HashedNgrams())
    ]
    assert recall(better, 3).mean() >= recall(worse, 3).mean() + 0.1


def test_figures_count_what_they_say() -> None:
    seen = Ranks(
        answers=np.array([1, 4, NOWHERE]),
        lookalikes=np.array([2, 1, NOWHERE]),
        has_lookalike=np.array([True, True, False]),
    )
    assert recall(seen, 3).tolist() == [1, 0, 0]
    assert reciprocal(seen).tolist() == [1, 0.25, 0]
    assert fooled(seen).tolist() == [0, 1]


def test_an_interval_surrounds_the_mean_and_repeats() -> None:
    values = np.array([0.0, 1.0] * 20)
    low, high = interval(values)
    assert low < 0.5 < high
    assert interval(values) == (low, high)
