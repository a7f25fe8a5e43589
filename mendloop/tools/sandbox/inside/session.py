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

from . import program
from .launch import Ends, Launcher
from .runtimes import Task
from .watch import Watch

_TICK_S = 0.02
_QUIET_S = 0.002
MAX_VERDICT_BYTES = 32 << 20
MAX_FRAME_BYTES = 8 << 20
_READ = 1 << 16
_CROWDED = _READ // 4
_MAX_TOLD = 2_000
START_S = 20.0
BUILD_MB = 512
BUILD_PATIENCE = 6
BUILD = -1
CALLS, SCRIPT, BY_END = "calls", "script", "end"
_STATUS_OF_FRAME = {program.NO_MEMORY: "memory", program.NO_DISK: "disk", program.NO_PIDS: "pids"}


class HostGoneError(Exception):
    """The host closed the control socket: everything ends."""


class ChildError(Exception):
    """A child could not be confined: the program was never started."""


@dataclass
class Child:
    """One process and the worker's ends of its pipes. `position` counts the calls it has answered.

    `kind` tells what answers: each of its CALLS, a SCRIPT as a whole through the channel, or its mere end (BY_END).
    """

    pid: int
    pidfd: int
    verdict: int
    stdout: int
    stderr: int
    calls: list[tuple[int, dict[str, Any]]]
    kind: str
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

    def __init__(
        self, control: socket.socket | None, watch: Watch, request: dict[str, Any], launcher: Launcher
    ) -> None:
        self._control, self._watch, self._launcher = control, watch, launcher
        self._give_up = bool(request["give_up"])
        self._calls: list[dict[str, Any]] = request["calls"]
        self._limits: dict[str, float] = request["limits"]
        self._build: list[str] = request["build"]
        self._task = Task(
            code=str(request["code"]),
            calls=[],
            limits=self._limits,
            trace=bool(request["trace"]),
            runtime=str(request["runtime"]),
            tests=str(request["tests"]),
            command=request["command"],
            file=str(request["file"]),
            shim=str(request["shim"]),
            address_space=bool(request["address_space"]),
            builds=False if self._build else None,
        )
        self._tests: list[bytes] = []
        self._output_left = int(self._limits["output_mb"] * (1 << 20))
        self._verdict_left = MAX_VERDICT_BYTES
        self._stdout, self._stderr = bytearray(), bytearray()
        self._outcomes: dict[int, tuple[str, bytes, float, str | None]] = {}
        self._event = ""
        self._pids_hit = False
        self._cpu = 0.0
        self._inherited = launcher.inherited() if self._task.runtime != "foreign" else 0
        self._peak = 0

    def run(self) -> bytes:
        """Run every call and return the reply: a JSON header line, then one line of JSON for each answered call."""
        began = time.monotonic()
        if self._build:
            self._launcher.open_build(BUILD_MB)
        try:
            if not self._build or self._built():
                self._run_calls()
        finally:
            if self._build:
                self._launcher.close_build()
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
            "tests": len(self._tests),
        }
        lines = [body for _, (_, body, _, _) in sorted(self._outcomes.items())]
        return b"\n".join([json.dumps(header).encode(), *lines, *self._tests])

    def _run_calls(self) -> None:
        for group in self._groups():
            pending = group
            while pending:
                pending = self._run_child(self._task, pending)
            if self._give_up and self._event:
                break

    def _built(self) -> bool:
        """Translate the program in a child of its own; what the compiler says is the outcome of every call."""
        more_time = {name: self._limits[name] * BUILD_PATIENCE for name in ("cpu_s", "wall_s")}
        limits = {
            **self._limits,
            **more_time,
            "disk_mb": BUILD_MB,
            "memory_mb": max(BUILD_MB, self._limits["memory_mb"]),
        }
        task = self._task._replace(command=self._build, shim="", builds=True, limits=limits)
        child = self._start(task, [(BUILD, {"call": None, "stdin": None})])
        self._limits, calls_limits = limits, self._limits
        began = len(self._stderr)
        try:
            self._supervise(child)
        finally:
            self._limits = calls_limits
            self._bury(child)
        status, body, ms, _ = self._outcomes.pop(BUILD, (child.reason or "missing", b"", 0.0, None))
        if status == "answered" and json.loads(body)["status"] == "returned":
            del self._stdout[:], self._stderr[began:]
            return True
        said = bytes(self._stderr[began:] or self._stdout)[-_MAX_TOLD:].decode("utf-8", "replace")
        failed = status in ("answered", "missing")
        told = json.dumps({"status": "raised", "ms": ms, "error": _error("CompileError", said)}).encode()
        outcome = ("answered", told, ms, None) if failed else (_status_of(status), b"", ms, None)
        self._outcomes = dict.fromkeys(range(len(self._calls)), outcome)
        if failed:
            self._event = ""
        return False

    def _groups(self) -> list[list[tuple[int, dict[str, Any]]]]:
        """Return the calls by child: those that share one, then each that wants its own."""
        numbered = list(enumerate(self._calls))
        shared = [pair for pair in numbered if not pair[1]["isolated"] and pair[1]["call"] is not None]
        alone = [[pair] for pair in numbered if pair[1]["isolated"] or pair[1]["call"] is None]
        return ([shared] if shared else []) + alone

    def _run_child(self, task: Task, calls: list[tuple[int, dict[str, Any]]]) -> list[tuple[int, dict[str, Any]]]:
        """Run calls in a fresh child; return those that a next child must make."""
        child = self._start(task, calls)
        out_began = len(self._stdout)
        try:
            self._supervise(child)
        finally:
            self._bury(child)
        printed = self._stdout[out_began:].decode("utf-8", "backslashreplace") if child.kind != CALLS else None
        if child.kind != CALLS and child.position:
            index = calls[0][0]
            self._outcomes[index] = (*self._outcomes[index][:3], printed)
        if child.position == len(calls):
            return []
        return self._blame(child, printed)

    def _blame(self, child: Child, printed: str | None) -> list[tuple[int, dict[str, Any]]]:
        """Give the call that did not answer its status. A program that dies while loading dies for every call."""
        status = _status_of(child.reason)
        ms = round((time.monotonic() - child.case_began) * 1000, 3)
        left = child.calls[child.position :]
        if child.spared:  # it had answered just before it was killed for being late; the next call is not to blame
            return left
        dead = left[:1] if child.loaded else left
        for index, _ in dead:
            self._outcomes[index] = (status, b"", ms, printed)
        return [] if self._give_up else left[len(dead) :]

    def _start(self, task: Task, calls: list[tuple[int, dict[str, Any]]]) -> Child:
        self._watch.forget()
        pipes = [os.pipe() for _ in range(3)]
        given = _file_of(calls[0][1]["stdin"])
        ends = Ends(pipes[0][1], pipes[1][1], pipes[2][1], given)
        try:
            pid = self._launcher.start(task._replace(calls=calls), ends)
        finally:
            for descriptor in [*(write for _, write in pipes), *([given] if given is not None else [])]:
                os.close(descriptor)
        self._watch.give_up_first()
        for read, _ in pipes:
            os.set_blocking(read, False)
        verdict, stdout, stderr = (read for read, _ in pipes)
        by_end = task.runtime == "foreign" and not task.shim
        kind = BY_END if by_end else SCRIPT if calls[0][1]["call"] is None and task.runtime == "python" else CALLS
        pidfd = os.pidfd_open(pid)
        return Child(pid, pidfd, verdict, stdout, stderr, calls, kind, case_began=time.monotonic())

    def _supervise(self, child: Child) -> None:
        """Read and measure until the child has ended, or end it.

        Answers wake nobody: they are read before output, at ticks, and after the end. Short cases then cost one wake-up
        together. A child whose answers fill their pipe is looked after more often.
        """
        poller = select.poll()
        control = -1 if self._control is None else self._control.fileno()
        for descriptor in (child.stdout, child.stderr, child.pidfd, control):
            if descriptor >= 0:
                poller.register(descriptor, select.POLLIN)
        next_tick = child.case_began + _TICK_S
        next_look = next_tick
        while True:
            wait = max(0.0, next_look - time.monotonic())
            ready = {descriptor for descriptor, _ in poller.poll(wait * 1000 + 1)}
            if control in ready:
                raise HostGoneError
            if child.pidfd in ready:
                return
            # What was answered before a flood of output counts.
            answered = self._read(child, child.verdict)
            for descriptor in ready:
                if self._read(child, descriptor) is None:
                    poller.unregister(descriptor)
            now = time.monotonic()
            if now >= next_tick and not child.reason:
                self._measure(child)
                next_tick = now + _TICK_S
            if child.reason:
                return
            next_look = min(next_tick, now + _QUIET_S) if (answered or 0) >= _CROWDED else next_tick

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
        over = used > self._limits["cpu_s"] or waited > self._limits["wall_s"]
        late = over if child.ready else waited > START_S  # before that it is being confined, not run
        if late and not child.reason:
            child.reason = "timeout"

    def _read(self, child: Child, descriptor: int) -> int | None:
        """Take what a pipe holds now and return how much that is; None at the end of the pipe."""
        try:
            data = os.read(descriptor, _READ)
        except BlockingIOError:
            return 0
        if descriptor == child.verdict:
            self._take_verdict(child, data)
        else:
            self._take_output(child, descriptor, data)
        return len(data) or None

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
        if b"\n" in body:
            child.reason = child.reason or "no_result"
            return
        if kind == program.LOADED:
            child.loaded = True
            return
        if kind == program.TEST:
            self._tests.append(body)
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
        self._launcher.sweep()
        answered = child.position
        for descriptor in (child.verdict, child.stdout, child.stderr):
            while self._read_rest(child, descriptor):
                continue
        child.close()
        if child.kind == BY_END:
            self._take_end(child, status)
        child.spared = child.reason == "timeout" and child.position > answered
        self._cpu += usage.ru_utime + usage.ru_stime
        self._peak = max(self._peak, usage.ru_maxrss * 1024 - self._inherited)
        if not child.ready:
            said = " ".join(self._stderr.decode("utf-8", "replace").split()).removeprefix("bwrap: ")
            raise ChildError(said or f"it ended with status {status}")
        if child.position < len(child.calls) and not child.spared:
            killed = os.WIFSIGNALED(status) and not child.reason
            first = "pids" if self._pids_hit and child.reason == "timeout" else child.reason
            self._note(first or ("crash" if killed else "no_result"))

    def _take_end(self, child: Child, status: int) -> None:
        """Let the kernel's word about the end of the process be the answer of a program without a verdict channel."""
        if child.reason or not child.ready or not os.WIFEXITED(status):
            return
        ms = round((time.monotonic() - child.case_began) * 1000, 3)
        code = os.WEXITSTATUS(status)
        ended = (
            {"status": "raised", "error": _error("ExitStatus", f"exit status {code}")}
            if code
            else {"status": "returned"}
        )
        index = child.calls[child.position][0]
        child.position += 1
        self._outcomes[index] = ("answered", json.dumps({**ended, "ms": ms}).encode(), ms, None)

    def _read_rest(self, child: Child, descriptor: int) -> bool:
        """Take one more piece of a pipe whose writers are dead; False when it is empty or over its cap."""
        before = self._verdict_left, self._output_left
        return bool(self._read(child, descriptor)) and before != (self._verdict_left, self._output_left)


def _is_expected(child: Child, kind: int, index: int, length: int) -> bool:
    if kind == program.READY:
        return index == 0 and length == 0 and not child.ready
    if child.kind == BY_END or not child.ready:
        return False
    if kind == program.LOADED:
        return index == 0 and length == 0 and not child.loaded and not child.position
    known = kind in (program.OUTCOME, program.TEST) or kind in _STATUS_OF_FRAME
    in_turn = child.position < len(child.calls) and index == child.calls[child.position][0]
    return known and in_turn and length <= MAX_FRAME_BYTES


def _status_of(reason: str) -> str:
    return reason if reason in ("timeout", "memory") else "missing"


def _error(kind: str, message: str) -> dict[str, Any]:
    """Return an exception as mendloop.records.Raised has it, for what no interpreter of ours has raised."""
    return {"type": kind, "base": "Exception", "builtin": False, "message": message, "line": None}


def _file_of(text: str | None) -> int | None:
    """Return a descriptor from which a text can be read; None where there is none."""
    if text is None:
        return None
    given = os.memfd_create("stdin")
    with os.fdopen(os.dup(given), "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
    os.lseek(given, 0, os.SEEK_SET)
    return given
