"""Launching, resuming and replaying: a run's parts are opened, put together, and closed again when it ends.

Nothing heavy is loaded before it is needed: what is wrong with a scenario is said first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mendloop.errors import InputError, StorageError
from mendloop.runs.schema import EXPORTS

if TYPE_CHECKING:
    from mendloop.events import RunFinished
    from mendloop.graphs.team import Team
    from mendloop.opening import OpenedModel
    from mendloop.runs.engine import Summary
    from mendloop.runs.progress import Progress
    from mendloop.runs.pulse import KeptLimit, Pulse
    from mendloop.runs.replay import ReplayReport
    from mendloop.runs.stopping import Stopper
    from mendloop.runs.store import Store
    from mendloop.scenario import Scenario
    from mendloop.settings import Settings
    from mendloop.specs import BudgetSpec
    from mendloop.tools.sandbox.e2b.plan import Account
    from mendloop.tools.sandbox.protocol import Sandbox


async def launch(
    scenario: Scenario, path: Path, sessions: int | None, progress: Progress, settings: Settings
) -> Summary:
    """Launch a run and return how it ended. Raises as `mendloop.api.run` does."""
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
        sandbox = await isolated_sandbox(scenario, settings, stack, progress)

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
            summary = await _work(store, scenario, team, sessions, progress, stopper, settings, model)
    return _exported(path, summary, scenario, progress)


async def resume(path: Path, overrides: Sequence[str], progress: Progress, settings: Settings) -> Summary:
    """Go on with a run and return how it ended. Raises as `mendloop.api.resume` does."""
    from mendloop.choosing import said_of
    from mendloop.composition import compose
    from mendloop.memory.none import NoMemory
    from mendloop.opening import opened_model
    from mendloop.runs.begun import budget_now, launched, scenario_of
    from mendloop.runs.reader import Reader
    from mendloop.runs.stopping import Stopper, signals
    from mendloop.runs.store import open_run as open_store

    with Reader(path) as reader:
        scenario, sessions = scenario_of(reader), launched(reader).sessions
        budget = budget_now(reader, scenario, overrides)
        end = reader.end()
    if end is not None:
        summary = _unexported(path, scenario, end)
        progress.started(path)
        return _exported(path, summary, scenario, progress)
    stopper = Stopper()
    async with AsyncExitStack() as stack:
        sandbox = await isolated_sandbox(scenario, settings, stack, progress)
        stack.enter_context(signals(stopper))
        store = stack.enter_context(open_store(path, secrets=settings.secrets()))
        progress.team(said_of(scenario, settings))
        progress.started(path)
        model = await opened_model(scenario.model_copy(update={"budget": budget}), settings, stack)
        team = compose(scenario, sandbox, NoMemory(), model)
        summary = await _work(store, scenario, team, sessions, progress, stopper, settings, model, budget)
    return _exported(path, summary, scenario, progress)


def _unexported(path: Path, scenario: Scenario, end: RunFinished) -> Summary:
    """Return how a finished run ended that still lacks an export. Raises InputError when it lacks none."""
    from mendloop.runs.engine import Summary

    folders = {view: _export_folder(path, scenario, view) for view in scenario.export}
    whole = all((to / "README.md").is_file() and (to / view).is_dir() for view, to in folders.items())
    if whole or not end.kept:
        raise InputError("the run is finished", where=str(path), remedy="`mendloop export` and `report` read it")
    return Summary(status="finished", reason=end.reason, sessions=end.counted, kept=end.kept)


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
) -> Summary:
    from mendloop.remembering import opened_memory
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
    memory = await opened_memory(store.path, scenario, settings, progress)
    try:
        whole = replace(team, memory=memory)
        look = None if model is None else _look(model, scenario, sessions, settings, progress)
        return await synthesise(store, scenario, whole, progress, stopper, control, sessions, budget, look)
    finally:
        await memory.aclose()
        await control.settle()


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


def _exported(path: Path, summary: Summary, scenario: Scenario, progress: Progress) -> Summary:
    """Write the scenario's exports of a run that is finished, or whose budget is used up."""
    from mendloop.datasets.export import export

    if summary.kept and (summary.status == "finished" or paid_out(summary)):
        if scenario.export:
            progress.stage("exporting")
        for view in scenario.export:
            export(path, view, _export_folder(path, scenario, view))
    return summary


def _export_folder(path: Path, scenario: Scenario, view: str) -> Path:
    """Return where a run writes a view: each has a card, so that several have a folder each."""
    return path / EXPORTS / view if len(scenario.export) > 1 else path / EXPORTS


async def isolated_sandbox(
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


async def replay(path: Path, session: str | None) -> ReplayReport:
    """Run the graphs of a run again from its journal alone. Raises InputError for an unknown session."""
    from mendloop.composition import compose
    from mendloop.memory.none import NoMemory
    from mendloop.opening import silent_model
    from mendloop.runs.begun import launched, scenario_of
    from mendloop.runs.reader import Reader
    from mendloop.runs.replay import Unreachable
    from mendloop.runs.replay import replay as replayed

    with Reader(path) as reader:
        scenario = scenario_of(reader)
        if session is not None and reader.session(session) is None:
            raise InputError(
                f"there is no session {session!r}", where=str(path), remedy="`mendloop sessions` lists them"
            )
        model = silent_model(launched(reader))
        return await replayed(reader, scenario, compose(scenario, Unreachable(), NoMemory(), model), session)


def paid_out(summary: Summary) -> bool:
    """Tell whether a budget or a provider's quota ended a launch."""
    return summary.reason == "quota" or summary.reason.startswith("budget")


def cloud_account(settings: Settings) -> Account | None:
    """Return the account that e2b machines are rented with, None where no key is set."""
    if settings.e2b_api_key is None:
        return None
    from mendloop.tools.sandbox.e2b.plan import Account

    urls = {"api_url": settings.e2b_api_url, "sandbox_url": settings.e2b_sandbox_url}
    return Account(settings.e2b_api_key, settings.e2b_domain, **urls)
