"""The warm process behind a sandbox: it starts one child for every run of calls and watches it from outside.

In the namespaces it is the first process of its pid namespace. Its only input is the control socket.
"""

# ruff: noqa: PTH100, PTH120
# pathlib would be loaded into every child
from __future__ import annotations

import gc
import json
import os
import socket
import struct
import sys
from typing import Any

from . import jail, program, rootfs, runtimes, within
from .bubblewrap import Bubblewrap
from .launch import FOLDER_MODULES, Launcher, Plain
from .namespaces import Namespaces
from .session import Session
from .supervisor import HostGoneError
from .watch import Watch

_PIECE = 1 << 16
LOCAL, BWRAP = "local", "bwrap"


def main(control_fd: int, host_pid: int, kit: str) -> None:
    """Set the isolation up, report it, serve until the control socket closes; never returns.

    `kit` is the JSON of what this worker is made of: isolation, program (bwrap's path), packages, paths, preload, exe.
    """
    control = socket.socket(fileno=control_fd)
    try:
        parts = json.loads(kit)
        for name in (*runtimes.PRELOAD, *(FOLDER_MODULES if parts["isolation"] != LOCAL else ())):
            __import__(name)
        launcher, watch = _isolated(host_pid, parts)
    except jail.SetupError as error:
        send(control, {"layer": error.layer, "errno": error.number, "detail": error.detail})
        os._exit(1)
    except BaseException as error:
        send(control, {"layer": "worker", "errno": 0, "detail": f"{type(error).__name__}: {error}"})
        os._exit(1)
    send(control, {"ready": True})
    try:
        while (request := receive(control)) is not None:
            control.sendall(_framed(Session(control, watch, request, launcher).run()))
    except HostGoneError:
        pass
    except BaseException as error:
        send(control, {"status": "sandbox_error", "message": f"{type(error).__name__}: {error}"})
    finally:
        os._exit(0)


def _isolated(host_pid: int, kit: dict[str, Any]) -> tuple[Launcher, Watch]:
    """Enter the isolation that the kit names, load what its programs import, and return what starts children."""
    hash_seed = os.environ.get("PYTHONHASHSEED", "0")
    root = rootfs.plan(kit["packages"], kit["paths"], kit["exe"])
    if kit["isolation"] == BWRAP:
        watch = Watch(jail.attach(host_pid), network=1)  # below bwrap itself
        root.trees[f"{within.RUNNER}/inside"] = os.path.dirname(os.path.abspath(__file__))
        return Bubblewrap(watch, kit["program"], jail.readable(root), hash_seed, kit["preload"]), watch
    if kit["isolation"] == LOCAL:
        proc = jail.enter(host_pid, root)
        sys.path.append(rootfs.PACKAGES)
    else:
        proc = jail.attach(host_pid)
        sys.path += sorted({os.path.dirname(path) for path in kit["packages"].values()})
    runtimes.preload(kit["preload"])
    program.rehearse()
    gc.collect()
    gc.freeze()
    watch = Watch(proc, network=0 if kit["isolation"] == LOCAL else None)
    return (Namespaces(watch) if kit["isolation"] == LOCAL else Plain(watch)), watch


def send(control: socket.socket, message: dict[str, Any]) -> None:
    """Send one JSON message: its length as 4 bytes, then the text."""
    control.sendall(_framed(json.dumps(message).encode()))


def _framed(body: bytes) -> bytes:
    return struct.pack("<I", len(body)) + body


def receive(control: socket.socket) -> dict[str, Any] | None:
    """Return the next JSON message, or None when the host is gone. The host sends one and waits for the answer."""
    data = bytearray()
    while len(data) < 4 or len(data) < 4 + struct.unpack_from("<I", data)[0]:
        piece = control.recv(_PIECE)
        if not piece:
            return None
        data += piece
    message: dict[str, Any] = json.loads(data[4:])
    return message
