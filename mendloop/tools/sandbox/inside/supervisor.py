"""Start a child, read and measure it until it has ended or must be ended, and take its last words."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time

from . import program
from .child import BY_END, STATUS_OF_FRAME, Child
from .findings import Answer, Findings, raised, returned
from .launch import Ends, Launcher
from .runtimes import Task
from .watch import Watch

_TICK_S = 0.02
_QUIET_S = 0.002
_READ = 1 << 16
_CROWDED = _READ // 4
_START_S = 20.0


class HostGoneError(Exception):
    """The host closed the control socket: everything ends."""


class ChildError(Exception):
    """A child could not be confined: the program was never started."""


class Supervisor:
    """Runs one child at a time and writes what it gives into the findings.

    `inherited` is what a child has of resident memory before it does anything, in bytes. Where there is a `control`
    socket, anything that happens to it ends all.
    """

    def __init__(
        self, control: socket.socket | None, watch: Watch, launcher: Launcher, findings: Findings, inherited: int
    ) -> None:
        self._control = -1 if control is None else control.fileno()
        self._watch, self._launcher, self._findings, self._inherited = watch, launcher, findings, inherited

    def run(self, task: Task) -> Child:
        """Run a child to its end and return it. Raises ChildError, HostGoneError, and OSError of the launcher."""
        child = self._start(task)
        try:
            self._supervise(child)
        finally:
            self._bury(child)
        return child

    def _start(self, task: Task) -> Child:
        self._watch.forget()
        pipes = [os.pipe() for _ in range(3)]
        given = _file_of(task.calls[0][1]["stdin"])
        try:
            pid = self._launcher.start(task, Ends(pipes[0][1], pipes[1][1], pipes[2][1], given))
        finally:
            for descriptor in [*(write for _, write in pipes), *([given] if given is not None else [])]:
                os.close(descriptor)
        self._watch.give_up_first()
        for read, _ in pipes:
            os.set_blocking(read, False)
        verdict, stdout, stderr = (read for read, _ in pipes)
        return Child(pid, verdict, stdout, stderr, task)

    def _supervise(self, child: Child) -> None:
        """Read and measure until the child has ended, or end it.

        Answers wake nobody: they are read before output, at ticks, and after the end. Short cases then cost one wake-up
        together. A child whose answers fill their pipe is looked after more often, and one whose memory grows is
        measured again before half of what is left can be gone at that pace.
        """
        poller = select.poll()
        for descriptor in (child.stdout, child.stderr, child.pidfd, self._control):
            if descriptor >= 0:
                poller.register(descriptor, select.POLLIN)
        next_tick = child.case_began + _TICK_S
        next_look = next_tick
        while True:
            wait = max(0.0, next_look - time.monotonic())
            ready = {descriptor for descriptor, _ in poller.poll(wait * 1000 + 1)}
            if self._control in ready:
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
                next_tick = now + self._measure(child, now)
            if child.reason:
                return
            next_look = min(next_tick, now + _QUIET_S) if (answered or 0) >= _CROWDED else next_tick

    def _measure(self, child: Child, now: float) -> float:
        """Stop a child that is over a limit; return the seconds until it should be measured again."""
        limits = child.task.limits
        limit = int(limits["memory_mb"]) << 20
        use = self._watch.use(self._inherited, limit)
        self._findings.peak = max(self._findings.peak, use.resident)
        child.cpu_seen = max(child.cpu_seen, use.cpu_s)
        child.crowded = child.crowded or use.tasks >= limits["pids"]
        if use.resident > limit:
            child.stop("memory")
        if child.is_late(_START_S):
            child.stop("timeout")
        pace = (use.resident - child.held) / max(now - child.measured, _QUIET_S)
        child.held, child.measured = use.resident, now
        return min(_TICK_S, max(_QUIET_S, (limit - use.resident) / pace / 2)) if pace > 0 else _TICK_S

    def _read(self, child: Child, descriptor: int) -> int | None:
        """Take what a pipe holds now and return how much that is; None at the end of the pipe."""
        try:
            data = os.read(descriptor, _READ)
        except BlockingIOError:
            return 0
        if descriptor == child.verdict:
            self._take_verdict(child, data)
        else:
            into = self._findings.stdout if descriptor == child.stdout else self._findings.stderr
            if not self._findings.take_output(into, data):
                child.stop("output_limit")
        return len(data) or None

    def _take_verdict(self, child: Child, data: bytes) -> None:
        within_cap = self._findings.take_verdict(len(data))
        for frame in child.take(data):
            if frame.kind == program.TEST:
                self._findings.tests.append(frame.body)
                continue
            self._findings.answers[frame.call] = Answer("answered", frame.body)
            self._findings.note(STATUS_OF_FRAME.get(frame.kind, ""))
        if not within_cap:
            child.stop("output_limit")

    def _bury(self, child: Child) -> None:
        """Kill what is left of the child, take its last words, add up what it used."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
        _, status, usage = os.wait4(child.pid, 0)
        self._launcher.sweep()
        answered = child.position
        for descriptor in child.pipes:
            while self._read_rest(child, descriptor):
                continue
        child.close()
        died_by = self._launcher.signal_of(status)
        if child.kind == BY_END and child.ready and not child.reason and not died_by:
            self._take_end(child, os.WEXITSTATUS(status))
        child.spared = child.reason == "timeout" and child.position > answered
        self._findings.cpu_s += usage.ru_utime + usage.ru_stime
        self._findings.peak = max(self._findings.peak, usage.ru_maxrss * 1024 - self._inherited)
        if not child.ready:
            said = " ".join(self._findings.stderr.decode("utf-8", "replace").split()).removeprefix("bwrap: ")
            raise ChildError(said or f"it ended with status {status}")
        if child.left and not child.spared:
            reason = "pids" if child.crowded and child.reason == "timeout" else child.reason
            self._findings.note(reason or ("crash" if died_by else "no_result"))

    def _take_end(self, child: Child, code: int) -> None:
        """Let the kernel's word about the end of the process be the answer of a program without a verdict channel."""
        index = child.left[0][0]
        ended = raised("ExitStatus", f"exit status {code}", child.ms) if code else returned(child.ms)
        self._findings.answers[index] = ended
        child.position += 1

    def _read_rest(self, child: Child, descriptor: int) -> bool:
        """Take one more piece of a pipe whose writers are dead; False when it is empty or over its cap."""
        before = self._findings.room
        return bool(self._read(child, descriptor)) and before != self._findings.room


def _file_of(text: str | None) -> int | None:
    """Return a descriptor from which a text can be read; None where there is none."""
    if text is None:
        return None
    given = os.memfd_create("stdin")
    with os.fdopen(os.dup(given), "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
    os.lseek(given, 0, os.SEEK_SET)
    return given
