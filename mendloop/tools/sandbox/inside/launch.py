"""How a child is started and what is left of it is ended. Here: by a fork; see `bubblewrap` and `namespaces` too."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from os import dup2, setsid
from typing import NamedTuple, NoReturn, Protocol

from . import runtimes, syscalls
from .jail import VERDICT_FD, fail
from .runtimes import Task
from .watch import Watch

LAST_FD = 0xFFFFFFFF
FOLDER_MODULES = ("shutil", "tempfile")
"""What folders are made and removed with. A worker that needs them loads them while it may still read the interpreter's
folder; no other one does, for they load five shared libraries, and each makes a fork dearer."""
_close_others = syscalls.closer((3, VERDICT_FD - 1), (VERDICT_FD + 1, LAST_FD))


class Ends(NamedTuple):
    """The descriptors that a child is given; `stdin` is None for an empty one."""

    verdict: int
    stdout: int
    stderr: int
    stdin: int | None = None


class Launcher(Protocol):
    """Starts one child at a time. `build` is a folder that one child may fill and the next ones read."""

    build: str

    def inherited(self) -> int:
        """Return the resident bytes that a child of this interpreter has before it does anything."""
        ...

    def start(self, task: Task, ends: Ends) -> int:
        """Start a child for a task and return its pid. The child says that it stands by a frame, or ends."""
        ...

    def signal_of(self, status: int) -> int:
        """Return the signal that a program died by, or 0; `status` is what waiting for the child gave."""
        ...

    def sweep(self) -> None:
        """End what the processes of the last child left behind. Called after the child was killed and waited for."""
        ...

    def open_build(self, disk_mb: int) -> None:
        """Make an empty build folder."""
        ...

    def close_build(self) -> None:
        """Remove the build folder and all in it."""
        ...


class Forked:
    """What launchers share whose children are forked from the worker: orphans come up to it, builds are folders."""

    def __init__(self, watch: Watch, builds: str | None = None) -> None:
        self._watch = watch
        self._virtual, _ = watch.memory()
        self._builds = builds
        self.build = ""
        syscalls.adopt_orphans()

    def inherited(self) -> int:
        """Return what the worker has now."""
        return self._watch.memory()[1]

    def signal_of(self, status: int) -> int:
        """The program's process is the child itself."""
        return signal_of(status)

    def sweep(self) -> None:
        """Kill and wait until no process is below this one: orphans come up to it and are killed in their turn."""
        while True:
            for pid in self._watch.descendants():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                return

    def open_build(self, disk_mb: int) -> None:
        """Make an empty folder; nothing bounds it but the limit on one file."""
        self.build = folder("build-", self._builds)

    def close_build(self) -> None:
        """Remove it."""
        remove(self.build)


class Plain(Forked):
    """A fork with resource limits and no isolation at all: for a machine that is itself the sandbox.

    `ours` is as in `runtimes.bound`: here every process of the user would count, so they are counted outside.
    """

    ours: int | None = None

    def __init__(self, watch: Watch) -> None:
        super().__init__(watch)
        self._scratch = ""

    def start(self, task: Task, ends: Ends) -> int:
        """Fork into an empty folder."""
        self._scratch = folder("scratch-")
        pid = os.fork()
        if pid == 0:
            self._child(task, ends)
        return pid

    def _child(self, task: Task, ends: Ends) -> NoReturn:
        try:
            take(ends)
            self._give_up_rights()
            os.chdir(self._scratch)
            runtimes.bound(task, self._virtual, self.ours)
        except BaseException as error:
            fail(error)
        runtimes.run(task, self._scratch)

    def _give_up_rights(self) -> None:
        """In the child: keep those of the worker."""

    def sweep(self) -> None:
        """Kill every process below this one, daemons too, and remove the scratch folder."""
        super().sweep()
        remove(self._scratch)


def signal_of(status: int) -> int:
    """Return the signal that a process of our own died by, or 0."""
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def folder(prefix: str, place: str | None = None) -> str:
    """Make an empty folder and return its path."""
    import tempfile

    return tempfile.mkdtemp(prefix=prefix, dir=place)


def remove(path: str) -> None:
    """Remove a folder and all in it, as far as that can be done."""
    import shutil

    shutil.rmtree(path, ignore_errors=True)


def take(ends: Ends, close_others: Callable[[], None] = _close_others) -> None:
    """In the child: put the descriptors in their places and close all others."""
    setsid()  # otherwise kill(0) reaches the process that this one was forked from, in the same process group
    verdict, stdout, stderr, stdin = ends
    if stdin is not None:
        dup2(stdin, 0)
    dup2(stdout, 1)
    dup2(stderr, 2)
    dup2(verdict, VERDICT_FD)
    close_others()
