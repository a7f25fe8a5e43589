"""The filter on system calls: what a program can do without is refused before the kernel looks at it."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Sequence
from typing import Final

from . import syscalls

_LOAD: Final = 0x20
_EQUAL: Final = 0x15
_AT_LEAST: Final = 0x35
_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06
_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000
_ERRNO: Final = 0x00050000
_X32_BIT: Final = 0x40000000
_ALLOWED: Final = (_RETURN, 0, 0, _ALLOW)
_ARGUMENTS: Final = 16  # where the arguments begin in what the filter sees; the low half of each comes first

_AUDIT_ARCH: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_COLUMN: Final = {"x86_64": 0, "aarch64": 1}
MACHINES: Final = tuple(_AUDIT_ARCH)

# name: number on x86_64, number on aarch64 (-1: there is none)
_DENIED: Final[dict[str, tuple[int, int]]] = {
    # mounts and namespaces
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    "listmount": (458, 458),
    "statmount": (457, 457),
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    # kernel interfaces with a long record of holes
    "bpf": (321, 280),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "personality": (135, 92),
    "modify_ldt": (154, -1),
    "vmsplice": (278, 75),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "lookup_dcookie": (212, 18),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    # stores and files of the machine that every user shares
    "io_setup": (206, 0),
    "inotify_init": (253, -1),
    "inotify_init1": (294, 26),
    "sync": (162, 81),
    "syncfs": (306, 267),
    # a pair of sockets talks to itself and takes no name
    "bind": (49, 200),
    "connect": (42, 203),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "setsockopt": (54, 208),
    # memory that no limit of ours counts
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    # the machine
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "settimeofday": (164, 170),
    "adjtimex": (159, 171),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "syslog": (103, 116),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "vhangup": (153, 58),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "uselib": (134, -1),
    "ustat": (136, -1),
    "sysfs": (139, -1),
    "sysctl": (156, -1),
}
_CLONE: Final = (56, 220)
_CLONE3: Final = (435, 435)
_SOCKET: Final = (41, 198)
_SOCKETPAIR: Final = (53, 199)
_MMAP: Final = (9, 222)
_IOCTL: Final = (16, 29)
_PRCTL_SECCOMP: Final = 22
_MODE_FILTER: Final = 2

_MAP_PRIVATE: Final = 0x02
_MAP_ANONYMOUS: Final = 0x20
_TERMINAL_INPUT: Final = (0x5412, 0x541C)  # TIOCSTI and TIOCLINUX type into the terminal of somebody else

Instruction = tuple[int, int, int, int]
Block = list[Instruction]


def instructions(machine: str) -> Block:
    """Return the filter as classic BPF: (code, jump if true, jump if false, operand)."""
    column = _COLUMN[machine]
    head: Block = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
    ]
    if machine == "x86_64":
        head += [(_AT_LEAST, 0, 1, _X32_BIT), (_RETURN, 0, 0, _KILL)]
    return head + _search(sorted(_rules(column).items()))


def _rules(column: int) -> dict[int, Block]:
    """Return what to do about each system call that is not simply allowed."""
    rules = {numbers[column]: [_refusal(errno.EPERM)] for numbers in _DENIED.values() if numbers[column] >= 0}
    rules[_SOCKET[column]] = [_refusal(errno.EACCES)]
    # The flags of clone3 lie in memory, out of a filter's sight; "not implemented" makes callers use clone.
    rules[_CLONE3[column]] = [_refusal(errno.ENOSYS)]
    rules[_CLONE[column]] = [
        (_LOAD, 0, 0, _ARGUMENTS),
        (_ANY_BIT, 0, 1, syscalls.NEW_NAMESPACES),
        _refusal(errno.EPERM),
        _ALLOWED,
    ]
    rules[_IOCTL[column]] = [
        (_LOAD, 0, 0, _ARGUMENTS + 8),
        *((_EQUAL, len(_TERMINAL_INPUT) - at, 0, request) for at, request in enumerate(_TERMINAL_INPUT)),
        _ALLOWED,
        _refusal(errno.EPERM),
    ]
    # Pages of a shared anonymous mapping stay when they are unmapped, and no limit of ours counts them then.
    rules[_MMAP[column]] = [
        (_LOAD, 0, 0, _ARGUMENTS + 24),
        (_ANY_BIT, 0, 3, _MAP_ANONYMOUS),
        (_ANY_BIT, 1, 0, _MAP_PRIVATE),
        _refusal(errno.EPERM),
        _ALLOWED,
        _ALLOWED,
    ]
    rules[_SOCKETPAIR[column]] = [
        (_LOAD, 0, 0, _ARGUMENTS),
        (_EQUAL, 1, 0, socket.AF_UNIX),
        _refusal(errno.EACCES),
        _ALLOWED,
    ]
    return rules


def _refusal(error: int) -> Instruction:
    return _RETURN, 0, 0, _ERRNO | error


def _search(rules: Sequence[tuple[int, Block]]) -> Block:
    """Find the number by halves: the kernel runs the filter once for every system call when it is installed."""
    if len(rules) == 1:
        number, block = rules[0]
        return [(_EQUAL, 0, len(block), number), *block, _ALLOWED]
    middle = len(rules) // 2
    low, high = _search(rules[:middle]), _search(rules[middle:])
    if len(low) > 255:
        raise ValueError("a jump of more than 255 instructions")
    return [(_AT_LEAST, len(low), 0, rules[middle][0]), *low, *high]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def assemble(rules: Sequence[Instruction]) -> bytes:
    """Return instructions as the kernel reads them, 8 bytes each."""
    return b"".join(struct.pack("=HBBI", *rule) for rule in rules)


_prctl = ctypes.PyDLL(None, use_errno=True).prctl  # looked up here and not in each child
_code = assemble(instructions(syscalls.MACHINE)) if syscalls.MACHINE in MACHINES else b""
_program = _Program(len(_code) // 8, _code)
_ARGUMENTS_OF_PRCTL = (
    *(ctypes.c_int(_PRCTL_SECCOMP), ctypes.c_ulong(_MODE_FILTER), ctypes.byref(_program)),
    *(ctypes.c_ulong(0), ctypes.c_ulong(0)),
)


def install() -> None:
    """Put the filter on this thread and all it starts, for good. Needs `no_new_privileges` first."""
    if not _code or _prctl(*_ARGUMENTS_OF_PRCTL) < 0:
        number = ctypes.get_errno() or errno.ENOSYS
        raise OSError(number, os.strerror(number), "seccomp")
