"""The wire of a row's process: a number of executions comes in on stdin, `done` and seconds of wall time go out.

Standard library only: bare interpreters run it too.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

Batch = Callable[[int], None]


class AbsentError(Exception):
    """What this row runs is not there on this machine or not in this version."""


def serve(prepare: Callable[[], Batch]) -> None:
    """Wait for a first line, get ready, then make as many executions as each further line says.

    Batches raise when an execution went wrong; that, too, is said, and ends the row.
    """
    out = os.dup(1)  # what programs print goes elsewhere
    os.dup2(2, 1)
    try:
        sys.stdin.readline()
        batch = prepare()
        _say(out, "ready")
        for line in sys.stdin:
            began = time.perf_counter()
            batch(int(line))
            _say(out, f"done {time.perf_counter() - began}")
    except AbsentError as error:
        _say(out, f"absent {error}")
    except Exception as error:
        _say(out, f"failed {type(error).__name__}: {error}")


def _say(out: int, text: str) -> None:
    os.write(out, (text.replace("\n", " ") + "\n").encode())
