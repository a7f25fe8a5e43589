"""Inside bwrap: a fresh interpreter takes its task from a descriptor, sets what bwrap does not set, and runs it."""

from __future__ import annotations

import json
import os
import sys
from typing import NoReturn

from . import jail, rootfs, runtimes

RUNNER = "/runner"
BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from inside import within; del sys.path[0]; within.main()"
_OURS = 1
"""Processes of this user that are not the program's: bwrap outside."""


def main() -> NoReturn:
    """Confine this process and run the task; never returns. What fails before the program is a fault of ours."""
    try:
        with os.fdopen(jail.TASK_FD, "rb") as file:
            told = json.load(file)
        sys.path.append(rootfs.PACKAGES)
        runtimes.preload(told["preload"])
        task = runtimes.Task(*told["task"])
        runtimes.bound(task, int(told["virtual"]), _OURS)
        jail.seal()
        for name in [name for name in sys.modules if name.partition(".")[0] == "inside"]:
            del sys.modules[name]
    except BaseException as error:
        jail.fail(error)
    runtimes.run(task, jail.SCRATCH)
