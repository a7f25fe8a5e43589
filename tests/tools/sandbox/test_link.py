"""The wire between host and worker: whole frames or an error, in bounded time."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from mendloop.tools.sandbox.link import Wire


@pytest.fixture
async def ends() -> AsyncIterator[tuple[Wire, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    wire = Wire(ours)
    with theirs:
        yield wire, theirs
        wire.close()
        wire.close()


def framed(body: bytes) -> bytes:
    return struct.pack("<I", len(body)) + body


async def received(theirs: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += await asyncio.get_running_loop().sock_recv(theirs, 1 << 20)
    return data


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
async def test_frames_of_any_size_come_whole(ends: tuple[Wire, socket.socket], size: int) -> None:
    wire, theirs = ends
    for body in (b"a" * (size + 1), b"b" * (size + 1)):
        asked = asyncio.create_task(wire.ask(body, 10))
        assert await received(theirs, size + 5) == framed(body)
        await asyncio.get_running_loop().sock_sendall(theirs, framed(body[1:]))
        assert await asked == body[1:]


async def test_a_frame_may_come_in_pieces(ends: tuple[Wire, socket.socket]) -> None:
    wire, theirs = ends
    asked = asyncio.create_task(wire.ask(b"", 10))
    for byte in framed(b"whole"):
        await asyncio.sleep(0)
        theirs.send(bytes([byte]))
    assert await asked == b"whole"


async def test_a_worker_that_ends_is_an_error_before_and_after_the_question(ends: tuple[Wire, socket.socket]) -> None:
    wire, theirs = ends
    theirs.close()
    for _ in range(2):
        with pytest.raises((EOFError, OSError)):
            await wire.ask(b"?", 10)


@pytest.mark.parametrize("body", [b"?", b"?" * 5_000_000], ids=["small", "that nobody reads"])
async def test_no_answer_in_time_is_an_error(ends: tuple[Wire, socket.socket], body: bytes) -> None:
    with pytest.raises(TimeoutError):
        await ends[0].ask(body, 0.05)


async def test_a_reply_out_of_bounds_is_an_error(ends: tuple[Wire, socket.socket]) -> None:
    wire, theirs = ends
    theirs.send(struct.pack("<I", 1 << 30))
    with pytest.raises(EOFError):
        await wire.ask(b"?", 10)
