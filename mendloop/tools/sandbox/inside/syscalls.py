"""The few system calls that Python does not offer, through ctypes. Every failure is an OSError."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
from collections.abc import Callable
from typing import Final

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWCGROUP: Final = 0x02000000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000
CLONE_PARENT: Final = 0x00008000
CLONE_NEWTIME: Final = 0x00000080
NEW_NAMESPACES: Final = (
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET
)
_CLONE_CHILD_CLEARTID: Final = 0x00200000
_CLONE_CHILD_SETTID: Final = 0x01000000

MS_RDONLY: Final = 1
MS_NOSUID: Final = 2
MS_NODEV: Final = 4
MS_NOEXEC: Final = 8
MS_REMOUNT: Final = 32
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 0x40000

_MNT_DETACH: Final = 2
_AT_FDCWD: Final = -100
_AT_EMPTY_PATH: Final = 0x1000
_AT_RECURSIVE: Final = 0x8000
_OPEN_TREE_CLONE: Final = 1
_MOVE_MOUNT_F_EMPTY_PATH: Final = 4

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_CAPBSET_DROP: Final = 24
_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_GET_TID_ADDRESS: Final = 40
_CAPABILITY_VERSION_3: Final = 0x20080522

MACHINE: Final = platform.machine()
_X86: Final = MACHINE == "x86_64"
_NR_CLONE: Final = 56 if _X86 else 220
_NR_PIVOT_ROOT: Final = 155 if _X86 else 41
_NR_CAPSET: Final = 126 if _X86 else 91
_NR_OPEN_TREE: Final = 428
_NR_MOVE_MOUNT: Final = 429
_NR_CLOSE_RANGE: Final = 436
_NR_MOUNT_SETATTR: Final = 442

# PyDLL keeps the interpreter lock held: after a raw clone the child must find it held by itself.
_libc = ctypes.PyDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.pthread_self.restype = ctypes.c_void_p
_python = ctypes.pythonapi


class _MountAttr(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def _call(what: str, number: int, *arguments: object) -> int:
    return _checked(int(_libc.syscall(ctypes.c_long(number), *arguments)), what)


def _thread_id_address() -> int:
    """Return where the C library caches the thread id of this thread, or 0 when it cannot be told."""
    address = ctypes.c_void_p()
    if _libc.prctl(_PR_GET_TID_ADDRESS, ctypes.byref(address), 0, 0, 0) == 0 and address.value:
        cached = ctypes.c_int.from_address(address.value).value
        return address.value if cached == os.getpid() else 0
    return 0


_TID: Final = _thread_id_address()


def clone(flags: int) -> int:
    """Fork into new namespaces in one call; return the pid, 0 in the child. The process must be single-threaded."""
    return cloner(flags)()


def cloner(flags: int) -> Callable[[], int]:
    """Return what forks in the way of `clone`: with its arguments made once, for a process that does nothing else.

    A raw clone bypasses the C library, whose cached thread id would go stale (abort would look like a bad memory
    access), so the kernel is told to write the new one in its place.
    """
    if _TID:
        flags |= _CLONE_CHILD_SETTID | _CLONE_CHILD_CLEARTID
    tid = ctypes.c_void_p(_TID)
    order = (ctypes.c_void_p(0), tid, ctypes.c_long(0)) if _X86 else (ctypes.c_void_p(0), ctypes.c_long(0), tid)
    words = (ctypes.c_long(_NR_CLONE), ctypes.c_ulong(flags | signal.SIGCHLD), ctypes.c_void_p(0), *order)
    before, parent, child = _python.PyOS_BeforeFork, _python.PyOS_AfterFork_Parent, _python.PyOS_AfterFork_Child
    raw = _libc.syscall

    def fork() -> int:
        before()
        pid = int(raw(*words))
        if pid == 0:
            child()
            return 0
        number = ctypes.get_errno()
        parent()
        if pid < 0:
            raise OSError(number, os.strerror(number), "clone")
        return pid

    return fork


def unshare(flags: int) -> None:
    """Move this process into new namespaces."""
    _checked(_libc.unshare(flags), "unshare")


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """Mount, or change a mount."""

    def text(value: str | None) -> bytes | None:
        return None if value is None else os.fsencode(value)

    result = _libc.mount(text(source), text(target), text(kind), ctypes.c_ulong(flags), text(data))
    _checked(result, f"mount {target}")


_mount_plainly = _libc["mount"]
_mount_plainly.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)


def mount_tmpfs(target: str, flags: int, data: str) -> None:
    """Mount a file system in memory, by as few steps as can be: each child does this."""
    if _mount_plainly(b"tmpfs", target.encode(), b"tmpfs", flags, data.encode()) < 0:
        _checked(-1, f"mount {target}")


def open_tree(path: str) -> int:
    """Return a descriptor of a detached copy of the mounts at and below `path`."""
    flags = ctypes.c_uint(_OPEN_TREE_CLONE | _AT_RECURSIVE | os.O_CLOEXEC)
    return _call(f"open_tree {path}", _NR_OPEN_TREE, ctypes.c_int(_AT_FDCWD), os.fsencode(path), flags)


def move_mount(tree: int, target: str) -> None:
    """Attach a detached mount."""
    to = (ctypes.c_int(_AT_FDCWD), os.fsencode(target), ctypes.c_uint(_MOVE_MOUNT_F_EMPTY_PATH))
    _call(f"move_mount {target}", _NR_MOVE_MOUNT, ctypes.c_int(tree), b"", *to)


def restrict_mount(tree: int, flags: int) -> None:
    """Add MS_RDONLY, MS_NOSUID, MS_NODEV or MS_NOEXEC to a mount and all below it."""
    attributes = _MountAttr(attr_set=flags)
    how = (ctypes.c_uint(_AT_EMPTY_PATH | _AT_RECURSIVE), ctypes.byref(attributes), ctypes.c_size_t(32))
    _call("mount_setattr", _NR_MOUNT_SETATTR, ctypes.c_int(tree), b"", *how)


def pivot_root_here() -> None:
    """Make the working directory the root and let go of the old root."""
    _call("pivot_root", _NR_PIVOT_ROOT, b".", b".")
    _checked(_libc.umount2(b".", _MNT_DETACH), "umount2")
    os.chdir("/")


def unmount(target: str) -> None:
    """Detach a mount; it goes when nobody uses it any more."""
    _checked(_libc.umount2(os.fsencode(target), _MNT_DETACH), f"umount {target}")


def set_hostname(name: bytes) -> None:
    """Name the machine inside this uts namespace."""
    _checked(_libc.sethostname(name, ctypes.c_size_t(len(name))), "sethostname")


def die_with_parent() -> None:
    """Be killed when the parent ends, whatever ends it. Lost when the user id changes: call it after that."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0), "prctl")


def adopt_orphans() -> None:
    """Become the parent of every descendant that loses its own."""
    _checked(_libc.prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1), 0, 0, 0), "prctl")


def set_dumpable(on: bool) -> None:
    """Give /proc/self back to its user (needed to write the maps of a user namespace), or to root."""
    _checked(_libc.prctl(_PR_SET_DUMPABLE, ctypes.c_ulong(on), 0, 0, 0), "prctl")


def no_new_privileges() -> None:
    """Make set-uid files and file capabilities void for good."""
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0), "prctl")


def drop_bounding_set() -> None:
    """Take every capability out of reach of every program started from here."""
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) < 0:
            _checked(-1 if capability == 0 else 0, "prctl")
            return


_CAP_HEADER = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
_CAP_NONE = (ctypes.c_uint32 * 6)()
_CAPSET = (ctypes.c_long(_NR_CAPSET), _CAP_HEADER, _CAP_NONE)
_syscall = _libc.syscall


def drop_capabilities() -> None:
    """Give up every capability of this process."""
    if _syscall(*_CAPSET) < 0:
        _checked(-1, "capset")


def close_range(first: int, last: int) -> None:
    """Close the descriptors from first to last."""
    _call("close_range", _NR_CLOSE_RANGE, ctypes.c_uint(first), ctypes.c_uint(last), ctypes.c_uint(0))


def closer(*ranges: tuple[int, int]) -> Callable[[], None]:
    """Return what closes ranges of descriptors, each from first to last, with the arguments made once."""
    number, flags = ctypes.c_long(_NR_CLOSE_RANGE), ctypes.c_uint(0)
    calls = [(number, ctypes.c_uint(first), ctypes.c_uint(last), flags) for first, last in ranges]

    def close() -> None:
        for words in calls:
            if _syscall(*words) < 0:
                _checked(-1, "close_range")

    return close
