"""One machine of the cloud on loopback: a folder, and a keeper under which every process of the machine stays.

A machine that is offline has a network namespace of its own with nothing in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Orphans come up to the keeper, so its descendants are all that runs on the machine: what a virtual machine gives.
_KEEPER = """
import ctypes, json, os, select, signal, socket, sys
libc, own, group = ctypes.CDLL(None, use_errno=True), os.geteuid(), os.getegid()
if sys.argv[2] == "offline" and libc.unshare(0x40000000 if own == 0 else 0x50000000):
    sys.exit("no network namespace: " + os.strerror(ctypes.get_errno()))
if sys.argv[2] == "offline" and own:
    for name, text in (("setgroups", "deny"), ("uid_map", f"{own} {own} 1"), ("gid_map", f"{group} {group} 1")):
        with open("/proc/self/" + name, "w") as file:
            file.write(text)
libc.prctl(36, 1, 0, 0, 0)
control = socket.socket(fileno=int(sys.argv[1]))
woken, wake = os.pipe()
os.set_blocking(wake, False)
signal.set_wakeup_fd(wake)
signal.signal(signal.SIGCHLD, lambda *_: None)
watched = {}
while True:
    ready, _, _ = select.select([control, woken], [], [])
    if control in ready:
        data, ends, *_ = socket.recv_fds(control, 1 << 20, 3)
        if not data:
            os._exit(0)
        pid = os.fork()
        if pid == 0:
            order = json.loads(data)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.chdir(order["cwd"])
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            os.dup2(ends[0], 1)
            os.dup2(ends[1], 2)
            os.closerange(3, 256)
            os.execve(order["argv"][0], order["argv"], order["env"])
        watched[pid] = ends[2]
        os.write(ends[2], b"%d\\n" % pid)
        os.close(ends[0])
        os.close(ends[1])
    if woken in ready:
        os.read(woken, 4096)
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                if pid in watched:
                    os.write(watched[pid], b"%d\\n" % os.waitstatus_to_exitcode(status))
                    os.close(watched.pop(pid))
        except ChildProcessError:
            pass
"""


def descendants(pid: int | str) -> set[int]:
    """Return the processes below one, by /proc."""
    found: set[int] = set()
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in children.read_text().split():
                found |= {int(child)} | descendants(child)
    return found


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def python_for_everybody() -> Path:
    """Return a folder with a `python3` that every user can load: this one may lie in the home of root."""
    for folder in (Path(sys.base_prefix, "bin"), Path("/usr/local/bin"), Path("/usr/bin")):
        python = folder / "python3"
        if python.exists() and _new_enough(python) and (os.geteuid() or _open_to_all(python.resolve())):
            return folder
    raise RuntimeError("no Python 3.11 that every user can load: install one, or run the tests as an ordinary user")


def _new_enough(python: Path) -> bool:
    asked = [str(python), "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    return subprocess.run(asked, check=False, capture_output=True).returncode == 0


def _open_to_all(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.parents)


@dataclass(eq=False)
class Machine:
    """What the cloud keeps of one sandbox: what was asked for, what was written to it, what was run on it.

    `search` is the search path of commands there.
    """

    id: str
    asked: dict[str, Any]
    offline: bool
    search: str = ""
    started: float = field(default_factory=time.time)
    uploads: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix=f"e2b-{self.id}-"))
        self.root.chmod(0o755)
        self.search = self.search or f"{python_for_everybody()}:/usr/local/bin:/usr/bin:/bin"
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        network = "offline" if self.offline else "online"
        with theirs:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _KEEPER, str(theirs.fileno()), network],
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    @property
    def metadata(self) -> dict[str, str]:
        return dict(self.asked.get("metadata") or {})

    def path(self, remote: str) -> Path:
        """Return where a remote path lies here."""
        return self.root / remote.lstrip("/")

    def running(self) -> set[int]:
        """Return the processes that run on the machine."""
        return {pid for pid in descendants(self._keeper.pid) if _runs(pid)}

    def end(self) -> None:
        """Switch the machine off."""
        while self.running():
            for pid in self.running():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.001)
        self._keeper.kill()
        self._keeper.wait()
        self._control.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def start(self, arguments: list[str], environment: dict[str, str]) -> Command:
        """Start bash as the daemon of the real machine does, except that the profile of this host is left out."""
        words = [word.replace("/opt/", f"{self.root}/opt/") for word in arguments if word != "-l"]
        self.commands.append(arguments[-1])
        pipes = [os.pipe() for _ in range(3)]
        order = {
            "argv": ["/bin/bash", *words],
            "env": {"PATH": self.search, "HOME": str(self.root), **environment},
            "cwd": str(self.root),
        }
        socket.send_fds(self._control, [json.dumps(order).encode()], [write for _, write in pipes])
        for _, write in pipes:
            os.close(write)
        stdout, stderr, status = (read for read, _ in pipes)
        return Command(stdout, stderr, status)


class Command:
    """A process that was started, by the ends of its pipes."""

    def __init__(self, stdout: int, stderr: int, status: int) -> None:
        self._pipes = {"stdout": stdout, "stderr": stderr}
        self._status = status

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what the daemon tells about the process: start, data, end."""
        status = await _stream(self._status)
        pid = int(await status.readline())
        yield {"start": {"pid": pid}}
        streams = {name: await _stream(descriptor) for name, descriptor in self._pipes.items()}
        ended = asyncio.ensure_future(status.readline())
        async for name, data in _merged(streams, ended):
            yield {"data": {name: data}}
        code = int(await ended or b"-9")
        words = f"signal: {-code}" if code < 0 else f"exit status {code}"
        yield {"end": {"exitCode": max(code, -1), "exited": code >= 0, "status": words}}


async def _stream(descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
    )
    return reader


async def _merged(
    streams: dict[str, asyncio.StreamReader], ended: asyncio.Future[bytes]
) -> AsyncIterator[tuple[str, bytes]]:
    """Yield what comes on the streams until they close; a process that outlives the command may hold them open."""
    reads = {name: asyncio.ensure_future(stream.read(65536)) for name, stream in streams.items()}
    while reads:
        waits = [*reads.values(), *([] if ended.done() else [ended])]
        done, _ = await asyncio.wait(waits, timeout=0.2 if ended.done() else None, return_when="FIRST_COMPLETED")
        if not done:
            break
        for name in [name for name, read in reads.items() if read in done]:
            data = reads.pop(name).result()
            if data:
                yield name, data
                reads[name] = asyncio.ensure_future(streams[name].read(65536))
    for read in reads.values():
        read.cancel()


def frames(data: bytes, trickle: bool) -> Iterator[bytes]:
    """Cut bytes into pieces of one byte where they are to trickle."""
    return (data[at : at + 1] for at in range(len(data))) if trickle else iter([data])
