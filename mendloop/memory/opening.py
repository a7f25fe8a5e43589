"""Opening the memory of a run: alone, without dying of a damaged index, and equal to the journal."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mendloop.errors import StorageError
from mendloop.memory.chroma import DATABASE, Index, IndexFailed, Metadata, Row, fingerprint
from mendloop.memory.ngrams import HashedNgrams
from mendloop.memory.none import NoMemory
from mendloop.memory.protocol import Credit, Embedder, Entry, ReflectionStore
from mendloop.memory.scoring import embedded_text
from mendloop.memory.store import IndexedMemory, credited, row_of
from mendloop.records import digest

INSPECT_SECONDS = 120
_PROBE = "The loop ends one element too early, so the last item of the list is missing."


async def open_memory(
    folder: Path,
    entries: Sequence[Entry] | None = None,
    credits: Sequence[Credit] = (),
    embedder: Embedder | None = None,
) -> ReflectionStore:
    """Return the memory in a folder, made new when there is none.

    `entries` and `credits` are what the journal holds: an index that is damaged, was made with another embedding or
    holds anything else is rebuilt from them. Without them (None) what is there is taken, and an index that cannot be
    used is moved aside. When no index can be had at all, the store that is returned answers with the reason.
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
    except IndexFailed as error:
        thread.shutdown(wait=False)
        release()
        return NoMemory(f"the memory's index cannot be used: {error}")
    except BaseException:
        thread.submit(release)  # after the opening, which goes on when only the waiting for it was cancelled
        thread.shutdown(wait=False)
        raise


def layout_of(embedder: Embedder) -> Metadata:
    """Return what an index is stamped with: vectors are comparable only where all of it is equal."""
    probe = [round(value, 4) for value in embedder.embed(_PROBE).tolist()]
    return {
        "layout": 1,
        "embedding": embedder.name,
        "dimensions": embedder.dimensions,
        "sha256": digest(probe),
        "hnsw:space": "l2",  # of unit vectors, where it ranks as the cosine does and keeps them as they were given
    }


def _open(folder: Path, embedder: Embedder, entries: Sequence[Entry] | None, credits: Sequence[Credit]) -> Index:
    layout = layout_of(embedder)
    rows = None if entries is None else _rows(entries, credits)
    if folder.exists() and _is_good(folder, layout, rows):
        return Index(folder, layout)
    try:
        _discard(folder, keep=entries is None)
        folder.mkdir(parents=True)
    except OSError as error:
        raise IndexFailed(f"{error.strerror}: {error.filename}") from error
    index = Index(folder, layout)
    if rows:
        texts = {entry.reflection.id: embedded_text(entry) for entry in entries or ()}
        index.put(rows, [embedder.embed(texts[row.id]) for row in rows])
    return index


def _rows(entries: Sequence[Entry], credits: Sequence[Credit]) -> list[Row]:
    rows: dict[str, Row] = {}
    for row in map(row_of, entries):
        if row:
            rows.setdefault(row.id, row)
    for credit in credits:
        for name in rows.keys() & set(credit.ids):
            rows[name] = credited(rows[name], credit)
    return list(rows.values())


def _is_good(folder: Path, layout: Metadata, rows: Sequence[Row] | None) -> bool:
    """Ask a child process to read the whole index, and compare what it saw with what must be there."""
    if not (folder / DATABASE).is_file():
        return False
    command = [sys.executable, "-P", "-m", "mendloop.memory.chroma", str(folder.absolute())]
    try:
        child = subprocess.run(  # noqa: S603 - our own module
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=INSPECT_SECONDS, check=False
        )
        seen: dict[str, Any] = json.loads(child.stdout) if child.returncode == 0 else {}
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return False
    return seen.get("layout") == layout and (rows is None or seen.get("fingerprint") == fingerprint(rows))


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
