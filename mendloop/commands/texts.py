"""Texts that commands share: a trajectory for reading, and what to do next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from mendloop import api
from mendloop.errors import InputError
from mendloop.events import (
    Diagnosed,
    ProblemProposed,
    RecordDropped,
    RecordKept,
    SessionFinished,
    SolutionWritten,
    VerdictReached,
)
from mendloop.records import Diagnosis, Problem, Record, Solution
from mendloop.runs.reader import Reader, StoredEvent


def json_option() -> Any:
    """Return the option that every reporting command has."""
    return typer.Option("--json", help="Print JSON on stdout, everything else on stderr.")


def require_session(reader: Reader, session: str) -> None:
    """Raise InputError when a run has no such session."""
    if reader.session(session) is None:
        raise InputError(
            f"there is no session {session!r}", where=str(reader.path), remedy="`mendloop sessions` lists them"
        )


def trajectory_lines(run: Path, session: str) -> Iterator[str]:
    """Yield a session for reading: its dialogue when it was kept, else what was journalled of it."""
    with Reader(run) as reader:
        require_session(reader, session)
        events = list(reader.events(session))
        kept = next((each.event for each in events if isinstance(each.event, RecordKept)), None)
        yield f"=== {session} ==="
        if kept is not None:
            yield from record_lines(reader.load(kept.record, Record))
        else:
            yield from _journal_lines(reader, events)


def record_lines(record: Record) -> Iterator[str]:
    """Yield a record's dialogue and the numbers behind its tier."""
    for message in record.messages:
        verdict = f", {message.verdict}" if message.role == "assistant" else ""
        trained = ", trained" if message.train else ""
        yield f"--- {message.name} ({message.role}, turn {message.turn}{verdict}{trained})"
        yield message.content
        yield ""
    yield f"tier {record.tier}: {json.dumps(record.evidence.model_dump(mode='json', exclude_none=True))}"
    yield f"operators: {', '.join(record.provenance.operators) or 'none'}; record {record.id}"


def _journal_lines(reader: Reader, events: list[StoredEvent]) -> Iterator[str]:
    given_up = ""
    for stored in events:
        match stored.event:
            case ProblemProposed(problem=ref):
                yield reader.load(ref, Problem).statement
            case SolutionWritten(solution=ref, turn=turn, peer=peer):
                yield f"--- programmer (turn {turn}{f', peer {peer}' if peer else ''})"
                yield reader.load(ref, Solution).code
            case VerdictReached(verdict=verdict, rule=rule):
                yield f"verdict: {verdict} by {rule}"
            case Diagnosed(diagnosis=ref):
                yield f"--- critic\n{reader.load(ref, Diagnosis).text}"
            case RecordDropped(reason=reason):
                given_up = f"dropped: {reason}"
                yield given_up
            case SessionFinished(outcome=outcome, reason=reason) if f"{outcome}: {reason}" != given_up:
                yield f"{outcome}: {reason}"


def figures(run: api.Run) -> Iterator[str]:
    """Yield what a launch with a language model gave for what it used; nothing where no model was asked."""
    report = run.report()
    if not report.tokens:
        return
    tiers = ", ".join(f"{tier} {number}" for tier, number in report.tiers.items() if number) or "none"
    kept = sum(report.tiers.values())
    each = f"{report.tokens // kept:,} tokens a kept record" if kept else f"{report.tokens:,} tokens"
    yield f"kept {kept} of {report.funnel.sessions} attempted; tiers: {tiers}; {each}"


def next_steps(run: api.Run) -> Iterator[str]:
    """Yield what a person may want to do after a launch."""
    summary = run.summary
    if summary is None or summary.status != "finished":
        yield f"go on with: mendloop resume {run.path}"
        if summary is None or not summary.kept or not (run.path / api.EXPORTS).is_dir():
            return
    if summary.kept == 0:
        yield f"nothing was kept; why: mendloop report {run.path}"
        return
    yield f"data:   {run.path / api.EXPORTS} (README.md is its card)"
    first = next((row.session for row in run.sessions() if row.status == "kept"), None)
    if first:
        yield f"look:   mendloop show {run.path} {first}"
    yield f"report: mendloop report {run.path}"
    yield "your own code: copy scenarios/own_code.yaml and set source.path"
