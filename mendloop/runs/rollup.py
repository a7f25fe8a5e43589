"""The `session` table: one row a session, folded from its events and rebuildable from them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import Literal, cast

from mendloop.events import (
    CONTROL_SESSION,
    EVENT,
    RUN_SESSION,
    AnyEvent,
    BudgetUsed,
    LlmAnswered,
    SessionFinished,
    SessionStarted,
    VerdictReached,
)
from mendloop.records import Tier, VerdictKind
from mendloop.runs.failpoints import passing
from mendloop.runs.lock import RunLock
from mendloop.runs.packing import unpacked
from mendloop.runs.schema import connect, read_meta, require_run, tune_for_writing, writing

SessionStatus = Literal["running", "kept", "dropped"]


@dataclass(frozen=True)
class SessionRow:
    """What is known of a session at a glance. `verdict` is the last one; `idx` is -1 before the session's start."""

    session: str
    idx: int = -1
    status: SessionStatus = "running"
    tier: Tier | None = None
    verdict: VerdictKind | None = None
    stop_reason: str | None = None
    turns: int = 0
    tokens: int = 0
    usd: float = 0.0
    started: float | None = None
    finished: float | None = None


COLUMNS = ", ".join(field.name for field in fields(SessionRow))
_UPSERT = f"INSERT OR REPLACE INTO session ({COLUMNS}) VALUES ({', '.join('?' * len(fields(SessionRow)))})"  # noqa: S608
_ROLLED = (SessionStarted, SessionFinished, LlmAnswered, VerdictReached, BudgetUsed)


def fold(row: SessionRow, event: AnyEvent, ts: float) -> SessionRow:
    """Return the row after one more event of its session."""
    match event:
        case SessionStarted():
            return replace(row, idx=event.index, started=ts)
        case SessionFinished():
            return replace(
                row,
                status=event.outcome,
                tier=event.tier,
                stop_reason=event.reason,
                turns=event.turns,
                finished=ts,
            )
        case LlmAnswered():
            return replace(row, tokens=row.tokens + event.prompt_tokens + event.completion_tokens)
        case VerdictReached():
            return replace(row, verdict=event.verdict, turns=max(row.turns, event.turn + 1))
        case BudgetUsed(name="usd"):
            return replace(row, usd=event.used)
    return row


class Rollup:
    """Rows being folded; `save` writes those that changed, inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection | None = None) -> None:
        """Continue the rows of a database, or start from nothing."""
        self._connection = connection
        self.rows: dict[str, SessionRow] = {}
        self._changed: set[str] = set()

    def add(self, session: str, event: AnyEvent, ts: float) -> None:
        """Fold one event in."""
        if session in {RUN_SESSION, CONTROL_SESSION} or not isinstance(event, _ROLLED):
            return
        self.rows[session] = fold(self.rows.get(session) or self._load(session), event, ts)
        self._changed.add(session)

    def save(self, connection: sqlite3.Connection) -> None:
        """Write the changed rows and forget those of finished sessions."""
        if not self._changed:
            return
        changed = [self.rows[session] for session in self._changed]
        passing("within the roll-up")
        connection.executemany(_UPSERT, [astuple(row) for row in changed])
        for row in changed:
            if row.finished is not None:
                del self.rows[row.session]
        self._changed.clear()

    def _load(self, session: str) -> SessionRow:
        if self._connection is None:
            return SessionRow(session)
        found = read_rows(self._connection, "WHERE session = ?", (session,))
        return next(iter(found), SessionRow(session))


def read_rows(connection: sqlite3.Connection, where: str = "", values: Iterable[object] = ()) -> list[SessionRow]:
    """Return the stored rows that a condition selects."""
    rows = connection.execute(f"SELECT {COLUMNS} FROM session {where}", cast("tuple[str]", tuple(values)))  # noqa: S608
    return [SessionRow(*row) for row in rows]


def rebuild_rollup(path: Path) -> int:
    """Fold the session table anew from the events and return how many rows it has.

    Raises InputError when the folder is no run or is in use.
    """
    require_run(path)
    with RunLock(path), writing(path), closing(connect(path, "rw")) as connection:
        read_meta(connection, path)
        tune_for_writing(connection)
        connection.execute("BEGIN IMMEDIATE")
        rollup = Rollup()
        for session, payload, ts in connection.execute("SELECT session, payload, ts FROM event ORDER BY n"):
            rollup.add(session, EVENT.validate_json(unpacked(payload)), ts)
        count = len(rollup.rows)
        connection.execute("DELETE FROM session")
        rollup.save(connection)
        connection.execute("COMMIT")
    return count
