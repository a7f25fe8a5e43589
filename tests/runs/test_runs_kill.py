"""kill -9 at random moments: nothing acknowledged is lost, nothing answered is asked for again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from mendloop.runs.reader import Reader
from mendloop.runs.verify import verify

SESSIONS, STEPS = 6, 150

CHILD = f"""
import asyncio, os, sys
from pathlib import Path
from mendloop.events import ClockRead, NodeEntered, SessionStarted
from mendloop.records import Solution
from mendloop.runs.store import create_run, open_run

run, log = Path(sys.argv[1]), os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

async def session(store, name):
    journal = await store.journal(name)
    await journal.emit("started", SessionStarted(index=int(name[1:]), memory="off"))
    for step in range({STEPS}):
        await journal.emit(f"enter/{{step}}", NodeEntered(node="write", visit=step))
        async def call():
            os.write(log, f"call {{name}} {{step}}\\n".encode())
            await asyncio.sleep(0.001)
            return Solution(code=f"{{name}} {{step}}", author="model")
        await journal.effect(f"ask/{{step}}", step, call, Solution, lambda r, ref, v: ClockRead(request=r, result=ref))
        os.write(log, f"done {{name}} {{step}}\\n".encode())

async def main():
    with open_run(run) if (run / "run.db").exists() else create_run(run) as store:
        await asyncio.gather(*(session(store, f"s{{i}}") for i in range({SESSIONS})))
        await store.flush()

asyncio.run(main())
"""


def test_a_run_killed_again_and_again_completes_and_repays_nothing(tmp_path: Path) -> None:
    run, log = tmp_path / "run", tmp_path / "log"
    command = [sys.executable, "-c", CHILD, str(run), str(log)]
    moments = random.Random(7)
    kills = sum(killed(command, log, moments.uniform(0, 0.1), run) for _ in range(6))
    assert kills >= 3
    child = subprocess.run(command, check=False)
    assert child.returncode == 0
    calls = Counter(line for line in log.read_text().splitlines() if line.startswith("call"))
    repaid = sum(calls.values()) - len(calls)
    assert len(calls) == SESSIONS * STEPS
    assert repaid <= kills * SESSIONS  # calls in flight at a kill: at most one a session
    with Reader(run) as reader:
        for number in range(SESSIONS):
            assert [event.kind for event in reader.events(f"s{number}")] == [
                "session_started",
                *["node_entered", "clock"] * STEPS,
            ]
    assert_no_answered_call_was_repeated(log)


def killed(command: list[str], log: Path, pause_s: float, run: Path) -> bool:
    """Start the child, kill it a moment after it has got further than before, and say whether it was still running."""
    before = len(answered(log))
    with subprocess.Popen(command) as child:
        deadline = time.monotonic() + 20
        while child.poll() is None and len(answered(log)) <= before and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(pause_s)
        alive = child.poll() is None
        if alive:
            os.kill(child.pid, signal.SIGKILL)
    assert not verify(run).damaged
    return alive


def answered(log: Path) -> set[str]:
    lines = log.read_text().splitlines() if log.exists() else []
    return {line[5:] for line in lines if line.startswith("done")}


def assert_no_answered_call_was_repeated(log: Path) -> None:
    done: set[str] = set()
    for line in log.read_text().splitlines():
        verb, _, what = line.partition(" ")
        assert verb == "done" or what not in done, f"{what} was answered, and asked for again"
        if verb == "done":
            done.add(what)
