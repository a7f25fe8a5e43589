"""Children in namespaces of their own, cloned out of a process that already lives in namespaces."""

from __future__ import annotations

# What each child uses is imported by its name: a lookup in another module changes memory that would stay shared.
from marshal import dumps, loads
from typing import NoReturn

from . import jail, syscalls
from .agreed import BUILD
from .jail import SCRATCH, fail, mount_scratch, seal
from .launch import Ends, signal_of, take
from .runtimes import Task, bound, run
from .watch import Watch
from .zygote import Zygote

_READ_ONLY = syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY | syscalls.MS_NOSUID | syscalls.MS_NODEV
_OURS = 2
"""Processes in the user namespace of the children: the worker, and the one that clones."""


class Namespaces:
    """One clone call a child, out of a process that stays as it was when this was made; see `zygote`."""

    build = BUILD

    def __init__(self, watch: Watch) -> None:
        self._virtual, self._inherited = watch.memory()
        self._zygote = Zygote(jail.CHILD_SPACES, self._child)
        watch.settle()

    def inherited(self) -> int:
        """Return what the worker had when the children's origin was forked from it."""
        return self._inherited

    def start(self, task: Task, ends: Ends) -> int:
        """Clone, and close every door in the child."""
        return self._zygote.start(dumps(tuple(task)), [end for end in ends if end is not None])

    def _child(self, told: bytes, descriptors: list[int]) -> NoReturn:
        verdict, stdout, stderr, *stdin = descriptors
        try:
            take(Ends(verdict, stdout, stderr, *stdin))
            task = Task(*loads(told))  # noqa: S302 - the worker wrote it
            mount_scratch(int(task.limits["disk_mb"]))
            if task.builds is False:
                syscalls.mount(None, self.build, None, _READ_ONLY)
            bound(task, self._virtual, _OURS)
            seal()
        except BaseException as error:
            fail(error)
        run(task, SCRATCH)

    def signal_of(self, status: int) -> int:
        """The program's process is the child itself."""
        return signal_of(status)

    def sweep(self) -> None:
        """Nothing is left: the kernel ends a pid namespace with its first process. Raises when no other can start."""
        self._zygote.check()

    def open_build(self, disk_mb: int) -> None:
        """Mount an empty folder where files may be executed."""
        data = f"size={disk_mb}m,nr_inodes=8k,mode=700"
        syscalls.mount("tmpfs", self.build, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, data)

    def close_build(self) -> None:
        """Unmount it."""
        syscalls.unmount(self.build)
