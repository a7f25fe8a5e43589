"""The local engine: runs the sessions of a run side by side in one event loop, and stops cleanly when asked to."""

from __future__ import annotations

import asyncio
import gc
import random
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from mendloop import __version__
from mendloop.errors import BudgetError, DamageError, InputError, MendloopError, ProviderError, ScenarioError
from mendloop.events import (
    RUN_SESSION,
    BudgetUsed,
    ErrorRaised,
    RunStarted,
    SessionCollected,
    SessionFinished,
    SessionStarted,
)
from mendloop.frozen import Frozen
from mendloop.graphs.opening import SOURCE_SPENT, title_of
from mendloop.graphs.outcome import SessionOutcome
from mendloop.graphs.repair import RepairGraph, repair_graph
from mendloop.graphs.state import RepairInput
from mendloop.graphs.synthesis import SynthesisContext, synthesis_graph
from mendloop.graphs.team import RepairContext, Team
from mendloop.records import Brief, Problem
from mendloop.runs.control import Control
from mendloop.runs.journal import ReplayEnded
from mendloop.runs.progress import Progress, TellingLauncher, TellingProposer
from mendloop.runs.pulse import RECORDS_USED_UP, KeptLimit, Pulse, beat
from mendloop.runs.reader import Reader
from mendloop.runs.spent import spent_so_far
from mendloop.runs.stopping import INTERRUPTED, WALL_USED_UP, Stopper
from mendloop.runs.store import Store
from mendloop.scenario import Scenario, dump_scenario
from mendloop.specs import BudgetSpec
from mendloop.tools.bench import derive
from mendloop.tools.chat.metered import TOKENS_USED_UP, USD_USED_UP
from mendloop.tools.journal import Journal
from mendloop.tools.tracing import no_uploads

MAX_STEPS = 400
"""Graph steps of one session; the loop's own limits end it far earlier."""

COLLECT = (20_000, 20, 50)
"""How many new objects, and how many younger collections, come before each generation is collected."""


class Paused(Exception):  # noqa: N818 - a signal, not an error
    """The run was asked to stop, and nothing is running any more."""


class Summary(Frozen):
    """How a launch ended. `sessions` and `kept` count all that the run has taken into account so far.

    `detail` says what made it stop, where something went wrong: what, where, and what to do.
    """

    status: Literal["finished", "stopped", "interrupted"]
    reason: str
    sessions: int
    kept: int
    detail: str = ""


class SessionRunner:
    """Runs one session's graph against its journal."""

    def __init__(self, team: Team) -> None:
        self.team = team
        self.graph: RepairGraph = repair_graph()

    async def run(self, index: int, journal: Journal, brief: Brief) -> SessionOutcome:
        """Run session `index` to its end. Raises MendloopError when the run cannot go on."""
        session = session_name(index)
        memory = memory_switch(self.team, session)
        asked = journal.put(brief)
        await journal.emit("started", SessionStarted(index=index, memory=memory, brief=asked))
        start = RepairInput(session=session, index=index, memory=memory, brief=asked.sha256)
        outcome = (await self._outcome(start, journal)).model_copy(update={"concept": brief.concept})
        await journal.emit(
            "finished",
            SessionFinished(outcome=outcome.outcome, reason=outcome.reason, tier=outcome.tier, turns=outcome.turns),
        )
        return outcome

    async def _outcome(self, start: RepairInput, journal: Journal) -> SessionOutcome:
        session, index = start["session"], start["index"]
        try:
            state = await self.graph.ainvoke(
                start,
                {"recursion_limit": MAX_STEPS},
                context=RepairContext(self.team, journal),
            )
        except (ScenarioError, ReplayEnded):
            raise
        except MendloopError as error:
            if not isinstance(error, InputError):
                raise
            return await _failed(start, journal, error)
        except Exception as error:  # one session's fault of ours must not take the others down
            return await _failed(start, journal, error)
        reason = state.get("reason", "")
        return SessionOutcome(
            session=session,
            index=index,
            outcome="dropped" if reason else "kept",
            reason=reason or "kept",
            tier=None if reason else state["tier"],
            turns=len(state.get("results", [])),
            spent=reason == SOURCE_SPENT,
            title=title_of(journal.get(state["problem"], Problem)) if state.get("problem") else "",
        )


async def _failed(start: RepairInput, journal: Journal, error: Exception) -> SessionOutcome:
    """Journal a fault of ours, and return the end of the session that it met."""
    detail = journal.put("".join(traceback.format_exception(error)))
    await journal.emit("error", ErrorRaised(error=type(error).__name__, detail=detail))
    reason = f"internal_error: {type(error).__name__}"
    return SessionOutcome(session=start["session"], index=start["index"], outcome="dropped", reason=reason)


def session_name(index: int) -> str:
    """Return the name of session `index`; names sort as numbers do."""
    return f"s{index:06d}"


def memory_switch(team: Team, session: str) -> Literal["on", "off"]:
    """Return whether a session uses memory across sessions; a share runs without, as the control."""
    memory = team.loop.memory
    draw = random.Random(derive(team.seed, session, "memory")).random()  # noqa: S311 - sampling, not secrecy
    return "on" if memory.enabled and draw >= memory.off_share else "off"


class LocalLauncher:
    """Sessions as asyncio tasks. Outcomes that the journal already holds are not run again."""

    def __init__(
        self, store: Store, runner: SessionRunner, known: Mapping[int, SessionOutcome], stopper: Stopper
    ) -> None:
        self._store, self._runner, self._known, self._stopper = store, runner, known, stopper
        self._tasks: dict[int, asyncio.Task[SessionOutcome]] = {}
        self._next = len(known)
        self._started = 0
        self._ordered = runner.team.deterministic

    def start(self, index: int, brief: Brief) -> None:
        """Begin a session as the brief asks, unless its outcome is known or the run is being stopped.

        However small the wall budget, every launch begins one session, so that resuming gets to the end some day.
        """
        reason = self._stopper.reason
        if index in self._known or not (reason is None or (reason == WALL_USED_UP and not self._started)):
            return
        self._started += 1
        task = asyncio.create_task(self._session(index, brief), name=session_name(index))
        self._tasks[index] = task
        self._stopper.watch(task)

    async def _session(self, index: int, brief: Brief) -> SessionOutcome:
        journal = await self._store.journal(session_name(index))
        try:
            outcome = await self._runner.run(index, journal, brief)
        except (ProviderError, BudgetError) as error:  # no fault of this session: it goes on when the run is resumed
            self._stopper.request(error.reason, error=error)
            raise Paused from error
        journal.end()
        return outcome

    async def next(self) -> SessionOutcome:
        """Return the next outcome. Raises Paused when the run was stopped and nothing is left to wait for.

        A session that was paused leaves the others their time: what they are being answered is paid for.
        """
        while self._tasks:
            if self._ordered and self._next not in self._tasks:
                await asyncio.wait(self._tasks.values())
                break
            waiting = [self._tasks[self._next]] if self._ordered else list(self._tasks.values())
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            task = min(done, key=lambda each: each.get_name())
            self._tasks = {index: each for index, each in self._tasks.items() if each is not task}
            if task.cancelled() or isinstance(task.exception(), Paused):
                continue
            self._next += 1
            return task.result()
        raise Paused

    async def stop(self) -> None:
        """Cancel what still runs and wait until it is gone."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks = {}


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
    context = SynthesisContext(telling, journal, told, scenario.loop.concurrency, sessions)
    try:
        if stopper.reason is not None:
            raise Paused
        await journal.emit("run", run_started(journal, scenario, team, sessions, version))
        progress.stage("looking at the source")
        with rarer_collections():
            state = await _led(stopper, store.path.name, context)
    except (Paused, ProviderError, BudgetError) as end:
        if not isinstance(end, Paused):  # met by the run's own graph, which asks for concepts
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
        models=team.models,
        weights=team.weights,
    )


def launched(reader: Reader) -> RunStarted:
    """Return the first event of a run. Raises DamageError when there is none."""
    first = next(iter(reader.run_events()), None)
    if first is None or not isinstance(first.event, RunStarted):
        remedy = "remove the folder and start again with `mendloop run`"
        raise DamageError("the run never began", where=str(reader.path), remedy=remedy)
    return first.event


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
