"""Running programs in the sandbox from the command line: exec, one program or many."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Self, TypeVar

import typer
from pydantic import ValidationError, model_validator

from mendloop import api
from mendloop.commands.console import say, show, show_json, show_table
from mendloop.commands.reading import Json
from mendloop.complaints import nearest
from mendloop.errors import EXIT_FOUND_BAD, InputError
from mendloop.executions import Limits, Profile, ProgramResult, SandboxKind
from mendloop.frozen import Frozen
from mendloop.records import Case
from mendloop.tools.sandbox.languages import LANGUAGES, NAMES, PYTHON
from mendloop.tools.sandbox.local import UNSAFE
from mendloop.tools.sandbox.protocol import Sandbox

_SUFFIXES = {Path(row.file).suffix: name for name, row in LANGUAGES.items()} | {".sql": "sql"}


class Program(Frozen):
    """One line of `exec --batch`: a program with cases, or with `tests`, the text of a pytest file."""

    id: str
    code: str
    cases: tuple[Case, ...] = ()
    tests: str | None = None
    language: str = "python"
    profile: Profile = "stdlib"

    @model_validator(mode="after")
    def _judged(self) -> Self:
        if bool(self.cases) == (self.tests is not None):
            raise ValueError("a program needs either `cases` or `tests`: without any it cannot pass")
        if self.tests is not None and self.language != PYTHON:
            raise ValueError("a pytest file tests a Python program")
        twice = [name for name, count in Counter(case.id for case in self.cases).items() if count > 1]
        if twice:
            raise ValueError(f"two cases are called `{twice[0]}`: give each its own id")
        return self


def execute(
    solution: Annotated[Path | None, typer.Argument(metavar="SOLUTION", help="The program.")] = None,
    cases: Annotated[
        Path | None, typer.Option(metavar="CASES.jsonl", help="Its cases, one JSON object a line.")
    ] = None,
    tests: Annotated[
        Path | None,
        typer.Option(metavar="TESTS.py", help="A pytest file instead; it imports the program as `solution`."),
    ] = None,
    batch: Annotated[
        Path | None,
        typer.Option(metavar="PROGRAMS.jsonl", help='Many programs: {"id", "code", "cases" or "tests"} a line.'),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Programs side by side (default: one per processor).")
    ] = None,
    sandbox: Annotated[
        SandboxKind, typer.Option(help="The sandbox; auto is local, or bwrap where that cannot isolate.")
    ] = "auto",
    language: Annotated[
        str | None, typer.Option(help=f"{', '.join(NAMES)} (default: by the program's suffix).")
    ] = None,
    profile: Annotated[Profile, typer.Option(help="What a Python program can import.")] = "stdlib",
    limit: Annotated[
        list[str] | None,
        typer.Option(metavar="key=value", help="A limit: cpu_s, wall_s, memory_mb, pids, disk_mb, output_mb."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run one program, or many, against cases or a pytest file in the sandbox."""
    limits = _limits(limit or [])
    if batch is not None:
        if solution is not None or cases is not None or tests is not None:
            raise InputError("give either --batch or a program with --cases or --tests", where="exec")
        programs = [program for _, program in _lines(batch, Program)]
    elif solution is None or (cases is None) == (tests is None):
        raise InputError(
            "a program with --cases or --tests is needed, or --batch", where="exec", remedy="see `mendloop exec --help`"
        )
    else:
        programs = [_program(solution, cases, tests, language, profile)]
    tell = show_json if as_json or batch is not None else _print_result
    if not asyncio.run(_executed(programs, workers or os.cpu_count() or 1, sandbox, limits, tell)):
        raise typer.Exit(EXIT_FOUND_BAD)


def _program(solution: Path, cases: Path | None, tests: Path | None, language: str | None, profile: Profile) -> Program:
    given = tuple(case for _, case in _lines(cases, Case)) if cases else ()
    parts = {
        "id": solution.stem,
        "code": _text(solution),
        "cases": given,
        "tests": _text(tests) if tests else None,
        "language": language or _SUFFIXES.get(solution.suffix, "python"),
        "profile": profile,
    }
    try:
        return Program.model_validate(parts)
    except ValidationError as error:
        raise InputError(_first(error), where=str(cases or tests)) from None


async def _executed(
    programs: Sequence[Program],
    workers: int,
    kind: SandboxKind,
    limits: Limits,
    tell: Callable[[ProgramResult], None],
) -> bool:
    """Run programs side by side, tell every result as soon as those before it are told; return whether all passed."""
    from mendloop.tools.sandbox.open import tried_sandbox

    judged = [_judge_with(program, limits) for program in programs]
    passed = True
    async with aclosing(await tried_sandbox(kind, workers, api.cloud_account(api.settings()))) as sandbox:
        if kind == "unsafe-local":
            say(f"unsafe-local: {UNSAFE}")
        try:
            async with asyncio.TaskGroup() as group:
                running = [group.create_task(judge(sandbox)) for judge in judged]
                for task in running:
                    result = await task
                    tell(result)
                    passed = passed and result.passed
        except ExceptionGroup as failed:  # the first failure cancelled the others
            raise failed.exceptions[0] from None
    return passed


def _judge_with(program: Program, limits: Limits) -> Callable[[Sandbox], Coroutine[None, None, ProgramResult]]:
    """Return what runs and judges a program in a sandbox. Raises InputError for what cannot be judged."""
    from mendloop.executions import Request
    from mendloop.tools.judging import calls_of, judge
    from mendloop.tools.suites import judge_suite, tests_in

    if program.tests is not None:
        tests_in(program.tests)
    calls = calls_of(program.cases, program.language)
    request = Request(code=program.code, calls=calls, limits=limits, language=program.language, profile=program.profile)

    async def run(sandbox: Sandbox) -> ProgramResult:
        if program.tests is not None:
            done = await judge_suite(program.code, program.tests, sandbox, limits, program.profile)
        else:
            done = await judge(program.cases, await sandbox.run(request), sandbox, limits)
        return done.model_copy(update={"id": program.id})

    return run


def _print_result(result: ProgramResult) -> None:
    show_table(("case", "status", "got", "error"), [(c.id, c.status, c.got or "", c.error or "") for c in result.cases])
    passed = sum(case.status == "pass" for case in result.cases)
    show(f"{result.status}: {passed} of {len(result.cases)} cases pass ({result.isolation}, {result.integrity})")
    if result.stderr:
        say(result.stderr)


def _limits(given: Sequence[str]) -> Limits:
    values: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or key not in Limits.model_fields:
            hint = nearest(key, Limits.model_fields)
            raise InputError(
                f"`{text}` is no limit", where="--limit", remedy=f"nearest: `{hint}`" if hint else "key=value"
            )
        values[key] = value
    try:
        return Limits.model_validate(values)
    except ValidationError as error:
        raise InputError(_first(error), where="--limit") from None


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    said = first["msg"].removeprefix("Value error, ")
    return f"{place}: {said}" if place else said


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path)) from None


Line = TypeVar("Line", bound=Frozen)


def _lines(path: Path, model: type[Line]) -> Iterator[tuple[int, Line]]:
    """Yield the lines that are not blank with their numbers. Raises InputError with file and line."""
    for number, line in enumerate(_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield number, model.model_validate_json(line)
        except ValidationError as error:
            raise InputError(_first(error), where=f"{path}:{number}") from None
