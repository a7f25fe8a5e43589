"""Children in namespaces that bubblewrap makes: one bwrap and a fresh interpreter each."""

# ruff: noqa: PTH112, S606
# system calls take plain paths, and pathlib would be loaded into every child
from __future__ import annotations

import json
import os
import signal
import sys
from typing import NoReturn

from . import jail, rootfs, syscalls, within
from .agreed import BUILD
from .jail import TASK_FD, VERDICT_FD, fail
from .launch import LAST_FD, Ends, Forked, take
from .runtimes import Task
from .watch import Watch

_DEATHS = 128
"""What is added to a signal's number where an exit status tells of a death."""
_SIGNALS = frozenset(map(int, signal.valid_signals()))
_close_others = syscalls.closer((3, TASK_FD - 1), (VERDICT_FD + 1, LAST_FD))


class Bubblewrap(Forked):
    """One bwrap a child. Its first process dies with bwrap, and the rest of it with that.

    The limit on files is that of bwrap: bytes, not inodes.
    """

    def __init__(self, watch: Watch, program: str, root: rootfs.Plan, hash_seed: str, preload: list[str]) -> None:
        super().__init__(watch, jail.BUILDS if os.path.isdir(jail.BUILDS) else None)
        self._program, self._root, self._hash_seed, self._preload = program, root, hash_seed, preload

    def start(self, task: Task, ends: Ends) -> int:
        """Fork, and become bwrap with the descriptors in their places."""
        given = os.memfd_create("task")
        with os.fdopen(given, "wb") as file:
            file.write(json.dumps({"task": task, "virtual": self._virtual, "preload": self._preload}).encode())
            file.flush()
            os.lseek(given, 0, os.SEEK_SET)
            pid = os.fork()
            if pid == 0:
                self._child(task, ends, given)
        return pid

    def signal_of(self, status: int) -> int:
        """Return what bwrap tells as shells do; a program that exits with such a status by itself counts as dead."""
        told = 0 if os.WIFSIGNALED(status) else os.WEXITSTATUS(status) - _DEATHS
        return told if told in _SIGNALS else super().signal_of(status)

    def _child(self, task: Task, ends: Ends, given: int) -> NoReturn:
        try:
            os.dup2(given, TASK_FD)
            take(ends, _close_others)
            os.execve(self._program, self._command(task), {})
        except BaseException as error:
            fail(error)

    def _command(self, task: Task) -> list[str]:
        rights = ["--unshare-all", "--die-with-parent", "--new-session", "--as-pid-1", "--cap-drop", "ALL"]
        names = ["--uid", str(jail.INNER_ID), "--gid", str(jail.INNER_ID), "--hostname", "sandbox"]
        mounts = [word for pair in self._root.trees.items() for word in _bound(*pair)]
        links = [word for at, to in self._root.links.items() for word in ("--symlink", to, at)]
        masks = [word for path in self._root.masked for word in ("--tmpfs", path, "--remount-ro", path)]
        built = ["--bind" if task.builds else "--ro-bind", self.build, BUILD] if task.builds is not None else []
        scratch = ["--size", str(int(task.limits["disk_mb"]) << 20), "--perms", "0700", "--tmpfs", jail.SCRATCH]
        shared = ["--symlink", jail.SCRATCH, "/dev/shm"]  # noqa: S108 - inside the new root
        seed = ["--clearenv", "--setenv", "PYTHONHASHSEED", self._hash_seed]
        python = [sys.executable, "-S", "-s", "-P", "-X", "utf8", "-c", within.BOOT, within.RUNNER]
        head = [self._program, *rights, *names, *mounts, *links, *masks]
        return [*head, *built, *scratch, *shared, "--remount-ro", "/", "--chdir", jail.SCRATCH, *seed, *python]


def _bound(place: str, path: str) -> tuple[str, str, str]:
    return ("--dev-bind" if place.startswith("/dev/") else "--ro-bind"), path, place
