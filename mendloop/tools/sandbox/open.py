"""Open a sandbox backend by its name."""

from __future__ import annotations

from typing import Literal

from mendloop.errors import InputError
from mendloop.tools.sandbox.protocol import Sandbox

SandboxKind = Literal["local"]


def open_sandbox(kind: SandboxKind = "local", workers: int = 2) -> Sandbox:
    """Return a sandbox that starts lazily; `workers` is the number of executions at once. Raises InputError."""
    if kind == "local":
        from mendloop.tools.sandbox.local import LocalSandbox

        return LocalSandbox(workers)
    raise InputError(f"unknown sandbox {kind!r}", remedy="known: local")
