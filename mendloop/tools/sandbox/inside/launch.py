"""How a child is started and what is left of it is ended: through bubblewrap, or plainly; see `namespaces` too."""

# ruff: noqa: PTH112, S606
# system calls take plain paths, and pathlib would be loaded into every child
from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from os import dup2, setsid
from typing import NamedTuple, NoReturn, Protocol

from . import jail, rootfs, runtimes, syscalls, within
from .jail import VERDICT_FD
from .runtimes import Task
from .watch import Watch

_LAST = 0xFFFFFFFF
_close_others = syscalls.closer((3, VERDICT_FD - 1), (VERDICT_FD + 1, _LAST))
_close_others_but_task = syscalls.closer((3, within.TASK_FD - 1), (VERDICT_FD + 1, _LAST))


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

    def sweep(self) -> None:
        """End what the processes of the last child left behind. Called after the child was killed and waited for."""
        ...

    def open_build(self, disk_mb: int) -> None:
        """Make an empty build folder."""
        ...

    def close_build(self) -> None:
        """Remove the build folder and all in it."""
        ...


class Plain:
    """A fork with resource limits and no isolation at all: for a machine that is itself the sandbox."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._virtual, _ = watch.memory()
        self._scratch = self.build = ""
        syscalls.adopt_orphans()

    def inherited(self) -> int:
        """Return what the worker has now."""
        return self._watch.memory()[1]

    def start(self, task: Task, ends: Ends) -> int:
        """Fork into an empty folder."""
        self._scratch = _folder("scratch-")
        pid = os.fork()
        if pid == 0:
            self._child(task, ends)
        return pid

    def _child(self, task: Task, ends: Ends) -> NoReturn:
        try:
            take(ends)
            os.chdir(self._scratch)
            room = (int(task.limits["memory_mb"]) << 20) + self._virtual
            # NPROC would count every process of this user; the processes of the child are counted outside.
            address_space = room if task.address_space else None
            jail.limit(task.limits, len(task.calls), address_space=address_space, pids=None)
        except BaseException as error:
            fail(error)
        runtimes.run(task, self._scratch)

    def sweep(self) -> None:
        """Kill every process below this one, daemons too, and remove the scratch folder."""
        _end_descendants(self._watch)
        _remove(self._scratch)

    def open_build(self, disk_mb: int) -> None:
        """Make an empty folder; nothing bounds it but the limit on one file."""
        self.build = _folder("build-")

    def close_build(self) -> None:
        """Remove it."""
        _remove(self.build)


class Bubblewrap:
    """One bwrap a child, with a fresh interpreter in it. The limit on files is that of bwrap: bytes, not inodes."""

    def __init__(self, watch: Watch, program: str, root: rootfs.Plan, hash_seed: str, preload: list[str]) -> None:
        self._watch, self._program, self._root, self._hash_seed = watch, program, root, hash_seed
        self._preload = preload
        self._virtual, _ = watch.memory()
        self.build = ""
        syscalls.adopt_orphans()

    def inherited(self) -> int:
        """Return what the worker has now."""
        return self._watch.memory()[1]

    def start(self, task: Task, ends: Ends) -> int:
        """Fork, and become bwrap with the descriptors in their places."""
        given = os.memfd_create("task")
        with os.fdopen(given, "wb") as file:
            file.write(json.dumps({**task._asdict(), "virtual": self._virtual, "preload": self._preload}).encode())
            file.flush()
            os.lseek(given, 0, os.SEEK_SET)
            pid = os.fork()
            if pid == 0:
                self._child(task, ends, given)
        return pid

    def _child(self, task: Task, ends: Ends, given: int) -> NoReturn:
        try:
            take(ends, given)
            os.execve(self._program, self._command(task), {})
        except BaseException as error:
            fail(error)

    def _command(self, task: Task) -> list[str]:
        rights = ["--unshare-all", "--die-with-parent", "--new-session", "--as-pid-1", "--cap-drop", "ALL"]
        names = ["--uid", str(jail.INNER_ID), "--gid", str(jail.INNER_ID), "--hostname", "sandbox"]
        mounts = [word for pair in self._root.trees.items() for word in _bound(*pair)]
        links = [word for at, to in self._root.links.items() for word in ("--symlink", to, at)]
        masks = [word for path in self._root.masked for word in ("--tmpfs", path, "--remount-ro", path)]
        built = ["--bind" if task.builds else "--ro-bind", self.build, rootfs.BUILD] if task.builds is not None else []
        scratch = ["--size", str(int(task.limits["disk_mb"]) << 20), "--perms", "0700", "--tmpfs", jail.SCRATCH]
        shared = ["--symlink", jail.SCRATCH, "/dev/shm"]  # noqa: S108 - inside the new root
        seed = ["--clearenv", "--setenv", "PYTHONHASHSEED", self._hash_seed]
        python = [sys.executable, "-S", "-s", "-P", "-X", "utf8", "-c", within.BOOT, within.RUNNER]
        head = [self._program, *rights, *names, *mounts, *links, *masks]
        return [*head, *built, *scratch, *shared, "--remount-ro", "/", "--chdir", jail.SCRATCH, *seed, *python]

    def sweep(self) -> None:
        """Wait until all of it is gone: bwrap's first process dies with bwrap, and the rest with that."""
        _end_descendants(self._watch)

    def open_build(self, disk_mb: int) -> None:
        """Make an empty folder; nothing bounds it but the limit on one file."""
        self.build = _folder("build-", jail.BUILDS if os.path.isdir(jail.BUILDS) else None)

    def close_build(self) -> None:
        """Remove it."""
        _remove(self.build)


def _bound(place: str, path: str) -> tuple[str, str, str]:
    return ("--dev-bind" if place.startswith("/dev/") else "--ro-bind"), path, place


def _folder(prefix: str, place: str | None = None) -> str:
    """Make an empty folder and return its path."""
    import tempfile  # here, and not in every process that is forked many times: it loads five shared libraries

    return tempfile.mkdtemp(prefix=prefix, dir=place)


def _remove(folder: str) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def take(ends: Ends, task: int | None = None) -> None:
    """In the child: put the descriptors in their places and close all others."""
    setsid()  # otherwise kill(0) reaches the process that this one was forked from, in the same process group
    verdict, stdout, stderr, stdin = ends
    if stdin is not None:
        dup2(stdin, 0)
    dup2(stdout, 1)
    dup2(stderr, 2)
    dup2(verdict, VERDICT_FD)
    if task is None:
        _close_others()
    else:
        dup2(task, within.TASK_FD)
        _close_others_but_task()


def fail(error: BaseException) -> NoReturn:
    """In the child: say why it ends. The worker sees one that never was ready: a fault of ours, not of the program."""
    os.write(2, f"{type(error).__name__}: {error}".encode())
    os._exit(1)


def _end_descendants(watch: Watch) -> None:
    """Kill and wait until no process is below this one: orphans come up to it and are killed in their turn."""
    while True:
        for pid in watch.descendants():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
