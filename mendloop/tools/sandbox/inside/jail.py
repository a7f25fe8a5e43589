"""Enter the namespaces a worker lives in, and close the last doors of each child. Fails closed, by layer."""

# ruff: noqa: PTH102, PTH123
# system calls take plain paths, and pathlib would be loaded into every child
from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

# What each child uses is imported by its name: a lookup in another module changes memory that would stay shared.
from os import chdir
from resource import (
    RLIMIT_AS,
    RLIMIT_CORE,
    RLIMIT_CPU,
    RLIMIT_FSIZE,
    RLIMIT_NOFILE,
    RLIMIT_NPROC,
    setrlimit,
)
from typing import NoReturn

from . import rootfs, syscalls
from .agreed import BUILD_MB
from .seccomp import install
from .syscalls import drop_capabilities, mount_tmpfs

NOBODY = 65534
INNER_ID = 1000
SCRATCH = "/tmp"  # noqa: S108 - a tmpfs of the child's own
BUILDS = "/tmp/.builds"  # noqa: S108 - on a tmpfs of the worker's own
OPEN_FILES = 256
_RLIMIT_SIGPENDING = 11  # the module resource does not name it
VERDICT_FD = OPEN_FILES - 1
TASK_FD = VERDICT_FD - 1

_WORKER_SPACES = (
    syscalls.CLONE_NEWUSER
    | syscalls.CLONE_NEWPID
    | syscalls.CLONE_NEWNS
    | syscalls.CLONE_NEWNET
    | syscalls.CLONE_NEWIPC
    | syscalls.CLONE_NEWUTS
)
_NO_TRICKS = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
CHILD_SPACES = syscalls.CLONE_NEWPID | syscalls.CLONE_NEWNS


class SetupError(Exception):
    """One layer of isolation cannot be set up here."""

    def __init__(self, layer: str, error: OSError) -> None:
        self.layer, self.number = layer, error.errno or 0
        self.detail = ": ".join(filter(None, (error.filename, error.strerror or str(error))))
        super().__init__(self.detail)


@contextmanager
def layer(name: str) -> Iterator[None]:
    """Name the layer that an OSError inside belongs to."""
    try:
        yield
    except OSError as error:
        raise SetupError(name, error) from error


def enter(host_pid: int, root: rootfs.Plan) -> int:
    """Turn this process into the parent of a worker, and return only in the worker: a descriptor of the host's /proc.

    With the right to mount, the new root is made first and by that right: an unprivileged user may be unable to read
    the folder of the interpreter. Then the user id goes, then the namespaces are made, all before any untrusted code.
    """
    proc = attach(host_pid)
    mounts_first = _may_mount()
    if mounts_first:
        with layer("mount namespace"):
            syscalls.unshare(syscalls.CLONE_NEWNS)
            rootfs.build(root)
    become_unprivileged()
    outer = os.geteuid(), os.getegid()
    with layer("user namespace"):
        worker = syscalls.clone(_WORKER_SPACES)
    if worker:
        _sleep_until_gone(worker)
    _settle(proc, outer, None if mounts_first else root)
    return proc


def attach(host_pid: int) -> int:
    """End with the host, and return a descriptor of its /proc, where processes are measured."""
    with layer("platform"):
        syscalls.die_with_parent()
        if os.getppid() != host_pid:
            os._exit(0)
        proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        os.stat(f"self/task/{os.readlink('self', dir_fd=proc)}/children", dir_fd=proc)
    return proc


def readable(root: rootfs.Plan) -> rootfs.Plan:
    """Stop being root, and return the plan of a root whose parts this process may still read then."""
    if _may_mount():
        with layer("mount namespace"):
            syscalls.unshare(syscalls.CLONE_NEWNS)
            root = rootfs.stage(root)
            os.mkdir(BUILDS)
            owned = f"size={BUILD_MB}m,nr_inodes=8k,mode=700,uid={NOBODY},gid={NOBODY}"
            syscalls.mount("tmpfs", BUILDS, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, owned)
    become_unprivileged()
    return root


def _may_mount() -> bool:
    if os.geteuid() != 0:
        return False
    with open("/proc/self/status", encoding="utf-8") as status:
        effective = next(int(line.split()[1], 16) for line in status if line.startswith("CapEff:"))
    return bool(effective >> 21 & 1)  # CAP_SYS_ADMIN


def become_unprivileged() -> None:
    """Let go of root for good, if this process is root."""
    if os.geteuid() != 0:
        return
    with layer("unprivileged user"):
        _become_nobody()


def _become_nobody() -> None:
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    syscalls.die_with_parent()
    syscalls.set_dumpable(True)


def _sleep_until_gone(worker: int) -> None:
    syscalls.set_dumpable(False)
    syscalls.close_range(0, 0xFFFFFFFF)
    os.waitpid(worker, 0)
    os._exit(0)


def _settle(proc: int, outer: tuple[int, int], root: rootfs.Plan | None) -> None:
    """Finish the worker's side: its ids, its root, its name, and what no descendant may ever regain."""
    syscalls.die_with_parent()
    os.setsid()
    with layer("user namespace"):
        maps = {"setgroups": "deny", "uid_map": f"{INNER_ID} {outer[0]} 1", "gid_map": f"{INNER_ID} {outer[1]} 1"}
        for name, text in maps.items():
            target = os.open(f"self/{name}", os.O_WRONLY, dir_fd=proc)
            os.write(target, text.encode())
            os.close(target)
    if root is not None:
        with layer("mount namespace"):
            rootfs.build(root)
    with layer("mount namespace"):
        os.close(os.open("/dev/null", os.O_RDWR))
    with layer("uts namespace"):
        syscalls.set_hostname(b"sandbox")
    with layer("capabilities"):
        syscalls.drop_bounding_set()
        syscalls.no_new_privileges()
    setrlimit(RLIMIT_CORE, (0, 0))


def mount_scratch(disk_mb: int) -> None:
    """Cover the scratch folder with one of the child's own, and go there."""
    mount_tmpfs(SCRATCH, _NO_TRICKS, f"size={disk_mb}m,nr_inodes={min(4096, 256 + 64 * disk_mb)},mode=700")
    chdir(SCRATCH)


def limit(limits: Mapping[str, float], cases: int, *, address_space: int | None, pids: int | None) -> None:
    """Set the resource limits of this process and all it starts; None leaves one to the measuring outside.

    `address_space` is in bytes. Everything else is only the last resort: the worker measures every process together.
    """
    disk = int(limits["disk_mb"]) << 20
    cpu = int(limits["cpu_s"] * max(1, cases)) + 10
    if address_space is not None:
        setrlimit(RLIMIT_AS, (address_space, address_space))
    if pids is not None:
        setrlimit(RLIMIT_NPROC, (pids, pids))
    setrlimit(RLIMIT_FSIZE, (disk, disk))
    setrlimit(RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    setrlimit(RLIMIT_CPU, (cpu, cpu))
    setrlimit(RLIMIT_CORE, (0, 0))
    setrlimit(_RLIMIT_SIGPENDING, (1024, 1024))  # signals and timers are counted for the whole user


def seal() -> None:
    """Give up what is left to give up: the last step before the program."""
    drop_capabilities()
    install()


def fail(error: BaseException) -> NoReturn:
    """In a child: say why it ends. The worker sees one that never was ready: a fault of ours, not of the program."""
    os.write(2, f"{type(error).__name__}: {error}".encode())
    os._exit(1)
