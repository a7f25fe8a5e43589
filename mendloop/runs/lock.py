"""One process owns a run folder. Readers never take the lock; they only ask who holds it."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from weakref import WeakSet

from pydantic import ValidationError

from mendloop.errors import InputError
from mendloop.frozen import Frozen
from mendloop.runs.schema import LOCK

_TRIES, _PAUSE_S = 5, 0.02


class Owner(Frozen):
    """The process that holds a run folder."""

    pid: int
    host: str


class RunLock:
    """An exclusive lock on a run folder; the operating system gives it back when the process dies."""

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises InputError naming the pid and host that hold it."""
        try:
            self._descriptor = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise InputError(f"the run folder cannot be locked: {error}", where=str(path)) from error
        try:
            _take(self._descriptor, path)
            owner = Owner(pid=os.getpid(), host=socket.gethostname())
            with suppress(OSError):  # a full disk: the lock holds all the same, only its owner's name is not known
                os.ftruncate(self._descriptor, 0)
                os.pwrite(self._descriptor, owner.model_dump_json().encode(), 0)
        except BaseException:
            os.close(self._descriptor)
            raise
        _held.add(self)

    def release(self) -> None:
        """Give the folder back; a second call does nothing."""
        _held.discard(self)
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> RunLock:
        """Return the lock, already taken."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the lock."""
        self.release()


_held: WeakSet[RunLock] = WeakSet()


def _let_go() -> None:
    # A forked child shares the lock, and would keep the folder locked after its parent was killed.
    for lock in list(_held):
        lock.release()


os.register_at_fork(after_in_child=_let_go)


def owner_of(path: Path) -> Owner | None:
    """Return who holds a run folder now, or None; never blocks and takes nothing that lasts."""
    try:
        descriptor = os.open(path / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_owner(descriptor) or Owner(pid=0, host="unknown")
    else:
        return None
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path) -> None:
    for attempt in range(_TRIES):  # a reader that asks for the owner holds a shared lock for a moment
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if attempt + 1 < _TRIES:
                time.sleep(_PAUSE_S)
        else:
            return
    owner = _read_owner(descriptor)
    holder = f"process {owner.pid} on {owner.host}" if owner else "another process"
    raise InputError(f"the run is in use by {holder}", where=str(path), remedy="wait for it, or stop it")


def _read_owner(descriptor: int) -> Owner | None:
    try:
        return Owner.model_validate_json(os.pread(descriptor, 4096, 0))
    except ValidationError:
        return None
