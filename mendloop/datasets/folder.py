"""The folder of an export: whose files may be replaced, and how new ones appear all at once."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mendloop.datasets.card import MARKER
from mendloop.datasets.views import VIEWS
from mendloop.errors import InputError, StorageError
from mendloop.runs.failpoints import passing

CARD = "README.md"
REJECTED = "rejected.jsonl"
STAGING = ".export-partial"
"""Where an export is written before its files are renamed. Inside the folder: renaming must cross no file system."""

RECORDED = "recorded"
RECORDED_FILES = ("problems.jsonl", "programs.jsonl", "suites.jsonl")
"""The view of what models wrote, and its files."""

_SHARD = re.compile(r"train-\d{5}-of-\d{5}\.(parquet|jsonl)")


@contextmanager
def staged_export(to: Path) -> Iterator[Path]:
    """Yield an empty folder to write an export into; afterwards it takes the place of the earlier export in `to`.

    When the block raises, `to` is as it was before. Raises InputError when `to` holds anything but an earlier export,
    StorageError when it cannot be written.
    """
    made = _first_missing(to)
    staging = to / STAGING
    require_own(to)
    try:
        to.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        yield staging
        _sync(staging)
        _replace(staging, to)
    except OSError as error:
        raise _cannot_write(to, error) from error
    finally:
        _clear(staging, made)


def require_own(to: Path) -> None:
    """Raise InputError unless the folder is absent, empty, or holds an export and nothing else."""
    if not to.exists():
        return
    if not to.is_dir():
        raise InputError("is not a folder", where=str(to), remedy="name another one with --to")
    foreign = sorted(entry.name for entry in to.iterdir() if not _is_own(entry))
    if foreign:
        raise InputError(
            f"the folder holds other files ({', '.join(foreign[:3])})",
            where=str(to),
            remedy="name an empty or a new one with --to",
        )


def _is_own(entry: Path) -> bool:
    if entry.name == CARD:
        return entry.is_file() and MARKER in entry.read_text(encoding="utf-8", errors="replace")
    if entry.is_dir():
        names = [inner.name for inner in entry.iterdir()]
        shards = entry.name in VIEWS and all(map(_SHARD.fullmatch, names))
        return entry.name == STAGING or shards or (entry.name == RECORDED and set(names) <= set(RECORDED_FILES))
    return entry.name == REJECTED


def _cannot_write(to: Path, error: OSError) -> StorageError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return StorageError(
        f"the export cannot be written: {error.strerror or error}",
        where=str(to),
        remedy="make room there, then export again" if full else "name another folder with --to",
    )


def _first_missing(to: Path) -> Path | None:
    """Return the outermost folder that does not exist yet, to be removed again when nothing comes of it."""
    missing = [folder for folder in (to, *to.parents) if not folder.exists()]
    return missing[-1] if missing else None


def _sync(staging: Path) -> None:
    # Without it a power cut can leave a renamed but empty file on some file systems.
    for path in staging.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _replace(staging: Path, to: Path) -> None:
    # The card goes first and comes last: a folder with a card is a whole export.
    (to / CARD).unlink(missing_ok=True)
    for name in (*VIEWS, RECORDED):
        shutil.rmtree(to / name, ignore_errors=True)
    (to / REJECTED).unlink(missing_ok=True)
    for entry in sorted(staging.iterdir(), key=lambda entry: entry.name == CARD):
        passing("within an export")
        entry.replace(to / entry.name)


def _clear(staging: Path, made: Path | None) -> None:
    shutil.rmtree(staging, ignore_errors=True)
    to = staging.parent
    while made is not None and to.is_relative_to(made) and to.is_dir() and not any(to.iterdir()):
        to.rmdir()
        to = to.parent
