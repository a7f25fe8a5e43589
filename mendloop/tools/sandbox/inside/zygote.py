"""The process that children are cloned from: it knows no program, and its memory stays as it was at the start.

Whoever forks pays again for each page that it changes after a fork, and a worker changes many; this one only takes
descriptors, clones and says the pid. What a child is told it reads by itself, so that nothing of one program is ever
in the memory that the next one starts with. The worker stays the parent of every child (CLONE_PARENT).
"""

from __future__ import annotations

import os
import select
import socket
import struct
from collections.abc import Callable, Sequence
from typing import NoReturn

from . import syscalls

Become = Callable[[bytes, list[int]], NoReturn]

_MOST_DESCRIPTORS = 4
_CHANNEL, _DESK = 100, 101  # out of the way of whatever is received later
_ORDER = b"\0"
_PID = struct.Struct("<i")


class ZygoteGoneError(Exception):
    """The process that children are cloned from has ended: nothing can be started any more."""


class Zygote:
    """The worker's side. In each child `become` is called with what it is told and its descriptors.

    `spaces` are the namespaces of a child. The worker must be single-threaded and must not have read any program yet.
    """

    def __init__(self, spaces: int, become: Become) -> None:
        self._desk = os.memfd_create("desk")
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._life = select.poll()
        self._life.register(self._channel, 0)
        if os.fork() == 0:
            try:
                _serve(theirs.fileno(), self._desk, spaces, become)
            finally:
                os._exit(1)
        theirs.close()

    def start(self, told: bytes, descriptors: Sequence[int]) -> int:
        """Start a child with copies of up to four descriptors; return its pid. The one before it must have ended."""
        if os.pwrite(self._desk, told, 0) != len(told):
            raise OSError("what a child is told does not fit into memory")
        os.ftruncate(self._desk, len(told))
        try:
            socket.send_fds(self._channel, [_ORDER], descriptors)
            answer = self._channel.recv(_PID.size)
        except ConnectionError:
            answer = b""
        if not answer:
            raise ZygoteGoneError("no child can be started any more")
        (pid,) = _PID.unpack(answer)
        if pid < 0:
            raise OSError(-pid, os.strerror(-pid), "clone")
        return int(pid)

    def check(self) -> None:
        """Raise ZygoteGoneError when the process is gone."""
        if self._life.poll(0):
            raise ZygoteGoneError("the process that starts children was ended")


def _serve(channel: int, desk: int, spaces: int, become: Become) -> NoReturn:
    """Clone a child for every order until the channel closes. The fewer pages this loop changes, the better."""
    os.dup2(channel, _CHANNEL, inheritable=False)
    os.dup2(desk, _DESK, inheritable=False)
    syscalls.close_range(3, _CHANNEL - 1)
    syscalls.close_range(_DESK + 1, 0xFFFFFFFF)
    orders = socket.socket(fileno=_CHANNEL)
    clone = syscalls.cloner(spaces | syscalls.CLONE_PARENT)
    while True:
        order, descriptors, _, _ = socket.recv_fds(orders, 1, _MOST_DESCRIPTORS)
        if not order:
            os._exit(0)
        try:
            pid = clone()
        except OSError as error:
            pid = -(error.errno or 1)
        if pid == 0:
            become(os.pread(_DESK, os.fstat(_DESK).st_size, 0), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        orders.send(_PID.pack(pid))
