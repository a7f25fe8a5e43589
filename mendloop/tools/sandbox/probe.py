"""The dry run: programs try from inside what no program may do, and each layer reports what it met."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from mendloop.errors import IsolationError, SandboxError
from mendloop.executions import Probe
from mendloop.tools.sandbox.attempts import attempted, probe_of
from mendloop.tools.sandbox.protocol import Sandbox
from mendloop.tools.sandbox.remedies import remedy

_ATTEMPTS = """
import ctypes

def read_files(paths):
    open_paths = [path for path in paths if attempt(lambda: open(path, "rb").close() or path)]
    return f"can open {open_paths}" if open_paths else None

def write_outside():
    places = ["/", "/usr", "/lib", "/etc", "/dev", "/root", "/home", "/var", os.path.dirname(os.__file__)]
    done = [place for place in places if attempt(lambda: open(place + "/.probe", "w").close() or place)]
    return f"can write to {done}" if done else None

def connect(port):
    def action():
        socket.create_connection(("127.0.0.1", port), 1).close()
        return "reached a server of the host on 127.0.0.1"
    return attempt(action)

def other_processes(host_pid):
    if os.path.exists("/proc/1"):
        return "sees /proc"
    return attempt(lambda: os.kill(host_pid, 0) or "can signal the process that started it")

def mount():
    done = ctypes.CDLL(None).mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0
    return "can mount" if done else None

def namespaces():
    done = ctypes.CDLL(None).unshare(0x10000000) == 0
    return "can make a user namespace" if done else None

def privileges():
    if os.getuid() == 0:
        return "is root"
    return attempt(lambda: os.sethostname("x") if hasattr(os, "sethostname") else os.chown("/tmp", 0, 0) or "can chown")
"""

_BY_CALL = {
    "read files of the host": "read_files({paths!r})",
    "write outside the scratch folder": "write_outside()",
    "network": "connect({port})",
    "other processes": "other_processes({pid})",
    "mounts": "mount()",
    "namespaces": "namespaces()",
    "privileges": "privileges()",
    "environment": "environment()",
    "limit on memory": "memory()",
    "limit on disk": "disk()",
    "limit on processes": "processes()",
}
_CPU_S = 5.0
_PRIVATE = ["/etc/shadow", "/etc/passwd", "/proc/1/environ", "/proc/self/environ", __file__]


async def probe_sandbox(sandbox: Sandbox) -> tuple[Probe, ...]:
    """Return one probe for each layer; a layer that cannot be set up is the only one in the answer."""
    with _listener() as server:
        facts = {"paths": _PRIVATE, "port": server.getsockname()[1] if server else 9, "pid": os.getpid()}
        calls = {layer: call.format(**facts) for layer, call in _BY_CALL.items()}
        try:
            execution = await attempted(sandbox, _ATTEMPTS, calls, _CPU_S)
        except IsolationError as error:
            return (Probe(layer=error.where, ok=False, detail=error.what, remedy=error.remedy),)
        except SandboxError as error:
            return (Probe(layer="worker", ok=False, detail=error.what, remedy=remedy("worker")),)
    if execution.status == "sandbox_error":
        return (Probe(layer="worker", ok=False, detail=execution.message, remedy=remedy("worker")),)
    setup = Probe(layer="namespaces", ok=True, detail="user, pid, network, mount, ipc and uts namespaces stand")
    return (setup, *(probe_of(outcome, remedy) for outcome in execution.outcomes))


@contextmanager
def _listener() -> Iterator[socket.socket | None]:
    """Give programs something real to reach; None where even the host may not listen."""
    try:
        server = socket.create_server(("127.0.0.1", 0))
    except OSError:
        yield None
        return
    with server:
        yield server
