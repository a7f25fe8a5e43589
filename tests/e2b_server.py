"""A cloud of sandboxes on loopback: it speaks what the e2b SDK speaks, runs what it is asked to, and fails as told.

    with e2b_cloud() as cloud:
        sandbox = E2bSandbox(cloud.account())
        cloud.faults.append(Fault("create", status=429, headers={"Retry-After": "1"}))

Commands really run, each machine in a folder of its own; remote paths below /opt are mapped into that folder.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from aiohttp import web
from pydantic import SecretStr

from mendloop.tools.sandbox.e2b.plan import Account
from tests.e2b_machine import Machine, frames

KEY = "e2b_canary_0123456789abcdef"
TOKEN = "envd-canary-0123456789"
PAGE = 2
"""Sandboxes on one page of a listing."""

Step = Literal["create", "kill", "list", "upload", "start", "download", "signal"]


@dataclass(frozen=True)
class Fault:
    """What goes wrong once at a step.

    `status`: the answer is this one. `drop`: the connection closes without an answer. `lost`: the step is carried out
    and then the connection closes. `hold`: no answer ever comes. `cut`: a stream ends before its end is told. `gone`:
    the machine is switched off when the stream has begun. `garbage`: bytes that are no answer. `flood`: bytes without
    end. `trickle`: the right bytes, one at a time. `path`: only for files whose path ends so.
    """

    step: Step
    kind: Literal["status", "drop", "lost", "hold", "cut", "gone", "garbage", "flood", "trickle"] = "status"
    status: int = 500
    message: str = "made to fail"
    headers: dict[str, str] = field(default_factory=dict)
    path: str = ""


@dataclass(frozen=True)
class Asked:
    """A request that came: when (monotonic), which step, and for which machine or path."""

    at: float
    step: str
    what: str
    headers: dict[str, str]


class Cloud:
    """What the cloud holds and counts. `most_alive` is how many machines there ever were at once.

    With `leaky`, machines that were to have no internet access have the network of this host; `search` is the search
    path of commands on machines that are made from then on.
    """

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.machines: dict[str, Machine] = {}
        self.created: list[Machine] = []
        self.killed: list[str] = []
        self.most_alive = 0
        self.leaky = False
        self.search = ""
        self.address = ""
        self.released = asyncio.Event()
        self._lock = threading.Lock()

    def account(self, key: str = KEY) -> Account:
        """Return the account that leads here."""
        return Account(api_key=SecretStr(key), api_url=self.address, sandbox_url=self.address)

    def count(self, step: Step, what: str = "") -> int:
        """Return how often a step was asked for."""
        return len([asked for asked in self.asked if asked.step == step and what in asked.what])

    def running(self) -> set[int]:
        """Return every process that runs on any machine."""
        return {pid for machine in list(self.machines.values()) for pid in machine.running()}

    def add(self, asked: dict[str, Any]) -> Machine:
        """Switch a machine on."""
        offline = asked.get("allow_internet_access") is False and not self.leaky
        machine = Machine(f"sbx{len(self.created)}", asked, offline, self.search)
        with self._lock:
            self.machines[machine.id] = machine
            self.created.append(machine)
            self.most_alive = max(self.most_alive, len(self.machines))
        return machine

    def kill(self, name: str) -> bool:
        """Switch a machine off; False where there is none."""
        with self._lock:
            machine = self.machines.pop(name, None)
        if machine is None:
            return False
        machine.end()
        self.killed.append(name)
        return True

    def fault(self, step: Step, what: str = "") -> Fault | None:
        """Take the first fault that is left for a step."""
        for fault in self.faults:
            if fault.step == step and what.endswith(fault.path):
                self.faults.remove(fault)
                return fault
        return None


@contextmanager
def e2b_cloud() -> Iterator[Cloud]:
    """Run a cloud in a thread of its own; at the end every machine is switched off."""
    cloud = Cloud()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="e2b-cloud")
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(_serve(cloud), loop).result()
    try:
        yield cloud
    finally:
        asyncio.run_coroutine_threadsafe(_stop(cloud, runner), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _serve(cloud: Cloud) -> web.AppRunner:
    api = _Api(cloud)
    app = web.Application(client_max_size=256 << 20)
    app.add_routes(
        [
            web.post("/v2/sandboxes", api.create),
            web.get("/v2/sandboxes", api.list),
            web.delete("/sandboxes/{id}", api.kill),
            web.get("/health", api.health),
            web.post("/files", api.upload),
            web.get("/files", api.download),
            web.post("/process.Process/Start", api.start),
            web.post("/process.Process/SendSignal", api.signal),
        ]
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    cloud.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    return runner


async def _stop(cloud: Cloud, runner: web.AppRunner) -> None:
    cloud.released.set()
    for name in list(cloud.machines):
        cloud.kill(name)
    await runner.cleanup()


class _Api:
    """The routes."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def create(self, request: web.Request) -> web.StreamResponse:
        fault = await self._begin(request, "create")
        machine = self._cloud.add(await request.json())
        if fault and fault.kind == "lost":
            return _hang_up(request)
        if fault and fault.kind == "garbage":
            return web.Response(status=201, body=b"<html>\xff", content_type="application/json")
        told = {"templateID": "base", "sandboxID": machine.id, "clientID": "c", "envdVersion": "0.5.12"}
        return web.json_response({**told, "envdAccessToken": TOKEN}, status=201)

    async def list(self, request: web.Request) -> web.StreamResponse:
        await self._begin(request, "list")
        wanted = dict(urllib.parse.parse_qsl(request.query.get("metadata", "")))
        wanted = {urllib.parse.unquote(name): urllib.parse.unquote(value) for name, value in wanted.items()}
        machines = list(self._cloud.machines.values())
        fitting = [machine for machine in machines if wanted.items() <= machine.metadata.items()]
        start = int(request.query.get("nextToken", "0"))
        page = [_listed(machine) for machine in fitting[start : start + PAGE]]
        more = {"x-next-token": str(start + PAGE)} if len(fitting) > start + PAGE else {}
        return web.json_response(page, headers=more)

    async def kill(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["id"]
        fault = await self._begin(request, "kill", name)
        found = await asyncio.to_thread(self._cloud.kill, name)
        if fault and fault.kind == "lost":
            return _hang_up(request)
        return web.Response(status=204) if found else _refusal(404, f"sandbox {name} not found")

    async def health(self, request: web.Request) -> web.StreamResponse:
        self._machine(request)
        return web.Response(status=204)

    async def upload(self, request: web.Request) -> web.StreamResponse:
        path = request.query["path"]
        await self._begin(request, "upload", path)
        machine = self._machine(request)
        if request.content_type == "application/octet-stream":
            data = await request.read()
        else:
            part = await (await request.multipart()).next()
            data = await part.read() if part is not None and hasattr(part, "read") else b""
        machine.uploads.append(path)
        place = machine.path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        return web.json_response([{"name": place.name, "type": "file", "path": path}])

    async def download(self, request: web.Request) -> web.StreamResponse:
        path = request.query["path"]
        fault = await self._begin(request, "download", path)
        place = self._machine(request).path(path)
        if not place.is_file():
            return _refusal(404, f"file {path} does not exist")
        if fault and fault.kind == "flood":
            return await self._flood(request, bytes(1 << 20))
        data = b"\x00not json\xff" * 9 if fault and fault.kind == "garbage" else place.read_bytes()
        response = web.StreamResponse(headers={"Content-Length": str(len(data))})
        await response.prepare(request)
        if fault and fault.kind == "cut":
            await response.write(data[: len(data) // 2])
            return _hang_up(request)
        for piece in frames(data, trickle=bool(fault and fault.kind == "trickle")):
            await response.write(piece)
        return response

    async def start(self, request: web.Request) -> web.StreamResponse:
        fault = await self._begin(request, "start")
        machine = self._machine(request)
        kind = fault.kind if fault else ""
        order = json.loads((await request.read())[5:])["process"]
        command = machine.start(order["args"], order.get("envs") or {})
        response = web.StreamResponse(headers={"Content-Type": "application/connect+json"})
        await response.prepare(request)
        if kind == "garbage":
            await response.write(b"\x00\x00\x00\x00\x05hello" * 9)
            return response
        async for event in command.events():
            for piece in frames(_frame({"event": _encoded(event)}), trickle=kind == "trickle"):
                await response.write(piece)
            if kind == "gone":
                await asyncio.to_thread(self._cloud.kill, machine.id)
            if kind in ("cut", "gone"):
                return _hang_up(request)
            if kind == "hold":
                await self._cloud.released.wait()
            while kind == "flood" and not self._cloud.released.is_set():
                await response.write(_frame({"event": _encoded({"data": {"stdout": bytes(1 << 14)}})}))
        await response.write(_frame({}, flag=2))
        return response

    async def _flood(self, request: web.Request, piece: bytes) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while not self._cloud.released.is_set():
            await response.write(piece)
        return response

    async def signal(self, request: web.Request) -> web.StreamResponse:
        await self._begin(request, "signal")
        self._machine(request)
        return web.json_response({})

    async def _begin(self, request: web.Request, step: Step, what: str = "") -> Fault | None:
        """Note the request, refuse a wrong key, and fail where that was asked for; other faults are returned."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self._cloud.asked.append(Asked(time.monotonic(), step, what, headers))
        fault = self._cloud.fault(step, what)
        if fault is None and step in ("create", "kill", "list") and headers.get("x-api-key") != KEY:
            raise _Refused(401, f"Invalid API key {headers.get('x-api-key')}")
        if fault is None:
            return None
        if fault.kind == "status":
            raise _Refused(fault.status, fault.message, fault.headers)
        if fault.kind == "drop":
            _hang_up(request)
        if fault.kind == "hold" and step != "start":
            await self._cloud.released.wait()
        return fault

    def _machine(self, request: web.Request) -> Machine:
        machine = self._cloud.machines.get(request.headers["E2b-Sandbox-Id"])
        if machine is None:
            raise _Refused(502, "The sandbox was not found")
        if request.headers.get("X-Access-Token") != TOKEN:
            raise _Refused(401, "Unauthorized")
        return machine


class _Refused(web.HTTPException):
    """An answer with the form of the real one, as an exception."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        self.status_code = status
        body = json.dumps({"code": status, "message": message})
        super().__init__(text=body, content_type="application/json", headers=headers)


def _refusal(status: int, message: str) -> web.Response:
    return web.json_response({"code": status, "message": message}, status=status)


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _listed(machine: Machine) -> dict[str, Any]:
    begun, end = (datetime.fromtimestamp(machine.started + more, UTC).isoformat() for more in (0, 3600))
    sizes = {"cpuCount": 2, "memoryMB": 512, "diskSizeMB": 1024, "envdVersion": "0.5.12", "state": "running"}
    names = {"templateID": "base", "sandboxID": machine.id, "clientID": "c", "metadata": machine.metadata}
    return {**names, **sizes, "startedAt": begun, "endAt": end}


def _frame(message: dict[str, Any], flag: int = 0) -> bytes:
    body = json.dumps(message).encode()
    return struct.pack(">BI", flag, len(body)) + body


def _encoded(event: dict[str, Any]) -> dict[str, Any]:
    if "data" not in event:
        return event
    return {"data": {name: base64.b64encode(data).decode() for name, data in event["data"].items()}}
