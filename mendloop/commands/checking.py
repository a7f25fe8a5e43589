"""Checking before anything runs: check, doctor, scenarios, new; and running one program: exec."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer
from pydantic import ValidationError

from mendloop import __version__, api
from mendloop.commands.asked import Overrides, ScenarioFile
from mendloop.commands.console import say, show, show_json, show_table
from mendloop.commands.reading import Json
from mendloop.complaints import nearest
from mendloop.errors import EXIT_FOUND_BAD, InputError, MendloopError
from mendloop.records import Case, Frozen, Limits, Probe, ProgramResult
from mendloop.scenario import load_scenario
from mendloop.specs import Scenario

SandboxKind = Literal["local"]
MIN_FREE_MB = 500
VENDORS = ("langgraph", "langchain-openai", "openai", "chromadb", "pydantic", "pyarrow")


def check(scenario: ScenarioFile, overrides: Overrides = None, as_json: Json = False) -> None:
    """Validate a scenario and try what it needs: the source, the model and the sandbox. Nothing is started."""
    from mendloop.composition import check_templates, looked_at

    loaded = load_scenario(scenario, overrides or [])
    found = looked_at(loaded)
    check_templates(loaded)
    layers = [
        Probe(layer="scenario", ok=True, detail=str(scenario)),
        Probe(layer="source", ok=True, detail=found),
        asyncio.run(_model(loaded)),
        *_probed(loaded.sandbox.kind),
    ]
    _print_layers(layers, as_json)


async def _model(scenario: Scenario) -> Probe:
    """Say which model would be taken, and whether it answers. A local one is looked for, not loaded."""
    from mendloop.choosing import opened_model, resolved, weights_of
    from mendloop.specs import LocalModel

    settings = api.settings()
    try:
        taken = await resolved(scenario, settings)
        teacher = taken.scenario.models.teacher
        if isinstance(teacher, LocalModel):
            weights_of(teacher, settings)
        else:
            async with AsyncExitStack() as stack:
                await opened_model(taken.scenario, settings, stack)
    except MendloopError as error:
        return Probe(layer="model", ok=False, detail=error.what, remedy=error.remedy or error.where)
    return Probe(layer="model", ok=True, detail=taken.said)


def doctor(as_json: Json = False) -> None:
    """Say what works on this machine, and how to mend what does not."""
    free = shutil.disk_usage(Path.cwd()).free // 2**20
    layers = [
        Probe(layer="mendloop", ok=True, detail=f"{__version__}, Python {platform.python_version()}"),
        Probe(layer="system", ok=True, detail=f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"),
        Probe(layer="disk", ok=free >= MIN_FREE_MB, detail=f"{free} MB free here", remedy="make room"),
        *[_vendor(name) for name in VENDORS],
        _local_models(),
        _embeddings(),
        *_probed("local"),
    ]
    _print_layers(layers, as_json)


def _vendor(name: str) -> Probe:
    try:
        return Probe(layer=name, ok=True, detail=version(name))
    except PackageNotFoundError:
        return Probe(layer=name, ok=False, detail="not installed", remedy="install mendloop with its dependencies")


def _local_models() -> Probe:
    """Say whether a model can run on this machine; it need not."""
    from mendloop.tools.local.weights import weights_here

    try:
        found = f"llama.cpp (xllamacpp {version('xllamacpp')})"
    except PackageNotFoundError:
        return Probe(layer="local models", ok=True, detail="none; pip install 'mendloop[local]' for llama.cpp")
    here = ", ".join(weights.name for weights in weights_here(api.settings().cache_dir))
    return Probe(layer="local models", ok=True, detail=f"{found}; weights here: {here or 'none'}")


def _embeddings() -> Probe:
    """Say which embedding the memory takes by itself."""
    from mendloop.memory.embedding import choose_embedder

    return Probe(layer="memory", ok=True, detail=choose_embedder().said.removeprefix("memory: "))


def _probed(kind: SandboxKind) -> tuple[Probe, ...]:
    async def probe() -> tuple[Probe, ...]:
        from mendloop.tools.sandbox.open import open_sandbox

        sandbox = open_sandbox(kind, 1)
        try:
            return await sandbox.probe()
        finally:
            await sandbox.aclose()

    try:
        found = asyncio.run(probe())
    except InputError as error:
        return (Probe(layer="sandbox", ok=False, detail=error.what, remedy=error.remedy),)
    return tuple(layer.model_copy(update={"layer": f"sandbox: {layer.layer}"}) for layer in found)


def _print_layers(layers: Sequence[Probe], as_json: bool) -> None:
    ok = all(layer.ok for layer in layers)
    if as_json:
        show_json({"ok": ok, "layers": layers})
    else:
        show_table(("what", "", "found"), [(each.layer, "ok" if each.ok else "BAD", each.detail) for each in layers])
        for each in layers:
            if not each.ok:
                show(f"{each.layer}: {each.remedy}")
    if not ok:
        raise typer.Exit(EXIT_FOUND_BAD)


def scenarios(as_json: Json = False) -> None:
    """List the scenarios that come along, with their files."""
    rows = [{"scenario": path.stem, "goal": load_scenario(path).goal, "file": str(path)} for path in _shipped()]
    if as_json:
        show_json(rows)
        return
    show_table(("scenario", "goal", "file"), [list(row.values()) for row in rows])


def _shipped() -> list[Path]:
    package = Path(__file__).parent.parent
    folders = (package / "scenarios", package.parent / "scenarios")
    folder = next((each for each in folders if each.is_dir()), None)
    if folder is None:
        raise InputError("the scenarios are not installed", remedy="install mendloop again")
    return sorted(folder.glob("*.yaml"))


def new(
    to: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the scenario.")],
    like: Annotated[str, typer.Option(help="Which of the scenarios that come along to start from.")] = "quickstart",
) -> None:
    """Write a commented scenario to start from."""
    shipped = {path.stem: path for path in _shipped()}
    if like not in shipped:
        hint = nearest(like, shipped)
        raise InputError(f"no scenario is called `{like}`", where="--like", remedy=f"nearest: `{hint}`" if hint else "")
    if to.exists():
        raise InputError("the file exists", where=str(to), remedy="name another one")
    try:
        to.write_text(shipped[like].read_text("utf-8"), "utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(to)) from None
    show(f"wrote {to}; launch it with: mendloop run {to}")


class BatchProgram(Frozen):
    """One line of `exec --batch`."""

    id: str
    code: str
    cases: tuple[Case, ...]


def execute(
    solution: Annotated[Path | None, typer.Argument(metavar="SOLUTION.py", help="The program.")] = None,
    cases: Annotated[
        Path | None, typer.Option(metavar="CASES.jsonl", help="Its cases, one JSON object a line.")
    ] = None,
    batch: Annotated[
        Path | None, typer.Option(metavar="PROGRAMS.jsonl", help='Many programs: {"id", "code", "cases"} a line.')
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Programs side by side (default: one per processor).")
    ] = None,
    sandbox: Annotated[str, typer.Option(help="The sandbox: local.")] = "local",
    limit: Annotated[
        list[str] | None,
        typer.Option(metavar="key=value", help="A limit: cpu_s, wall_s, memory_mb, pids, disk_mb, output_mb."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run one program, or many, against cases in the sandbox."""
    limits = _limits(limit or [])
    if sandbox != "local":
        raise InputError(f"`{sandbox}` is no sandbox of this version", where="--sandbox", remedy="available: local")
    if batch is not None:
        if solution is not None or cases is not None:
            raise InputError("give either --batch or a program with --cases", where="exec")
        programs = [_distinct(program, f"{batch}:{number}") for number, program in _lines(batch, BatchProgram)]
    elif solution is None or cases is None:
        raise InputError(
            "a program and --cases are needed, or --batch", where="exec", remedy="see `mendloop exec --help`"
        )
    else:
        given = tuple(case for _, case in _lines(cases, Case))
        programs = [_distinct(BatchProgram(id=solution.stem, code=_text(solution), cases=given), str(cases))]
    tell = show_json if as_json or batch is not None else _print_result
    if not asyncio.run(_executed(programs, workers or os.cpu_count() or 1, limits, tell)):
        raise typer.Exit(EXIT_FOUND_BAD)


def _distinct(program: BatchProgram, where: str) -> BatchProgram:
    """Return the program. Raises InputError when it has no case, or two of one name."""
    if not program.cases:
        raise InputError("there is no case", where=where, remedy="a program without cases cannot pass")
    twice = [name for name, count in Counter(case.id for case in program.cases).items() if count > 1]
    if twice:
        raise InputError(f"two cases are called `{twice[0]}`", where=where, remedy="give each its own id")
    return program


async def _executed(
    programs: Sequence[BatchProgram], workers: int, limits: Limits, tell: Callable[[ProgramResult], None]
) -> bool:
    """Run programs side by side, tell every result as soon as those before it are told; return whether all passed."""
    from mendloop.records import Request
    from mendloop.tools.judging import calls_of, judge
    from mendloop.tools.sandbox.open import open_sandbox

    requests = [Request(code=each.code, calls=calls_of(each.cases), limits=limits) for each in programs]
    sandbox = open_sandbox("local", workers)

    async def one(program: BatchProgram, request: Request) -> ProgramResult:
        judged = await judge(program.cases, await sandbox.run(request), sandbox, limits)
        return judged.model_copy(update={"id": program.id})

    passed = True
    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(one(*each)) for each in zip(programs, requests, strict=True)]
            for task in running:
                result = await task
                tell(result)
                passed = passed and result.passed
    except ExceptionGroup as failed:  # the first failure cancelled the others
        raise failed.exceptions[0] from None
    finally:
        await sandbox.aclose()
    return passed


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
        first = error.errors()[0]
        raise InputError(f"{first['loc'][0]}: {first['msg']}", where="--limit") from None


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
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise InputError(f"{place}: {first['msg']}" if place else first["msg"], where=f"{path}:{number}") from None
