"""A control group for one worker, where this process may make one: the kernel then bounds the memory of all together.

It bounds what the limits of each process and the measuring every few milliseconds cannot: many processes that allocate
at once, and pages of the scratch folder. Versions 1 and 2 of the interface; without the right to write there is none.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NamedTuple

_MOUNT = Path("/sys/fs/cgroup")
_PREFIX = "mendloop-"
_SLACK = 32 << 20
_numbers = count()


class _Names(NamedTuple):
    """What the files of a version are called."""

    version: int
    limit: str
    swap: str
    current: str
    events: str


_V2 = _Names(2, "memory.max", "memory.swap.max", "memory.current", "memory.events")
_V1 = _Names(1, "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.usage_in_bytes", "memory.oom_control")


@dataclass
class MemoryGroup:
    """A folder of the control group file system with one worker in it."""

    folder: Path
    names: _Names
    _limit: int = 0
    _kills: int = 0

    @classmethod
    def around(cls, pid: int) -> MemoryGroup | None:
        """Put a process, and all that it will start, into a new group; None where that cannot be done here."""
        number = next(_numbers)
        if number == 0:
            sweep()
        for parent, names in _places():
            group = cls(parent / f"{_PREFIX}{os.getpid()}-{number}", names)
            try:
                group.folder.mkdir()
                if (group.folder / names.limit).exists():
                    (group.folder / "cgroup.procs").write_text(str(pid))
                    return group
            except OSError:
                pass
            group.close()
        return None

    @property
    def said(self) -> str:
        """What a person is told about it."""
        return f"by a control group (version {self.names.version})"

    def bound(self, memory_mb: int, disk_mb: int) -> None:
        """Let the group use so much, beside what its worker took to start and the pages of the scratch folder."""
        wanted = (memory_mb + disk_mb) << 20
        if wanted == self._limit:
            return
        self._limit = wanted
        with contextlib.suppress(OSError, ValueError):
            base = int((self.folder / self.names.current).read_text())
            most = str(base + wanted + _SLACK)
            # the two limits of version 1 may not cross on the way, in either direction
            for name in (self.names.limit, self.names.swap, self.names.limit):
                with contextlib.suppress(OSError):
                    (self.folder / name).write_text("0" if name == _V2.swap else most)

    def has_killed(self) -> bool:
        """Tell whether the kernel has ended a process for want of memory since this was asked last."""
        kills = self._count()
        new, self._kills = kills > self._kills, kills
        return new

    def _count(self) -> int:
        with contextlib.suppress(OSError, ValueError):
            for line in (self.folder / self.names.events).read_text().splitlines():
                name, _, number = line.partition(" ")
                if name == "oom_kill":
                    return int(number)
        return 0

    def close(self) -> None:
        """Remove the group; its processes are gone, but the kernel may take a moment to see that."""
        for _ in range(20):
            try:
                self.folder.rmdir()
                return
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(0.001)


def _places() -> list[tuple[Path, _Names]]:
    """Return the groups of this process in which a new one could be made, the newer interface first."""
    found: list[tuple[Path, _Names]] = []
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                found.insert(0, (_MOUNT / path.lstrip("/"), _V2))
            elif "memory" in controllers.split(","):
                found.append((_MOUNT / "memory" / path.lstrip("/"), _V1))
    return [(folder, names) for folder, names in found if os.access(folder, os.W_OK)]


def sweep() -> None:
    """Remove the empty groups of processes that were killed before they could."""
    for parent, _ in _places():
        for left in parent.glob(f"{_PREFIX}*"):
            owner = left.name.removeprefix(_PREFIX).partition("-")[0]
            if not Path("/proc", owner).exists():
                with contextlib.suppress(OSError):
                    left.rmdir()
