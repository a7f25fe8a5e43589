"""The command line with a witness: `counting.py LOG ARGUMENTS...` notes every program that the sandbox is given."""

from __future__ import annotations

import os
import sys

from mendloop.cli import main
from mendloop.executions import Execution, Request
from mendloop.frozen import digest
from mendloop.tools.sandbox.local import LocalSandbox

run = LocalSandbox.run


async def noted(self: LocalSandbox, request: Request) -> Execution:
    os.write(log, f"{digest(request)}\n".encode())
    return await run(self, request)


log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
sys.argv[1:] = sys.argv[2:]
LocalSandbox.run = noted  # type: ignore[method-assign]  # a witness in front of the real one
main()
