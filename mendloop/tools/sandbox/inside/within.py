"""Inside bwrap: a fresh interpreter takes its task from a descriptor, sets what bwrap does not set, and runs it."""

from __future__ import annotations

import json
import os
import sys
from typing import NoReturn

from . import jail, rootfs, runtimes

RUNNER = "/runner"
TASK_FD = jail.VERDICT_FD - 1
BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from inside import within; del sys.path[0]; within.main()"


def main() -> NoReturn:
    """Confine this process and run the task; never returns. What fails before the program is a fault of ours."""
    try:
        with os.fdopen(TASK_FD, "rb") as file:
            words = json.load(file)
        room = (int(words["limits"]["memory_mb"]) << 20) + int(words.pop("virtual"))
        sys.path.append(rootfs.PACKAGES)
        runtimes.preload(words.pop("preload"))
        task = runtimes.Task(**{**words, "calls": [(index, call) for index, call in words["calls"]]})
        pids = int(task.limits["pids"]) + 1
        jail.limit(task.limits, len(task.calls), address_space=room if task.address_space else None, pids=pids)
        jail.seal()
        for name in [name for name in sys.modules if name.partition(".")[0] == "inside"]:
            del sys.modules[name]
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}".encode())
        os._exit(1)
    runtimes.run(task, jail.SCRATCH)
