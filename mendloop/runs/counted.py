"""Which sessions of a run count, and what the journal holds of them: one pass over the events, few of them parsed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import yaml

from mendloop.errors import MendloopError
from mendloop.events import (
    CONTROL_SESSION,
    RUN_SESSION,
    AnyEvent,
    RecordDropped,
    RecordKept,
    Ref,
    RunFinished,
    RunStarted,
    SessionFinished,
    SessionStarted,
    StageJudged,
)
from mendloop.runs.reader import Reader

WANTED: frozenset[str] = frozenset(
    {
        "run_started",
        "run_finished",
        "session_started",
        "session_finished",
        "record_kept",
        "record_dropped",
        "stage_judged",
    }
    | {"problem", "suite", "solution", "verdict", "memory_queried", "memory_stored", "llm_call", "budget"}
)
"""The kinds of event that figures and exports read; the others (most of a journal) are passed over unparsed."""

E = TypeVar("E", bound=AnyEvent)


@dataclass(frozen=True)
class Told:
    """One session that ended: its start, its end, and the wanted events in order."""

    session: str
    start: SessionStarted
    end: SessionFinished
    events: tuple[AnyEvent, ...]

    def of(self, kind: type[E]) -> tuple[E, ...]:
        """Return the session's events of one type, in order."""
        return tuple(event for event in self.events if isinstance(event, kind))

    @property
    def kept(self) -> RecordKept | None:
        """Where the session's record is, when it was kept."""
        return next(iter(self.of(RecordKept)), None) if self.end.outcome == "kept" else None

    @property
    def dropped(self) -> RecordDropped | None:
        """What there was of the session, when it was dropped."""
        return next(iter(self.of(RecordDropped)), None) if self.end.outcome == "dropped" else None


@dataclass(frozen=True)
class RunFacts:
    """What holds for a run as a whole. `models` says which model plays which role.

    `sessions` is the number asked for in place of the target. `first` and `last` are UNIX times; redaction afterwards
    moves neither.
    """

    team: str = ""
    models: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    seed: int | None = None
    scenario: Mapping[str, Any] = field(default_factory=dict)
    sessions: int | None = None
    finished: RunFinished | None = None
    first: float | None = None
    last: float | None = None

    @property
    def deterministic(self) -> bool:
        """True when everything in the run was decided in session order."""
        return self.scenario.get("deterministic") is True


@dataclass(frozen=True)
class Story:
    """A run as figures and exports see it: its facts, the sessions that count, all events that cost something, and its
    stages.
    """

    facts: RunFacts
    sessions: tuple[Told, ...]
    spent: tuple[AnyEvent, ...]
    stages: tuple[StageJudged, ...] = ()


def read_story(reader: Reader) -> Story:
    """Read a run once. The sessions that count are in session order.

    In a finished deterministic run they are those below `RunFinished.counted`; else all that ended. What was spent
    includes the sessions that do not count. Raises DamageError.
    """
    sessions: dict[str, list[AnyEvent]] = {}
    first = last = None
    for stored in reader.tail():
        if stored.kind not in ("redacted", "error"):
            first, last = stored.ts if first is None else first, stored.ts
        if stored.kind in WANTED:
            sessions.setdefault(stored.session, []).append(stored.event)
    run = sessions.pop(RUN_SESSION, [])
    control = sessions.pop(CONTROL_SESSION, [])
    facts = _facts(reader, run, first, last)
    everything = [*run, *control, *(event for events in sessions.values() for event in events)]
    spent = tuple(event for event in everything if event.kind in ("llm_call", "budget"))
    stages = tuple(event for event in run if isinstance(event, StageJudged))
    return Story(facts, _counted(sessions, facts), spent, stages)


def _facts(reader: Reader, run: Sequence[AnyEvent], first: float | None, last: float | None) -> RunFacts:
    started = next((event for event in run if isinstance(event, RunStarted)), None)
    finished = next((event for event in reversed(run) if isinstance(event, RunFinished)), None)
    if started is None:
        return RunFacts(finished=finished, first=first, last=last)
    return RunFacts(
        team=started.team,
        models=started.models,
        version=started.version,
        seed=started.seed,
        scenario=_scenario(reader, started.scenario),
        sessions=started.sessions,
        finished=finished,
        first=first,
        last=last,
    )


def _scenario(reader: Reader, blob: Ref) -> Mapping[str, Any]:
    """Return the resolved scenario, which is stored as the text of its YAML; empty where that was erased."""
    try:
        scenario = yaml.safe_load(json.loads(reader.blob(blob)))
    except (MendloopError, ValueError, AttributeError, yaml.YAMLError):
        return {}
    return scenario if isinstance(scenario, dict) else {}


def surplus_from(reader: Reader) -> int | None:
    """Return the number from which on sessions do not count, None where all that ended do. Raises DamageError."""
    told = [stored.event for stored in reader.run_events() if stored.kind in ("run_started", "run_finished")]
    return _limit(_facts(reader, told, None, None))


def _limit(facts: RunFacts) -> int | None:
    return facts.finished.counted if facts.finished is not None and facts.deterministic else None


def _counted(sessions: Mapping[str, Sequence[AnyEvent]], facts: RunFacts) -> tuple[Told, ...]:
    ended = [told for session, events in sessions.items() if (told := _told(session, events)) is not None]
    limit = _limit(facts)
    if limit is not None:
        ended = [told for told in ended if told.start.index < limit]
    return tuple(sorted(ended, key=lambda told: (told.start.index, told.session)))


def _told(session: str, events: Sequence[AnyEvent]) -> Told | None:
    start = next((event for event in events if isinstance(event, SessionStarted)), None)
    end = next((event for event in events if isinstance(event, SessionFinished)), None)
    return None if start is None or end is None else Told(session, start, end, tuple(events))


def read_object(reader: Reader, blob: Ref | str) -> Mapping[str, Any]:
    """Return a blob that holds a JSON object; an empty one where it was erased, is missing, or holds something else."""
    try:
        value = json.loads(reader.blob(blob))
    except (MendloopError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
