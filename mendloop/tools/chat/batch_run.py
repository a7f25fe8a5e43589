"""The name under which a provider knows the batches of a run. It stands in a file of the run folder."""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from mendloop.errors import DamageError, StorageError

FILE = "batches.json"


@dataclass(frozen=True)
class BatchRun:
    """A run as its batches name it; `known` when an earlier launch may have sent batches under this name."""

    name: str
    known: bool = False


def batch_run(folder: Path) -> BatchRun:
    """Return the name of a run's batches, drawn and written down the first time.

    Raises StorageError where the folder cannot be written, DamageError where the file is not what was written.
    """
    file = folder / FILE
    try:
        found = json.loads(file.read_text("utf-8"))
        return BatchRun(str(found["run"]), known=True)
    except FileNotFoundError:
        name = uuid.uuid4().hex
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = "remove it to go on; batches that are under way are paid for again then"
        raise DamageError(f"cannot be read: {error}", where=str(file), remedy=remedy) from error
    try:
        _write(file, json.dumps({"run": name}))
    except OSError as error:
        raise StorageError(f"cannot be written: {error.strerror}", where=str(file), remedy="make room there") from error
    return BatchRun(name)


def _write(file: Path, text: str) -> None:
    """Write a file whole or not at all, and durably: its name must be there before a batch carries it."""
    whole = file.with_name(f"{file.name}.new")
    with whole.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    whole.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
