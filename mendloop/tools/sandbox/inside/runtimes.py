"""What a confined child becomes: this interpreter with the program in it, or the interpreter of another language."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, NamedTuple, NoReturn

from . import foreign, program, sql, suite
from .jail import limit

# What most programs import, loaded once: a child starts with it.
PRELOAD = (
    "abc",
    "base64",
    "bisect",
    "collections",
    "collections.abc",
    "contextlib",
    "copy",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fnmatch",
    "fractions",
    "functools",
    "heapq",
    "io",
    "itertools",
    "json",
    "math",
    "operator",
    "random",
    "re",
    "reprlib",
    "string",
    "sys",
    "textwrap",
    "time",
    "traceback",
    "typing",
    "urllib.parse",
)


_SINGLE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def preload(names: Iterable[str]) -> None:
    """Load modules, with one thread each, and forget the environment: a program inherits nothing else of it."""
    os.environ.clear()
    os.environ.update(_SINGLE_THREAD)
    for name in names:
        __import__(name)
    os.environ.clear()


class Task(NamedTuple):
    """What one child is started for.

    `runtime` is python, sql, pytest, or foreign (another interpreter, see `foreign`). `builds` tells whether the child
    fills the build folder (True), reads it (False), or there is none (None).
    """

    code: str
    calls: list[tuple[int, dict[str, Any]]]
    limits: dict[str, float]
    trace: bool = False
    runtime: str = "python"
    tests: str = ""
    command: list[str] = []
    file: str = ""
    shim: str = ""
    address_space: bool = True
    builds: bool | None = None


def task_of(request: dict[str, Any]) -> Task:
    """Return the task of a request. It has no calls yet: each child is given its own."""
    return Task(
        code=str(request["code"]),
        calls=[],
        limits=request["limits"],
        trace=bool(request["trace"]),
        runtime=str(request["runtime"]),
        tests=str(request["tests"]),
        command=request["command"],
        file=str(request["file"]),
        shim=str(request["shim"]),
        address_space=bool(request["address_space"]),
        builds=False if request["build"] else None,
    )


def bound(task: Task, virtual: int, ours: int | None) -> None:
    """Set the resource limits of this process for a task.

    `virtual` is the address space that a child has before it does anything, in bytes. `ours` counts the processes
    beside the program's that its limit on processes is about; None where others count too, so that it cannot be set.
    """
    room = (int(task.limits["memory_mb"]) << 20) + virtual if task.address_space else None
    pids = None if ours is None else int(task.limits["pids"]) + ours
    limit(task.limits, len(task.calls), address_space=room, pids=pids)


def run(task: Task, scratch: str) -> NoReturn:
    """Run the program of a task in this process."""
    program.begin(scratch)
    if task.runtime == "foreign":
        foreign.run(task.command, task.code, task.file, task.shim, task.calls)
    if task.runtime == "sql":
        sql.run(task.code, task.calls)
    if task.runtime == "pytest":
        suite.run(task.code, task.tests)
    program.run(task.code, task.calls, trace=task.trace)
