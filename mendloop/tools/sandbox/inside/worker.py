"""A warm interpreter that lives in the namespaces and clones one child for every run of calls.

It is the first process of its pid namespace. Its only input is the control socket.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import struct
from typing import Any

from . import jail
from .session import HostGoneError, Session
from .watch import Watch

# What most programs import, loaded once: a child starts with it.
PRELOAD = [
    "abc",
    "base64",
    "bisect",
    "collections",
    "collections.abc",
    "contextlib",
    "copy",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fnmatch",
    "fractions",
    "functools",
    "heapq",
    "io",
    "itertools",
    "json",
    "math",
    "operator",
    "random",
    "re",
    "reprlib",
    "string",
    "sys",
    "textwrap",
    "time",
    "traceback",
    "typing",
    "urllib.parse",
]


def main(control_fd: int, host_pid: int) -> None:
    """Set the isolation up, report it, serve until the control socket closes; never returns."""
    control = socket.socket(fileno=control_fd)
    try:
        for name in PRELOAD:
            __import__(name)
        os.environ.clear()
        proc = jail.enter(host_pid)
    except jail.SetupError as error:
        send(control, {"layer": error.layer, "errno": error.number, "detail": error.detail})
        os._exit(1)
    except BaseException as error:
        send(control, {"layer": "worker", "errno": 0, "detail": f"{type(error).__name__}: {error}"})
        os._exit(1)
    gc.collect()
    gc.freeze()
    watch = Watch(proc)
    send(control, {"ready": True})
    try:
        while (request := receive(control)) is not None:
            control.sendall(_framed(Session(control, watch, request).run()))
    except HostGoneError:
        pass
    except BaseException as error:
        send(control, {"status": "sandbox_error", "message": f"{type(error).__name__}: {error}"})
    finally:
        os._exit(0)


def send(control: socket.socket, message: dict[str, Any]) -> None:
    """Send one JSON message: its length as 4 bytes, then the text."""
    control.sendall(_framed(json.dumps(message).encode()))


def _framed(body: bytes) -> bytes:
    return struct.pack("<I", len(body)) + body


def receive(control: socket.socket) -> dict[str, Any] | None:
    """Return the next JSON message, or None when the host is gone."""
    header = _exactly(control, 4)
    body = _exactly(control, struct.unpack("<I", header)[0]) if header else b""
    return json.loads(body) if body else None


def _exactly(control: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        chunk = control.recv(min(count - len(data), 1 << 20))
        if not chunk:
            return b""
        data += chunk
    return bytes(data)
