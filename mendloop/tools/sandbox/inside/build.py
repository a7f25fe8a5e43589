"""Translate a program once, before its calls: in a child of its own, with more time and room than a call has."""

from __future__ import annotations

import json

from .agreed import BUILD_MB, BUILD_PATIENCE
from .findings import Answer, Findings, raised, status_of
from .runtimes import Task
from .supervisor import Supervisor

_ONLY = -1
_MAX_TOLD = 2_000


def refused(supervisor: Supervisor, findings: Findings, task: Task, command: list[str]) -> Answer | None:
    """Fill the build folder; return None where the program can run now, else what each of its calls comes to."""
    limits = {
        **task.limits,
        **{name: task.limits[name] * BUILD_PATIENCE for name in ("cpu_s", "wall_s")},
        "disk_mb": BUILD_MB,
        "memory_mb": max(BUILD_MB, task.limits["memory_mb"]),
    }
    calls = [(_ONLY, {"call": None, "stdin": None})]
    child = supervisor.run(task._replace(calls=calls, command=command, shim="", builds=True, limits=limits))
    ended = findings.answers.pop(_ONLY, Answer(child.reason or "missing"))
    answered = ended.status == "answered"
    if answered and json.loads(ended.body)["status"] == "returned":
        findings.stdout.clear()
        findings.stderr.clear()
        return None
    if not answered and ended.status != "missing":
        return Answer(status_of(ended.status))
    findings.event = ""
    said = bytes(findings.stderr or findings.stdout)[-_MAX_TOLD:].decode("utf-8", "replace")
    return raised("CompileError", said, ended.ms)
