"""The index on disk, in embedded Chroma. Everything here blocks; one thread at a time may use an index.

Run as `python -m mendloop.memory.chroma FOLDER` it opens an index, reads all of it, and prints what it found: a damaged
one can kill the interpreter, so somebody else's is used to try.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from mendloop.frozen import digest
from mendloop.memory.protocol import Vector

COLLECTION = "reflections"
DATABASE = "chroma.sqlite3"
BATCH = 500
SHORT_LOG = {"sync_threshold": 60, "batch_size": 30}
"""After how many writes the index is put on disk: every write reads the log since then, so that a long one is slow."""

Metadata: TypeAlias = dict[str, str | int]
Where: TypeAlias = Mapping[str, Any]


class IndexFailed(Exception):  # noqa: N818 - internal: it ends in the store, as the reason in its answers
    """The index cannot be opened, read or written."""


@dataclass(frozen=True)
class Row:
    """One record of the index, without its vector."""

    id: str
    document: str
    metadata: Metadata


def fingerprint(rows: Sequence[Row]) -> str:
    """Return the hash of rows in any order; two indexes that hold the same have the same."""
    return digest(sorted([row.id, row.document, json.dumps(row.metadata, sort_keys=True)] for row in rows))


class Index:
    """A folder's collection of rows and vectors. Every method raises IndexFailed and nothing else."""

    def __init__(self, folder: Path, layout: Metadata | None) -> None:
        """Open the collection, or make it with `layout` as its metadata; None only opens what is there."""
        with _failures():
            import chromadb
            from chromadb.config import Settings

            quiet: Any = {"_env_file": None, "chroma_otel_collection_endpoint": ""}
            settings = Settings(anonymized_telemetry=False, **quiet)
            connect: Any = chromadb.PersistentClient
            self._client = connect(str(folder), settings)
            try:
                self._collection: Any = self._open(layout)
            except BaseException:
                self._client.close()
                raise

    def _open(self, layout: Metadata | None) -> Any:
        if layout is None:
            return self._client.get_collection(COLLECTION, embedding_function=None)
        return self._client.get_or_create_collection(
            COLLECTION, metadata=layout, configuration={"hnsw": SHORT_LOG}, embedding_function=None
        )

    def layout(self) -> Metadata:
        """Return the metadata that the collection was made with."""
        return dict(self._collection.metadata or {})

    def put(self, rows: Sequence[Row], vectors: Sequence[Vector]) -> None:
        """Write rows; a row whose id is known is replaced."""
        with _failures():
            for start in range(0, len(rows), BATCH):
                some = rows[start : start + BATCH]
                self._collection.upsert(
                    ids=[row.id for row in some],
                    embeddings=np.stack(list(vectors[start : start + BATCH])),
                    documents=[row.document for row in some],
                    metadatas=[row.metadata for row in some],
                )

    def update(self, rows: Sequence[Row]) -> None:
        """Write the metadata of known rows again."""
        if rows:
            with _failures():
                self._collection.update(ids=[row.id for row in rows], metadatas=[row.metadata for row in rows])

    def get(self, ids: Sequence[str]) -> list[Row]:
        """Return the rows that have one of these ids."""
        if not ids:
            return []
        with _failures():
            found = self._collection.get(ids=list(dict.fromkeys(ids)), include=["documents", "metadatas"])
            return _rows(found)

    def find(self, where: Where | None = None) -> list[tuple[Row, Vector]]:
        """Return every row that satisfies `where`, with its vector. No approximate search is involved."""
        with _failures():
            found = self._collection.get(where=where, include=["documents", "metadatas", "embeddings"])
            vectors = [np.asarray(vector, dtype=np.float32) for vector in found["embeddings"]]
            return list(zip(_rows(found), vectors, strict=True))

    def close(self) -> None:
        """Let go of the folder."""
        with _failures():
            self._client.close()


@contextmanager
def _failures() -> Iterator[None]:
    """Turn whatever the index does into IndexFailed."""
    try:
        yield
    except (IndexFailed, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic in its native part does not derive from Exception
        raise IndexFailed(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}") from error


def _rows(found: Any) -> list[Row]:
    columns = zip(found["ids"], found["documents"], found["metadatas"], strict=True)
    return [Row(name, document, dict(metadata)) for name, document, metadata in columns]


def _inspect(folder: Path) -> dict[str, Any]:
    """Return layout and fingerprint of an index after reading all of it. Raises IndexFailed for a wrong vector."""
    index = Index(folder, None)
    layout, found = index.layout(), index.find()
    for row, vector in found:
        length = float(np.linalg.norm(vector.astype(np.float64)))
        if vector.shape != (layout.get("dimensions"),) or not (length == 0 or abs(length - 1) < 1e-3):
            raise IndexFailed(f"the vector of {row.id} is damaged")
    index.close()
    return {"layout": layout, "fingerprint": fingerprint([row for row, _ in found])}


if __name__ == "__main__":
    try:
        sys.stdout.write(json.dumps(_inspect(Path(sys.argv[1]))))
    except IndexFailed as failure:
        sys.exit(str(failure))
