"""What of a machine and of a process a hostile program may not have changed, as values to compare."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.tools.sandbox.hostile.attack import MARK

Picture = dict[str, object]

NOBODY: Final = 65534
OWN_MOUNTS: Final = "--own-mounts"
_FOLDERS: Final = ("/", "/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run", "/run/lock", "/home", "/etc", "/usr")
_MOVING: Final = re.compile(
    r"/(random|pty|ns_last_pid|.*-nr|.*-state|.*_count|.*stat|sched_domain|.*_usage|loadavg|.*stable_secret|"
    r"netdev_rss_key|perf_event_max_sample_rate|max_newidle_lb_cost|cad_pid|entropy_avail|uuid|cmdline.*)(/|$)"
)
_LIMITS: Final = {name: value for name, value in vars(resource).items() if name.startswith("RLIMIT_")}


def of_machine(*users: int) -> Picture:
    """Return what programs that ran as one of `users` could have left on this machine.

    Only what such a user owns, or what bears the mark of our programs: other work goes on beside a test.
    """
    return {
        "files": sorted(_left_files({NOBODY, *users} - {os.getuid()})),
        "settings": dict(_settings()),
        "ipc": [_lines(f"/proc/sysvipc/{kind}") for kind in ("shm", "sem", "msg")],
        "unix sockets": [line for line in _lines("/proc/net/unix") if MARK in line],
        "sockets": sorted(_sockets({NOBODY, *users} - {os.getuid()})),
        "name": socket.gethostname(),
        "memory files": [line for line in _lines("/proc/swaps")[1:] + _lines("/proc/keys") if MARK in line],
    }


def of_namespace() -> Picture:
    """Return what is mounted, for a process with a mount namespace of its own: elsewhere others mount as well."""
    return {"mounts": sorted(_lines("/proc/self/mounts"))}


def still_there(namespace: Picture) -> Picture:
    """Return a picture of what is mounted without the folders that are gone or that this user may not see.

    Whoever removes a folder takes along what is mounted there in every namespace, and other work goes on beside a test.
    """
    mounts = namespace["mounts"]
    assert isinstance(mounts, list)
    return {**namespace, "mounts": [line for line in mounts if _seen(_unescaped(line.split()[1]))]}


def of_process() -> Picture:
    """Return what of this process itself could have been changed from below."""
    return {
        "descriptors": sorted(_descriptors()),
        "limits": {name: resource.getrlimit(value) for name, value in _LIMITS.items()},
        "scheduler": [os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0), sorted(os.sched_getaffinity(0))],
        "group": [os.getpgrp() == os.getpgid(0), os.getsid(0)],
        "signals": {str(int(number)): type(signal.getsignal(number)).__name__ for number in signal.valid_signals()},
        "blocked": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ()))),
        "timers": [signal.getitimer(which) for which in (0, 1, 2)],
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "mask": _umask(),
        "name": socket.gethostname(),
        "children": sorted(descendants(os.getpid())),
        "threads": threading.active_count(),
        "python": [sys.getrecursionlimit(), sys.getswitchinterval(), len(sys.path)],
    }


def changes(before: Picture, after: Picture) -> list[str]:
    """Return what differs, one line each."""
    found = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            found += [f"{name}: {line}" for line in changes(old, new)]
        elif old != new:
            found.append(f"{name}: {old} became {new}"[:1000])
    return found


def steady(first: Picture, second: Picture) -> set[str]:
    """Return the settings that did not change by themselves between two pictures."""
    old, new = first["settings"], second["settings"]
    assert isinstance(old, dict)
    assert isinstance(new, dict)
    return {name for name in old.keys() & new.keys() if old[name] == new[name]}


def only(picture: Picture, settings: set[str]) -> Picture:
    """Return a picture with only these settings."""
    kept = picture["settings"]
    assert isinstance(kept, dict)
    return {**picture, "settings": {name: value for name, value in kept.items() if name in settings}}


def descendants(pid: int | str) -> set[int]:
    """Return the processes below one, by the host's /proc."""
    found: set[int] = set()
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:  # it has ended meanwhile
        return found
    for task in tasks:
        try:
            below = task.joinpath("children").read_text().split()
        except OSError:
            continue
        for child in below:
            found |= {int(child)} | descendants(child)
    return found


def resident_mb(pid: int | str) -> float:
    """Return what a process holds in memory; of a page that n processes share, one n-th where that can be read."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024
    except OSError:
        pass
    try:
        _, resident, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
    except (OSError, ValueError):
        return 0.0
    return (resident - shared) * resource.getpagesize() / (1 << 20)


def _descriptors() -> Iterator[str]:
    for entry in Path("/proc/self/fd").iterdir():
        try:
            yield f"{entry.name} {re.sub(r'[0-9]+', 'n', str(entry.readlink()))}"
        except OSError:  # the folder's own, which is closed by now
            continue


def _left_files(owners: set[int]) -> Iterator[str]:
    for folder in _FOLDERS:
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            try:
                owned = entry.stat(follow_symlinks=False).st_uid in owners
            except OSError:
                continue
            if owned or MARK in entry.name:
                yield entry.path


def _settings() -> Iterator[tuple[str, str]]:
    for folder, _, names in os.walk("/proc/sys"):
        for name in names:
            path = f"{folder}/{name}"
            if not _MOVING.search(path):
                try:
                    yield path, Path(path).read_text("utf-8", "replace")
                except OSError:
                    continue


def _sockets(owners: set[int]) -> Iterator[str]:
    for kind in ("tcp", "tcp6", "udp", "udp6", "raw"):
        for line in _lines(f"/proc/net/{kind}")[1:]:
            words = line.split()
            if int(words[7]) in owners:
                yield f"{kind} {words[1]} {words[3]}"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def _seen(path: str) -> bool:
    return os.access(path, os.F_OK, effective_ids=True)


def _unescaped(word: str) -> str:
    """Return a path as it is: the kernel writes blanks in it as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), word)


def _umask() -> int:
    mask = os.umask(0o22)
    os.umask(mask)
    return mask
