"""Rows as the benchmark sees them: processes that wait for a number of executions, each with a meter."""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.sandbox_rows.meter import CgroupMeter, TreeMeter, meter_of

ROOT = Path(__file__).parents[2]
SLICE = 50
"""Rows take turns after this many executions, so that a slow minute of the machine hits them all."""

_WARM = 10
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from importlib import import_module; "
    "import_module('benchmarks.sandbox_rows.' + sys.argv.pop(1)).main()"
)


class RowError(Exception):
    """A row cannot be measured; the text says why."""


@dataclass(frozen=True)
class Row:
    """What to start: a module of this folder with its arguments, in an interpreter; or why it cannot be started."""

    name: str
    python: str
    module: str
    arguments: tuple[str, ...] = ()
    flags: tuple[str, ...] = ("-I", "-S", "-X", "utf8")
    absent: str = ""


@dataclass
class Measured:
    """CPU and wall milliseconds per execution, one of each for every round, or the reason why there are none."""

    name: str
    cpu_ms: list[float] = field(default_factory=list)
    wall_ms: list[float] = field(default_factory=list)
    reason: str = ""

    @property
    def median_ms(self) -> float | None:
        """The CPU time of the median round."""
        return statistics.median(self.cpu_ms) if self.cpu_ms and not self.reason else None


class Contender:
    """A row's process. Once something goes wrong it says why and takes no part any more."""

    def __init__(self, row: Row) -> None:
        self.measured = Measured(row.name)
        self._cpu_ms = self._wall_ms = 0.0
        self._process = subprocess.Popen(
            [row.python, *row.flags, "-c", _BOOT, str(ROOT), row.module, *row.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.meter: CgroupMeter | TreeMeter = meter_of(self._process.pid)

    def get_ready(self) -> None:
        """Let it load what it needs; it has started no other process before."""
        self._told("go")

    def execute(self, count: int) -> None:
        """Make executions and add up what they use."""
        before = self.meter.read_ms()
        words = self._told(str(count))
        if words:
            self._cpu_ms += self.meter.read_ms() - before
            self._wall_ms += float(words[1]) * 1000

    def close_round(self, executions: int) -> None:
        """Note what the executions since the last round used."""
        if not self.measured.reason:
            self.measured.cpu_ms.append(self._cpu_ms / executions)
            self.measured.wall_ms.append(self._wall_ms / executions)
        self._cpu_ms = self._wall_ms = 0.0

    def end(self) -> None:
        """Let the process end, by force when it does not."""
        try:
            self._process.communicate(timeout=10)
        except (subprocess.TimeoutExpired, OSError):
            self._process.kill()
            self._process.wait()
        self.meter.close()

    def _told(self, line: str) -> list[str]:
        """Send a line and return the words of the answer; none when the row takes no part."""
        if self.measured.reason:
            return []
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(line, file=self._process.stdin, flush=True)
            words = self._process.stdout.readline().split()
        except OSError:
            words = []
        if words[:1] in (["ready"], ["done"]):
            return words
        self.measured.reason = " ".join(words[1:]) or "its process died"
        return []


def measure(rows: Sequence[Row], rounds: int, executions: int) -> list[Measured]:
    """Measure every row in every round, the rows taking turns within a round."""
    contenders: list[Contender] = []
    try:
        contenders.extend(Contender(row) for row in rows if not row.absent)
        for contender in contenders:
            contender.get_ready()
            contender.execute(_WARM)
            contender.close_round(_WARM)
            contender.measured.cpu_ms.clear()
            contender.measured.wall_ms.clear()
        for _ in range(rounds):
            for left in range(executions, 0, -SLICE):
                for contender in contenders:
                    contender.execute(min(SLICE, left))
            for contender in contenders:
                contender.close_round(executions)
    finally:
        for contender in contenders:
            contender.end()
    found = iter(contenders)
    return [Measured(row.name, reason=row.absent) if row.absent else next(found).measured for row in rows]
