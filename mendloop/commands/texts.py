"""Texts that commands share: a trajectory for reading, and what to do next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from mendloop import api
from mendloop.commands.console import count
from mendloop.commands.traces import journal_lines
from mendloop.errors import InputError, RedactedError
from mendloop.events import (
    AnyEvent,
    BatchChanged,
    BudgetUsed,
    CircuitChanged,
    LlmAnswered,
    PaceChanged,
    RecordKept,
    StageJudged,
    StageSplit,
)
from mendloop.records import Record
from mendloop.runs.announcing import said_of
from mendloop.runs.answers import Asked, asked_in
from mendloop.runs.reader import Reader
from mendloop.runs.schema import EXPORTS
from mendloop.runs.spent import usage_of
from mendloop.tools.chat.protocol import Answer, ChatRequest

PROCEDURAL, RECORDED = "procedural", "recorded"
"""The teams of runs that asked no language model."""
OWN_CODE = "--set source.package=null --set source.path=FOLDER"
"""What points a scenario of an installed package at a folder of one's own."""


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
            yield from journal_lines(reader, events)


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


def happening(event: AnyEvent) -> str:
    """Return what an event says that happened to the run as a whole; an empty text for all others."""
    match event:
        case PaceChanged():
            asked = f", asked to wait {event.waited_s:g} s" if event.waited_s else ""
            return f"{event.model}: at most {event.limit} at once ({event.reason}{asked})"
        case CircuitChanged():
            return f"{event.model}: {event.state} ({event.reason})"
        case BatchChanged():
            why = f" ({event.reason})" if event.reason else ""
            return f"{event.model}: {event.answered} of {event.questions} answered, {event.state}{why}"
        case BudgetUsed():
            return f"{event.name}: {event.used:g} of {event.limit:g} used"
        case StageSplit():
            return f"split {event.split} is held out: {count(event.drawn, 'problem')} of {event.of}"
        case StageJudged():
            return said_of(event)
        case _:
            return ""


def call_lines(run: Path, session: str) -> Iterator[str]:
    """Yield the model calls of a session in order: what was asked, word for word, and what was answered."""
    with Reader(run) as reader:
        require_session(reader, session)
        calls = list(asked_in(reader, session))
        tokens = sum(usage_of(each.event).total for each in calls)
        yield f"=== {session}: {count(len(calls), 'model call')}, {tokens} tokens ==="
        for number, asked in enumerate(calls, 1):
            yield f"[{number}] {_called(asked)}"
            yield from _spoken(reader, asked.event)
            yield ""


def _called(asked: Asked) -> str:
    """Return a call in one line: where, who with which prompt, the model, its tokens, how it ended, its time."""
    event = asked.event
    written = f"{event.completion_tokens}" + (f" (reasoning {event.reasoning_tokens})" * bool(event.reasoning_tokens))
    asked_for = f"{event.prompt_tokens}" + (f" (cached {event.cached_tokens})" * bool(event.cached_tokens))
    told = [event.model, f"{asked_for} + {written} tokens", event.finish, f"{event.ms:.0f} ms"]
    return f"{asked.place} {asked.role}/{asked.slot}: {', '.join(told)}"


def _spoken(reader: Reader, event: LlmAnswered) -> Iterator[str]:
    try:
        messages = reader.load(event.prompt, ChatRequest).messages if event.prompt is not None else ()
        for message in messages:
            yield f"--- {message.role}\n{message.content}"
    except RedactedError:
        yield "--- the question was erased on request"
    try:
        answer = reader.load(event.result, Answer)
    except RedactedError:
        yield "--- the answer was erased on request"
        return
    for attempt in answer.attempts:
        came = f"{attempt.fault} after {attempt.ms:.0f} ms and {attempt.bytes} bytes, waited {attempt.waited_s:g} s"
        yield f"--- failed attempt: {came}" + (f" ({attempt.detail})" if attempt.detail else "")
    if answer.reasoning:
        yield f"--- reasoning\n{answer.reasoning}"
    yield f"--- answer\n{answer.text}"


def figures(run: api.Run) -> Iterator[str]:
    """Yield what a launch with a language model gave for what it used; nothing where no model was asked."""
    report = run.report()
    if report.model_use is None:
        return
    tiers = ", ".join(f"{tier} {number}" for tier, number in report.tiers.items() if number) or "none"
    kept, tokens = report.funnel.kept, report.tokens
    each = f"{tokens // kept:,} tokens a kept record" if kept else f"{tokens:,} tokens"
    yield f"kept {kept} of {report.funnel.sessions} attempted; tiers: {tiers}; {each}"


def next_steps(run: api.Run) -> Iterator[str]:
    """Yield what a person may want to do after a launch."""
    summary = run.summary
    if summary is None or summary.status != "finished":
        used_up = {
            "budget_tokens": " --set budget.tokens=N",
            "budget_usd": " --set budget.usd=N",
            "budget_records": " --set budget.records=N",
        }
        yield f"go on with: mendloop resume {run.path}{used_up.get(summary.reason, '') if summary else ''}"
        if summary is None or not summary.kept or not (run.path / EXPORTS).is_dir():
            return
    if summary.kept == 0:
        yield f"nothing was kept; why: mendloop report {run.path}"
        return
    if (run.path / EXPORTS / "README.md").is_file():
        yield f"data:   {run.path / EXPORTS} (README.md is its card)"
    elif (run.path / EXPORTS).is_dir():
        yield f"data:   {run.path / EXPORTS} (a folder for each view)"
    team = api.launch_of(run.path).team
    first = next((row.session for row in run.sessions() if row.status == "kept"), None)
    if first:
        calls = "" if team in (PROCEDURAL, RECORDED) else " (--calls: what the model was asked and said)"
        yield f"look:   mendloop show {run.path} {first}{calls}"
    yield f"report: mendloop report {run.path}"
    yield from _further(team)


def _further(team: str) -> Iterator[str]:
    """Yield what to try after a run of a team: a model after none, matters of one's own after a model."""
    if team == PROCEDURAL:
        yield "with a real model: mendloop run scenarios/inject_bugs.yaml"
        yield "    (the endpoint that OPENAI_BASE_URL and OPENAI_API_KEY name; or here: scripts/quickstart --local)"
        yield "your own code: copy scenarios/own_code.yaml and set source.path"
        return
    yield f"your own code: mendloop run scenarios/inject_bugs.yaml {OWN_CODE}"
    yield 'your own goal: mendloop run --goal "what the records are to be about"'
