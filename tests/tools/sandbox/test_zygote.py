"""The process that children are cloned from: nothing of a program gets into it, and without it nothing runs."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mendloop.executions import Call, Execution, Limits, Request
from mendloop.tools.sandbox.local import LocalSandbox
from mendloop.tools.values import render
from tests.tools.sandbox.hostile.picture import descendants


@pytest.fixture
async def sandbox() -> AsyncIterator[LocalSandbox]:
    async with LocalSandbox(workers=1) as opened:
        yield opened


async def run(sandbox: LocalSandbox, code: str, *calls: str, limits: Limits | None = None) -> Execution:
    made = tuple(Call(id=str(number), call=call) for number, call in enumerate(calls))
    return await sandbox.run(Request(code=code, calls=made, limits=limits or Limits()))


def values(done: Execution) -> list[str]:
    return [render(outcome.value) for outcome in done.outcomes]


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def running(pid: int) -> bool:
    """Tell whether a process is there and not merely waiting to be waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def descriptors(pid: int) -> set[int]:
    return {int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()}


async def zygote_below(before: set[int]) -> int:
    """Return the first child of the only worker: the supervisor has the worker, the worker has it."""
    for _ in range(250):
        for pid in descendants(os.getpid()) - before:
            for worker in children(pid):
                if children(worker) and worker in descendants(pid):
                    return children(worker)[0]
        await asyncio.sleep(0.02)
    raise AssertionError("no zygote appeared")


async def gone(pid: int) -> bool:
    for _ in range(250):
        if not running(pid):
            return True
        await asyncio.sleep(0.02)
    return False


async def test_a_zygote_that_is_killed_under_an_execution_is_a_fault_of_ours(sandbox: LocalSandbox) -> None:
    before = descendants(os.getpid())
    await run(sandbox, "", "1")
    zygote = await zygote_below(before)
    task = asyncio.create_task(run(sandbox, "import time", "time.sleep(1)"))
    await asyncio.sleep(0.5)
    os.kill(zygote, signal.SIGKILL)
    done = await task
    assert (done.status, done.outcomes) == ("sandbox_error", ())
    assert "ZygoteGoneError" in done.message
    assert await gone(zygote)
    assert values(await run(sandbox, "", "1 + 1")) == ["2"]


async def test_a_zygote_that_was_killed_while_idle_is_a_fault_of_ours_once(sandbox: LocalSandbox) -> None:
    before = descendants(os.getpid())
    await run(sandbox, "", "1")
    zygote = await zygote_below(before)
    os.kill(zygote, signal.SIGKILL)
    assert (await run(sandbox, "", "1 + 1")).status == "sandbox_error"
    assert values(await run(sandbox, "", "1 + 1")) == ["2"]
    assert await gone(zygote)


async def test_a_worker_that_is_killed_takes_its_zygote_along(sandbox: LocalSandbox) -> None:
    before = descendants(os.getpid())
    await run(sandbox, "", "1")
    zygote = await zygote_below(before)
    outer = parent(parent(zygote))
    os.kill(parent(zygote), signal.SIGKILL)
    assert await gone(zygote)
    assert await gone(outer)  # the process that the host started ends with the worker
    assert values(await run(sandbox, "", "1 + 1")) == ["2"]


async def test_a_zygote_has_no_descriptor_but_its_own(sandbox: LocalSandbox) -> None:
    before = descendants(os.getpid())
    await run(sandbox, "", "1")
    assert descriptors(await zygote_below(before)) == {0, 1, 2, 100, 101}


async def test_answers_larger_than_a_pipe_arrive_whole_and_soon(sandbox: LocalSandbox) -> None:
    began = time.monotonic()
    done = await run(sandbox, "", "'x' * 900_000", *["'y' * 30_000"] * 100)
    assert [len(str(outcome.value)) for outcome in done.outcomes] == [900_000, *[30_000] * 100]
    assert done.status == "ok"
    assert time.monotonic() - began < 20


async def test_large_programs_reach_the_child_whole(sandbox: LocalSandbox) -> None:
    code = f"text = {'ab' * 1_000_000!r}"
    assert values(await run(sandbox, code, "len(text)")) == ["2000000"]
    assert values(await run(sandbox, "text = 'ab'", "len(text)")) == ["2"]


async def test_an_answer_before_a_flood_of_output_counts(sandbox: LocalSandbox) -> None:
    code = "import os\ndef flood():\n    while True: os.write(1, b'x' * 65536)\n"
    done = await run(sandbox, code, "'first'", "flood()", limits=Limits(output_mb=0.1))
    assert [outcome.status for outcome in done.outcomes] == ["returned", "missing"]
    assert done.status == "output_limit"


async def test_nothing_of_the_pipes_of_one_execution_is_left_for_the_next(sandbox: LocalSandbox) -> None:
    look = (
        "import os, fcntl\ndef look():\n"
        "    seen = [(os.fstat(fd), fcntl.fcntl(fd, fcntl.F_GETFL), fcntl.fcntl(fd, 1032)) for fd in (1, 2, 255)]\n"
        "    return [(s.st_mode, s.st_atime > 1e9, s.st_mtime > 1e9, flags, size) for s, flags, size in seen]\n"
    )
    spoil = look + (
        "def spoil():\n    for fd in (1, 2, 255):\n        os.fchmod(fd, 0o777)\n        os.utime(fd, (1, 1))\n"
        "        fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK | os.O_DIRECT)\n        fcntl.fcntl(fd, 1031, 4096)\n"
        "    return look()\n"
    )
    fresh = values(await run(sandbox, look, "look()"))
    spoilt = values(await run(sandbox, spoil, "spoil()"))
    assert spoilt != fresh
    assert values(await run(sandbox, look, "look()")) == fresh


async def test_what_is_left_in_the_pipes_of_a_killed_program_is_its_own(sandbox: LocalSandbox) -> None:
    code = "import os\ndef f():\n    os.write(1, b'mine')\n    os.write(255, b'\\x01')\n    os.abort()\n"
    spoilt = await run(sandbox, code, "f()")
    assert (spoilt.status, spoilt.stdout) == ("crash", "mine")
    clean = await run(sandbox, "", "1 + 1")
    assert (clean.status, clean.stdout, values(clean)) == ("ok", "", ["2"])
