"""The hash chains: one per session over every stored column, one over the run, one over its annotations.

A chain finds damage and careless edits. It is not signed: who can rewrite the whole folder can rewrite its hashes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from mendloop.frozen import canonical_json


def session_genesis(session: str) -> str:
    """Return what the first event of a session is chained to."""
    return _sha256(f"session:{session}")


def run_genesis(meta: Mapping[str, str]) -> str:
    """Return what the run's rolling hash starts from; it covers the store's meta data."""
    return _sha256(f"run:{canonical_json(dict(meta))}")


def link(previous: str, columns: Iterable[object]) -> str:
    """Return the hash of a row (every column but its hash) chained to the one before it.

    Types and lengths go in first, so that no two different rows are the same text.
    """
    row = tuple(columns)
    types = ",".join(f"s{len(column)}" if isinstance(column, str) else repr(column) for column in row)
    texts = "".join(column for column in row if isinstance(column, str))
    return _sha256(f"{previous}|{types}|{texts}")


def roll(rolling: str, hashed: str) -> str:
    """Return a rolling hash after one more row's hash."""
    return _sha256(f"{rolling}{hashed}")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
