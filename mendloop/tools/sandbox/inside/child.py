"""One child as the worker knows it: its pipes, how far it has come, and what may come next on its verdict channel."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from . import program
from .runtimes import Task

MAX_FRAME_BYTES = 8 << 20
CALLS, SCRIPT, BY_END = "calls", "script", "end"
STATUS_OF_FRAME = {program.NO_MEMORY: "memory", program.NO_DISK: "disk", program.NO_PIDS: "pids"}
_HEADER = struct.Struct(program.HEADER)


class Frame(NamedTuple):
    """What a child said on its verdict channel: an answer to a call by its number, or a report (program.TEST)."""

    kind: int
    call: int
    body: bytes


def kind_of(task: Task) -> str:
    """Tell what answers: each of the CALLS, a SCRIPT as a whole through the channel, or the mere end (BY_END)."""
    if task.runtime == "foreign" and not task.shim:
        return BY_END
    whole = task.calls[0][1]["call"] is None and task.runtime == "python"
    return SCRIPT if whole else CALLS


@dataclass
class Child:
    """One process and the worker's ends of its pipes. `position` counts the calls it has answered.

    Times are of the monotonic clock, in seconds. `reason` says why it must end, `spared` that it had answered just
    before it was killed for being late, `crowded` that it was seen with as many processes as it may have, `held` the
    bytes of memory that it had when it was last `measured`.
    """

    pid: int
    verdict: int
    stdout: int
    stderr: int
    task: Task
    kind: str = field(init=False)
    pidfd: int = field(init=False)
    ready: bool = False
    loaded: bool = False
    position: int = 0
    case_began: float = field(default_factory=time.monotonic)
    case_cpu: float = 0.0
    cpu_seen: float = 0.0
    reason: str = ""
    spared: bool = False
    crowded: bool = False
    held: int = 0
    measured: float = field(default_factory=time.monotonic)
    _buffer: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.kind = kind_of(self.task)
        self.pidfd = os.pidfd_open(self.pid)

    @property
    def pipes(self) -> tuple[int, int, int]:
        """The ends to read from. What was answered before a flood of output counts, so the verdict comes first."""
        return self.verdict, self.stdout, self.stderr

    @property
    def left(self) -> list[tuple[int, dict[str, Any]]]:
        """The calls that are not answered."""
        return self.task.calls[self.position :]

    @property
    def ms(self) -> float:
        """The milliseconds since the call that is under way began."""
        return round((time.monotonic() - self.case_began) * 1000, 3)

    def stop(self, reason: str) -> None:
        """Say why the child must end; the first reason stays."""
        self.reason = self.reason or reason

    def is_late(self, start_s: float) -> bool:
        """Tell whether its time is over; until it is ready it is being confined, not run, and has `start_s`."""
        waited = time.monotonic() - self.case_began
        if not self.ready:
            return waited > start_s
        limits = self.task.limits
        return self.cpu_seen - self.case_cpu > limits["cpu_s"] or waited > limits["wall_s"]

    def take(self, data: bytes) -> Iterator[Frame]:
        """Take a piece of the verdict channel; yield the answers and reports that are whole now.

        What is not a frame in its turn was written by the program: it has spoilt its channel.
        """
        self._buffer += data
        while len(self._buffer) >= _HEADER.size:
            kind, index, length = _HEADER.unpack_from(self._buffer)
            if not self._expects(kind, index, length):
                self.stop("no_result")
                self._buffer.clear()
                return
            end = _HEADER.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_HEADER.size : end])
            del self._buffer[:end]
            yield from self._step(Frame(kind, index, body))

    def close(self) -> None:
        """Give every descriptor back."""
        for descriptor in (self.pidfd, *self.pipes):
            os.close(descriptor)

    def _step(self, frame: Frame) -> Iterator[Frame]:
        """Note what a frame says about the child itself; pass on what it says about the program."""
        self.case_began = time.monotonic()
        self.case_cpu = self.cpu_seen
        if frame.kind == program.READY:
            self.ready = True
        elif b"\n" in frame.body:
            self.stop("no_result")
        elif frame.kind == program.LOADED:
            self.loaded = True
        else:
            self.position += frame.kind != program.TEST
            yield frame

    def _expects(self, kind: int, index: int, length: int) -> bool:
        if kind == program.READY:
            return index == 0 and length == 0 and not self.ready
        if self.kind == BY_END or not self.ready:
            return False
        if kind == program.LOADED:
            return index == 0 and length == 0 and not self.loaded and not self.position
        known = kind in (program.OUTCOME, program.TEST) or kind in STATUS_OF_FRAME
        in_turn = self.position < len(self.task.calls) and index == self.task.calls[self.position][0]
        return known and in_turn and length <= MAX_FRAME_BYTES
