"""Which records of a run are exported, and what is told of the sessions that were dropped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from mendloop.errors import RedactedError
from mendloop.events import RecordKept
from mendloop.frozen import Frozen
from mendloop.records import Problem, Record, Solution, Verdict
from mendloop.runs.blobs import unpack
from mendloop.runs.counted import Story, Told, read_object, read_story
from mendloop.runs.figures import function_of
from mendloop.runs.reader import Reader

_REFERENCE = re.compile(r'"sha256":"([0-9a-f]{64})"')

M = TypeVar("M", bound=Frozen)


class RejectedAttempt(Frozen):
    """One program of a dropped session; the verdict is None where none was reached."""

    turn: int
    code: str
    verdict: str | None
    rule: str | None


class RejectedProblem(Frozen):
    """The problem of a dropped session."""

    id: str
    function: str
    entry_point: str
    statement: str


class Rejected(Frozen):
    """A dropped session. `redacted` says that some of it was erased on request and is missing here."""

    session: str
    reason: str
    problem: RejectedProblem | None
    attempts: tuple[RejectedAttempt, ...]
    redacted: bool


def records(reader: Reader) -> Iterator[Record]:
    """Yield the records of a run that count, as `kept_records` does."""
    return kept_records(reader, read_story(reader))


def kept_records(reader: Reader, story: Story) -> Iterator[Record]:
    """Yield the records that count, in session order.

    Raises RedactedError naming the session when any content of a kept session was erased: a record repeats what its
    session's other blobs say, so that it could carry on what somebody wanted gone.
    """
    erased = reader.redacted()
    for told in story.sessions:
        if told.kept is not None:
            if erased:
                refuse_redacted(reader, told.session, erased)
            yield _record(reader, told.session, told.kept)


def refuse_redacted(reader: Reader, session: str, erased: frozenset[str]) -> None:
    """Raise RedactedError where an event of a session refers to content that was erased."""
    for event in reader.events(session):
        for sha256 in _REFERENCE.findall(event.payload):
            if sha256 in erased:
                raise _erased(session, sha256, event.kind)


def _record(reader: Reader, session: str, kept: RecordKept) -> Record:
    try:
        return reader.load(kept.record, Record)
    except RedactedError as error:
        raise _erased(session, kept.record.sha256, kept.kind) from error


def _erased(session: str, sha256: str, kind: str) -> RedactedError:
    return RedactedError(
        f"blob {sha256[:12]} ({kind}) was erased on request, and the session's record needs it",
        where=f"session {session}",
        remedy="this run can no longer be exported; synthesise the problem again",
    )


def rejected_sessions(reader: Reader, story: Story) -> Iterator[Rejected]:
    """Yield what there was of the dropped sessions that count, in session order. Raises DamageError."""
    for told in story.sessions:
        if told.end.outcome == "dropped":
            yield _rejected(_Lookup(reader), told)


class _Lookup:
    """Loads blobs and remembers whether one of them was erased."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.redacted = False

    def state(self, told: Told) -> Mapping[str, Any]:
        if told.dropped is None:
            return {}
        if told.dropped.detail.sha256 in self._reader.redacted():
            self.redacted = True
        return read_object(self._reader, told.dropped.detail)

    def load(self, sha256: object, model: type[M]) -> M | None:
        if not isinstance(sha256, str):
            return None
        try:
            return unpack(self._reader.blob(sha256), model)
        except RedactedError:
            self.redacted = True
            return None


def _rejected(lookup: _Lookup, told: Told) -> Rejected:
    state = lookup.state(told)
    problem = lookup.load(state.get("problem"), Problem)
    attempts = tuple(_attempts(lookup, state))
    return Rejected(
        session=told.session,
        reason=told.end.reason,
        problem=None if problem is None else _stated(problem),
        attempts=attempts,
        redacted=lookup.redacted,
    )


def _stated(problem: Problem) -> RejectedProblem:
    return RejectedProblem(
        id=problem.id,
        function=function_of(problem.source),
        entry_point=problem.entry_point,
        statement=problem.statement,
    )


def _attempts(lookup: _Lookup, state: Mapping[str, Any]) -> Iterator[RejectedAttempt]:
    verdicts = state.get("verdicts", [])
    for turn, hashed in enumerate(state.get("solutions", [])):
        solution = lookup.load(hashed, Solution)
        verdict = lookup.load(verdicts[turn], Verdict) if turn < len(verdicts) else None
        if solution is not None:
            kind, rule = (verdict.kind, verdict.rule) if verdict is not None else (None, None)
            yield RejectedAttempt(turn=turn, code=solution.code, verdict=kind, rule=rule)
