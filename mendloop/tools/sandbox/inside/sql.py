"""SQL programs, judged by the rows they give: one fresh SQLite database in memory for each call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from . import program
from .encode import encode

if TYPE_CHECKING:
    import sqlite3

PROGRAM = "solution"


def run(code: str, calls: list[tuple[int, dict[str, Any]]]) -> NoReturn:
    """Make the calls in order, one frame each; never returns. The worker has loaded sqlite3.

    `setup` makes and fills the tables. The call `solution` stands for the rows of the program's last statement that
    gives rows; any other call is a query that is asked after the program has run.
    """
    import sqlite3

    program.send(program.LOADED, 0, "")
    for index, call in calls:
        began = program.clock()
        try:
            with sqlite3.connect(":memory:", isolation_level=None) as database:
                database.executescript(call["setup"] or "")
                rows = _rows(database, code, sqlite3.complete_statement)
                query = str(call["call"]).strip()
                value = encode(rows if query == PROGRAM else _rows(database, query, sqlite3.complete_statement))
        except BaseException as error:
            program.report(index, error, began, "")
            continue
        answer = f'{{"status":"returned","ms":{program.since(began)},"value":{value}}}'
        program.send(program.disk_state(), index, answer)
    program.finish()


def _rows(database: sqlite3.Connection, text: str, is_complete: Callable[[str], bool]) -> list[tuple[object, ...]]:
    """Run statements one after another; return the rows of the last one that has columns."""
    rows: list[tuple[object, ...]] = []
    for statement in _statements(text, is_complete):
        cursor = database.execute(statement)
        if cursor.description is not None:
            rows = cursor.fetchall()
    return rows


def _statements(text: str, is_complete: Callable[[str], bool]) -> list[str]:
    """Split at the semicolons where SQLite itself says that a statement is complete."""
    statements, pending = [], ""
    for part in text.split(";"):
        pending += part + ";"
        if is_complete(pending):
            statements.append(pending)
            pending = ""
    rest = pending.rstrip(";").strip()
    return [*statements, rest] if rest else statements
