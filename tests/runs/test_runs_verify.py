"""`verify` finds what SQLite's own check does not: any flipped bit, any missing row, a shortened log."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendloop.events import LlmAnswered, NodeEntered, NodeExited, Ref, SessionFinished, SessionStarted
from mendloop.records import Solution
from mendloop.runs.chain import link
from mendloop.runs.packing import packed, unpacked
from mendloop.runs.schema import connect
from mendloop.runs.store import Store, create_run, open_run
from mendloop.runs.verify import Damage, verify

CODE = Solution(code="def f(x):\n    return x + 1\n" * 30, author="model")


async def session(store: Store, index: int) -> None:
    journal = await store.journal(f"s{index}")
    await journal.emit("started", SessionStarted(index=index, memory="off"))
    for visit in range(3):
        await journal.emit(f"enter/{visit}", NodeEntered(node="write", visit=visit))

        async def call(visit: int = visit) -> Solution:
            return CODE.model_copy(update={"note": f"{index} {visit}"})

        def event(request: str, ref: Ref, _: Solution) -> LlmAnswered:
            return LlmAnswered(request=request, result=ref, model="m", prompt_tokens=3, completion_tokens=4)

        await journal.effect(f"ask/{visit}", visit, call, Solution, event)
        await journal.emit(f"exit/{visit}", NodeExited(node="write", visit=visit))
    await journal.emit("finished", SessionFinished(outcome="kept", reason="passed", tier="A", turns=1))


async def write(path: Path) -> None:
    with create_run(path) as store:
        await asyncio.gather(*(session(store, index) for index in range(4)))
        for number in range(4):
            await store.annotate(f"s{number}", "me", "note", f"remark {number}")


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound run that was closed cleanly."""
    path = tmp_path_factory.mktemp("verify") / "run"
    asyncio.run(write(path))
    return path


@pytest.fixture
def run(written: Path, tmp_path: Path) -> Path:
    """A copy of the sound run, to be damaged."""
    return Path(shutil.copytree(written, tmp_path / "run"))


@contextmanager
def unguarded(run: Path) -> Iterator[sqlite3.Connection]:
    """The database without its triggers, which are back afterwards."""
    connection = connect(run, "rw")
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    try:
        yield connection
        for _, sql in triggers:
            with suppress(sqlite3.OperationalError):  # its table was dropped
                connection.execute(sql)
    finally:
        connection.close()


def change(run: Path, *statements: str) -> None:
    """Change the database behind the triggers' back."""
    with unguarded(run) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_sound_run_passes(run: Path) -> None:
    report = verify(run)
    assert (report.ok, report.events, report.blobs, report.annotations) == (True, 44, 12, 4)
    assert (report.damaged, report.redacted) == ((), ())


async def test_a_run_passes_while_it_is_written(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        for index in range(10):
            await session(store, index)
            assert verify(tmp_path / "run").damaged == ()


def flipped(value: object, bit: int) -> object:
    """Return the value with one bit of its stored form changed."""
    if isinstance(value, int):
        return value ^ (1 << (8 + bit % 24))  # a low bit would meet a UNIQUE constraint
    if isinstance(value, float):
        return value + 2.0 ** (bit % 16 - 8)
    data = bytearray(value if isinstance(value, bytes) else str(value).encode())
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(data)


COLUMNS = {
    "event": ["n", "session", "seq", "kind", "v", "key", "payload", "ts", "hash"],
    "blob": ["sha256", "data"],
    "annotation": ["n", "session", "author", "kind", "text", "ts", "hash"],
    "session": ["session", "idx", "status", "tier", "stop_reason", "turns", "tokens", "usd", "started", "finished"],
    "meta": ["key", "value"],
}


@pytest.mark.parametrize(("table", "column"), [(table, column) for table in COLUMNS for column in COLUMNS[table]])
def test_one_flipped_bit_in_any_column_is_found(run: Path, table: str, column: str) -> None:
    moments = random.Random(f"{table}.{column}")
    order = {"blob": "sha256", "session": "session", "meta": "key"}.get(table, "n")
    sound = (run / "run.db").read_bytes()
    for _ in range(6):
        (run / "run.db").write_bytes(sound)
        with unguarded(run) as connection:
            rows = connection.execute(f"SELECT {order}, {column} FROM {table} WHERE {column} IS NOT NULL").fetchall()
            key, before = moments.choice([row for row in rows if row != ("version", "1")])
            after = flipped(before, moments.randrange(10_000))
            holder = "CAST(? AS TEXT)" if isinstance(before, str) else "?"
            connection.execute(f"UPDATE {table} SET {column} = {holder} WHERE {order} = ?", (after, key))
        assert verify(run).damaged, f"{before!r} became {after!r}"


def test_no_flipped_bit_anywhere_in_the_file_makes_verify_fail_to_answer(run: Path) -> None:
    sound, moments = (run / "run.db").read_bytes(), random.Random(2)
    for _ in range(60):
        damaged = bytearray(sound)
        damaged[moments.randrange(len(sound))] ^= 1 << moments.randrange(8)
        (run / "run.db").write_bytes(damaged)
        assert isinstance(verify(run).ok, bool)


def test_a_changed_event_is_named_and_the_ones_after_it_are_not(run: Path) -> None:
    change(run, "UPDATE event SET key = 'x' WHERE session = 's1' AND seq = 4")
    assert verify(run).damaged == (Damage("s1", 4, "the event is not what was written"),)


def test_a_changed_hash_names_its_event_and_the_head(run: Path) -> None:
    change(run, f"UPDATE event SET hash = '{'0' * 64}' WHERE session = 's1' AND seq = 4")
    assert verify(run).damaged == (
        Damage("s1", 4, "the event is not what was written"),
        Damage("", -1, "the first 44 events are not those that head.json was written for"),
    )


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DELETE FROM event WHERE n > 40", "head.json counts 44 events, the database holds 40"),
        ("DELETE FROM event WHERE session = 's1' AND seq = 4", "missing or misnumbered"),
        ("DELETE FROM annotation WHERE n = 4", "head.json counts 4 annotations, the database holds 3"),
        ("DELETE FROM blob WHERE rowid = 1", "is missing"),
        ("UPDATE blob SET data = NULL WHERE rowid = 1", "no redaction says so"),
        ("DELETE FROM session WHERE session = 's1'", "the session table lacks a session"),
        ("INSERT INTO session SELECT 'x', 9, 'kept', 'A', '', '', 1, 1, 1, 1, 1", "a session without events"),
        ("UPDATE session SET tier = 'C', tokens = 0 WHERE session = 's1'", "differs from the events in tier, tokens"),
        ("DROP TABLE session", "the session table cannot be read"),
        ("DROP TABLE blob", "the blobs cannot be read"),
        ("UPDATE event SET payload = '{}' WHERE n = 3", "the payload is no event"),
        ("UPDATE event SET kind = 'problem' WHERE n = 3", "of another kind"),
    ],
)
def test_damage_is_named(run: Path, statement: str, what: str) -> None:
    change(run, statement)
    assert what in " | ".join(damage.what for damage in verify(run).damaged)


def test_an_added_trigger_is_found(run: Path) -> None:
    change(run, "CREATE TRIGGER extra BEFORE INSERT ON event BEGIN SELECT RAISE(IGNORE); END")
    assert verify(run).damaged == (Damage("", -1, "the tables or triggers are not those that were created"),)


def test_two_swapped_events_are_found(run: Path) -> None:
    change(run, "UPDATE event SET n = 1000 WHERE n = 5", "UPDATE event SET n = 5 WHERE n = 6")
    change(run, "UPDATE event SET n = 6 WHERE n = 1000")
    assert not verify(run).ok


def test_a_missing_head_is_reported(run: Path) -> None:
    (run / "head.json").unlink()
    assert verify(run).damaged == (Damage("", -1, "head.json is missing"),)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"count": 44}'])
def test_a_head_that_is_none_is_reported(run: Path, text: str) -> None:
    (run / "head.json").write_text(text)
    assert verify(run).damaged == (Damage("", -1, "head.json cannot be read"),)


@pytest.mark.parametrize("edit", [{"count": 45}, {"count": 43}, {"hash": "0" * 64}])
def test_a_tampered_head_is_reported(run: Path, edit: dict[str, object]) -> None:
    head = json.loads((run / "head.json").read_text())
    (run / "head.json").write_text(json.dumps({**head, **edit}))
    assert len(verify(run).damaged) == 1


async def test_a_head_behind_the_database_is_sound(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        await session(store, 0)
        await store.flush()
        behind = (tmp_path / "run" / "head.json").read_bytes()
        await session(store, 1)
    (tmp_path / "run" / "head.json").write_bytes(behind)
    assert verify(tmp_path / "run").ok
    open_run(tmp_path / "run").close()


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize("harm", [cut, lambda _: b"", lambda data: b"x" * len(data)])
def test_a_database_that_sqlite_cannot_read_is_damage(run: Path, harm: Callable[[bytes], bytes]) -> None:
    (run / "run.db").write_bytes(harm((run / "run.db").read_bytes()))
    assert not verify(run).ok


def test_sqlite_alone_does_not_see_a_changed_payload(run: Path) -> None:
    with unguarded(run) as connection:
        n, payload = connection.execute("SELECT n, payload FROM event WHERE kind = 'node_entered'").fetchone()
        changed = packed(unpacked(payload).replace('"write"', '"wrote"'))
        connection.execute("UPDATE event SET payload = ? WHERE n = ?", [changed, n])
    connection = sqlite3.connect(run / "run.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert "the event is not what was written" in {damage.what for damage in verify(run).damaged}


COLUMN = st.one_of(st.integers(), st.text(), st.floats(), st.none())


@given(st.lists(COLUMN), st.lists(COLUMN))
def test_different_rows_have_different_hashes(one: list[object], other: list[object]) -> None:
    same = [(type(value), repr(value)) for value in one] == [(type(value), repr(value)) for value in other]
    assert (link("", one) == link("", other)) == same


@given(st.text(), st.text(), st.integers(0, 5))
def test_moving_text_between_columns_changes_the_hash(left: str, right: str, by: int) -> None:
    both, place = left + right, min(by, len(left + right))
    moved = [both[:place], both[place:]]
    assert (link("", [left, right]) == link("", moved)) == ([left, right] == moved)
