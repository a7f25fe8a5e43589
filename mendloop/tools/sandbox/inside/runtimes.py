"""What a confined child becomes: this interpreter with the program in it, or the interpreter of another language."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, NamedTuple, NoReturn

from . import foreign, program, sql, suite

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
