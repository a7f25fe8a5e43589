"""One hostile program on one sandbox, and what is wrong with what came of it: an empty list, or the finding."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import BaseModel, JsonValue

from mendloop.executions import Call, Execution, Limits, Outcome, ProgramResult, Request
from mendloop.records import Case
from mendloop.tools.judging import calls_of, judge
from mendloop.tools.sandbox.local import LocalSandbox
from mendloop.tools.sandbox.protocol import Sandbox
from mendloop.tools.values import render
from tests.tools.sandbox.hostile.attack import ROOMY, Attack
from tests.tools.sandbox.hostile.escapes import CODE, ESCAPES
from tests.tools.sandbox.hostile.forgeries import CHECKED, FORGERIES, SPOILERS, secret
from tests.tools.sandbox.hostile.picture import descendants, resident_mb
from tests.tools.sandbox.hostile.weaker import attack_on, is_stopped

HOST_MB: Final = 160.0
"""How much the host process may grow while one program runs: it reads at most 32 MB of answers."""

INSIDE_MB: Final = 480.0
"""All processes below the host: the limit of ROOMY, the interpreters, and what is filled between two looks at it."""

SLACK_S: Final = 30.0

# What a program can see of where it starts: the same after every attack as before. The limit on address space is not
# in it: it moves a little with the size of the worker.
PORTRAIT: Final = """
import gc, os, resource, signal, socket, sys, threading, time
def f():
    def opened(fd):
        try: os.fstat(fd)
        except OSError: return False
        return True
    space = os.statvfs('/tmp')
    return {
        'files': sorted(os.listdir('.')) + sorted(os.listdir('/dev/shm')),
        'roots': sorted(os.listdir('/')),
        'space': (space.f_bfree, space.f_ffree, space.f_blocks),
        'process': (os.getpid(), os.getppid(), os.getpgrp(), os.getsid(0), os.getcwd(), socket.gethostname()),
        'ids': (os.getresuid(), os.getresgid(), os.getgroups()),
        'environment': dict(os.environ),
        'descriptors': [fd for fd in range(300) if opened(fd)],
        'limits': [resource.getrlimit(what) for what in range(16) if what != resource.RLIMIT_AS],
        'signals': [(int(s), str(signal.getsignal(s))) for s in sorted(signal.valid_signals())],
        'blocked': sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ()))),
        'pending': sorted(map(int, signal.sigpending())),
        'timers': [signal.getitimer(which) for which in (0, 1, 2)],
        'scheduler': (os.sched_getscheduler(0), os.nice(0), sorted(os.sched_getaffinity(0))),
        'threads': (threading.active_count(), gc.isenabled(), gc.get_threshold(), sys.getrecursionlimit()),
        'python': (sys.argv, sys.path, sorted(sys.modules), sys.gettrace() is None, sys.getswitchinterval()),
        'mask': os.umask(0),
    }
"""


@dataclass
class Trial:
    """What came of one program. `faults` says what should not have been."""

    faults: list[str] = field(default_factory=list)
    status: str = ""
    seconds: float = 0.0
    host_mb: float = 0.0
    inside_mb: float = 0.0


async def portrait(sandbox: Sandbox) -> JsonValue:
    """Return what a program that starts now sees; an answer that is none says how it ended."""
    done = await sandbox.run(Request(code=PORTRAIT, calls=(Call(id="f", call="f()"),), limits=ROOMY))
    return done.outcomes[0].value if done.status == "ok" else f"ended as {done.status}: {done.message}"


async def attack(sandbox: LocalSandbox, name: str) -> Trial:
    """Run one attack and say whether the verdict was honest, in bounded time."""
    chosen = attack_on(sandbox.isolation, name)
    done, result, trial = await _judged(sandbox, chosen.code, chosen.cases, chosen.limits)
    trial.faults = [
        *verdict_faults(chosen, done, result),
        *written_faults(done, result),
        *claim_faults(chosen.code, done),
    ]
    most = chosen.limits.wall_s * len(chosen.cases) + SLACK_S
    if trial.seconds > most:
        trial.faults.append(f"took {trial.seconds:.1f} s of {most:.1f}")
    return trial


def claim_faults(code: str, done: Execution) -> list[str]:
    """Return what an execution says that cannot be, whatever a program said of itself. No trace was asked for."""
    lines, most = code.count("\n") + 1, 1000 * done.wall_s + 1
    faults = [f"took {one.ms} ms of {most}" for one in done.outcomes if one.ms > most]
    faults += ["has a trace" for one in done.outcomes if one.trace]
    told = [one.error.line for one in done.outcomes if one.error and one.error.line is not None]
    return faults + [f"raised in line {line} of {lines}" for line in told if not 1 <= line <= lines]


def written_faults(*records: BaseModel) -> list[str]:
    """Return why records cannot be kept: whatever a program says of itself, it must be possible to write it down."""
    faults = []
    for record in records:
        try:
            record.model_dump_json()
        except ValueError as error:
            faults.append(f"cannot be written down: {error}"[:300])
    return faults


def verdict_faults(chosen: Attack, done: Execution, result: ProgramResult) -> list[str]:
    """Return what is wrong with a verdict on an attack."""
    faults = []
    if done.status not in chosen.honest:
        faults.append(f"is called {done.status}, not {' or '.join(chosen.honest)}: {_told(done)}")
    if result.passed or (chosen.cases[0].expect == "'right'" and result.cases[0].status == "pass"):
        faults.append(f"passed: {_told(done)}")
    return faults


async def escape(sandbox: LocalSandbox, name: str) -> Trial:
    """Try one way out: it is shut, or what isolates is known to leave it open."""
    began = time.monotonic()
    done = await sandbox.run(Request(code=CODE, calls=(Call(id=name, call=ESCAPES[name]),), limits=ROOMY))
    trial = Trial(status=done.status, seconds=time.monotonic() - began)
    stopped = is_stopped(sandbox.isolation, name)
    if done.status != "ok" or done.outcomes[0].value is not (not stopped):
        trial.faults.append(f"was {'not ' if stopped else ''}stopped: {_told(done)}")
    return trial


async def forgery(sandbox: Sandbox, name: str) -> Trial:
    """Let one program try to pass without the right value; the honest case beside it passes."""
    hidden = secret()
    case = Case(id="a", call="f()", expect=repr(hidden))
    return await _forged(sandbox, FORGERIES[name], case, spoilt=name in SPOILERS)


async def checked(sandbox: Sandbox, name: str) -> Trial:
    """Let one program try to pass a case whose comparison is an expression."""
    code, check = CHECKED[name]
    return await _forged(sandbox, code, Case(id="a", call="f()", check=check))


async def remembered(sandbox: Sandbox, name: str) -> Trial:
    """Let a program search for the right value after a program that knows it has run on the same sandbox."""
    hidden = secret()
    code = f"KNOWN = {hidden!r}\ndef f():\n    return {{KNOWN: [KNOWN + str(i) for i in range(300)]}}\n"
    if "printed" in name:
        code = f"def f():\n    print({hidden!r} * 100)\n"
    case = Case(id="a", call="f()", expect=repr(hidden))
    await sandbox.run(Request(code=code, calls=calls_of([case]), limits=ROOMY))
    return await _forged(sandbox, FORGERIES["searching all memory"], case)


async def _forged(sandbox: Sandbox, code: str, case: Case, *, spoilt: bool = False) -> Trial:
    honest = Case(id="b", call="sorted([3, 1, 2]) and 'le' + 'ft'", expect="'left'", isolated=True)
    done, result, trial = await _judged(sandbox, code, (case, honest), ROOMY)
    if done.status not in ("ok", "no_result", "crash", "disk", "memory", "pids"):
        trial.faults.append(f"is called {done.status}: {_told(done)}")
    if result.passed or result.cases[0].status == "pass":
        trial.faults.append(f"passed: {_told(done)}")
    if result.cases[1].status != "pass" and not spoilt:
        trial.faults.append(f"the honest case beside it did not pass: {_told(done)}")
    return trial


async def _judged(
    sandbox: Sandbox, code: str, cases: tuple[Case, ...], limits: Limits
) -> tuple[Execution, ProgramResult, Trial]:
    began = time.monotonic()
    done = await sandbox.run(Request(code=code, calls=calls_of(cases), limits=limits))
    result = await judge(cases, done, sandbox, ROOMY)
    return done, result, Trial(status=done.status, seconds=time.monotonic() - began)


def _told(done: Execution) -> str:
    """Return the beginning of what an execution said, on one line."""
    outcomes = [f"{one.id} {one.status} {_value(one)}"[:200] for one in done.outcomes]
    return f"{outcomes} {done.message} {done.stderr[-200:]!r}"


def _value(outcome: Outcome) -> str:
    return render(outcome.value) if outcome.error is None else outcome.error.message


@contextmanager
def sampled(trial: Callable[[], Trial | None]) -> Iterator[None]:
    """Watch the memory of this process and of all below it; write the most that was seen into the trial at the end."""
    before, most, ended = resident_mb("self"), [0.0, 0.0], threading.Event()

    def sample() -> None:
        while not ended.wait(0.03):
            most[0] = max(most[0], resident_mb("self") - before)
            most[1] = max(most[1], sum(map(resident_mb, descendants(os.getpid()))))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if found := trial():
            found.host_mb, found.inside_mb = most


def descriptors(pid: int | str) -> int | None:
    """Return how many descriptors a process has open; None when that cannot be read."""
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return None
