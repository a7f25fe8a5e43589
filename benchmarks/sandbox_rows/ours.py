"""The sandboxes of mendloop, with all that the host does for an execution: the request, the run, the judging.

The arguments are the backend, what to run (`values`, `file`, `suite`, `frames`), and the number of workers, each with
one caller.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence

from benchmarks.sandbox_rows.serve import AbsentError, Batch, serve
from benchmarks.sandbox_rows.task import CALLS, EXPECTED, FRAMES, FRAMES_CALLS, FRAMES_EXPECTED, PROGRAM, TESTS
from mendloop.errors import MendloopError
from mendloop.executions import Backend, Limits, Profile, Request
from mendloop.records import Case
from mendloop.tools.judging import calls_of, judge
from mendloop.tools.sandbox.open import open_sandbox
from mendloop.tools.sandbox.protocol import Sandbox
from mendloop.tools.suites import judge_suite

Execute = Callable[[Sandbox], Awaitable[None]]


async def run_values(sandbox: Sandbox) -> None:
    """Run the program of all rows and judge its five cases on this side."""
    await _run_and_judge(sandbox, PROGRAM, _CASES)


async def run_file(sandbox: Sandbox) -> None:
    """Run the program beside a pytest file with the five cases, once and unjudged."""
    execution = await sandbox.run(Request(code=PROGRAM, tests=TESTS, profile="pytest"))
    _check(execution.status, [outcome.status for outcome in execution.outcomes], "returned")


async def run_suite(sandbox: Sandbox) -> None:
    """Judge the program by that file, which runs it three times: as it is, with false tests, with an empty program."""
    result = await judge_suite(PROGRAM, TESTS, sandbox, Limits(), "pytest")
    _check(result.status, [case.status for case in result.cases], "pass")


async def run_frames(sandbox: Sandbox) -> None:
    """Run a program that builds a small DataFrame and groups it."""
    await _run_and_judge(sandbox, FRAMES, _FRAMES_CASES, "scientific")


_EXECUTE: dict[str, Execute] = {"values": run_values, "file": run_file, "suite": run_suite, "frames": run_frames}


def _cases(calls: Sequence[str], expected: Sequence[object]) -> tuple[Case, ...]:
    return tuple(
        Case(id=f"c{number}", call=call, expect=repr(value))
        for number, (call, value) in enumerate(zip(calls, expected, strict=True))
    )


_CASES = _cases(CALLS, EXPECTED)
_FRAMES_CASES = _cases(FRAMES_CALLS, FRAMES_EXPECTED)


async def _run_and_judge(sandbox: Sandbox, program: str, cases: tuple[Case, ...], profile: Profile = "stdlib") -> None:
    request = Request(code=program, calls=calls_of(cases), profile=profile)
    execution = await sandbox.run(request)
    result = await judge(cases, execution, sandbox, request.limits)
    _check(f"{result.status} {execution.message}", [case.status for case in result.cases], "pass")


def _check(status: str, cases: Sequence[str], wanted: str) -> None:
    if not cases or set(cases) != {wanted}:
        raise ValueError(f"{status}: {cases}")


def prepare() -> Batch:
    """Open the sandbox and run once, so that the workers are warm."""
    kind: Backend = sys.argv[1]  # type: ignore[assignment]  # opening it says when it is none
    what, workers = sys.argv[2], int(sys.argv[3])
    runner = asyncio.Runner()
    try:
        sandbox = open_sandbox(kind, workers)
        batch = _batch(runner, sandbox, _EXECUTE[what], workers)
        batch(4 * workers)
    except MendloopError as error:
        raise AbsentError(str(error)) from error
    return batch


def _batch(runner: asyncio.Runner, sandbox: Sandbox, execute: Execute, workers: int) -> Batch:
    async def call(times: int) -> None:
        for _ in range(times):
            await execute(sandbox)

    async def call_all(count: int) -> None:
        shares = [count // workers + (number < count % workers) for number in range(workers)]
        await asyncio.gather(*(call(share) for share in shares))

    return lambda count: runner.run(call_all(count))


def main() -> None:
    """Serve the row."""
    serve(prepare)
