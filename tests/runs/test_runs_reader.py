"""Reading a run: while it is written, after a crash, on a read-only file system."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mendloop.errors import DamageError, InputError
from mendloop.events import RUN_SESSION, NodeEntered, RunFinished, SessionFinished, SessionStarted
from mendloop.records import Solution
from mendloop.runs.reader import Reader
from mendloop.runs.store import Store, create_run, open_run
from mendloop.runs.verify import verify

CODE = Solution(code="x = 1", author="model")


async def write(store: Store, session: str = "s0", events: int = 2) -> None:
    journal = await store.journal(session)
    for visit in range(events):
        await journal.emit(f"enter/{visit}", NodeEntered(node="write", visit=visit))
    await store.flush()


async def crashed(tmp_path: Path) -> Path:
    """A run folder as a crash leaves it: the events are in the write-ahead log alone."""
    copy = tmp_path / "crashed"
    with create_run(tmp_path / "run") as store:
        await write(store)
        copy.mkdir()
        for name in ("run.db", "run.db-wal", "head.json"):
            shutil.copyfile(store.path / name, copy / name)
    return copy


async def test_a_reader_follows_a_run_that_is_being_written(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store, Reader(tmp_path / "run") as reader:
        before = reader.data_version()
        await write(store)
        assert reader.data_version() != before
        seen = [event.key for event in reader.tail()]
        assert seen == ["enter/0", "enter/1"]
        await (await store.journal("s1")).emit("k", NodeEntered(node="n", visit=0))
        await store.flush()
        assert [(event.session, event.key) for event in reader.tail(after_n=2)] == [("s1", "k")]
        assert reader.status() == "running"


async def test_a_half_read_iteration_does_not_keep_the_writer_from_writing(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        await write(store)
        with Reader(tmp_path / "run") as reader:
            events = reader.events("s0")
            next(events)
            await write(store, "s1")
            assert len(list(events)) == 1


async def test_the_status_says_whether_the_run_came_to_its_end(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        await write(store)
    with Reader(tmp_path / "run") as reader:
        assert reader.status() == "interrupted"
    with open_run(tmp_path / "run") as store:
        journal = await store.journal(RUN_SESSION)
        await journal.emit("end", RunFinished(reason="target", counted=1, kept=1))
        await journal.emit("left", NodeEntered(node="finish", visit=0))  # the node that ends a run is left after that
    with Reader(tmp_path / "run") as reader:
        assert reader.status() == "finished"
        assert reader.end() == RunFinished(reason="target", counted=1, kept=1)


async def test_sessions_are_selected_by_status_tier_and_place(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        for index, (outcome, tier) in enumerate([("kept", "A"), ("dropped", None), ("kept", "B"), ("kept", "A")]):
            journal = await store.journal(f"s{index}")
            await journal.emit("started", SessionStarted(index=index, memory="off"))
            ended = SessionFinished.model_validate(
                {"outcome": outcome, "reason": "r", "tier": tier, "turns": 1},
            )
            await journal.emit("ended", ended)
    with Reader(tmp_path / "run") as reader:
        assert [row.idx for row in reader.sessions()] == [0, 1, 2, 3]
        assert [row.idx for row in reader.sessions(status="kept", tier="A")] == [0, 3]
        assert [row.idx for row in reader.sessions(limit=2, after=0)] == [1, 2]
        row = reader.session("s1")
        assert row is not None
        assert (row.status, row.tier, row.stop_reason) == ("dropped", None, "r")
        assert reader.session("s9") is None


async def test_a_run_left_by_a_crash_can_be_read(tmp_path: Path) -> None:
    path = await crashed(tmp_path)
    with Reader(path) as reader:
        assert len(list(reader.events("s0"))) == 2
        assert reader.status() == "interrupted"
    assert verify(path).ok


@pytest.fixture
def freeze() -> Iterator[Callable[[Path], None]]:
    """A function that makes a folder a read-only file system until the test ends."""
    frozen: list[Path] = []

    def mount(path: Path) -> None:
        bind = ["mount", "--bind", str(path), str(path)]
        if os.geteuid() != 0 or subprocess.run(bind, check=False, capture_output=True).returncode:
            pytest.skip("only root can mount a file system read-only")
        frozen.append(path)
        subprocess.run(["mount", "-o", "remount,ro,bind", str(path)], check=True)

    yield mount
    for path in frozen:
        subprocess.run(["umount", "-l", str(path)], check=True)


async def test_a_run_left_by_a_crash_can_be_read_on_a_read_only_file_system(
    tmp_path: Path, freeze: Callable[[Path], None]
) -> None:
    path = await crashed(tmp_path)
    freeze(path)
    with Reader(path) as reader:
        assert len(list(reader.events("s0"))) == 2
    assert verify(path).ok


async def test_a_run_that_was_closed_can_be_read_on_a_read_only_file_system(
    tmp_path: Path, freeze: Callable[[Path], None]
) -> None:
    with create_run(tmp_path / "run") as store:
        await write(store)
    freeze(tmp_path / "run")
    with Reader(tmp_path / "run") as reader:
        assert [event.seq for event in reader.events("s0")] == [1, 2]
        assert reader.status() == "interrupted"
    assert verify(tmp_path / "run").ok


async def test_more_events_than_a_page_come_in_order(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        await write(store, events=1000)
    with Reader(tmp_path / "run") as reader:
        assert [event.seq for event in reader.events("s0")] == list(range(1, 1001))
        assert [event.n for event in reader.tail(after_n=10)] == list(range(11, 1001))


async def test_blobs_come_back_as_text_and_as_records(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        code, text = store.put(CODE), store.put("plain \u00e9")
        await store.flush()
    with Reader(tmp_path / "run") as reader:
        assert reader.load(code, Solution) == CODE
        assert reader.blob(text.sha256) == '"plain \\u00e9"'
        assert reader.text(text) == "plain \u00e9"
        assert reader.text(code) == reader.blob(code)
        with pytest.raises(DamageError, match="no blob 0000"):
            reader.blob("0" * 64)


async def test_a_hash_may_be_shortened_as_long_as_it_is_one(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        refs = [store.put(f"blob {number}") for number in range(300)]
        await store.flush()
    with Reader(tmp_path / "run") as reader:
        for ref in refs:
            assert reader.resolve(ref.sha256[:16].upper()) == ref.sha256
        absent = next(p for p in map("{:04x}".format, range(2000)) if not any(r.sha256.startswith(p) for r in refs))
        for wrong in (absent, "abc", "xyz12", ""):
            with pytest.raises(InputError):
                reader.resolve(wrong)


def test_a_database_that_is_none_is_damage_and_no_crash(tmp_path: Path) -> None:
    create_run(tmp_path / "run").close()
    (tmp_path / "run" / "run.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(DamageError, match="mendloop verify"):
        Reader(tmp_path / "run")
