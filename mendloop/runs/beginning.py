"""The folder of a new run: it stays once something was begun that can be resumed, and only then."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from mendloop.errors import SourceError, StorageError
from mendloop.runs.store import Store, create_run


class NothingBegunError(StorageError):
    """The disk was full before there was anything to resume."""


@contextmanager
def new_run(path: Path, secrets: Iterable[str]) -> Iterator[Store]:
    """Yield the store of a new run; nothing stays on disk when nothing of it was begun."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    untouched = not path.exists() or (path.is_dir() and not any(path.iterdir()))
    try:
        store = create_run(path, secrets=secrets)
    except StorageError:
        if untouched:
            _unmake(path, missing)
        raise
    try:
        yield store
    except (SourceError, NothingBegunError):
        store.close()
        _unmake(path, missing)
        raise
    finally:
        store.close()


def _unmake(path: Path, made: Sequence[Path]) -> None:
    """Remove what a run put into its folder, and the folders that were made for it (innermost first)."""
    for entry in path.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    with suppress(OSError):  # somebody else has put something there
        for folder in made:
            folder.rmdir()
