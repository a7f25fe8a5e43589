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
_PIECE = 1 << 16
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


class Wire:
    """The host's end of the socket to a worker: one frame goes, one frame comes. Belongs to one event loop.

    The loop listens all the time, so that a question costs two system calls and one turn of the loop.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._loop: asyncio.AbstractEventLoop | None = None
        self._answer: asyncio.Future[bytes | Exception] | None = None
        self._received = bytearray()

    async def ask(self, body: bytes, deadline_s: float) -> bytes:
        """Send a frame, unless it is empty, and return the next one that comes.

        Raises OSError, EOFError or TimeoutError when none does. After an exception the wire is of no use any more.
        """
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        if self._loop is None:
            self._loop = loop
            loop.add_reader(self._control, self._read)
        late = loop.call_later(deadline_s, self._settle, TimeoutError(f"no answer after {deadline_s:.0f} s"))
        try:
            if body:
                await self._send(struct.pack("<I", len(body)) + body, deadline_s)
            answer = await self._answer
        finally:
            late.cancel()
            self._answer = None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        """Close the socket. May be called twice."""
        self._stop_listening()
        self._control.close()

    def shut(self) -> None:
        """Tell the worker that nobody listens any more."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)

    async def _send(self, frame: bytes, deadline_s: float) -> None:
        try:
            sent = self._control.send(frame)
        except BlockingIOError:
            sent = 0
        if sent < len(frame):
            async with asyncio.timeout(deadline_s):
                await asyncio.get_running_loop().sock_sendall(self._control, memoryview(frame)[sent:])

    def _read(self) -> None:
        try:
            piece = self._control.recv(_PIECE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._break(error)
            return
        if not piece:
            self._break(EOFError("the worker ended"))
            return
        self._received += piece
        if len(self._received) < 4:
            return
        (length,) = struct.unpack_from("<I", self._received)
        if length > _MAX_REPLY:
            self._break(EOFError("a reply out of bounds"))
        elif len(self._received) >= 4 + length:
            self._settle(bytes(memoryview(self._received)[4:]))
            self._received = bytearray()

    def _break(self, error: Exception) -> None:
        self._stop_listening()
        self._settle(error)

    def _settle(self, answer: bytes | Exception) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_result(answer)

    def _stop_listening(self) -> None:
        if self._loop and not self._loop.is_closed():
            self._loop.remove_reader(self._control)
        self._loop = None


class Worker:
    """A warm interpreter inside the namespaces, with the socket to talk to it. Not for concurrent use."""

    def __init__(self, process: subprocess.Popen[bytes], wire: Wire, make: Make) -> None:
        self._process, self._wire = process, wire
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
                env={"PYTHONHASHSEED": str(make.hash_seed % 2**32), "LD_BIND_NOW": "1"},
                cwd="/",
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise SandboxError(f"cannot start a sandbox worker: {error}") from error
        finally:
            theirs.close()
        worker = cls(process, Wire(ours), make)
        try:
            hello = json.loads(await worker._wire.ask(b"", _START_S))
        except (OSError, EOFError, ValueError) as error:
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
        return await self._wire.ask(json.dumps(request).encode(), deadline_s)

    async def end(self) -> None:
        """Shut the wire, which ends the worker and everything in it, and wait for the process. May be called twice."""
        self._wire.shut()
        try:
            await asyncio.shield(asyncio.ensure_future(self._reap()))
        except asyncio.CancelledError:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._wire.close()
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
