"""What the processes of one child use together, read from the host's /proc by the worker outside."""

# ruff: noqa: PTH208
# system calls take plain paths, and pathlib would be loaded into every child
from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


_SOCKET_BUFFER = 212_992  # the default of net.core.wmem_default: what one socket may hold


class Use(NamedTuple):
    """CPU seconds, resident bytes beyond what each process inherited, and the number of threads."""

    cpu_s: float
    resident: int
    tasks: int


class Watch:
    """Walks the tree of processes below one pid. In a pid namespace every orphan stays in the tree of its init.

    `network` says which process, counted from 0 down the tree, is the first in a network that is the programs' own.
    """

    def __init__(self, proc: int, *, network: int | None = None) -> None:
        self._proc, self._network = proc, network
        self._self = os.readlink("self", dir_fd=proc)
        self._spent: dict[tuple[str, str], float] = {}
        self._left_out: frozenset[str] = frozenset()
        self._own_buffers = 0

    def settle(self) -> None:
        """Never count the processes and sockets that are below this one now: they are of ours."""
        self._left_out = frozenset(self.descendants())
        self._own_buffers = 0 if self._network is None else self._buffers(self._self)

    def forget(self) -> None:
        """Begin anew: the next processes belong to another child."""
        self._spent.clear()

    def give_up_first(self) -> None:
        """Let the kernel end the processes below this one, and what they start, before ours where memory runs out."""
        for pid in self.descendants():
            with contextlib.suppress(OSError):  # it may be gone
                file = os.open(f"{pid}/oom_score_adj", os.O_WRONLY, dir_fd=self._proc)
                try:
                    os.write(file, b"1000")
                finally:
                    os.close(file)

    def memory(self) -> tuple[int, int]:
        """Return the worker's own (virtual, resident) bytes: every child starts with them."""
        words = self._read(f"{self._self}/statm").split()
        return int(words[0]) * _PAGE, int(words[1]) * _PAGE

    def use(self, inherited: int, limit: int) -> Use:
        """Add up every process below the worker.

        What each inherited is left out; where even with it they could be over the limit, every page is counted, once.
        """
        cpu, resident, most, tasks, pids = 0.0, 0, 0, 0, []
        pending = self._children(self._self, count=1)
        while pending:
            pid = pending.pop()
            if pid in self._left_out:
                continue
            words = self._read(f"{pid}/stat").rpartition(")")[2].split()
            if len(words) > 21:
                threads = int(words[17])
                cpu += sum(map(int, words[11:15])) / _TICK
                self._spent[pid, words[19]] = sum(map(int, words[11:13])) / _TICK
                held = int(words[21]) * _PAGE
                most += held
                resident += max(0, held - inherited)
                tasks += threads
                pids.append(pid)
                pending += self._children(pid, threads)
        buffers = 0
        if self._network is not None and len(pids) > self._network:
            buffers = max(0, self._buffers(pids[self._network]) - self._own_buffers)
        if most > limit and len(pids) > 1 and buffers <= limit:  # pages are slow to count, buffers quick to fill
            resident = sum(self._proportional(pid, inherited) for pid in pids)
        resident += buffers
        # What a process used counts when it is gone, too: its parent may have asked the kernel to forget it.
        return Use(max(cpu, sum(self._spent.values())), resident, tasks)

    def _buffers(self, pid: str) -> int:
        """Return what the buffers of all sockets in the network of a process may hold: memory of the kernel."""
        words = self._read(f"{pid}/net/sockstat").split()
        return int(words[2]) * _SOCKET_BUFFER if len(words) > 2 else 0

    def descendants(self) -> Iterator[str]:
        """Yield the pid of every process below this one, except for those that are left out."""
        pending = self._children(self._self, count=1)
        while pending:
            pid = pending.pop()
            if pid in self._left_out:
                continue
            yield pid
            pending += self._children(pid)

    def _children(self, pid: str, count: int = 0) -> list[str]:
        """Return the children of all threads; where `count` of them is known to be 1, it has the pid of its process."""
        if count == 1:
            return self._read(f"{pid}/task/{pid}/children").split()
        try:
            folder = os.open(f"{pid}/task", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._proc)
        except OSError:
            return []
        try:
            threads = os.listdir(folder)
        except OSError:
            return []
        finally:
            os.close(folder)
        return [child for thread in threads for child in self._read(f"{pid}/task/{thread}/children").split()]

    def _proportional(self, pid: str, inherited: int) -> int:
        """Return the proportional set size: a page shared by n processes counts one n-th in each."""
        for line in self._read(f"{pid}/smaps_rollup").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
        words = self._read(f"{pid}/statm").split()[1:3]
        if not words:
            return 0
        held, shared = (int(word) * _PAGE for word in words)
        return max(held - inherited, held - shared)  # it may hide its maps: then what it has by itself counts at least

    def _read(self, path: str) -> str:
        """Return a file of /proc, or nothing when its process is gone."""
        try:
            file = os.open(path, os.O_RDONLY, dir_fd=self._proc)
        except OSError:
            return ""
        try:
            chunks = []
            while chunk := os.read(file, 65536):
                chunks.append(chunk)
            return b"".join(chunks).decode("utf-8", "replace")
        except OSError:
            return ""
        finally:
            os.close(file)
