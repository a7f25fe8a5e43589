"""One worker process as the host sees it: started, asked, ended. The only wire between host and sandbox."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal, NamedTuple

from mendloop.errors import SandboxError
from mendloop.tools.sandbox.cgroups import MemoryGroup
from mendloop.tools.sandbox.kits import Kit
from mendloop.tools.sandbox.remedies import isolation_error

Isolation = Literal["local", "bwrap", "unsafe-local"]

_START_S = 30.0
_END_S = 5.0
_MAX_REPLY = 256 << 20
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); import inside.worker as worker; del sys.path[0]; "
    "[sys.modules.pop(name) for name in list(sys.modules) if name.split('.')[0] == 'inside']; "
    "worker.main(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])"
)


def interpreter() -> str:
    """Return the interpreter behind any virtual environment: its folder holds the standard library."""
    return str(Path(getattr(sys, "_base_executable", None) or sys.executable).resolve())


class Make(NamedTuple):
    """What one worker is, all of which is settled when it starts. `program` is the path of bwrap where that is used."""

    isolation: Isolation
    kit: Kit
    hash_seed: int
    program: str = ""


class Worker:
    """A warm interpreter inside the namespaces, with the socket to talk to it. Not for concurrent use."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket, make: Make) -> None:
        self._process, self._control = process, control
        self.make = make
        self.runs = 0
        self.group = MemoryGroup.around(process.pid)

    @classmethod
    async def start(cls, make: Make) -> Worker:
        """Start a worker of a make and wait until every layer stands.

        Raises IsolationError when a layer cannot be set up, SandboxError when the worker does not come up at all.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        command = [interpreter(), "-S", "-s", "-P", "-X", "utf8", "-c", _BOOT, str(Path(__file__).parent)]
        try:
            process = subprocess.Popen(  # noqa: S603, ASYNC220 - our own program; starting takes about a millisecond
                [*command, str(theirs.fileno()), str(os.getpid()), make.kit.json(make.isolation, make.program)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"PYTHONHASHSEED": str(make.hash_seed % 2**32)},
                cwd="/",
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise SandboxError(f"cannot start a sandbox worker: {error}") from error
        finally:
            theirs.close()
        worker = cls(process, ours, make)
        try:
            hello = json.loads(await asyncio.wait_for(worker._receive(), _START_S))
        except (OSError, ValueError, TimeoutError) as error:
            await worker.end()
            raise SandboxError(f"a sandbox worker did not start: {error!r}") from error
        except BaseException:
            await worker.end()
            raise
        if not hello.get("ready"):
            await worker.end()
            raise isolation_error(str(hello["layer"]), int(hello["errno"]), str(hello["detail"]))
        return worker

    @property
    def alive(self) -> bool:
        """False once the process is gone."""
        return self._process.poll() is None

    async def ask(self, request: dict[str, Any], deadline_s: float) -> bytes:
        """Send one request and return the reply. After an exception, cancellation too, the worker must be ended.

        Raises OSError, EOFError or TimeoutError when the worker does not answer.
        """
        self.runs += 1
        if self.group:
            self.group.bound(int(request["limits"]["memory_mb"]), int(request["limits"]["disk_mb"]))
        loop = asyncio.get_running_loop()
        body = json.dumps(request).encode()
        async with asyncio.timeout(deadline_s):
            await loop.sock_sendall(self._control, struct.pack("<I", len(body)) + body)
            return await self._receive()

    async def end(self) -> None:
        """Shut the wire, which ends the worker and everything in it, and wait for the process. May be called twice."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        try:
            await asyncio.shield(asyncio.ensure_future(self._reap()))
        except asyncio.CancelledError:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._control.close()
            if self.group:
                self.group.close()

    async def _reap(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                while self._process.poll() is None:  # noqa: ASYNC110 - a child process sets no event
                    await asyncio.sleep(0.002)
            return
        self._process.kill()
        self._process.wait()

    async def _receive(self) -> bytes:
        (length,) = struct.unpack("<I", await self._exactly(4))
        if length > _MAX_REPLY:
            raise EOFError("a reply out of bounds")
        return bytes(await self._exactly(length))

    async def _exactly(self, count: int) -> bytearray:
        loop = asyncio.get_running_loop()
        data = bytearray()
        while len(data) < count:
            chunk = await loop.sock_recv(self._control, min(count - len(data), 1 << 20))
            if not chunk:
                raise EOFError("the worker ended")
            data += chunk
        return data
