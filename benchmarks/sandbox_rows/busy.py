"""A known amount of work, to try a meter on: each batch burns that many milliseconds in two processes at once.

One process ends and is waited for; the other lives on, as a warm worker does. Runs in a bare interpreter.
"""

from __future__ import annotations

import os
import time

from benchmarks.sandbox_rows.serve import Batch, serve


def prepare() -> Batch:
    """Start the process that lives on."""
    asked, ask = os.pipe()
    answer, answered = os.pipe()
    if os.fork() == 0:
        os.close(ask)
        while word := os.read(asked, 8):
            burn(int(word))
            os.write(answered, b"1")
        os._exit(0)
    os.close(asked)

    def batch(milliseconds: int) -> None:
        os.write(ask, str(milliseconds).encode())
        pid = os.fork()
        if pid == 0:
            burn(milliseconds)
            os._exit(0)
        os.waitpid(pid, 0)
        os.read(answer, 1)

    return batch


def burn(milliseconds: int) -> None:
    """Compute until this process has used that much CPU time by its own clock."""
    end = time.process_time_ns() + milliseconds * 1_000_000
    while time.process_time_ns() < end:
        pass


def main() -> None:
    """Serve the row."""
    serve(prepare)
