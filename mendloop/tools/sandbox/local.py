"""The local backend: warm interpreters in namespaces of their own. Linux only, no compiled code."""

from __future__ import annotations

import asyncio
import json
import math
import platform
import sys
from typing import Any

from pydantic import ValidationError

from mendloop.errors import IsolationError, SandboxError
from mendloop.records import Execution, Outcome, Probe, Request
from mendloop.tools.sandbox.link import Worker
from mendloop.tools.sandbox.probe import probe_sandbox
from mendloop.tools.sandbox.remedies import remedy
from mendloop.tools.values import is_tagged

ISOLATION = "local"
_MACHINES = ("x86_64", "aarch64")
_SLACK_S = 30.0  # what a healthy worker may add to the limits of its cases


class LocalSandbox:
    """Runs at most `workers` executions at once, each in a fresh child of a warm worker.

    Workers start lazily, one set per hash seed, and stay warm; a worker that failed is replaced. A shared kernel is
    defence in depth and not a vault. Belongs to one event loop; end it with `aclose`.
    """

    def __init__(self, workers: int = 2) -> None:
        if workers < 1:
            raise ValueError("a sandbox needs at least one worker")
        self._slots = asyncio.Semaphore(workers)
        self._most_idle = 2 * workers
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._closed = False

    async def __aenter__(self) -> LocalSandbox:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def probe(self) -> tuple[Probe, ...]:
        """Try every layer for real: programs attempt from inside what no program may do."""
        return await probe_sandbox(self)

    async def run(self, request: Request) -> Execution:
        """Execute one program.

        Raises IsolationError when this machine cannot isolate; then nothing was run. Other faults of ours are
        `sandbox_error`. Cancelling kills the child at once.
        """
        if self._closed:
            raise SandboxError("the sandbox is closed")
        _refuse_other_systems()
        if not request.calls:
            return Execution(status="ok", isolation=ISOLATION)
        async with self._slots:
            if self._closed:
                return _broken("the sandbox was closed")
            try:
                worker = await self._take(request.hash_seed)
            except IsolationError:
                raise
            except SandboxError as error:
                return _broken(error.what)
            return await self._run_on(worker, request)

    async def aclose(self) -> None:
        """End every worker and all that runs in them; runs under way get `sandbox_error`."""
        self._closed = True
        workers = [*self._idle, *self._busy]
        self._idle.clear()
        await asyncio.gather(*(worker.end() for worker in workers))

    async def _take(self, hash_seed: int) -> Worker:
        """Return an idle worker of that hash seed, or start one."""
        for worker in [worker for worker in self._idle if worker.hash_seed == hash_seed]:
            self._idle.remove(worker)
            if worker.alive:
                return worker
            await worker.end()
        return await Worker.start(hash_seed)

    async def _run_on(self, worker: Worker, request: Request) -> Execution:
        self._busy.add(worker)
        healthy = False
        try:
            reply = await worker.ask(_message(request), _deadline(request))
            execution = _execution(reply, request)
            healthy = execution.status != "sandbox_error"
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            execution = _broken(f"{type(error).__name__}: {error}")
        finally:
            self._busy.discard(worker)
            await self._give_back(worker, healthy=healthy)
        return execution

    async def _give_back(self, worker: Worker, *, healthy: bool) -> None:
        if not healthy or self._closed:
            await worker.end()
            return
        self._idle.append(worker)
        if len(self._idle) > self._most_idle:
            await self._idle.pop(0).end()


def _refuse_other_systems() -> None:
    if not sys.platform.startswith("linux") or platform.machine() not in _MACHINES:
        where = f"{sys.platform} on {platform.machine()}"
        raise IsolationError(f"the local sandbox does not work on {where}", where="platform", remedy=remedy("platform"))


def _message(request: Request) -> dict[str, Any]:
    calls = [call.model_dump() for call in request.calls]
    return {
        "code": request.code,
        "calls": calls,
        "limits": request.limits.model_dump(),
        "trace": request.trace,
        "give_up": request.give_up,
    }


def _deadline(request: Request) -> float:
    """Return the seconds after which the worker itself must be broken: it enforces every limit of its cases."""
    return request.limits.wall_s * len(request.calls) * 1.1 + _SLACK_S


def _broken(message: str) -> Execution:
    return Execution(status="sandbox_error", isolation=ISOLATION, message=message)


def _execution(reply: bytes, request: Request) -> Execution:
    """Build the record from a reply: our own header line, then lines that the program's process wrote."""
    head, *lines = reply.split(b"\n")
    header = json.loads(head)
    outcomes = [
        _outcome(request, index, status, line, ms, printed)
        for (index, status, ms, printed), line in zip(header.get("outcomes", ()), lines, strict=True)
    ]
    status = header.pop("status")
    if status == "ok" and any(outcome.status == "missing" for outcome in outcomes):
        status = "no_result"
    return Execution.model_validate({**header, "status": status, "isolation": ISOLATION, "outcomes": outcomes})


def _outcome(request: Request, index: int, status: str, line: bytes, ms: float, printed: str | None) -> Outcome:
    name = request.calls[index].id
    if status != "answered":
        return Outcome.model_validate({"id": name, "status": status, "ms": ms, "stdout": printed})
    try:
        told = json.loads(line)
        outcome = Outcome.model_validate({**told, "id": name, "stdout": printed})
    except (ValueError, TypeError, RecursionError, ValidationError):
        return Outcome(id=name, status="missing", stdout=printed)
    return outcome if _is_plausible(outcome) else Outcome(id=name, status="missing", stdout=printed)


def _is_plausible(outcome: Outcome) -> bool:
    """Tell whether a program's process may say this of itself: it could have written anything."""
    told = outcome.status in ("returned", "raised", "memory", "unencodable")
    consistent = (outcome.status == "returned") == (outcome.error is None)
    values = all(is_tagged(value) for value in (outcome.value, *outcome.after.values()))
    return told and consistent and values and 0 <= outcome.ms < math.inf
