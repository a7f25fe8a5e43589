"""The local engine: runs the sessions of a run side by side in one event loop, and stops cleanly when asked to."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from mendloop import __version__
from mendloop.errors import AlarmError, BudgetError, MendloopError, ProviderError
from mendloop.events import (
    RUN_SESSION,
    BudgetUsed,
    RunStarted,
    SessionCollected,
)
from mendloop.frozen import Frozen
from mendloop.graphs.outcome import SessionOutcome
from mendloop.graphs.stages import models_of
from mendloop.graphs.synthesis import SynthesisContext, synthesis_graph
from mendloop.graphs.team import Team
from mendloop.modelspecs import STUDENT
from mendloop.runs.announcing import FolderAnnouncer
from mendloop.runs.begun import launched
from mendloop.runs.control import Control
from mendloop.runs.launcher import LocalLauncher, Paused
from mendloop.runs.progress import Progress, TellingLauncher, TellingProposer
from mendloop.runs.pulse import RECORDS_USED_UP, KeptLimit, Pulse, beat
from mendloop.runs.reader import Reader
from mendloop.runs.sessions import SessionRunner
from mendloop.runs.spent import spent_so_far
from mendloop.runs.stopping import INTERRUPTED, WALL_USED_UP, Stopper
from mendloop.runs.store import Store
from mendloop.scenario import Scenario, dump_scenario
from mendloop.specs import BudgetSpec
from mendloop.tools.chat.metered import TOKENS_USED_UP, USD_USED_UP
from mendloop.tools.journal import Journal
from mendloop.tools.tracing import no_uploads

COLLECT = (20_000, 20, 50)
"""How many new objects, and how many younger collections, come before each generation is collected."""


class Summary(Frozen):
    """How a launch ended. `sessions` and `kept` count all that the run has taken into account so far.

    `detail` says what made it stop, where something went wrong: what, where, and what to do.
    """

    status: Literal["finished", "stopped", "interrupted"]
    reason: str
    sessions: int
    kept: int
    detail: str = ""


async def begin(store: Store, scenario: Scenario, team: Team, sessions: int | None) -> None:
    """Journal the launch of a new run: once this is durable, the run can be resumed. Raises StorageError."""
    journal = await store.journal(RUN_SESSION)
    await journal.emit("run", run_started(journal, scenario, team, sessions))
    await store.flush()


async def synthesise(
    store: Store,
    scenario: Scenario,
    team: Team,
    progress: Progress,
    stopper: Stopper,
    control: Control,
    sessions: int | None = None,
    budget: BudgetSpec | None = None,
    look: Callable[[KeptLimit], Pulse] | None = None,
) -> Summary:
    """Run or resume a run that was begun until its target, its source's end, or a request to stop.

    `sessions` fixes the number of sessions and overrides the target; `budget` is this launch's, where it is not the
    scenario's; `control` is told what ended it; `look` says where the run stands. Raises MendloopError when the run
    cannot go on; everything that was journalled stays, and the run can be resumed.
    """
    with Reader(store.path) as reader:
        version = launched(reader).version
    budget = budget or scenario.budget
    limit = KeptLimit(budget.records, stopper.request)
    known = known_outcomes(store)
    for outcome in known.values():
        progress.collected(outcome)
        limit.collected(outcome)
    journal = await store.journal(RUN_SESSION)
    launcher = LocalLauncher(store, SessionRunner(team), known, stopper)
    if budget.wall is not None:
        asyncio.get_running_loop().call_later(budget.wall, stopper.request, WALL_USED_UP)
    telling = replace(team, proposer=TellingProposer(team.proposer, progress))
    no_uploads()
    told = TellingLauncher(launcher, progress, limit)
    beating = asyncio.create_task(beat(progress.pulse, partial(look, limit))) if look else None
    announcer = FolderAnnouncer(store.path, progress)
    context = SynthesisContext(telling, journal, told, scenario.loop.concurrency, sessions, announcer)
    try:
        if stopper.reason is not None:
            raise Paused
        await journal.emit("run", run_started(journal, scenario, team, sessions, version))
        progress.stage("looking at the source")
        with rarer_collections():
            state = await _led(stopper, store.path.name, context)
    except (Paused, ProviderError, BudgetError, AlarmError) as end:
        if not isinstance(end, Paused):  # met by the run's own graph, which asks for concepts and hears the alarm
            stopper.request(end.reason, 0, error=end)
        reason = stopper.reason or INTERRUPTED
        used = _budget_used(store, scenario, budget, reason)
        if used is not None:
            await control.append(used)
        return _paused(store, reason, stopper.error)
    finally:
        await told.stop()
        if beating is not None:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
    journal.end()
    await store.flush()
    return Summary(status="finished", reason=state["reason"], sessions=state["collected"], kept=state["kept"])


@contextmanager
def rarer_collections() -> Iterator[None]:
    """Let Python look for reference cycles less often: syntax trees and events make many objects and few cycles.

    With Python's own thresholds a third of the time in which a source is read goes into looking.
    """
    before = gc.get_threshold()
    gc.set_threshold(*COLLECT)
    try:
        yield
    finally:
        gc.set_threshold(*before)


async def _led(stopper: Stopper, run: str, context: SynthesisContext) -> dict[str, Any]:
    """Run the graph so that the stopper can end it. Raises Paused when it did."""
    work = synthesis_graph().ainvoke({"run": run}, {"recursion_limit": 10**9}, context=context)
    graph = asyncio.ensure_future(work)
    stopper.lead(graph)
    try:
        return await graph
    except asyncio.CancelledError:
        if stopper.reason is None:
            raise
        raise Paused from None
    finally:
        graph.cancel()


def run_started(
    journal: Journal, scenario: Scenario, team: Team, sessions: int | None, version: str = __version__
) -> RunStarted:
    """Return the first event of a run: everything that resuming and replaying need.

    `version` is that of the program that launched the run, which a later one may resume or replay.
    """
    return RunStarted(
        scenario=journal.put(dump_scenario(scenario)),
        version=version,
        team=team.name,
        seed=scenario.seed,
        sessions=sessions,
        models=team.models | ({STUDENT: models_of(team, "learning")} if team.student else {}),
        weights=team.weights,
    )


def known_outcomes(store: Store) -> dict[int, SessionOutcome]:
    """Return the outcomes that the run has already taken into account, by session number."""
    with Reader(store.path) as reader:
        outcomes = [
            reader.load(stored.event.result, SessionOutcome)
            for stored in reader.run_events()
            if isinstance(stored.event, SessionCollected)
        ]
    return {outcome.index: outcome for outcome in outcomes}


def _budget_used(store: Store, scenario: Scenario, budget: BudgetSpec, reason: str) -> BudgetUsed | None:
    """Return what was used of the budget that ended a launch; None where something else did."""
    tokens, usd = spent_so_far(store.path)
    if reason == WALL_USED_UP and budget.wall is not None:
        return BudgetUsed(name="wall_s", used=budget.wall, limit=budget.wall)
    if reason == TOKENS_USED_UP and budget.tokens is not None:
        return BudgetUsed(name="tokens", used=tokens, limit=budget.tokens)
    if reason == USD_USED_UP and budget.usd is not None:
        return BudgetUsed(name="usd", used=usd, limit=budget.usd)
    if reason == RECORDS_USED_UP and budget.records is not None:
        kept = sum(outcome.outcome == "kept" for outcome in known_outcomes(store).values())
        return BudgetUsed(name="records", used=kept, limit=budget.records)
    return None


def _paused(store: Store, reason: str, error: MendloopError | None) -> Summary:
    outcomes = known_outcomes(store).values()
    kept = sum(outcome.outcome == "kept" for outcome in outcomes)
    status: Literal["stopped", "interrupted"] = "interrupted" if reason == INTERRUPTED else "stopped"
    detail = str(error) if error else ""
    return Summary(status=status, reason=reason, sessions=len(outcomes), kept=kept, detail=detail)
