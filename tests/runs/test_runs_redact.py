"""`redact` erases one blob's bytes from every file of the run and says so for ever."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mendloop.errors import InputError, RedactedError, StorageError
from mendloop.events import CONTROL_SESSION, ClockRead, Redacted, Ref
from mendloop.frozen import canonical_json, digest
from mendloop.records import Solution
from mendloop.runs import redact as module
from mendloop.runs.journal import ReplayJournal
from mendloop.runs.reader import Reader
from mendloop.runs.redact import Redaction, redact
from mendloop.runs.schema import connect
from mendloop.runs.store import Store, create_run, open_run
from mendloop.runs.verify import verify
from mendloop.tools.journal import Journal
from tests.runs.stored import files_with, pieces_of

CANARY = "a canary 7f3c that nobody may find"
NOISE = "".join(digest([number]) for number in range(100))  # it stays long when it is packed
SECRET = Solution(code=CANARY + NOISE, author="model")  # longer than a page, so it lives in overflow pages too
PIECES = pieces_of(canonical_json(SECRET))


def answered(request: str, ref: Ref, _: Solution) -> ClockRead:
    return ClockRead(request=request, result=ref)


async def ask(journal: Journal, key: str, answer: Solution) -> Solution:
    async def call() -> Solution:
        return answer

    return await journal.effect(key, key, call, Solution, answered)


async def fill(store: Store) -> str:
    journal = await store.journal("s0")
    for number in range(20):
        await ask(journal, f"{number}", Solution(code=f"x = {number}\n" * 100, author="model"))
    await ask(journal, "secret", SECRET)
    await store.flush()
    return store.put(SECRET).sha256


@pytest.fixture
async def run(tmp_path: Path) -> tuple[Path, str]:
    with create_run(tmp_path / "run") as store:
        sha256 = await fill(store)
    return tmp_path / "run", sha256


def holding(path: Path) -> list[str]:
    """Return the files with the text or any piece of its packed form."""
    return files_with(path, [CANARY.encode(), *PIECES])


def test_the_bytes_are_in_no_file_of_the_run_and_verify_passes(run: tuple[Path, str]) -> None:
    path, sha256 = run
    assert holding(path) == ["run.db"]
    assert redact(path, sha256[:10], "personal data") == Redaction(sha256, "personal data", (("s0", 21),))
    assert holding(path) == []
    report = verify(path)
    assert (report.ok, report.redacted) == (True, (sha256,))
    with Reader(path) as reader:
        [event] = reader.events(CONTROL_SESSION)
        assert event.event == Redacted(sha256=sha256, reason="personal data")


async def test_the_bytes_leave_the_write_ahead_log_of_a_crashed_run_too(tmp_path: Path) -> None:
    path = tmp_path / "copy"
    path.mkdir()
    with create_run(tmp_path / "run") as store:
        sha256 = await fill(store)
        for name in ("run.db", "run.db-wal", "head.json"):
            (path / name).write_bytes((tmp_path / "run" / name).read_bytes())
    assert holding(path) == ["run.db-wal"]
    redact(path, sha256, "personal data")
    assert holding(path) == []
    assert verify(path).ok


async def test_what_was_erased_is_refused_by_resume_replay_and_reading(run: tuple[Path, str]) -> None:
    path, sha256 = run
    redact(path, sha256, "personal data")
    with open_run(path) as store:
        journal = await store.journal("s0")
        for number in range(20):
            await ask(journal, f"{number}", SECRET)
        with pytest.raises(RedactedError):
            await ask(journal, "secret", SECRET)
        assert store.put(SECRET).sha256 == sha256
        with pytest.raises(RedactedError):
            store.get(sha256, Solution)
    with Reader(path) as reader:
        replay = ReplayJournal(reader, "s0")
        replay.put(SECRET)
        for refused in (lambda: reader.blob(sha256), lambda: replay.get(sha256, Solution)):
            with pytest.raises(RedactedError, match="erased on request"):
                refused()
    assert holding(path) == []


def test_unknown_hashes_running_runs_and_missing_reasons_are_refused(run: tuple[Path, str]) -> None:
    path, sha256 = run
    with pytest.raises(InputError, match="no blob starts with"):
        redact(path, "0" * 64 if not sha256.startswith("0" * 8) else "1" * 64, "why")
    with pytest.raises(InputError, match="needs a reason"):
        redact(path, sha256, " ")
    with open_run(path), pytest.raises(InputError, match="in use by process"):
        redact(path, sha256, "why")
    assert (holding(path), verify(path).redacted) == (["run.db"], ())


def test_an_interrupted_redaction_is_finished_by_the_next_one(
    run: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, sha256 = run
    with monkeypatch.context() as interrupted:
        interrupted.setattr(module, "_purge", lambda _: None)
        redact(path, sha256, "why")
    assert verify(path).redacted == (sha256,)
    redact(path, sha256, "why")
    assert holding(path) == []
    with Reader(path) as reader:
        assert len(list(reader.events(CONTROL_SESSION))) == 1


def test_a_reader_that_keeps_old_pages_alive_is_named_as_the_obstacle(run: tuple[Path, str]) -> None:
    path, sha256 = run
    other = connect(path, "ro")
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM event").fetchone()
    with pytest.raises(StorageError, match="repeat `mendloop redact`"):
        redact(path, sha256, "why")
    other.close()
    redact(path, sha256, "why")
    assert holding(path) == []


def test_a_reader_in_the_middle_of_the_events_is_no_obstacle(run: tuple[Path, str]) -> None:
    path, sha256 = run
    with Reader(path) as reader:
        events = reader.tail()
        next(events)
        redact(path, sha256, "why")
        assert len(list(events)) == 21
    assert holding(path) == []


def test_only_a_redaction_may_empty_a_blob(run: tuple[Path, str]) -> None:
    path, _ = run
    connection = sqlite3.connect(path / "run.db")
    with pytest.raises(sqlite3.IntegrityError, match="only redaction erases"):
        connection.execute("UPDATE blob SET data = NULL")
    connection.close()
