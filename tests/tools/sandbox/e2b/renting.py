"""What the tests of the cloud backend share: a sandbox in haste, programs, and a clock that only sleeping moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from mendloop.executions import Call, Execution, Limits, Request
from mendloop.tools.sandbox.e2b.plan import Plan
from mendloop.tools.sandbox.e2b.sandbox import E2bSandbox
from mendloop.tools.values import render
from tests.e2b_server import Cloud

FAST = 1000.0
SLEEPS = "import os, time\ndef f():\n    if os.fork() == 0:\n        os.setsid()\n    time.sleep(600)\n"
"""A program with a daemon, in which f() takes ten minutes."""


class Timeless:
    """A clock that moves only when somebody sleeps, or is told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def rent(cloud: Cloud, clock: Timeless | None = None, **plan: Any) -> E2bSandbox:
    """Return a sandbox in that cloud: the SDK repeats nothing of itself, and nobody waits for a turn."""
    wanted = Plan(**{"creates_per_s": FAST, "repeats": 0, **plan})
    time = clock or Timeless()
    return E2bSandbox(cloud.account(), wanted, clock=time, sleep=time.sleep)


async def run(sandbox: E2bSandbox, call: str = "6 * 7", code: str = "", **limits: Any) -> Execution:
    """Run one call of a program."""
    return await sandbox.run(Request(code=code, calls=(Call(id="c", call=call),), limits=Limits(**limits)))


def value(done: Execution) -> str:
    """Return the value of an execution that went well."""
    assert done.status == "ok", done
    return render(done.outcomes[0].value)


async def until(happened: Callable[[], bool]) -> None:
    """Wait for something that no event tells."""
    while not happened():  # noqa: ASYNC110 - it happens in another thread or process
        await asyncio.sleep(0.002)


async def program_runs(cloud: Cloud) -> None:
    """Wait until a program runs beside its runner."""
    await until(lambda: len(cloud.running()) > 1)
