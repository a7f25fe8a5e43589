"""The sandboxes on this machine: warm workers in namespaces, bwrap once an execution, or no isolation at all."""

from __future__ import annotations

import asyncio
import platform
import shutil
import sys
from typing import Any

from mendloop.errors import IsolationError, SandboxError
from mendloop.executions import Execution, Probe, Request
from mendloop.tools.sandbox.kits import kit_for
from mendloop.tools.sandbox.link import Isolation, Make, Worker
from mendloop.tools.sandbox.probe import probe_sandbox
from mendloop.tools.sandbox.remedies import remedy
from mendloop.tools.sandbox.wire import all_out_of_memory, broken, deadline, execution, message, out_of_memory

UNSAFE = "programs run with your own rights; nothing keeps them from this machine"
MAX_RUNS = 5_000
"""Requests after which a worker is replaced by a fresh one."""
_MACHINES = ("x86_64", "aarch64")


class LocalSandbox:
    """Runs at most `workers` executions at once, each in a fresh child of a worker.

    Workers start lazily, one set for each make (kit and hash seed), and stay warm; one that failed or has served
    MAX_RUNS requests is replaced. A shared kernel is defence in depth and not a vault. With `isolation` "unsafe-local"
    programs run with this user's rights: nothing but resource limits is between them and the machine. Belongs to one
    event loop; end it with `aclose`.
    """

    def __init__(self, workers: int = 2, isolation: Isolation = "local") -> None:
        if workers < 1:
            raise ValueError("a sandbox needs at least one worker")
        self.isolation = isolation
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
        """Try every layer for real: programs attempt from inside what no program may do.

        Without isolation they would succeed, so there nothing is tried.
        """
        if self.isolation == "unsafe-local":
            return (Probe(layer="isolation", ok=False, detail=UNSAFE, remedy="name another sandbox"),)
        layers = await probe_sandbox(self)
        group = next((worker.group for worker in self._idle if worker.group), None)
        watched = "measured every 20 ms; no control group can be made here"
        said = group.said if group else watched
        return (*layers, Probe(layer="memory of all processes", ok=True, detail=said)) if len(layers) > 1 else layers

    async def run(self, request: Request) -> Execution:
        """Execute one program.

        Raises IsolationError when this machine cannot isolate, and InputError when it lacks the language or a package;
        then nothing was run. Other faults of ours are `sandbox_error`. Cancelling kills the child at once.
        """
        if self._closed:
            raise SandboxError("the sandbox is closed")
        _refuse_other_systems(self.isolation)
        if not request.calls and request.tests is None:
            return Execution(status="ok", isolation=self.isolation)
        parts = message(request)
        make = Make(self.isolation, kit_for(request), request.hash_seed, _program(self.isolation))
        async with self._slots:
            if self._closed:
                return broken("the sandbox was closed", self.isolation)
            try:
                worker = await self._take(make)
            except IsolationError:
                raise
            except SandboxError as error:
                return broken(error.what, self.isolation)
            return await self._run_on(worker, request, parts)

    async def aclose(self) -> None:
        """End every worker and all that runs in them; runs under way get `sandbox_error`."""
        self._closed = True
        workers = [*self._idle, *self._busy]
        self._idle.clear()
        await asyncio.gather(*(worker.end() for worker in workers))

    async def _take(self, make: Make) -> Worker:
        """Return an idle worker of that make, or start one."""
        while worker := next((each for each in self._idle if each.make == make), None):  # others take some meanwhile
            self._idle.remove(worker)
            if worker.alive and worker.runs < MAX_RUNS:
                return worker
            await worker.end()
        return await Worker.start(make)

    async def _run_on(self, worker: Worker, request: Request, parts: dict[str, Any]) -> Execution:
        self._busy.add(worker)
        healthy = False
        try:
            reply = await worker.ask(parts, deadline(request))
            done = execution(reply, request, self.isolation)
            if worker.group and worker.group.has_killed():
                done = out_of_memory(done)
            healthy = done.status != "sandbox_error"
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            done = broken(f"{type(error).__name__}: {error}", self.isolation)
            if worker.group and worker.group.has_killed():
                done = all_out_of_memory(request, self.isolation)
        finally:
            self._busy.discard(worker)
            await self._give_back(worker, healthy=healthy)
        return done

    async def _give_back(self, worker: Worker, *, healthy: bool) -> None:
        if not healthy or self._closed:
            await worker.end()
            return
        self._idle.append(worker)
        if len(self._idle) > self._most_idle:
            await self._idle.pop(0).end()


def _program(isolation: Isolation) -> str:
    """Return the path of bwrap where it is used. Raises IsolationError where there is none."""
    if isolation != "bwrap":
        return ""
    found = shutil.which("bwrap")
    if found is None:
        raise IsolationError("bubblewrap is not installed", where="bwrap", remedy=remedy("bwrap"))
    return found


def _refuse_other_systems(isolation: Isolation) -> None:
    if not sys.platform.startswith("linux") or platform.machine() not in _MACHINES:
        where = f"{sys.platform} on {platform.machine()}"
        what = f"the sandbox {isolation} does not work on {where}"
        raise IsolationError(what, where="platform", remedy=remedy("platform"))
