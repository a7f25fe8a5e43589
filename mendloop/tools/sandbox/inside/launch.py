"""How a child is started and what is left of it is ended: in namespaces, through bubblewrap, or plainly."""

# ruff: noqa: PTH112, S606
# system calls take plain paths, and pathlib would be loaded into every child
from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from typing import Any, NamedTuple, NoReturn, Protocol

from . import jail, rootfs, runtimes, syscalls, within
from .runtimes import Task
from .watch import Watch

_READ_ONLY = syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY | syscalls.MS_NOSUID | syscalls.MS_NODEV


class Ends(NamedTuple):
    """The descriptors that a child is given; `stdin` is None for an empty one."""

    verdict: int
    stdout: int
    stderr: int
    stdin: int | None


class Launcher(Protocol):
    """Starts one child at a time. `build` is a folder that one child may fill and the next ones read."""

    build: str

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


class Namespaces:
    """One clone call a child, out of a warm interpreter that already lives in namespaces."""

    build = rootfs.BUILD

    def __init__(self, watch: Watch) -> None:
        self._virtual, _ = watch.memory()

    def start(self, task: Task, ends: Ends) -> int:
        """Clone, and close every door in the child."""
        pid = syscalls.clone(jail.CHILD_SPACES)
        if pid == 0:
            self._child(task, ends)
        return pid

    def _child(self, task: Task, ends: Ends) -> NoReturn:
        with _reporting_to(ends):
            limits = task.limits
            jail.mount_scratch(int(limits["disk_mb"]))
            if task.builds is False:
                syscalls.mount(None, self.build, None, _READ_ONLY)
            room = (int(limits["memory_mb"]) << 20) + self._virtual
            jail.limit(
                limits,
                len(task.calls),
                address_space=room if task.address_space else None,
                pids=int(limits["pids"]) + 1,  # the worker itself counts as one process of this user namespace
            )
            jail.seal()
        runtimes.run(task, jail.SCRATCH)

    def sweep(self) -> None:
        """Nothing is left: the kernel ends a pid namespace with its first process."""

    def open_build(self, disk_mb: int) -> None:
        """Mount an empty folder where files may be executed."""
        data = f"size={disk_mb}m,nr_inodes=8k,mode=700"
        syscalls.mount("tmpfs", self.build, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, data)

    def close_build(self) -> None:
        """Unmount it."""
        syscalls.unmount(self.build)


class Plain:
    """A fork with resource limits and no isolation at all: for a machine that is itself the sandbox."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._virtual, _ = watch.memory()
        self._scratch = self.build = ""
        syscalls.adopt_orphans()

    def start(self, task: Task, ends: Ends) -> int:
        """Fork into an empty folder."""
        self._scratch = tempfile.mkdtemp(prefix="scratch-")
        pid = os.fork()
        if pid == 0:
            self._child(task, ends)
        return pid

    def _child(self, task: Task, ends: Ends) -> NoReturn:
        with _reporting_to(ends):
            os.chdir(self._scratch)
            room = (int(task.limits["memory_mb"]) << 20) + self._virtual
            # NPROC would count every process of this user; the processes of the child are counted outside.
            address_space = room if task.address_space else None
            jail.limit(task.limits, len(task.calls), address_space=address_space, pids=None)
        runtimes.run(task, self._scratch)

    def sweep(self) -> None:
        """Kill every process below this one, daemons too, and remove the scratch folder."""
        _end_descendants(self._watch)
        shutil.rmtree(self._scratch, ignore_errors=True)

    def open_build(self, disk_mb: int) -> None:
        """Make an empty folder; nothing bounds it but the limit on one file."""
        self.build = tempfile.mkdtemp(prefix="build-")

    def close_build(self) -> None:
        """Remove it."""
        shutil.rmtree(self.build, ignore_errors=True)


class Bubblewrap:
    """One bwrap a child, with a fresh interpreter in it. The limit on files is that of bwrap: bytes, not inodes."""

    def __init__(self, watch: Watch, program: str, root: rootfs.Plan, hash_seed: str, preload: list[str]) -> None:
        self._watch, self._program, self._root, self._hash_seed = watch, program, root, hash_seed
        self._preload = preload
        self._virtual, _ = watch.memory()
        self.build = ""
        syscalls.adopt_orphans()

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
        with _reporting_to(ends, given):
            os.execve(self._program, self._command(task), {})
        os._exit(1)

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
        self.build = tempfile.mkdtemp(prefix="build-", dir=jail.BUILDS if os.path.isdir(jail.BUILDS) else None)

    def close_build(self) -> None:
        """Remove it."""
        shutil.rmtree(self.build, ignore_errors=True)


def _bound(place: str, path: str) -> tuple[str, str, str]:
    return ("--dev-bind" if place.startswith("/dev/") else "--ro-bind"), path, place


@contextlib.contextmanager
def _reporting_to(ends: Ends, task: int | None = None) -> Any:
    """In the child: put the descriptors in their places, close all others; what fails is told and ends the child.

    The worker then sees a child that never was ready: a fault of ours, not of the program.
    """
    try:
        os.setsid()  # otherwise kill(0) reaches the worker, which shares the process group
        if ends.stdin is not None:
            os.dup2(ends.stdin, 0)
        os.dup2(ends.stdout, 1)
        os.dup2(ends.stderr, 2)
        os.dup2(ends.verdict, jail.VERDICT_FD)
        last = jail.VERDICT_FD
        if task is not None:
            os.dup2(task, within.TASK_FD)
            last = within.TASK_FD
        syscalls.close_range(3, last - 1)
        syscalls.close_range(jail.VERDICT_FD + 1, 0xFFFFFFFF)
        yield
    except BaseException as error:
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
