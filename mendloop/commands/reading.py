"""Reading a run: runs, sessions, show, tail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from mendloop import api
from mendloop.commands.console import say, show, show_json, show_table
from mendloop.commands.texts import call_lines, happening, json_option, require_session, trajectory_lines
from mendloop.errors import InputError, MendloopError
from mendloop.events import RecordKept
from mendloop.modelspecs import Price
from mendloop.records import Problem, Record
from mendloop.runs.answers import asked_in
from mendloop.runs.counted import surplus_from
from mendloop.runs.prices import price_of
from mendloop.runs.reader import Reader
from mendloop.runs.rollup import SessionRow
from mendloop.runs.spent import usd_of
from mendloop.runs.stored import StoredEvent

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The run folder.")]
SessionName = Annotated[str, typer.Argument(metavar="SESSION", help="The session's name, as `sessions` prints it.")]
Json = Annotated[bool, json_option()]

HEADS = ("session", "status", "tier", "verdict", "stop_reason", "turns")
STATUSES = ("running", "kept", "dropped", "unfinished", "surplus")
"""Unfinished: cut off, `resume` goes on. Surplus: under way when the target was met, and in no data set or figure."""


def runs(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of runs.")] = api.RUNS, as_json: Json = False
) -> None:
    """List the runs in a folder."""
    if not folder.is_dir():
        raise InputError("there is no such folder", where=str(folder), remedy="name a folder of runs")
    rows = [_run_row(path) for path in sorted(folder.iterdir()) if (path / "run.db").is_file()]
    if as_json:
        for row in rows:
            show_json(row)
        return
    show_table(("run", "status", "sessions", "kept", "started"), [_cells(row) for row in rows])


def _cells(row: dict[str, Any]) -> list[str]:
    return ["" if value is None else str(value) for value in row.values()]


def _run_row(path: Path) -> dict[str, Any]:
    try:
        with Reader(path) as reader:
            rows = [row for row, status in _with_status(reader) if status not in ("surplus", "unfinished")]
            return {
                "run": str(path),
                "status": reader.status(),
                "sessions": len(rows),
                "kept": sum(row.status == "kept" for row in rows),
                "started": reader.meta()["created"],
            }
    except MendloopError as error:  # one run that cannot be read must not hide the others
        say(f"mendloop: {error}")
        return {"run": str(path), "status": "unreadable", "sessions": None, "kept": None, "started": None}


def sessions(
    run: RunFolder,
    status: Annotated[str | None, typer.Option(help=f"One of {', '.join(STATUSES)}.")] = None,
    tier: Annotated[str | None, typer.Option(help="A, B or C.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    as_json: Json = False,
) -> None:
    """List a run's sessions."""
    _one_of("--status", status, STATUSES)
    _one_of("--tier", tier, ("A", "B", "C"))
    with Reader(run) as reader:
        wanted = [each for each in _with_status(reader) if status in (None, each[1]) and tier in (None, each[0].tier)]
        price = price_of(reader)
        rows = [_session_row(row, stands, _usd(reader, row, price)) for row, stands in wanted[:limit]]
    if as_json:
        for row in rows:
            show_json(row)
        return
    shown = [*HEADS, *(head for head in ("tokens", "usd") if any(row[head] for row in rows))]
    show_table(shown, [_cells({head: row[head] for head in shown}) for row in rows])


def _one_of(option: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        raise InputError(f"`{value}` is none of {', '.join(allowed)}", where=option)


def _with_status(reader: Reader) -> Iterator[tuple[SessionRow, str]]:
    """Yield the sessions, each with where it stands as far as the run is concerned."""
    alive, limit = reader.status() == "running", surplus_from(reader)
    for row in reader.sessions():
        if limit is not None and row.idx >= limit:
            yield row, "surplus"
        else:
            yield row, "unfinished" if row.status == "running" and not alive else row.status


def _usd(reader: Reader, row: SessionRow, price: Price | None) -> float | None:
    """Return what a session's answers cost in US dollars, None where the price is not known."""
    if row.usd or not row.tokens:
        return row.usd
    paid = [usd_of(each.event, price) for each in asked_in(reader, row.session)]
    return None if None in paid else round(sum(each or 0.0 for each in paid), 6)


def _session_row(row: SessionRow, status: str, usd: float | None) -> dict[str, Any]:
    return {
        "session": row.session,
        "status": status,
        "tier": row.tier,
        "verdict": row.verdict,
        "stop_reason": row.stop_reason,
        "turns": row.turns,
        "tokens": row.tokens,
        "usd": usd,
    }


def show_session(
    run: RunFolder,
    session: SessionName,
    calls: Annotated[
        bool, typer.Option("--calls", help="Instead: the model calls in order, with every prompt and answer in full.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show one session: the dialogue, its verdicts and its evidence."""
    if not as_json:
        for line in call_lines(run, session) if calls else trajectory_lines(run, session):
            show(line)
        return
    with Reader(run) as reader:
        require_session(reader, session)
        show_json(_session_document(reader, session))


def _session_document(reader: Reader, session: str) -> dict[str, Any]:
    events = list(reader.events(session))
    kept = next((each.event for each in events if isinstance(each.event, RecordKept)), None)
    record = reader.load(kept.record, Record) if kept else None
    problem = record.problem if record else _problem_of(reader, events)
    return {
        "session": session,
        "problem": problem,
        "attempts": record.attempts if record else [],
        "matrix": [{case.id: case.status for case in attempt.cases} for attempt in record.attempts] if record else [],
        "events": [_event_document(each) for each in events],
    }


def _problem_of(reader: Reader, events: list[StoredEvent]) -> Problem | None:
    proposed = next((each for each in events if each.kind == "problem"), None)
    return reader.load(proposed.event.problem, Problem) if proposed else None  # type: ignore[union-attr]  # by its kind


def _event_document(stored: StoredEvent) -> dict[str, Any]:
    return {"session": stored.session, "seq": stored.seq, "key": stored.key, **stored.event.model_dump(mode="json")}


def tail(
    run: RunFolder,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Wait for more while the run works.")] = True,
    as_json: Json = False,
) -> None:
    """Print events as they are committed, until the run ends."""
    with Reader(run) as reader:
        for stored in _events(reader, follow):
            if as_json:
                show_json({"n": stored.n, **_event_document(stored)})
            else:
                stamp = datetime.fromtimestamp(stored.ts, UTC).strftime("%H:%M:%S")
                show(f"{stamp} {stored.session or 'run':<8} {stored.kind:<16} {happening(stored.event) or stored.key}")


def _events(reader: Reader, follow: bool) -> Iterator[StoredEvent]:
    last = 0
    while True:
        working = follow and reader.status() == "running"
        for stored in reader.tail(last):
            last = stored.n
            yield stored
        if not working:
            return
        time.sleep(0.2)
