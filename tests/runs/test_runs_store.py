"""The store: what it refuses, what it promises about durability, and who may write."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mendloop.errors import DamageError, InputError, StorageError
from mendloop.events import (
    RUN_SESSION,
    BudgetUsed,
    LlmAnswered,
    NodeEntered,
    Ref,
    SessionFinished,
    SessionStarted,
    VerdictReached,
)
from mendloop.records import Solution
from mendloop.runs.lock import RunLock, owner_of
from mendloop.runs.reader import Reader
from mendloop.runs.rollup import SessionRow, rebuild_rollup
from mendloop.runs.schema import connect
from mendloop.runs.store import Store, annotate, create_run, open_run
from mendloop.runs.verify import verify

NOWHERE = Ref(sha256="0" * 64, bytes=0)


def entered(visit: int) -> NodeEntered:
    return NodeEntered(node="write", visit=visit)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with create_run(tmp_path / "run", clock=lambda: 1000.0) as store:
        yield store


async def fill(store: Store, events: int = 3) -> None:
    journal = await store.journal("s0")
    await journal.emit("started", SessionStarted(index=0, memory="off"))
    for visit in range(events):
        await journal.emit(f"enter/{visit}", entered(visit))
    store.put(Solution(code="x = 1", author="model"))
    await store.flush()


# --- folders ---------------------------------------------------------------------------------------------------------


def test_a_folder_with_something_in_it_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"not empty.*--out.*resume"):
        create_run(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes.txt"]


def test_a_place_where_no_folder_can_be_made_is_wrong_input(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="no run folder can be made"):
        create_run(tmp_path / "file")


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not a run: it has no run\.db"):
        open_run(tmp_path)
    with pytest.raises(InputError, match="no such run folder"):
        Reader(tmp_path / "absent")
    (tmp_path / "run.db").touch()
    with pytest.raises(InputError):
        Reader(tmp_path)


def test_a_run_path_may_hold_any_character(tmp_path: Path) -> None:
    path = tmp_path / "a?b#c%20 d\u00e9"
    create_run(path).close()
    with Reader(path) as reader:
        assert reader.meta()["version"] == "1"


def test_a_store_of_a_newer_format_is_refused_naming_both_versions(tmp_path: Path) -> None:
    create_run(tmp_path / "run").close()
    connection = connect(tmp_path / "run", "rw")
    connection.execute("UPDATE meta SET value = '2' WHERE key = 'version'")
    connection.execute("UPDATE meta SET value = '9.9' WHERE key = 'mendloop'")
    connection.close()
    for opening in (open_run, Reader, verify):
        with pytest.raises(InputError, match=r"format 2, .* up to 1 \(it was written by mendloop 9\.9") as refused:
            opening(tmp_path / "run")
        assert refused.value.exit_code == 2


# --- who may write ---------------------------------------------------------------------------------------------------


def test_a_second_writer_is_refused_naming_pid_and_host(store: Store) -> None:
    with pytest.raises(InputError, match=rf"in use by process {os.getpid()} on "):
        open_run(store.path)
    with Reader(store.path) as reader:
        assert reader.status() == "running"


def test_the_lock_of_a_dead_process_is_free(tmp_path: Path) -> None:
    child = "import sys, os; from pathlib import Path; from mendloop.runs.lock import RunLock; "
    child += "RunLock(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", child, str(tmp_path)], check=False)
    assert owner_of(tmp_path) is None
    RunLock(tmp_path).release()


def test_a_forked_child_does_not_keep_the_lock_of_its_dead_parent(tmp_path: Path) -> None:
    child = "import sys, os, time; from pathlib import Path; from mendloop.runs.lock import RunLock; "
    child += "lock = RunLock(Path(sys.argv[1])); os.fork() or (time.sleep(3), os._exit(0)); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", child, str(tmp_path)], check=False)
    time.sleep(0.1)  # the child closes its copy as soon as it runs
    assert owner_of(tmp_path) is None


def test_a_reader_that_asks_for_the_owner_does_not_keep_a_writer_out(tmp_path: Path) -> None:
    RunLock(tmp_path).release()
    assert owner_of(tmp_path) is None
    with RunLock(tmp_path):
        owner = owner_of(tmp_path)
        assert owner is not None
        assert owner.pid == os.getpid()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET kind = 'x'",
        "DELETE FROM event",
        "INSERT OR REPLACE INTO event SELECT * FROM event",
        "INSERT OR REPLACE INTO event SELECT n + 100, session, seq, kind, v, 'new', payload, ts, hash FROM event",
        "INSERT OR REPLACE INTO event SELECT n + 100, session, 99, kind, v, key, payload, ts, hash FROM event LIMIT 1",
        "UPDATE annotation SET text = 'x'",
        "DELETE FROM annotation",
        "INSERT OR REPLACE INTO annotation SELECT * FROM annotation",
        "UPDATE blob SET data = x'00'",
        "UPDATE blob SET data = NULL",
        "UPDATE blob SET sha256 = 'x'",
        "DELETE FROM blob",
        "INSERT OR REPLACE INTO blob SELECT sha256, x'00' FROM blob",
    ],
)
async def test_the_database_refuses_to_change_what_was_written(store: Store, statement: str) -> None:
    await fill(store)
    await store.annotate("s0", "me", "note", "text")
    connection = connect(store.path, "rw")
    try:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    finally:
        connection.close()


# --- durability ------------------------------------------------------------------------------------------------------


async def test_the_head_file_follows_every_commit(store: Store) -> None:
    await fill(store)
    store.close()
    with Reader(store.path) as reader:
        head = json.loads((store.path / "head.json").read_text())
        assert head["count"] == reader.last_n() == 4
    assert not (store.path / "head.json.tmp").exists()


async def test_an_answer_is_in_the_database_before_it_is_returned(store: Store) -> None:
    async def call() -> Solution:
        return Solution(code="x", author="model")

    def event(request: str, ref: Ref, _: Solution) -> LlmAnswered:
        return LlmAnswered(request=request, result=ref, model="m", prompt_tokens=1, completion_tokens=2)

    answer = await (await store.journal("s0")).effect("ask", "prompt", call, Solution, event)
    with Reader(store.path) as reader:
        [stored] = reader.events("s0")
        assert isinstance(stored.event, LlmAnswered)
        assert reader.load(stored.event.result, Solution) == answer


async def test_a_database_shorter_than_its_head_is_not_gone_on_with(store: Store) -> None:
    await fill(store)
    store.close()
    head = json.loads((store.path / "head.json").read_text())
    (store.path / "head.json").write_text(json.dumps({**head, "count": 9}))
    with pytest.raises(DamageError, match="counts 9 events, the database holds 4"):
        open_run(store.path)
    (store.path / "head.json").unlink()
    with pytest.raises(DamageError, match="missing"):
        open_run(store.path)
    assert owner_of(store.path) is None


async def test_a_damaged_event_stops_the_session_that_needs_it(store: Store) -> None:
    await fill(store)
    store.close()
    connection = connect(store.path, "rw")
    connection.executescript("DROP TRIGGER event_update; UPDATE event SET key = 'other' WHERE n = 2;")
    connection.close()
    with open_run(store.path) as again:
        with pytest.raises(DamageError, match="event 2 of session 's0'"):
            await again.journal("s0")
        assert (await again.journal("s1")).remaining == 0


async def write_until_full(store: Store) -> int:
    """Append durable events until the store refuses; return how many were acknowledged."""
    journal, accepted = await store.journal("s0"), 0

    async def call() -> Solution:
        return Solution(code=os.urandom(5000).hex() + str(accepted), author="model")

    def event(request: str, ref: Ref, _: Solution) -> LlmAnswered:
        return LlmAnswered(request=request, result=ref, model="m", prompt_tokens=1, completion_tokens=2)

    async def fill_up() -> None:
        nonlocal accepted
        while accepted < 5000:
            await journal.effect(f"ask/{accepted}", "prompt", call, Solution, event)
            accepted += 1

    with pytest.raises(StorageError, match=r"make room there.*mendloop resume") as refused:
        await fill_up()
    assert str(store.path) in str(refused.value)
    assert refused.value.exit_code == 3
    for late in (store.flush(), journal.emit("late", entered(0)), store.annotate("", "a", "b", "c")):
        with pytest.raises(StorageError):
            await late
    return accepted


def test_opening_a_run_on_a_full_disk_is_resumable_and_no_damage(small_disk: Path) -> None:
    create_run(small_disk / "run").close()
    with suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))
    with pytest.raises(StorageError, match="cannot be written"):
        open_run(small_disk / "run")
    with pytest.raises(StorageError, match="cannot be written"):
        create_run(small_disk / "other")
    with Reader(small_disk / "run") as reader:
        assert reader.last_n() == 0
    assert verify(small_disk / "run").ok


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB; `make_room` makes it larger."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a file system of 2 MB can only be mounted by root; a limited file size is tested without")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def make_room(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)


async def test_a_full_disk_stops_the_run_and_keeps_what_was_acknowledged(small_disk: Path) -> None:
    with create_run(small_disk / "run") as store:
        accepted = await write_until_full(store)
    make_room(small_disk)
    report = verify(small_disk / "run")
    assert accepted > 10
    assert (report.ok, report.events >= accepted) == (True, True)
    with open_run(small_disk / "run") as again:
        journal = await again.journal("s0")
        assert journal.remaining >= accepted
        await again.flush()


async def test_a_file_that_may_not_grow_stops_the_run_and_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    store = create_run(tmp_path / "run")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        with store:
            accepted = await write_until_full(store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    report = verify(tmp_path / "run")
    assert accepted > 10
    assert (report.ok, report.events >= accepted) == (True, True)


async def test_a_store_that_was_closed_refuses(store: Store) -> None:
    journal = await store.journal("s0")
    store.close()
    store.close()
    with pytest.raises(StorageError, match="was closed"):
        await journal.emit("k", entered(0))


async def test_a_cancelled_waiter_does_not_harm_the_others(store: Store) -> None:
    waiting = asyncio.create_task(store.flush())
    await asyncio.sleep(0)
    waiting.cancel()
    await store.flush()
    assert waiting.cancelled()


async def test_sessions_side_by_side_keep_their_own_order(store: Store) -> None:
    async def session(name: str) -> None:
        journal = await store.journal(name)
        for visit in range(20):
            await journal.emit(f"enter/{visit}", entered(visit))
            await asyncio.sleep(0)

    await asyncio.gather(*(session(f"s{number}") for number in range(10)))
    await store.flush()
    with Reader(store.path) as reader:
        assert [event.n for event in reader.tail()] == list(range(1, 201))
        for number in range(10):
            events = list(reader.events(f"s{number}"))
            assert [event.seq for event in events] == list(range(1, 21))
            assert [event.key for event in events] == [f"enter/{visit}" for visit in range(20)]


# --- the roll-up and annotations -------------------------------------------------------------------------------------


async def test_the_roll_up_follows_the_events_and_can_be_rebuilt(store: Store) -> None:
    journal = await store.journal("s0")
    await journal.emit("1", SessionStarted(index=0, memory="on"))
    await store.flush()
    await journal.emit("2", LlmAnswered(request="r", result=NOWHERE, model="m", prompt_tokens=5, completion_tokens=7))
    await journal.emit("3", VerdictReached(turn=1, verdict="passed", rule="all", detail=NOWHERE))
    await journal.emit("4", BudgetUsed(name="usd", used=0.25, limit=1))
    await journal.emit("5", SessionFinished(outcome="kept", reason="passed", tier="A", turns=2))
    await (await store.journal("s1")).emit("1", SessionStarted(index=1, memory="off"))
    await (await store.journal(RUN_SESSION)).emit("1", BudgetUsed(name="usd", used=9, limit=9))
    await store.flush()
    expected = [
        SessionRow("s0", 0, "kept", "A", "passed", "passed", 2, 12, 0.25, 1000.0, 1000.0),
        SessionRow("s1", 1, started=1000.0),
    ]
    store.close()
    for _ in range(2):
        with Reader(store.path) as reader:
            assert list(reader.sessions()) == expected
        connection = connect(store.path, "rw")
        connection.execute("DELETE FROM session")
        connection.close()
        assert rebuild_rollup(store.path) == 2
    with pytest.raises(InputError), open_run(store.path):
        rebuild_rollup(store.path)


async def test_annotations_are_kept_in_order(store: Store) -> None:
    await fill(store)
    await store.annotate("s0", "me", "note", "while it runs: sk-" + "a1" * 20)
    store.close()
    annotate(store.path, "", "you", "flag", "afterwards \ud800")
    with Reader(store.path) as reader:
        found = [(note.n, note.session, note.author, note.kind, note.text) for note in reader.annotations()]
        assert [note.n for note in reader.annotations("s0")] == [1]
    assert found == [
        (1, "s0", "me", "note", "while it runs: [redacted]"),
        (2, "", "you", "flag", "afterwards \\ud800"),
    ]
    assert verify(store.path).annotations == 2
    assert verify(store.path).ok
