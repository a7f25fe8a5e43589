"""One request inside the worker: its calls shared out among children that run one after another."""

from __future__ import annotations

import socket
import time
from typing import Any

from .agreed import BUILD_MB
from .build import refused
from .child import CALLS, Child
from .findings import Answer, Findings, status_of, text_of
from .launch import Launcher
from .runtimes import task_of
from .supervisor import Supervisor
from .watch import Watch

Calls = list[tuple[int, dict[str, Any]]]


class Session:
    """One request: its children one after another, and what they left."""

    def __init__(
        self, control: socket.socket | None, watch: Watch, request: dict[str, Any], launcher: Launcher
    ) -> None:
        self._launcher = launcher
        self._task = task_of(request)
        self._calls: Calls = list(enumerate(request["calls"]))
        self._build: list[str] = request["build"]
        self._give_up = bool(request["give_up"])
        self._findings = Findings(self._task.limits["output_mb"])
        inherited = 0 if self._task.runtime == "foreign" else launcher.inherited()
        self._supervisor = Supervisor(control, watch, launcher, self._findings, inherited)

    def run(self) -> bytes:
        """Run every call and return the reply: a JSON header line, then one line of JSON for each answered call."""
        began = time.monotonic()
        if self._build:
            self._run_built()
        else:
            self._run_calls()
        return self._findings.reply(len(self._calls), time.monotonic() - began)

    def _run_built(self) -> None:
        self._launcher.open_build(BUILD_MB)
        try:
            why = refused(self._supervisor, self._findings, self._task, self._build)
            if why is None:
                self._run_calls()
            else:
                self._findings.answers = dict.fromkeys(range(len(self._calls)), why)
        finally:
            self._launcher.close_build()

    def _run_calls(self) -> None:
        for group in self._groups():
            pending = group
            while pending:
                pending = self._run_child(pending)
            if self._give_up and self._findings.event:
                break

    def _groups(self) -> list[Calls]:
        """Return the calls by child: those that share one, then each that wants its own."""
        shared = [pair for pair in self._calls if not pair[1]["isolated"] and pair[1]["call"] is not None]
        alone = [[pair] for pair in self._calls if pair[1]["isolated"] or pair[1]["call"] is None]
        return ([shared] if shared else []) + alone

    def _run_child(self, calls: Calls) -> Calls:
        """Run calls in a fresh child; return those that a next child must make."""
        out_began = len(self._findings.stdout)
        child = self._supervisor.run(self._task._replace(calls=calls))
        printed = None if child.kind == CALLS else text_of(self._findings.stdout[out_began:])
        if printed is not None and child.position:
            index = calls[0][0]
            self._findings.answers[index] = self._findings.answers[index]._replace(printed=printed)
        return self._blame(child, printed) if child.left else []

    def _blame(self, child: Child, printed: str | None) -> Calls:
        """Give the call that did not answer its status. A program that dies while loading dies for every call."""
        if child.spared:  # it had answered just before it was killed for being late; the next call is not to blame
            return child.left
        dead = child.left[:1] if child.loaded else child.left
        answer = Answer(status_of(child.reason), ms=child.ms, printed=printed)
        self._findings.answers |= dict.fromkeys([index for index, _ in dead], answer)
        return [] if self._give_up else child.left[len(dead) :]
