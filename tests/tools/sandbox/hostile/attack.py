"""What a hostile program is: data, so that tests, a process of its own and the soak run the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from mendloop.executions import Limits, ProgramStatus
from mendloop.records import Case

Isolation = Literal["local", "bwrap"]
"""What may be given hostile programs. The cloud of the tests is processes of this machine, which isolate nothing."""

ROOMY: Final = Limits(cpu_s=20, wall_s=60, memory_mb=96, pids=16, disk_mb=4, output_mb=0.05)
"""For programs that end by themselves or reach another limit than time: a slow machine must not change the verdict."""

QUICK: Final = ROOMY.model_copy(update={"cpu_s": 0.3, "wall_s": 0.8})
"""For programs that never end: time is one of their honest verdicts."""

MARK: Final = "mendloop-hostile"
"""Begins the name of everything that a program tries to leave outside its scratch folder."""

ANSWER: Final = (Case(id="f", call="f()", expect="'right'"),)


@dataclass(frozen=True)
class Attack:
    """A program, the program statuses that are an honest verdict on it, and the cases it must not pass."""

    code: str
    honest: tuple[ProgramStatus, ...]
    limits: Limits = ROOMY
    cases: tuple[Case, ...] = ANSWER


def ends(code: str, *honest: ProgramStatus) -> Attack:
    """Return an attack that ends by itself or reaches a limit that is not time."""
    return Attack(code, honest or ("ok",))


def never_ends(code: str, *honest: ProgramStatus) -> Attack:
    """Return an attack that time must stop, unless it is stopped before for another honest reason."""
    return Attack(code, ("timeout", *honest), QUICK)


def script(code: str, *honest: ProgramStatus, limits: Limits = ROOMY) -> Attack:
    """Return an attack that runs as a whole script."""
    return Attack(code, honest or ("ok",), limits, (Case(id="script", stdin="", stdout="right\n"),))
