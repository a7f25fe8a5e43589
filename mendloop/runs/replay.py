"""Replay: the graphs run again with every effect served from the journal, and nothing outside is called."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable

from mendloop.errors import AlarmError, DivergedError
from mendloop.events import RUN_SESSION, SessionStarted
from mendloop.executions import Execution, Probe, Request
from mendloop.frozen import Frozen
from mendloop.graphs.outcome import SessionOutcome
from mendloop.graphs.synthesis import SynthesisContext, synthesis_graph
from mendloop.graphs.team import Team
from mendloop.records import Brief, Standing
from mendloop.runs.begun import launched
from mendloop.runs.engine import run_started
from mendloop.runs.journal import ReplayEnded, ReplayJournal
from mendloop.runs.reader import Reader
from mendloop.runs.sessions import SessionRunner
from mendloop.scenario import Scenario


class Divergence(Frozen):
    """Where a replay and its journal part."""

    session: str
    what: str


class ReplayReport(Frozen):
    """What a replay found; `events` counts those asked for again and equal in kind, payload and order."""

    ok: bool
    sessions: int
    events: int
    diverged: tuple[Divergence, ...]


class Unreachable:
    """A sandbox that a replay has in place of a real one: to call it is a fault of ours, and is counted."""

    def __init__(self) -> None:
        self.calls = 0

    async def probe(self) -> tuple[Probe, ...]:
        """Return no layer."""
        self.calls += 1
        return ()

    async def run(self, request: Request) -> Execution:
        """Raise: every execution must come from the journal."""
        self.calls += 1
        raise AssertionError("a replay called the sandbox")

    async def aclose(self) -> None:
        """Release nothing."""


class _NoLauncher:
    """Starts nothing: outcomes come from the journal."""

    def start(self, index: int, brief: Brief, standing: Standing | None = None) -> None:
        pass

    async def next(self) -> SessionOutcome:
        raise AssertionError("an outcome was asked for that the journal should have served")

    async def stop(self) -> None:
        pass


async def replay(reader: Reader, scenario: Scenario, team: Team, only: str | None = None) -> ReplayReport:
    """Replay a run (and within it `only` one session, where given) and compare every event with the stored one.

    The run as a whole is always replayed first, because the sessions stand on its survey of the source: when it
    diverges, they are not replayed. Raises RedactedError when something that is needed was erased.
    """
    journal = ReplayJournal(reader, RUN_SESSION)
    diverged: list[Divergence] = []
    problem = await _compared(journal, _replay_run(journal, reader, scenario, team))
    compared = journal.compared
    if problem:
        first = Divergence(session=RUN_SESSION, what=problem)
        return ReplayReport(ok=False, sessions=0, events=compared, diverged=(first,))
    names = [only] if only is not None else list(_sessions(reader))
    runner = SessionRunner(team)
    for name in names:
        session = ReplayJournal(reader, name)
        problem = await _compared(session, _replay_session(runner, reader, name, session))
        compared += session.compared
        if problem:
            diverged.append(Divergence(session=name, what=problem))
    if isinstance(team.sandbox, Unreachable) and team.sandbox.calls:
        diverged.append(Divergence(session=RUN_SESSION, what=f"the sandbox was called {team.sandbox.calls} times"))
    return ReplayReport(ok=not diverged, sessions=len(names), events=compared, diverged=tuple(diverged))


async def _replay_run(journal: ReplayJournal, reader: Reader, scenario: Scenario, team: Team) -> None:
    start = launched(reader)
    await journal.emit("run", run_started(journal, scenario, team, start.sessions, start.version))
    context = SynthesisContext(team, journal, _NoLauncher(), scenario.loop.concurrency, start.sessions)
    await synthesis_graph().ainvoke({"run": ""}, {"recursion_limit": 10**9}, context=context)


async def _replay_session(runner: SessionRunner, reader: Reader, name: str, journal: ReplayJournal) -> None:
    first = next((each.event for each in reader.events(name)), None)
    started = first if isinstance(first, SessionStarted) else None
    brief = reader.load(started.brief, Brief) if started and started.brief else Brief()
    await runner.run(int(name[1:]), journal, brief, started.standing if started else None)


async def _compared(journal: ReplayJournal, run: Awaitable[object]) -> str:
    """Return what diverged, or an empty text; an interrupted session ends as a consistent prefix."""
    try:
        await run
        journal.end()
    except (ReplayEnded, AlarmError):  # a run that its alarm stopped ends there again
        return ""
    except DivergedError as error:
        return error.what
    return ""


def _sessions(reader: Reader) -> Iterable[str]:
    return [row.session for row in reader.sessions()]
