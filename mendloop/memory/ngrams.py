"""Texts as hashed n-grams: an embedding without a model, the same in every process."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from mendloop.memory.protocol import Vector

MAX_CHARS = 20_000
"""Longer texts are cut: what tells one diagnosis from another stands at its beginning."""

_CHAR_WEIGHT = 0.5  # each word is seen by many overlapping character n-grams, so one of them says less
_TOKEN = re.compile(r"\w+|[^\w\s]")
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class HashedNgrams:
    """Character 3-, 4- and 5-grams, words and pairs of words, hashed with a sign into one unit vector.

    Case is ignored and every number counts as the same one: the values in a diagnosis differ from case to case, its
    cause does not. Repeated features count with the logarithm of their number.
    """

    dimensions: int = 512

    @property
    def name(self) -> str:
        """Return the name, which changes whenever the vectors do."""
        return f"hashed-ngrams-v1-{self.dimensions}"

    def embed(self, text: str) -> Vector:
        """Return the unit vector of a text; the zero vector when it has no word and no sign."""
        vector = np.zeros(self.dimensions, dtype=np.float64)
        for (kind, feature), count in Counter(_features(text)).items():
            weight = _CHAR_WEIGHT if kind == "c" else 1.0
            number = _hash(f"{kind}\x1f{feature}")
            sign = 1.0 if number & 1 else -1.0
            vector[(number >> 1) % self.dimensions] += sign * weight * (1.0 + math.log(count))
        length = math.sqrt(math.fsum(value * value for value in vector.tolist()))
        unit: Vector = (vector / length if length else vector).astype(np.float32)
        return unit


@lru_cache(maxsize=1 << 16)  # diagnoses share most of their words
def _hash(feature: str) -> int:
    data = feature.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def _features(text: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, feature): "w" words and signs, "p" pairs of them, "c" character n-grams."""
    tokens = _TOKEN.findall(_NUMBER.sub("0", text[:MAX_CHARS].lower()))
    yield from (("w", token) for token in tokens)
    yield from (("p", f"{left} {right}") for left, right in pairwise(tokens))
    line = f" {' '.join(tokens)} " if tokens else ""
    for size in (3, 4, 5):
        yield from (("c", line[start : start + size]) for start in range(len(line) - size + 1))
