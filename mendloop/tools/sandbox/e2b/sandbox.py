"""The sandbox on rented machines: many executions a machine, each a process of our own runner."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Coroutine
from typing import Any

from mendloop.errors import InputError, SandboxError
from mendloop.executions import Execution, Limits, Probe, Request
from mendloop.tools.sandbox import wire
from mendloop.tools.sandbox.e2b.dryrun import probe_cloud
from mendloop.tools.sandbox.e2b.faults import MachineError
from mendloop.tools.sandbox.e2b.pace import Clock, Sleep
from mendloop.tools.sandbox.e2b.plan import Account, Plan
from mendloop.tools.sandbox.e2b.pool import Pool
from mendloop.tools.sandbox.e2b.runner import FOLDER, NO_PYTHON, pack
from mendloop.tools.sandbox.e2b.sdk import Cloud, Machine, noticed
from mendloop.tools.sandbox.languages import PYTHON, SQL

ISOLATION = "e2b"
_VERDICTS = 32 << 20  # what the runner takes on its verdict channel
_ESCAPED = 12  # bytes of JSON for one byte of output, at the most


class E2bSandbox:
    """Runs executions on machines of e2b, as many at once as the plan has machines.

    A machine has no network and is a machine of its own, so it isolates from the host and from other tenants better
    than a shared kernel. Executions that follow one another on a machine are kept apart by users and by ending every
    process. A machine on which anything went wrong, or a run was cancelled, is ended and not used again. Belongs to
    one event loop; end it with `aclose`.
    """

    def __init__(
        self, account: Account, plan: Plan | None = None, *, clock: Clock = time.monotonic, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._plan = plan or Plan()
        self.tag = secrets.token_hex(8)
        self._pool = Pool(Cloud(account, self._plan, clock), self._plan, self.tag, clock, sleep)
        self._closing = asyncio.Event()

    async def __aenter__(self) -> E2bSandbox:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def probe(self) -> tuple[Probe, ...]:
        """Rent a machine, and try every layer for real: programs attempt from inside what no program may do."""
        return await probe_cloud(self)

    async def run(self, request: Request) -> Execution:
        """Execute one program.

        Raises InputError when the cloud refuses the key or the template, or machines lack what the program needs; then
        nothing was run. Other faults of ours are `sandbox_error`, after the plan's attempts on other machines.
        Cancelling ends the machine with all on it.
        """
        if self._pool.closed:
            raise SandboxError("the sandbox is closed")
        _refuse_what_machines_lack(request)
        if not request.calls:
            return Execution(status="ok", isolation=ISOLATION)
        execution = wire.broken("it was not tried", ISOLATION)
        for _ in range(self._plan.attempts):
            try:
                machine = await self._pool.take(self._most_s(request))
            except SandboxError as error:
                return wire.broken(error.what, ISOLATION)
            execution = await self._run_on(machine, request)
            if execution.status != "sandbox_error" or self._pool.closed:
                break
        return execution

    async def aclose(self) -> None:
        """End every machine and all that runs there; runs under way get `sandbox_error`."""
        self._closing.set()
        await self._pool.aclose()

    async def _run_on(self, machine: Machine, request: Request) -> Execution:
        """Run on one machine; only a machine that answered well is given back."""
        healthy = False
        try:
            reply = await self._unless_closing(self._reply(machine, request), self._most_s(request))
            execution = wire.execution(reply, request, ISOLATION)
            healthy = execution.status != "sandbox_error"
        except MachineError as error:
            execution = wire.broken(error.what, ISOLATION)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            execution = wire.broken(f"a reply that is none: {type(error).__name__}", ISOLATION)
        finally:
            if healthy:
                self._pool.give_back(machine)
            else:
                await self._pool.discard(machine)
        return execution

    async def _reply(self, machine: Machine, request: Request) -> bytes:
        """Send a request, have it run, and fetch what the runner left."""
        machine.executions += 1
        asked, left = (f"{FOLDER}/{machine.executions}.{kind}" for kind in ("request", "reply"))
        await machine.write(asked, json.dumps(wire.message(request)).encode())
        ended = await machine.execute(pack().command(request.hash_seed, asked, left), self._most_s(request))
        if ended.code == NO_PYTHON:
            what = f"the template {self._plan.template} has no Python 3.11 or newer"
            raise InputError(what, where="e2b", remedy="use a template derived from `base`")
        if ended.code:
            raise MachineError(f"the runner ended with {ended.code}: {ended.said.strip() or 'it said nothing'}")
        return await machine.read(left, _VERDICTS + _ESCAPED * _output(request.limits))

    async def _unless_closing(self, work: Coroutine[Any, Any, bytes], seconds: float) -> bytes:
        """Wait for the work within bounds. The SDK answers a cancellation in its own way, so it is not relied on."""
        task = asyncio.ensure_future(work)
        closing = asyncio.ensure_future(self._closing.wait())
        bound = seconds + 4 * self._plan.request_s
        try:
            await asyncio.wait({task, closing}, timeout=bound, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise MachineError("the sandbox was closed" if closing.done() else f"no answer in {bound:.0f} seconds")
            if task.cancelled():
                raise MachineError("the exchange was broken off")
            return task.result()
        finally:
            closing.cancel()
            task.add_done_callback(noticed)
            task.cancel()

    def _most_s(self, request: Request) -> float:
        return self._pool.most_s(wire.deadline(request))


def _refuse_what_machines_lack(request: Request) -> None:
    if request.language not in (PYTHON, SQL):
        raise InputError(f"the sandbox e2b does not run {request.language}", remedy="use the sandbox local")
    if request.tests is not None or request.profile != "stdlib":
        raise InputError("the sandbox e2b has no packages: only the standard library", remedy="use the sandbox local")


def _output(limits: Limits) -> int:
    return int(limits.output_mb * (1 << 20)) + (1 << 16)
