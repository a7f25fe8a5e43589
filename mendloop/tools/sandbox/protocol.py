"""The sandbox seam."""

from __future__ import annotations

from typing import Protocol

from mendloop.executions import Execution, Probe, Request


class Sandbox(Protocol):
    """Runs untrusted programs and reports what they did; it never learns an expected value."""

    async def probe(self) -> tuple[Probe, ...]:
        """Try every layer for real and say which ones hold."""
        ...

    async def run(self, request: Request) -> Execution:
        """Execute one program. A fault of the program is in the result; `sandbox_error` is a fault of ours."""
        ...

    async def aclose(self) -> None:
        """Stop every process that belongs to this sandbox."""
        ...
