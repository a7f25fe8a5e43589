"""What programs attempt in a dry run that no program may do, and what is made of how it went: for every backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mendloop.executions import Call, Execution, Limits, Outcome, Probe, Request
from mendloop.tools.sandbox.protocol import Sandbox

# Every attempt returns None when it was stopped, else a text that says how far it got.
_COMMON = """
import os, socket, time

def attempt(action, *stopped):
    try:
        return action()
    except stopped or OSError:
        return None

def environment():
    return f"sees {sorted(os.environ)}" if os.environ else None

def processes():
    count = 0
    try:
        while count < 64:
            if os.fork() == 0:
                time.sleep(60)
            count += 1
    except OSError:
        return None
    return f"started {count} processes"

def disk():
    def action():
        with open("big", "wb") as file:
            for _ in range(64):
                file.write(bytes(1 << 20))
        return "wrote 64 MB"
    return attempt(action)

def memory():
    return attempt(lambda: f"took {len(bytearray(1 << 30)) >> 20} MB", MemoryError)
"""


async def attempted(sandbox: Sandbox, code: str, calls: Mapping[str, str], cpu_s: float) -> Execution:
    """Let a program make the calls, by the layer each is about, with `code` added to the common attempts.

    `cpu_s` is the processor time of each in seconds. Raises what the sandbox does.
    """
    made = tuple(Call(id=layer, call=call, isolated=layer.startswith("limit")) for layer, call in calls.items())
    limits = Limits(cpu_s=cpu_s, wall_s=10, memory_mb=64, pids=8, disk_mb=2, output_mb=0.1)
    return await sandbox.run(Request(code=_COMMON + code, calls=made, limits=limits))


def probe_of(outcome: Outcome, remedy: Callable[[str], str]) -> Probe:
    """Return what an attempt says about its layer; `remedy` says what to do about one that does not hold."""
    if outcome.status in ("returned", "memory") and outcome.value is None:
        return Probe(layer=outcome.id, ok=True, detail="holds")
    detail = str(outcome.value) if outcome.status == "returned" else f"the attempt ended as {outcome.status}"
    return Probe(layer=outcome.id, ok=False, detail=detail, remedy=remedy(outcome.id))
