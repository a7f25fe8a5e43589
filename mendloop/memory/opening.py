"""Opening the memory of a run: alone, without dying of a damaged index, and equal to the journal."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from mendloop.errors import StorageError
from mendloop.memory.chroma import DATABASE, Index, IndexFailed, Metadata, Row, fingerprint
from mendloop.memory.ngrams import HashedNgrams
from mendloop.memory.none import NoMemory
from mendloop.memory.protocol import Credit, Embedder, EmbeddingFailed, Entry, ReflectionStore, Vector
from mendloop.memory.scoring import embedded_text
from mendloop.memory.store import IndexedMemory, credited, row_of

INSPECT_SECONDS = 120
_PROBE = "The loop ends one element too early, so the last item of the list is missing."
_SAME = 0.998
"""The cosine above which two vectors of one text come from one model: rounding stays above 0.9999."""


async def open_memory(
    folder: Path,
    entries: Sequence[Entry] | None = None,
    credits: Sequence[Credit] = (),
    embedder: Embedder | None = None,
) -> ReflectionStore:
    """Return the memory in a folder, made new when there is none; without an `embedder` it is hashed n-grams.

    `entries` and `credits` are what the journal holds: an index that is damaged, was made with another embedding or
    holds anything else is rebuilt from them. Without them (None) what is there is taken, and an index that cannot be
    used is moved aside. When no index or no embedding can be had, the store that is returned answers with the reason.
    Raises StorageError when the folder is open already, here or in another process.
    """
    embedder = embedder or HashedNgrams()
    try:
        release = _lock(folder)
    except IndexFailed as error:
        return NoMemory(str(error))
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="memory")
    try:
        work = asyncio.get_running_loop().run_in_executor(thread, _open, folder, embedder, entries, credits)
        return IndexedMemory(await work, embedder, thread, release)
    except (IndexFailed, EmbeddingFailed) as error:
        thread.shutdown(wait=False)
        release()
        what = "index" if isinstance(error, IndexFailed) else "embedding"
        return NoMemory(f"the memory's {what} cannot be used: {error}")
    except BaseException:
        thread.submit(release)  # after the opening, which goes on when only the waiting for it was cancelled
        thread.shutdown(wait=False)
        raise


def layout_of(embedder: Embedder) -> Metadata:
    """Return what an index is stamped with: the embedding's name and dimensions, and its vector of one known text."""
    probe = [round(value, 4) for value in embedder.embed(_PROBE).tolist()]
    return {
        "layout": 2,
        "embedding": embedder.name,
        "dimensions": embedder.dimensions,
        "probe": json.dumps(probe),
        "hnsw:space": "l2",  # of unit vectors, where it ranks as the cosine does and keeps them as they were given
    }


def comparable(one: Metadata, other: Metadata) -> bool:
    """True when vectors under both stamps can be compared.

    The known text's vectors may differ by rounding, as they do between processors and between answers of an endpoint,
    and not by more: the same name can come to mean another model.
    """
    if {**one, "probe": ""} != {**other, "probe": ""}:
        return False
    try:
        left, right = (np.array(json.loads(str(stamp["probe"])), dtype=np.float64) for stamp in (one, other))
        return float(left @ right) > _SAME
    except (KeyError, ValueError, TypeError):
        return False


def _open(folder: Path, embedder: Embedder, entries: Sequence[Entry] | None, credits: Sequence[Credit]) -> Index:
    layout = layout_of(embedder)
    rows = None if entries is None else _rows(entries, credits)
    seen = _inspected(folder)
    usable = bool(seen) and comparable(seen["layout"], layout)
    if usable and (rows is None or seen["fingerprint"] == fingerprint(rows)):
        return Index(folder, None)
    vectors = _vectors(rows or (), entries or (), embedder, _embedded(folder) if usable else {})
    try:
        _discard(folder, keep=entries is None)
        folder.mkdir(parents=True)
    except OSError as error:
        raise IndexFailed(f"{error.strerror}: {error.filename}") from error
    index = Index(folder, layout)
    index.put(rows or (), vectors)
    return index


def _vectors(
    rows: Sequence[Row], entries: Sequence[Entry], embedder: Embedder, known: Mapping[tuple[str, str], Vector]
) -> list[Vector]:
    """Return the rows' vectors; texts whose vectors are known are not embedded again."""
    texts = {entry.reflection.id: embedded_text(entry) for entry in reversed(entries)}  # of equal ids the first counts
    found = (known.get(_key(row)) for row in rows)
    return [
        embedder.embed(texts[row.id]) if vector is None else vector for row, vector in zip(rows, found, strict=True)
    ]


def _embedded(folder: Path) -> dict[tuple[str, str], Vector]:
    """Return the vectors of an index that is given up for its rows, by what they were made from."""
    try:
        with closing(Index(folder, None)) as index:
            return {_key(row): vector for row, vector in index.find()}
    except IndexFailed:
        return {}


def _key(row: Row) -> tuple[str, str]:
    return row.id, str(row.metadata.get("text"))


def _rows(entries: Sequence[Entry], credits: Sequence[Credit]) -> list[Row]:
    rows: dict[str, Row] = {}
    for row in map(row_of, entries):
        if row:
            rows.setdefault(row.id, row)
    for credit in credits:
        for name in rows.keys() & set(credit.ids):
            rows[name] = credited(rows[name], credit)
    return list(rows.values())


def _inspected(folder: Path) -> dict[str, Any]:
    """Return what a child process that read the whole index saw of it: layout and fingerprint, or nothing."""
    if not (folder / DATABASE).is_file():
        return {}
    command = [sys.executable, "-P", "-m", "mendloop.memory.chroma", str(folder.absolute())]
    try:
        child = subprocess.run(  # noqa: S603 - our own module
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=INSPECT_SECONDS, check=False
        )
        seen: dict[str, Any] = json.loads(child.stdout) if child.returncode == 0 else {}
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return {}
    return seen


def _discard(folder: Path, *, keep: bool) -> None:
    """Make way for a new index; what a journal could not rebuild is kept beside it, one generation of it."""
    if not folder.exists():
        return
    if keep:
        aside = folder.with_name(f"{folder.name}.damaged")
        _remove(aside)
        folder.rename(aside)
    else:
        _remove(folder)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _lock(folder: Path) -> Callable[[], None]:
    """Take the folder's lock (a file beside it, as the folder may be replaced) and return what gives it back.

    Raises StorageError when somebody else has it, IndexFailed when this file system has no locks.
    """
    path = folder.with_name(f"{folder.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StorageError(f"the memory's lock cannot be made: {error.strerror}", where=str(path)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise StorageError(
            f"the memory is open already (process {owner})", where=str(folder), remedy="wait for that run, or stop it"
        ) from error
    except OSError as error:
        os.close(descriptor)
        raise IndexFailed(f"the memory's folder cannot be locked: {error.strerror}") from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def release() -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)

    return release
