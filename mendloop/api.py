"""The programming interface, and the composition root: here the seams get their real parts."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from mendloop.errors import (
    EXIT_BUDGET,
    EXIT_DONE,
    EXIT_INTERRUPTED,
    EXIT_STOPPED,
    InputError,
    StorageError,
)
from mendloop.records import Record
from mendloop.runs.schema import EXPORTS, MEMORY
from mendloop.settings import Settings, load_settings

if TYPE_CHECKING:
    from mendloop.agents.procedural.files import Skipped
    from mendloop.datasets.export import Exported
    from mendloop.events import RunFinished, RunStarted
    from mendloop.graphs.team import Team
    from mendloop.memory.protocol import ReflectionStore
    from mendloop.opening import OpenedModel
    from mendloop.runs.engine import Summary
    from mendloop.runs.progress import Progress
    from mendloop.runs.pulse import KeptLimit, Pulse
    from mendloop.runs.reader import Reader
    from mendloop.runs.replay import ReplayReport
    from mendloop.runs.report import Report
    from mendloop.runs.rollup import SessionRow
    from mendloop.runs.stopping import Stopper
    from mendloop.runs.store import Store
    from mendloop.runs.verify import VerifyReport
    from mendloop.scenario import Scenario
    from mendloop.specs import BudgetSpec
    from mendloop.tools.sandbox.e2b.plan import Account
    from mendloop.tools.sandbox.protocol import Sandbox

RUNS = Path("runs")
OLD_TRACING = ("LANGCHAIN_TRACING", "LANGCHAIN_HANDLER")
"""Variables of a tracing that langchain has dropped: while one is set, it refuses to work at all."""


@dataclass(frozen=True)
class Run:
    """A run folder, for reading. `summary` is there when this process launched it."""

    path: Path
    summary: Summary | None = None

    def sessions(self) -> Iterator[SessionRow]:
        """Yield the sessions, by number."""
        from mendloop.runs.reader import Reader

        with Reader(self.path) as reader:
            yield from reader.sessions()

    def records(self) -> Iterator[Record]:
        """Yield the kept records that count, in session order. Raises RedactedError."""
        from mendloop.datasets.select import records
        from mendloop.runs.reader import Reader

        with Reader(self.path) as reader:
            yield from records(reader)

    def skipped_files(self) -> tuple[Skipped, ...]:
        """Return the files of the source that could not be read, each with the reason."""
        from mendloop.agents.procedural.files import Skipped
        from mendloop.events import SourceRead
        from mendloop.runs.reader import Reader

        with Reader(self.path) as reader:
            read = (each.event for each in reader.run_events() if each.kind == "source")
            source = next((event for event in read if isinstance(event, SourceRead)), None)
            found = json.loads(reader.blob(source.result)) if source else {}
        return tuple(Skipped.model_validate(each) for each in found.get("skipped", ()))

    def report(self) -> Report:
        """Return the run's figures."""
        from mendloop.runs.report import report

        return report(self.path)

    def export(self, view: str, to: Path | str, format: Literal["parquet", "jsonl"] = "parquet") -> Exported:
        """Write a view of the kept records into a folder. Raises InputError, RedactedError, StorageError."""
        from mendloop.datasets.export import export

        return export(self.path, view, Path(to), format)

    def verify(self) -> VerifyReport:
        """Check every stored byte against the hash chain."""
        from mendloop.runs.verify import verify

        return verify(self.path)

    def replay(self, session: str | None = None) -> ReplayReport:
        """Run the graphs again from the journal alone and compare every event."""
        return _run_loop(_replay(self.path, session))


def run(
    scenario: Path | str | Scenario,
    *,
    out: Path | str | None = None,
    overrides: Sequence[str] = (),
    sessions: int | None = None,
    progress: Progress | None = None,
    settings: Settings | None = None,
) -> Run:
    """Launch a run and return it when it ends; what it exports lies in `export` inside its folder.

    `scenario` is a file or a loaded scenario; `out` the run folder (default `runs/<scenario>-<n>`). `Run.summary` says
    how it ended: a run that was stopped can be resumed. Raises InputError before anything is started, and other
    MendloopErrors when the run cannot go on now.
    """
    from mendloop.runs.progress import Silent
    from mendloop.scenario import Scenario, load_scenario

    settings = settings or load_settings(os.environ)
    loaded = scenario if isinstance(scenario, Scenario) else load_scenario(scenario, overrides)
    name = "run" if isinstance(scenario, Scenario) else Path(scenario).stem
    path = Path(out) if out is not None else next_free(RUNS, name)
    return _run_loop(_launch(loaded, path, sessions, progress or Silent(), settings))


def resume(
    path: Path | str,
    *,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
    settings: Settings | None = None,
) -> Run:
    """Go on with a run where it stopped; nothing that was answered is asked for again. Raises as `run` does.

    `overrides` are `budget.KEY=VALUE` and hold for this launch: what a run makes cannot change any more. A run that
    finished without having written all its exports writes them.
    """
    from mendloop.runs.progress import Silent

    return _run_loop(_resume(Path(path), overrides, progress or Silent(), settings or load_settings(os.environ)))


def open_run(path: Path | str) -> Run:
    """Return a run for reading. Raises InputError when the folder is none."""
    from mendloop.runs.schema import require_run

    require_run(Path(path))
    return Run(Path(path))


def scenario_at(path: Path | str) -> Scenario:
    """Return the scenario that a run was launched with. Raises InputError, DamageError."""
    from mendloop.runs.reader import Reader

    with Reader(Path(path)) as reader:
        return scenario_of(reader)


def launch_of(path: Path | str) -> RunStarted:
    """Return how a run was launched. Raises InputError, DamageError."""
    from mendloop.runs.engine import launched
    from mendloop.runs.reader import Reader

    with Reader(Path(path)) as reader:
        return launched(reader)


def settings() -> Settings:
    """Return the settings of this environment. Raises InputError."""
    return load_settings(os.environ)


def cloud_account(settings: Settings) -> Account | None:
    """Return the account that e2b machines are rented with, None where no key is set."""
    if settings.e2b_api_key is None:
        return None
    from mendloop.tools.sandbox.e2b.plan import Account

    urls = {"api_url": settings.e2b_api_url, "sandbox_url": settings.e2b_sandbox_url}
    return Account(settings.e2b_api_key, settings.e2b_domain, **urls)


def next_free(folder: Path, name: str) -> Path:
    """Return `folder/name-n` with the smallest n from 1 that does not exist."""
    number = 1
    while (folder / f"{name}-{number}").exists():
        number += 1
    return folder / f"{name}-{number}"


def exit_code(summary: Summary) -> int:
    """Return the exit code of how a launch ended."""
    if summary.status == "finished":
        return EXIT_DONE
    if summary.status == "interrupted":
        return EXIT_INTERRUPTED
    return EXIT_BUDGET if paid_out(summary) else EXIT_STOPPED


def paid_out(summary: Summary) -> bool:
    """Tell whether a budget or a provider's quota ended a launch."""
    return summary.reason == "quota" or summary.reason.startswith("budget")


Result = TypeVar("Result")


def _run_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end in an event loop of its own. Raises InputError inside a running one, which would stand still."""
    for name in OLD_TRACING:
        os.environ.pop(name, None)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    work.close()
    raise InputError(
        "an event loop is running in this thread",
        where="mendloop",
        remedy="call it from a script or another thread: `await asyncio.to_thread(mendloop.run, ...)`",
    )


# --- composition -----------------------------------------------------------------------------------------------------


async def _launch(scenario: Scenario, path: Path, sessions: int | None, progress: Progress, settings: Settings) -> Run:
    from mendloop.choosing import resolved, settled
    from mendloop.composition import STDLIB, check_templates, compose, looked_at
    from mendloop.memory.none import NoMemory
    from mendloop.opening import opened_model

    if scenario.source != STDLIB:  # it is always there, and large: it is not read twice
        looked_at(scenario)
    check_templates(scenario)
    taken = await resolved(scenario, settings)
    scenario = taken.scenario
    async with AsyncExitStack() as stack:
        model = await opened_model(scenario, settings, stack)
        sandbox = await _isolated_sandbox(scenario, settings, stack, progress)

        # The rest is loaded when it is needed: what is wrong up to here is said a second sooner.
        from mendloop.runs.beginning import NothingBegunError, new_run
        from mendloop.runs.engine import begin
        from mendloop.runs.stopping import Stopper, signals

        stopper = Stopper()
        form = await settled(scenario, model)
        scenario = form.scenario
        team = compose(scenario, sandbox, NoMemory(), model)
        stack.enter_context(signals(stopper))
        with new_run(path, settings.secrets()) as store:
            try:
                await begin(store, scenario, team, sessions)
            except StorageError as error:
                raise NothingBegunError(
                    error.what, where=error.where, remedy="make room there, then start again"
                ) from error
            progress.team(taken.said)
            progress.started(path)
            if form.said:
                progress.note(form.said)
            finished = await _work(store, scenario, team, sessions, progress, stopper, settings, model)
    return _exported(finished, scenario, progress)


async def _resume(path: Path, overrides: Sequence[str], progress: Progress, settings: Settings) -> Run:
    from mendloop.choosing import said_of
    from mendloop.composition import compose
    from mendloop.memory.none import NoMemory
    from mendloop.opening import opened_model
    from mendloop.runs.engine import launched
    from mendloop.runs.reader import Reader
    from mendloop.runs.stopping import Stopper, signals
    from mendloop.runs.store import open_run as open_store

    with Reader(path) as reader:
        scenario, sessions = scenario_of(reader), launched(reader).sessions
        budget = _budget_now(reader, scenario, overrides)
        end = reader.end()
    if end is not None:
        unexported = _unexported(path, scenario, end)
        progress.started(path)
        return _exported(unexported, scenario, progress)
    stopper = Stopper()
    async with AsyncExitStack() as stack:
        sandbox = await _isolated_sandbox(scenario, settings, stack, progress)
        stack.enter_context(signals(stopper))
        store = stack.enter_context(open_store(path, secrets=settings.secrets()))
        progress.team(said_of(scenario, settings))
        progress.started(path)
        model = await opened_model(scenario.model_copy(update={"budget": budget}), settings, stack)
        team = compose(scenario, sandbox, NoMemory(), model)
        finished = await _work(store, scenario, team, sessions, progress, stopper, settings, model, budget)
    return _exported(finished, scenario, progress)


def _unexported(path: Path, scenario: Scenario, end: RunFinished) -> Run:
    """Return a finished run that still lacks an export. Raises InputError when it lacks none."""
    from mendloop.runs.engine import Summary

    exports = path / EXPORTS
    whole = (exports / "README.md").is_file() and all((exports / view).is_dir() for view in scenario.export)
    if whole or not end.kept:
        raise InputError("the run is finished", where=str(path), remedy="`mendloop export` and `report` read it")
    return Run(path, Summary(status="finished", reason=end.reason, sessions=end.counted, kept=end.kept))


async def _work(
    store: Store,
    scenario: Scenario,
    team: Team,
    sessions: int | None,
    progress: Progress,
    stopper: Stopper,
    settings: Settings,
    model: OpenedModel | None,
    budget: BudgetSpec | None = None,
) -> Run:
    from mendloop.runs.control import Control
    from mendloop.runs.engine import synthesise
    from mendloop.runs.spent import spent_so_far

    if model is not None:
        model.begin(store.path)
        model.meter.tokens, model.meter.usd = spent_so_far(store.path)
        model.meter.used_up = stopper.request
        if model.meter.reached:
            stopper.request(model.meter.reached)
    control = Control(store)
    if model is not None:
        model.listen(control.hear)
    memory = await _memory(store, scenario, settings, progress)
    try:
        whole = replace(team, memory=memory)
        look = None if model is None else _look(model, scenario, sessions, settings, progress)
        summary = await synthesise(store, scenario, whole, progress, stopper, control, sessions, budget, look)
    finally:
        await memory.aclose()
        await control.settle()
    return Run(store.path, summary)


def _look(
    model: OpenedModel, scenario: Scenario, sessions: int | None, settings: Settings, progress: Progress
) -> Callable[[KeptLimit], Pulse]:
    """Say what the models cost, and return what says where the run stands."""
    from mendloop.runs.pulse import pulse_of
    from mendloop.tools.chat.pricing import load_prices, priced_models, said_of_price

    prices = priced_models(scenario.models, load_prices(settings.prices))
    for name, priced in prices.items():
        progress.note(said_of_price(name, priced, datetime.now(UTC).date()))
    known, goal = None not in prices.values(), sessions or scenario.target.records

    def look(limit: KeptLimit) -> Pulse:
        counts = {"sessions": limit.sessions, "kept": limit.kept, "goal": goal}
        return pulse_of(model.meter, priced=known, rates=model.rates(), **counts)

    return look


def _exported(finished: Run, scenario: Scenario, progress: Progress) -> Run:
    """Write the scenario's exports of a run that is finished, or whose budget is used up."""
    summary = finished.summary
    if summary and summary.kept and (summary.status == "finished" or paid_out(summary)):
        progress.stage("exporting")
        for view in scenario.export:
            finished.export(view, finished.path / EXPORTS)
    return finished


async def _isolated_sandbox(
    scenario: Scenario, settings: Settings, stack: AsyncExitStack, progress: Progress
) -> Sandbox:
    """Open the scenario's sandbox and try its layers. Raises IsolationError when one does not hold."""
    from mendloop.tools.sandbox.local import UNSAFE
    from mendloop.tools.sandbox.open import tried_sandbox

    workers = scenario.sandbox.workers or settings.sandbox_workers or os.cpu_count() or 1
    sandbox = await tried_sandbox(scenario.sandbox.kind, workers, cloud_account(settings))
    stack.push_async_callback(sandbox.aclose)
    if scenario.sandbox.kind == "unsafe-local":
        progress.team(f"unsafe-local: {UNSAFE}")
    return sandbox


async def _memory(store: Store, scenario: Scenario, settings: Settings, progress: Progress) -> ReflectionStore:
    """Open the reflection store of a run and fill it from the journal."""
    from mendloop.composition import chosen_embedder
    from mendloop.events import MemoryStored
    from mendloop.memory.none import NoMemory
    from mendloop.memory.opening import open_memory
    from mendloop.memory.protocol import Credit, Entry
    from mendloop.records import Reflection
    from mendloop.runs.reader import Reader

    if not scenario.loop.memory.enabled:
        return NoMemory()
    entries, credits = [], []
    with Reader(store.path) as reader:
        erased = reader.redacted()
        for row in reader.sessions():
            for stored in reader.events(row.session):
                if isinstance(stored.event, MemoryStored) and stored.event.reflection.sha256 not in erased:
                    lesson = reader.load(stored.event.reflection, Reflection)
                    entries.append(Entry(reflection=lesson, text=f"{lesson.symptom} {lesson.lesson}"))
                    if stored.event.retrieved:
                        given = Credit(ids=stored.event.retrieved, helped=stored.event.helped, index=lesson.index)
                        credits.append(given)
    chosen = await asyncio.to_thread(chosen_embedder, scenario, settings)
    if scenario.models.teacher.kind != "procedural":
        progress.note(chosen.said)
    memory = await open_memory(store.path / MEMORY, entries, credits, chosen.embedder)
    if isinstance(memory, NoMemory):
        progress.note(f"the run goes on without memory: {memory.reason}")
    return memory


def scenario_of(reader: Reader, overrides: Sequence[str] = ()) -> Scenario:
    """Return the scenario that a run was launched with, changed by overrides. Raises DamageError, ScenarioError."""
    from mendloop.runs.engine import launched
    from mendloop.scenario import parse_scenario

    text = json.loads(reader.blob(launched(reader).scenario))
    return parse_scenario(text, "the run's scenario", Path(), overrides, confined=False)


def _budget_now(reader: Reader, scenario: Scenario, overrides: Sequence[str]) -> BudgetSpec:
    """Return the budget of a resumed run. Raises InputError for overrides that would change what the run makes."""
    changed = scenario_of(reader, overrides)
    same = changed.model_copy(update={"budget": scenario.budget}) == scenario
    if not same or changed.budget.session != scenario.budget.session:
        raise InputError(
            "a run that was begun makes what its scenario says; only its budget can change",
            where="--set",
            remedy="use budget.tokens, budget.usd, budget.wall or budget.records; for anything else start another run",
        )
    return changed.budget


async def _replay(path: Path, session: str | None) -> ReplayReport:
    from mendloop.composition import compose
    from mendloop.memory.none import NoMemory
    from mendloop.opening import silent_model
    from mendloop.runs.engine import launched
    from mendloop.runs.reader import Reader
    from mendloop.runs.replay import Unreachable, replay

    with Reader(path) as reader:
        scenario = scenario_of(reader)
        if session is not None and reader.session(session) is None:
            raise InputError(
                f"there is no session {session!r}", where=str(path), remedy="`mendloop sessions` lists them"
            )
        model = silent_model(launched(reader))
        return await replay(reader, scenario, compose(scenario, Unreachable(), NoMemory(), model), session)
