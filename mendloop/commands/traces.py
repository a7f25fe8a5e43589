"""A session that was not kept, for reading: what was journalled of it, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mendloop.agents.failing import asked_text
from mendloop.commands.console import count
from mendloop.errors import RedactedError
from mendloop.events import (
    AnyEvent,
    Diagnosed,
    ProblemProposed,
    RecordDropped,
    SessionFinished,
    SolutionWritten,
    SuiteDesigned,
    VerdictReached,
)
from mendloop.records import Case, Diagnosis, Problem, Solution, Suite, Verdict
from mendloop.runs.reader import Reader
from mendloop.runs.stored import StoredEvent

ROLES = {"shown": "shown", "held_out": "held out"}


def journal_lines(reader: Reader, events: Sequence[StoredEvent]) -> Iterator[str]:
    """Yield the statement, suites, programs, verdicts and diagnoses of a session, and how it ended."""
    trace = _Trace(reader)
    for stored in events:
        try:
            yield from trace.lines(stored.event)
        except RedactedError:
            yield f"--- {stored.event.kind}: erased on request"


class _Trace:
    """What was said so far, so that only what is new is said again."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._problem: Problem | None = None
        self._cases: dict[str, Mapping[str, Case]] = {}
        self._given_up = ""

    def lines(self, event: AnyEvent) -> Iterator[str]:
        """Yield what one event says. Raises RedactedError where that was erased."""
        match event:
            case ProblemProposed(problem=ref):
                yield from self._stated(self._reader.load(ref, Problem))
            case SuiteDesigned(suite=ref, role=role):
                yield from self._designed(self._reader.load(ref, Suite), role)
            case SolutionWritten(solution=ref, turn=turn, peer=peer):
                yield f"--- programmer (turn {turn}{f', peer {peer}' if peer else ''})"
                yield self._reader.load(ref, Solution).code
            case VerdictReached(detail=ref):
                yield from self._judged(self._reader.load(ref, Verdict))
            case Diagnosed(diagnosis=ref):
                yield f"--- critic\n{self._reader.load(ref, Diagnosis).text}"
            case RecordDropped(reason=reason):
                self._given_up = f"dropped: {reason}"
                yield self._given_up
            case SessionFinished(outcome=outcome, reason=reason) if f"{outcome}: {reason}" != self._given_up:
                yield f"{outcome}: {reason}"

    def _stated(self, problem: Problem) -> Iterator[str]:
        old, self._problem = self._problem, problem
        if old is None or old.statement != problem.statement:
            yield f"--- proposer{' (restated)' if old else ''}\n{problem.statement}"
        elif problem.contract.predicate and problem.contract.predicate != old.contract.predicate:
            yield f"--- valid inputs\n{problem.contract.predicate}"

    def _designed(self, suite: Suite, role: str) -> Iterator[str]:
        """Yield a first suite whole, and of one that replaces another what is different."""
        old, new = self._cases.get(role), {case.id: case for case in suite.cases}
        self._cases[role] = new
        if old is None:
            yield f"--- tester ({ROLES[role]}, {count(len(new), 'case')})"
            yield from map(asked_text, new.values())
            return
        for name, case in old.items():
            if name not in new:
                yield f"set aside ({ROLES[role]}): {asked_text(case)}"
        for name, case in new.items():
            if case != old.get(name):
                yield f"{'mended' if name in old else 'added'} ({ROLES[role]}): {asked_text(case)}"

    def _judged(self, verdict: Verdict) -> Iterator[str]:
        note = f" ({verdict.note})" if verdict.note else ""
        yield f"--- verdict: {verdict.kind} by {verdict.rule}{note}"
        shown = self._cases.get("shown", {})
        failing = [shown[name] for name in verdict.failing if name in shown]
        for case in failing[:1]:
            others = f"  # and {len(failing) - 1} more" if len(failing) > 1 else ""
            yield f"{asked_text(case)}{others}"
