"""CPU time of a process and all that it ever started, the living and the dead.

Work that the kernel does in threads of its own after a process is gone (freeing namespaces) belongs to nobody and is
counted for nobody.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


class Meter(Protocol):
    """Reads what one process tree has used so far."""

    def read_ms(self) -> float:
        """Return milliseconds of user and system time since some fixed moment."""
        ...

    def close(self) -> None:
        """Clean up; the processes are gone."""
        ...


class CgroupMeter:
    """Counts in a control group (version 2) of its own: exact, and nothing can leave it."""

    kind = "cpu.stat of a control group per row (microseconds)"

    def __init__(self, parent: Path, pid: int) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mendloop-benchmark-", dir=parent))
        try:
            (self._folder / "cgroup.procs").write_text(str(pid))
            self.read_ms()
        except (OSError, ValueError):
            self.close()
            raise

    def read_ms(self) -> float:
        """Return what the group has used."""
        words = (self._folder / "cpu.stat").read_text().split()
        return int(words[words.index("usage_usec") + 1]) / 1000

    def close(self) -> None:
        """Remove the group as soon as its last process is reaped."""
        for _ in range(50):
            with contextlib.suppress(OSError):
                self._folder.rmdir()
                return
            time.sleep(0.02)


class TreeMeter:
    """Adds up /proc/PID/stat over the living, each with the children it has waited for. Loses whom nobody waits for."""

    kind = "/proc/PID/stat of every process with its reaped children (clock ticks)"

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def read_ms(self) -> float:
        """Return what the tree has used, in steps of a clock tick for each living process."""
        return sum(map(_used_ms, _tree(str(self._pid))))

    def close(self) -> None:
        """Do nothing."""


def meter_of(pid: int) -> CgroupMeter | TreeMeter:
    """Return the best meter this machine allows for a process that has not started another one yet."""
    parent = _own_group()
    if parent is not None:
        with contextlib.suppress(OSError, ValueError):
            return CgroupMeter(parent, pid)
    return TreeMeter(pid)


def _own_group() -> Path | None:
    """Return the folder of this process's control group, where version 2 is mounted (beside version 1 too)."""
    try:
        own = next(line[3:] for line in _lines("/proc/self/cgroup") if line.startswith("0::"))
        mounts = [line.split() for line in _lines("/proc/self/mounts")]
    except (OSError, StopIteration):
        return None
    return next((Path(words[1] + own) for words in mounts if words[2] == "cgroup2"), None)


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _tree(pid: str) -> Iterator[str]:
    yield pid
    for thread in Path("/proc", pid, "task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in thread.read_text().split():
                yield from _tree(child)


def _used_ms(pid: str) -> float:
    try:
        words = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, words[11:15])) * _TICK_MS
