"""One request inside the worker: children started one after another, read, measured, ended."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

from . import jail, program, syscalls
from .watch import Watch

_FIRST_TICK_S = 0.01
_TICK_S = 0.02
_QUIET_S = 0.002
MAX_VERDICT_BYTES = 32 << 20
MAX_FRAME_BYTES = 8 << 20
_READ = 1 << 16
_STATUS_OF_FRAME = {program.NO_MEMORY: "memory", program.NO_DISK: "disk", program.NO_PIDS: "pids"}


class HostGoneError(Exception):
    """The host closed the control socket: everything ends."""


class ChildError(Exception):
    """A child could not be confined: the program was never started."""


@dataclass
class Child:
    """One cloned process and the worker's ends of its pipes. `position` counts the calls it has answered."""

    pid: int
    pidfd: int
    verdict: int
    stdout: int
    stderr: int
    calls: list[tuple[int, dict[str, Any]]]
    whole: bool
    ready: bool = False
    loaded: bool = False
    position: int = 0
    buffer: bytearray = field(default_factory=bytearray)
    case_began: float = 0.0
    case_cpu: float = 0.0
    cpu_seen: float = 0.0
    reason: str = ""
    spared: bool = False

    def close(self) -> None:
        """Give every descriptor back."""
        for descriptor in (self.pidfd, self.verdict, self.stdout, self.stderr):
            os.close(descriptor)


class Session:
    """One request: its children one after another, and what they left."""

    def __init__(self, control: socket.socket, watch: Watch, request: dict[str, Any]) -> None:
        self._control, self._watch = control, watch
        self._code, self._trace = str(request["code"]), bool(request["trace"])
        self._give_up = bool(request["give_up"])
        self._calls: list[dict[str, Any]] = request["calls"]
        self._limits: dict[str, float] = request["limits"]
        self._output_left = int(self._limits["output_mb"] * (1 << 20))
        self._verdict_left = MAX_VERDICT_BYTES
        self._stdout, self._stderr = bytearray(), bytearray()
        self._outcomes: dict[int, tuple[str, bytes, float, str | None]] = {}
        self._event = ""
        self._pids_hit = False
        self._cpu = 0.0
        self._virtual, self._inherited = watch.memory()
        self._peak = 0

    def run(self) -> bytes:
        """Run every call and return the reply: a JSON header line, then one line of JSON for each answered call."""
        began = time.monotonic()
        for group in self._groups():
            pending = group
            while pending:
                pending = self._run_child(pending)
            if self._give_up and self._event:
                break
        for index in range(len(self._calls)):
            self._outcomes.setdefault(index, ("missing", b"", 0.0, None))
        header = {
            "status": self._event or "ok",
            "stdout": self._stdout.decode("utf-8", "backslashreplace"),
            "stderr": self._stderr.decode("utf-8", "backslashreplace"),
            "cpu_s": round(self._cpu, 4),
            "wall_s": round(time.monotonic() - began, 4),
            "peak_rss_mb": round(self._peak / (1 << 20), 1),
            "outcomes": [(index, status, ms, out) for index, (status, _, ms, out) in sorted(self._outcomes.items())],
        }
        lines = [body for _, (_, body, _, _) in sorted(self._outcomes.items())]
        return b"\n".join([json.dumps(header).encode(), *lines])

    def _groups(self) -> list[list[tuple[int, dict[str, Any]]]]:
        """Return the calls by child: those that share one, then each that wants its own."""
        numbered = list(enumerate(self._calls))
        shared = [pair for pair in numbered if not pair[1]["isolated"] and pair[1]["call"] is not None]
        alone = [[pair] for pair in numbered if pair[1]["isolated"] or pair[1]["call"] is None]
        return ([shared] if shared else []) + alone

    def _run_child(self, calls: list[tuple[int, dict[str, Any]]]) -> list[tuple[int, dict[str, Any]]]:
        """Run calls in a fresh child; return those that a next child must make."""
        child = self._start(calls)
        out_began = len(self._stdout)
        try:
            self._supervise(child)
        finally:
            self._bury(child)
        printed = self._stdout[out_began:].decode("utf-8", "backslashreplace") if child.whole else None
        if child.whole and child.position:
            index = calls[0][0]
            self._outcomes[index] = (*self._outcomes[index][:3], printed)
        if child.position == len(calls):
            return []
        return self._blame(child, printed)

    def _blame(self, child: Child, printed: str | None) -> list[tuple[int, dict[str, Any]]]:
        """Give the call that did not answer its status. A program that dies while loading dies for every call."""
        status = child.reason if child.reason in ("timeout", "memory") else "missing"
        ms = round((time.monotonic() - child.case_began) * 1000, 3)
        left = child.calls[child.position :]
        if child.spared:  # it had answered just before it was killed for being late; the next call is not to blame
            return left
        dead = left[:1] if child.loaded else left
        for index, _ in dead:
            self._outcomes[index] = (status, b"", ms, printed)
        return [] if self._give_up else left[len(dead) :]

    def _start(self, calls: list[tuple[int, dict[str, Any]]]) -> Child:
        pipes = [os.pipe() for _ in range(3)]
        stdin = calls[0][1]["stdin"]
        pid = syscalls.clone(jail.CHILD_SPACES)
        if pid == 0:
            self._become_program(calls, [write for _, write in pipes], stdin)
        for read, write in pipes:
            os.close(write)
            os.set_blocking(read, False)
        verdict, stdout, stderr = (read for read, _ in pipes)
        whole = calls[0][1]["call"] is None
        pidfd = os.pidfd_open(pid)
        return Child(pid, pidfd, verdict, stdout, stderr, calls, whole, case_began=time.monotonic())

    def _become_program(self, calls: list[tuple[int, dict[str, Any]]], writes: list[int], stdin: str | None) -> None:
        """Close every door in the child and run the program; never returns."""
        try:
            os.setsid()  # otherwise kill(0) reaches the worker, which shares the process group
            verdict, stdout, stderr = writes
            if stdin is not None:
                given = os.memfd_create("stdin")
                with os.fdopen(os.dup(given), "wb") as file:
                    file.write(stdin.encode("utf-8", "surrogateescape"))
                os.lseek(given, 0, os.SEEK_SET)
                os.dup2(given, 0)
            os.dup2(stdout, 1)
            os.dup2(stderr, 2)
            os.dup2(verdict, jail.VERDICT_FD)
            syscalls.close_range(3, jail.VERDICT_FD - 1)
            syscalls.close_range(jail.VERDICT_FD + 1, 0xFFFFFFFF)
            jail.confine(self._limits, self._virtual, len(calls))
        except BaseException as error:
            # The worker sees a child that never was ready: a fault of ours, not of the program.
            os.write(2, f"{type(error).__name__}: {error}".encode())
            os._exit(1)
        try:
            program.run(self._code, calls, trace=self._trace)
        finally:
            os._exit(1)

    def _supervise(self, child: Child) -> None:
        """Read and measure until the child has ended, or end it.

        After each answer the verdict pipe is left alone for a moment: short cases then cost one wake-up together.
        """
        poller = select.poll()
        control = self._control.fileno()
        for descriptor in (child.verdict, child.stdout, child.stderr, child.pidfd, control):
            poller.register(descriptor, select.POLLIN)
        open_pipes = {child.verdict, child.stdout, child.stderr}
        next_tick = child.case_began + _FIRST_TICK_S
        quiet = True
        while True:
            if child.verdict in open_pipes:
                poller.modify(child.verdict, 0 if quiet else select.POLLIN)
            wait = min(_QUIET_S if quiet else _TICK_S, max(0.0, next_tick - time.monotonic()))
            ready = {descriptor for descriptor, _ in poller.poll(wait * 1000 + 1)}
            quiet = child.verdict in ready
            if control in ready:
                raise HostGoneError
            # The verdict comes first: what was answered before a flood of output counts.
            for descriptor in sorted(ready & open_pipes, key=child.verdict.__ne__):
                if not self._read(child, descriptor):
                    poller.unregister(descriptor)
                    open_pipes.discard(descriptor)
            if child.pidfd in ready or child.reason:
                return
            if time.monotonic() >= next_tick:
                self._measure(child)
                next_tick = time.monotonic() + _TICK_S
                if child.reason:
                    return

    def _measure(self, child: Child) -> None:
        limit = int(self._limits["memory_mb"]) << 20
        use = self._watch.use(self._inherited, limit)
        self._peak = max(self._peak, use.resident)
        child.cpu_seen = max(child.cpu_seen, use.cpu_s)
        if use.tasks >= self._limits["pids"]:
            self._pids_hit = True
        if use.resident > limit:
            child.reason = "memory"
        used, waited = child.cpu_seen - child.case_cpu, time.monotonic() - child.case_began
        if not child.reason and (used > self._limits["cpu_s"] or waited > self._limits["wall_s"]):
            child.reason = "timeout"

    def _read(self, child: Child, descriptor: int) -> bool:
        """Take what a pipe holds now; False at its end."""
        try:
            data = os.read(descriptor, _READ)
        except BlockingIOError:
            return True
        if descriptor == child.verdict:
            self._take_verdict(child, data)
        else:
            self._take_output(child, descriptor, data)
        return bool(data)

    def _take_output(self, child: Child, descriptor: int, data: bytes) -> None:
        kept = data[: self._output_left]
        self._output_left -= len(kept)
        (self._stdout if descriptor == child.stdout else self._stderr).extend(kept)
        if len(kept) < len(data):
            child.reason = child.reason or "output_limit"

    def _take_verdict(self, child: Child, data: bytes) -> None:
        """Take whole frames. What is not a frame in its turn was written by the program: it has spoilt its channel."""
        self._verdict_left -= len(data)
        child.buffer += data
        size = struct.calcsize(program.HEADER)
        while len(child.buffer) >= size:
            kind, index, length = struct.unpack_from(program.HEADER, child.buffer)
            if not _is_expected(child, kind, index, length):
                child.reason = child.reason or "no_result"
                child.buffer.clear()
                return
            if len(child.buffer) < size + length:
                break
            body = bytes(child.buffer[size : size + length])
            del child.buffer[: size + length]
            self._take_frame(child, kind, index, body)
        if self._verdict_left < 0:
            child.reason = child.reason or "output_limit"

    def _take_frame(self, child: Child, kind: int, index: int, body: bytes) -> None:
        child.case_began = time.monotonic()
        child.case_cpu = child.cpu_seen
        if kind == program.READY:
            child.ready = True
            return
        if kind == program.LOADED:
            child.loaded = True
            return
        if b"\n" in body:
            child.reason = child.reason or "no_result"
            return
        child.position += 1
        self._outcomes[index] = ("answered", body, 0.0, None)
        self._note(_STATUS_OF_FRAME.get(kind, ""))

    def _note(self, event: str) -> None:
        """Keep the first thing that went wrong: it is the program's status."""
        self._event = self._event or event

    def _bury(self, child: Child) -> None:
        """Kill what is left of the child, take its last words, add up what it used."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
        _, status, usage = os.wait4(child.pid, 0)
        answered = child.position
        for descriptor in (child.verdict, child.stdout, child.stderr):
            while self._read_rest(child, descriptor):
                continue
        child.close()
        child.spared = child.reason == "timeout" and child.position > answered
        self._cpu += usage.ru_utime + usage.ru_stime
        self._peak = max(self._peak, usage.ru_maxrss * 1024 - self._inherited)
        if not child.ready:
            raise ChildError(self._stderr.decode("utf-8", "replace") or f"it ended with status {status}")
        if child.position < len(child.calls) and not child.spared:
            killed = os.WIFSIGNALED(status) and not child.reason
            first = "pids" if self._pids_hit and child.reason == "timeout" else child.reason
            self._note(first or ("crash" if killed else "no_result"))

    def _read_rest(self, child: Child, descriptor: int) -> bool:
        """Take one more piece of a pipe whose writers are dead; False when it is empty or over its cap."""
        before = self._verdict_left, self._output_left
        return self._read(child, descriptor) and before != (self._verdict_left, self._output_left)


def _is_expected(child: Child, kind: int, index: int, length: int) -> bool:
    if kind in (program.READY, program.LOADED):
        return index == 0 and length == 0 and not child.position and child.ready == (kind == program.LOADED)
    known = kind == program.OUTCOME or kind in _STATUS_OF_FRAME
    in_turn = child.position < len(child.calls) and index == child.calls[child.position][0]
    return known and in_turn and length <= MAX_FRAME_BYTES
