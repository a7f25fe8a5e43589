"""A hub on loopback that speaks the protocol of the Hugging Face hub, and fails as it is told."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mendloop.tools.local.catalogue import KnownModel

CONTENT = bytes(range(256)) * 4096
"""A megabyte: more than the sockets between here and there hold."""


def model_of(content: bytes, name: str = "tiny-coder") -> KnownModel:
    """Return a catalogue entry for some bytes."""
    return KnownModel(
        name=name,
        file=f"{name}-q4.gguf",
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        repository=f"Somebody/{name}-GGUF",
        licence="Apache-2.0",
        memory_gb=0.1,
        good_for="tests",
    )


@dataclass
class Asked:
    """A request that came."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class FakeHub:
    """What the hub holds and how it misbehaves; a GET takes the first fault that is left."""

    content: bytes = CONTENT
    announced_size: int | None = None
    announced_sha256: str | None = None
    status: int | None = None
    web_page: bool = False
    renamed: bool = False
    ranges: bool = True
    tag: str = '"tag-1"'
    faults: list[str] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    address: str = ""
    storage: str = ""

    def gets(self) -> list[Asked]:
        """Return the requests for the bytes, as the storage behind the hub saw them."""
        return [each for each in self.asked if each.method == "GET" and each.path.startswith("/storage/")]


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """Run a hub, and the storage that it leads to under another address."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def answer(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            hub.asked.append(Asked(self.command, self.path, headers))
            if self.path.startswith("/storage/"):
                self.answer_as_storage(headers)
            else:
                self.answer_as_hub()

        def answer_as_hub(self) -> None:
            if hub.status:
                self.reply(hub.status, b"no")
            elif hub.web_page:
                self.reply(200, b"<html>log in", {"Content-Type": "text/html; charset=utf-8"})
            elif hub.renamed and not self.path.startswith("/New"):
                self.reply(307, b"", {"Location": f"/New{self.path}"})
            elif self.command == "HEAD" and hub.faults[:1] == ["503"]:
                hub.faults.pop(0)
                self.reply(503, b"")
            else:
                linked = {
                    "Location": f"{hub.storage}/storage/blob",
                    "X-Linked-Size": str(hub.announced_size or len(hub.content)),
                    "X-Linked-ETag": f'"{hub.announced_sha256 or hashlib.sha256(hub.content).hexdigest()}"',
                }
                self.reply(302, b"", linked)

        def answer_as_storage(self, headers: dict[str, str]) -> None:
            start, status = 0, 200
            if hub.ranges and "range" in headers and headers.get("if-range", hub.tag) == hub.tag:
                start, status = int(headers["range"].removeprefix("bytes=").removesuffix("-")), 206
            sent = hub.content[start:]
            whole = len(hub.content)
            extra = {"ETag": hub.tag}
            if status == 206:
                extra["Content-Range"] = f"bytes {start}-{whole - 1}/{whole}"
            fault = hub.faults.pop(0) if hub.faults else ""
            if fault == "cut":
                self.reply(status, sent[: len(sent) // 2], {**extra, "Content-Length": str(len(sent))})
                self.close_connection = True
            elif fault == "nothing":
                self.close_connection = True
            else:
                self.reply(status, sent, extra)

        def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    with ExitStack() as stack:
        hub.address, hub.storage = (stack.enter_context(_running(Handler)) for _ in range(2))
        yield hub


@contextmanager
def _running(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
