"""One interpreter per execution, which runs the program and its asserts: what the command line gives for nothing.

The arguments are the command; the program is added. Runs in a bare interpreter, so that starting costs no more.
"""

from __future__ import annotations

import os
import shutil
import sys

from benchmarks.sandbox_rows.serve import AbsentError, Batch, serve
from benchmarks.sandbox_rows.task import ASSERTS, PROGRAM


def prepare() -> Batch:
    """Find the command, and see that it tells a right program from a wrong one."""
    command = sys.argv[1:]
    found = shutil.which(command[0])
    if found is None:
        raise AbsentError(f"{command[0]} is not installed")
    if _execute(found, [*command, PROGRAM + ASSERTS]):
        raise ValueError(f"{' '.join(command)} does not run here")
    if not _execute(found, [*command, PROGRAM + "assert not gaps([[1, 2], [4, 5]])"]):
        raise ValueError("a wrong program passed")

    def batch(count: int) -> None:
        for _ in range(count):
            if _execute(found, [*command, PROGRAM + ASSERTS]):
                raise ValueError("the program failed")

    return batch


def _execute(path: str, command: list[str]) -> int:
    null = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0) for descriptor in range(3)]
    pid = os.posix_spawn(path, command, {"PATH": os.defpath}, file_actions=null)
    return os.waitpid(pid, 0)[1]


def main() -> None:
    """Serve the row."""
    serve(prepare)
