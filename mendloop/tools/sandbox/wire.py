"""What goes over the wire to a worker, and what comes back: one form for every backend."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from mendloop.errors import InputError
from mendloop.executions import Execution, Outcome, Raised, Request
from mendloop.tools.sandbox.inside.agreed import BUILD_PATIENCE, SHIM
from mendloop.tools.sandbox.inside.encode import MAX_ITEMS
from mendloop.tools.sandbox.languages import LANGUAGES, PYTHON, SQL, language, located, shim_of
from mendloop.tools.values import is_tagged

_WHOLE_SUITE = {"id": "suite", "call": "suite", "setup": None, "after": (), "stdin": None, "isolated": False}
_LARGE = 1 << 16
_MOST_PIECES = 4 * MAX_ITEMS
_PIECE = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{,]', re.DOTALL)
SLACK_S = 30.0  # what a healthy worker may add to the limits of its cases


def message(request: Request, locate: Callable[[str, tuple[str, ...]], list[str]] = located) -> dict[str, Any]:
    """Return what a worker is sent for a request: JSON, and no expected value.

    `locate` finds the command of a language where the worker is. Raises InputError for a language that is not there.
    """
    check_form(request)
    limits = request.limits.model_dump()
    calls = [call.model_dump() for call in request.calls] if request.tests is None else [_WHOLE_SUITE]
    runtime = request.language if request.tests is None else "pytest"
    parts: dict[str, Any] = {
        "code": request.code,
        "calls": calls,
        "limits": limits,
        "trace": request.trace,
        "give_up": request.give_up,
        "runtime": runtime,
        "tests": request.tests or "",
        "command": [],
        "build": [],
        "file": "",
        "shim": "",
        "address_space": True,
    }
    if request.language in LANGUAGES:
        row = language(request.language)
        by_values = any(call.call is not None for call in request.calls)
        run = row.run if by_values else tuple(row.file if word == SHIM else word for word in row.run)
        parts |= {"runtime": "foreign", "file": row.file, "shim": shim_of(row) if by_values else ""}
        parts |= {"command": locate(request.language, run), "build": locate(request.language, row.build)}
        parts |= {"address_space": row.address_space}
        parts["limits"] = {**limits, "memory_mb": request.limits.memory_mb + row.overhead_mb}
    return parts


def check_form(request: Request) -> None:
    """Raise InputError for calls that a language cannot answer."""
    called = [call.call is not None for call in request.calls]
    name = request.language
    if name == SQL and not all(called):
        raise InputError("a case of a SQL program has a `call`", remedy="write `solution`, or a query to ask after it")
    if name in LANGUAGES and any(called) and not (language(name).shim and all(called)):
        form = "all by `call` or all by `stdin` and `stdout`" if language(name).shim else "by `stdin` and `stdout`"
        raise InputError(f"the cases of a program in {name} are {form}")
    if request.tests is not None and name != PYTHON:
        raise InputError("a pytest file tests a Python program")


def deadline(request: Request) -> float:
    """Return the seconds after which the worker itself must be broken: it enforces every limit of its cases."""
    building = BUILD_PATIENCE if request.language in LANGUAGES else 0
    return request.limits.wall_s * (max(1, len(request.calls)) + building) * 1.1 + SLACK_S


def broken(why: str, isolation: str) -> Execution:
    """Return the execution that says: a fault of ours, to be tried again, never data."""
    return Execution(status="sandbox_error", isolation=isolation, message=why)


def out_of_memory(done: Execution) -> Execution:
    """Return an execution in which the kernel ended a process for want of memory, as its limit would have.

    Where the program came to its answers without that process, they stay.
    """
    if done.status not in ("crash", "no_result", "timeout"):
        return done
    outcomes = [
        outcome.model_copy(update={"status": "memory"}) if outcome.status == "missing" else outcome
        for outcome in done.outcomes
    ]
    return done.model_copy(update={"status": "memory", "outcomes": tuple(outcomes)})


def all_out_of_memory(request: Request, isolation: str) -> Execution:
    """Return the execution of a program that took so much that the kernel ended its worker with it."""
    outcomes = tuple(Outcome(id=call.id, status="memory") for call in request.calls)
    return Execution(status="memory", isolation=isolation, outcomes=outcomes)


def execution(reply: bytes, request: Request, isolation: str) -> Execution:
    """Build the record from a reply: our own header line, then lines that the program's process wrote.

    Raises ValueError when the reply is none.
    """
    head, *lines = reply.split(b"\n")
    header = json.loads(head)
    tests = header.pop("tests", 0)
    if request.tests is not None:
        return _suite_execution(header, lines, tests, isolation)
    outcomes = [
        _outcome(request, index, status, line, ms, printed, 1000 * header["wall_s"] + 1)
        for (index, status, ms, printed), line in zip(header.get("outcomes", ()), lines, strict=True)
    ]
    status = header.pop("status")
    if status == "ok" and any(outcome.status == "missing" for outcome in outcomes):
        status = "no_result"
    return Execution.model_validate({**header, "status": status, "isolation": isolation, "outcomes": outcomes})


def _suite_execution(header: dict[str, Any], lines: list[bytes], count: int, isolation: str) -> Execution:
    """Return what a pytest file reported, one outcome a test; the count that it gave last has to be theirs."""
    answers, status = header.pop("outcomes", ()), header.pop("status")
    outcomes = [_test_outcome(line) for line in lines[len(answers) :]]
    last = json.loads(lines[0]) if answers and answers[0][1] == "answered" else {}
    told = last.get("value") if isinstance(last, dict) else None
    error = last.get("error") if isinstance(last, dict) else None
    whole = isinstance(told, list) and told[-1:] == [[told[1][0], count]] and len(outcomes) == count
    if status == "ok" and not (whole and outcomes):
        status = "no_result"
    parts = {**header, "status": status, "isolation": isolation, "integrity": "inproc", "outcomes": outcomes}
    parts |= {"message": str(error.get("message", ""))} if isinstance(error, dict) else {}
    return Execution.model_validate(parts)


def _test_outcome(line: bytes) -> Outcome:
    """Return what was reported of one test: passed is `returned`, skipped is `missing`, all else is `raised`."""
    try:
        told = json.loads(line)
        name, status, text, ms = str(told["id"]), told["status"], str(told["text"]), float(told["ms"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return Outcome(id="?", status="missing")
    if status == "passed":
        return Outcome(id=name, status="returned", ms=ms)
    if status == "skipped":
        return Outcome(id=name, status="missing", ms=ms)
    kind = "AssertionError" if status == "failed" else "Exception"
    return Outcome(
        id=name, status="raised", ms=ms, error=Raised(type=kind, base=kind, builtin=True, message=_last_line(text))
    )


def _last_line(text: str) -> str:
    """Return what an assertion said: pytest marks those lines with an E."""
    marked = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    return "\n".join(marked[:5]) or text.strip()[-500:]


def _outcome(
    request: Request, index: int, status: str, line: bytes, ms: float, printed: str | None, most_ms: float
) -> Outcome:
    name = request.calls[index].id
    if status != "answered":
        return Outcome.model_validate({"id": name, "status": status, "ms": ms, "stdout": printed})
    try:
        if len(line) > _LARGE and _is_too_fine(line):
            raise ValueError("more pieces than any value of ours has")
        told = json.loads(line.decode())
        outcome = Outcome.model_validate({**told, "id": name, "stdout": printed})
    except (ValueError, TypeError, RecursionError, ValidationError):
        return Outcome(id=name, status="missing", stdout=printed)
    believed = _is_plausible(outcome, request, index) and outcome.ms <= most_ms
    return outcome if believed else Outcome(id=name, status="missing", stdout=printed)


def _is_too_fine(line: bytes) -> bool:
    """Tell whether JSON text would become more objects than ours ever do, without making them."""
    return any(count > _MOST_PIECES for count, _ in enumerate(_PIECE.finditer(line)))


def _is_plausible(outcome: Outcome, request: Request, index: int) -> bool:
    """Tell whether a program's process may say this of itself: it could have written anything."""
    told = outcome.status in ("returned", "raised", "memory", "unencodable")
    consistent = (outcome.status == "returned") == (outcome.error is None)
    values = all(is_tagged(value) for value in (outcome.value, *outcome.after.values()))
    asked = outcome.after.keys() <= set(request.calls[index].after) and (request.trace or not outcome.trace)
    lines = [step.line for step in outcome.trace]
    lines += [outcome.error.line] if outcome.error and outcome.error.line is not None else []
    there = all(1 <= line <= request.code.count("\n") + 1 for line in lines)
    return told and consistent and values and asked and there and 0 <= outcome.ms < math.inf
