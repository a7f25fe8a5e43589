"""The programs and suites of a run that an oracle can judge, read from its journal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mendloop.errors import RedactedError
from mendloop.events import AnyEvent, ProblemProposed, SolutionWritten, SuiteDesigned, VerdictReached
from mendloop.records import Case, Problem, Record, Solution, Suite, Tier, Verdict, VerdictKind
from mendloop.runs.counted import Story, Told
from mendloop.runs.observed import problem_of
from mendloop.runs.reader import Reader

BLAMING: frozenset[VerdictKind] = frozenset({"code_fault", "test_fault"})
"""Verdicts that say who is at fault, so that an oracle can find them right or wrong."""


@dataclass(frozen=True)
class Blame:
    """A verdict about one program: the cases that it names, as they stood in the shown suite then."""

    kind: VerdictKind
    rule: str
    code: str
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class Trial:
    """One session as an oracle judges it; `program` is the last candidate, `accepted` whether the loop passed it.

    `designed`, `shown` and `held_out` are the cases as first written, as they judged in the end, and those unseen.
    """

    session: str
    problem: Problem
    outcome: Literal["kept", "dropped"]
    reason: str
    tier: Tier | None
    program: str
    accepted: bool
    designed: tuple[Case, ...]
    shown: tuple[Case, ...]
    held_out: tuple[Case, ...]
    blames: tuple[Blame, ...]

    @property
    def cluster(self) -> str:
        """What the session's problem has in common with near-duplicates of it."""
        return self.problem.cluster or self.problem.id


def trials(reader: Reader, story: Story) -> Iterator[Trial]:
    """Yield the sessions that count and have a program; those of which something was erased are left out."""
    for told in story.sessions:
        try:
            trial = _trial(reader, told)
        except RedactedError:
            continue
        if trial is not None:
            yield trial


def _trial(reader: Reader, told: Told) -> Trial | None:
    problem, followed = problem_of(reader, told), _Followed(reader)
    for event in told.events:
        followed.see(event)
    program = followed.code
    if told.kept is not None:
        program = reader.load(told.kept.record, Record).attempts[-1].code
    if problem is None or not program:
        return None
    return Trial(
        session=told.session,
        problem=problem,
        outcome=told.end.outcome,
        reason=told.end.reason,
        tier=told.end.tier if told.kept is not None else None,
        program=program,
        accepted=followed.verdict == "passed",
        designed=followed.designed,
        shown=followed.shown,
        held_out=followed.held_out,
        blames=tuple(followed.blames),
    )


class _Followed:
    """A session's events, followed in order: what stands at any moment, and every verdict that blames."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.code = ""
        self.verdict: VerdictKind | None = None
        self.designed: tuple[Case, ...] = ()
        self.shown: tuple[Case, ...] = ()
        self.held_out: tuple[Case, ...] = ()
        self.blames: list[Blame] = []

    def see(self, event: AnyEvent) -> None:
        """Take one event into account; a problem that is stated again begins anew."""
        match event:
            case ProblemProposed():
                self.code, self.verdict, self.designed = "", None, ()
            case SuiteDesigned(role="held_out"):
                self.held_out = self._reader.load(event.suite, Suite).cases
            case SuiteDesigned():
                self.shown = self._reader.load(event.suite, Suite).cases
                self.designed = self.designed or self.shown
            case SolutionWritten(peer=0):
                self.code = self._reader.load(event.solution, Solution).code
            case VerdictReached():
                self.verdict = event.verdict
                if event.verdict in BLAMING:
                    self.blames.append(self._blame(event))

    def _blame(self, event: VerdictReached) -> Blame:
        failing = self._reader.load(event.detail, Verdict).failing
        cases = tuple(case for case in self.shown if case.id in failing)
        return Blame(event.verdict, event.rule, self.code, cases)
