"""A run that is killed (SIGKILL) again and again and resumed each time, beside one that nobody disturbs.

undisturbed_run(scenario, whole, base_url)
killed = run_with_kills(scenario, run, base_url, ledger, planned(20, requests, seed=1))
assert not faults_of(killed, run, whole, CONCURRENCY)
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from mendloop.errors import MendloopError
from mendloop.events import RecordKept, SessionFinished
from mendloop.runs.reader import Reader
from mendloop.runs.verify import verify
from tests.e2e.many import journalled, served_by
from tests.e2e.product import PATIENCE_S, ROOT, exported, mendloop
from tests.fault_server import ASKED, LedgerFile

LOOK_S: Final = 0.005
SETTLED_S: Final = 0.05
"""So long after a kill nothing of the killed process arrives at the server any more."""
STARTING: Final = 0.1
"""The share of kills that come while a launch still starts."""
START_S: Final = 3.0
ENDING: Final = 2
"""Kills that come after the last session, while the export is written."""


@contextmanager
def server_process(ledger: Path, *options: object) -> Iterator[str]:
    """Run a fault server that plays the model of `many`, with its command line's options; yield its address."""
    command = [sys.executable, "-m", "tests.fault_server", "--ledger", *map(str, (ledger, *options))]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()


@dataclass(frozen=True)
class Kill:
    """When a launch is killed: `delay_s` after it began, after so many requests in all, or after its last session."""

    after: Literal["launch", "requests", "sessions"]
    delay_s: float
    requests: int = 0


def planned(kills: int, requests: int, seed: int) -> list[Kill]:
    """Plan kills that are spread over a run of so many requests, over its launches' starts, and over its export."""
    draw = random.Random(seed)
    starting = round(kills * STARTING)
    places = sorted(draw.randrange(requests) for _ in range(kills - starting - ENDING))
    plan = [Kill("requests", draw.uniform(0, 0.05), place) for place in places]
    for _ in range(starting):
        plan.insert(draw.randrange(len(plan) + 1), Kill("launch", draw.uniform(0, START_S)))
    return plan + [Kill("sessions", draw.uniform(0, 0.2)) for _ in range(ENDING)]


@dataclass
class Killed:
    """What happened to a run that was killed. Requests that are `lost` were journalled and are not any more."""

    kills: int = 0
    launches: int = 0
    asked_again: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    in_flight: list[int] = field(default_factory=list)
    repaid: int = 0
    requests: int = 0
    seconds: float = 0.0


class Witness:
    """Compares what a run has journalled at each kill with what its server is asked afterwards."""

    def __init__(self, run: Path, ledger: Path) -> None:
        self._run, self._file = run, LedgerFile(ledger)
        self._first_look: str | None = None
        self._asked: set[str] = set()
        self._journalled: set[str] = set()
        self._last_n = 0
        self.asked_again: set[str] = set()

    @property
    def asked(self) -> int:
        """How many different requests of sessions have arrived so far."""
        self._read()
        return len(self._asked)

    @property
    def repaid(self) -> int:
        """How many requests arrived that had arrived before."""
        counts = self._file.ledger.asked
        return sum(counts[key] - 1 for key in self._asked)

    def in_flight(self) -> int:
        """Take what is journalled now as settled, and return how many requests were asked that are not."""
        self._read()
        found, self._last_n = journalled(self._run, self._last_n) if _begun(self._run) else (set(), 0)
        self._journalled |= found
        return len(self._asked - self._journalled)

    def lost(self) -> set[str]:
        """Return the requests that were journalled once and are not now."""
        return self._journalled - journalled(self._run)[0]

    def _read(self) -> None:
        arrived = [key for key, what in self._file.more() if what == ASKED]
        if arrived and self._first_look is None:
            self._first_look = arrived[0]  # a launch begins with it, and no run journals it
        self._asked |= {key for key in arrived if key != self._first_look}
        self.asked_again |= self._journalled.intersection(arrived)


def run_with_kills(scenario: Path, run: Path, base_url: str, ledger: Path, kills: Sequence[Kill]) -> Killed:
    """Launch a run, kill it as planned and resume it each time, then let it end."""
    witness, killed = Witness(run, ledger), Killed()
    began = time.monotonic()
    for kill in kills:
        with _launch(scenario, run, base_url) as child:
            killed.launches += 1
            if _reached(kill, child, run, witness):
                child.send_signal(signal.SIGKILL)
            child.wait()
        if child.returncode != -signal.SIGKILL:
            break
        killed.kills += 1
        time.sleep(SETTLED_S)
        killed.in_flight.append(witness.in_flight())
    with _launch(scenario, run, base_url) as child:
        killed.launches += 1
        child.wait(PATIENCE_S)
    said = _said(run)
    assert child.returncode == 0 or "the run is finished" in said, f"exit {child.returncode}\n{said}"
    witness.in_flight()
    killed.asked_again, killed.lost, killed.repaid = witness.asked_again, witness.lost(), witness.repaid
    killed.requests, killed.seconds = witness.asked, time.monotonic() - began
    return killed


def _reached(kill: Kill, child: subprocess.Popen[bytes], run: Path, witness: Witness) -> bool:
    """Wait for the moment of a kill; False where the process ended before."""
    least = max(kill.requests, witness.asked + 1)
    enough: dict[str, Callable[[], bool]] = {
        "launch": lambda: True,
        "requests": lambda: witness.asked >= least,
        "sessions": lambda: _begun(run) and _ended(run),
    }
    deadline = time.monotonic() + PATIENCE_S
    while not enough[kill.after]():
        assert time.monotonic() < deadline, "the run never got there"
        if child.poll() is not None:
            return False
        time.sleep(LOOK_S)
    time.sleep(kill.delay_s)
    return child.poll() is None


@contextmanager
def _launch(scenario: Path, run: Path, base_url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Resume a run that was begun, else start it; what it says goes to a file beside the run."""
    if _begun(run):
        arguments = ["resume", run]
    else:
        shutil.rmtree(run, ignore_errors=True)
        arguments = ["run", scenario, "--out", run]
    command = [sys.executable, "-m", "mendloop", *map(str, arguments)]
    with (
        _log(run).open("wb") as log,
        subprocess.Popen(command, env=served_by(base_url), stdin=subprocess.DEVNULL, stdout=log, stderr=log) as child,
    ):
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


def _log(run: Path) -> Path:
    return run.with_name(f"{run.name}.log")


def _said(run: Path) -> str:
    return _log(run).read_text("utf-8")


def _begun(run: Path) -> bool:
    """Tell whether a run was begun, so that it can be resumed."""
    try:
        with Reader(run) as reader:
            return reader.last_n() > 0
    except MendloopError:
        return False


def _ended(run: Path) -> bool:
    with Reader(run) as reader:
        return reader.end() is not None


def endings(run: Path) -> dict[str, list[tuple[str, str]]]:
    """Return how each session ended, as often as that is journalled."""
    found: dict[str, list[tuple[str, str]]] = {}
    with Reader(run) as reader:
        for stored in reader.tail():
            if stored.kind == "session_finished" and isinstance(stored.event, SessionFinished):
                found.setdefault(stored.session, []).append((stored.event.outcome, stored.event.reason))
    return found


def kept(run: Path) -> Counter[str]:
    """Return how often a record of each session was kept."""
    with Reader(run) as reader:
        return Counter(
            stored.session
            for stored in reader.tail()
            if stored.kind == "record_kept" and isinstance(stored.event, RecordKept)
        )


def faults_of(killed: Killed, run: Path, undisturbed: Path, concurrency: int) -> list[str]:
    """Return what is wrong with a run that was killed; nothing where it is as good as the undisturbed one."""
    ended, expected = endings(run), endings(undisturbed)
    twice = [session for session, count in kept(run).items() if count > 1]
    checks = {
        f"{len(expected) - len(ended)} sessions are lost": set(ended) != set(expected),
        "sessions ended otherwise": ended != expected,
        f"kept twice: {twice}": bool(twice),
        f"{len(killed.asked_again)} journalled answers were asked for again": bool(killed.asked_again),
        f"{len(killed.lost)} journalled answers are lost": bool(killed.lost),
        f"{max(killed.in_flight, default=0)} calls in flight at a kill": max(killed.in_flight, default=0) > concurrency,
        f"{killed.repaid} calls repaid": killed.repaid > killed.kills * concurrency,
        "the exports are not the same bytes": exported(run) != exported(undisturbed) or not exported(run),
        "the run does not verify": not verify(run).ok,
    }
    return [what for what, wrong in checks.items() if wrong]


def undisturbed_run(scenario: Path, run: Path, base_url: str) -> None:
    """Run a scenario to its end."""
    done = mendloop("run", scenario, "--out", run, env=served_by(base_url))
    assert done.returncode == 0, done.stderr
