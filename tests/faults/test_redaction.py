"""A text that was redacted is in no file of the run folder: not in the database, its log or free pages, not in the
memory's index, not in an export; and what needs it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mendloop.events import MemoryStored, SolutionWritten
from mendloop.records import Reflection, Solution
from mendloop.runs.reader import Reader
from tests.e2e.product import json_of, mendloop, run_ok, stored_events
from tests.runs.stored import files_with, holding, pieces_of


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of a finished run with its memory and its export, and with one more export as text."""
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    shutil.rmtree(run / "export")
    run_ok("export", run, "--to", run / "export", "--format", "jsonl")
    return run


def escaped(text: str) -> str:
    """Return a text as it stands inside JSON."""
    return json.dumps(text.strip())[1:-1]


def first_program(run: Path) -> tuple[str, str, str]:
    """Return session, hash and code of the program that was written first."""
    stored = next(each for each in stored_events(run) if each.kind == "solution")
    assert isinstance(stored.event, SolutionWritten)
    with Reader(run) as reader:
        return stored.session, stored.event.solution.sha256, reader.load(stored.event.solution, Solution).code


def lessons(run: Path) -> list[tuple[str, Reflection]]:
    """Return hash and content of every lesson that was stored."""
    events = [each.event for each in stored_events(run) if isinstance(each.event, MemoryStored)]
    with Reader(run) as reader:
        return [(each.reflection.sha256, reader.load(each.reflection, Reflection)) for each in events]


def test_a_redacted_program_is_nowhere_in_the_folder_and_what_needs_it_refuses(run: Path) -> None:
    session, sha256, code = first_program(run)
    assert set(holding(run, escaped(code))) == {"tables of run", "train-00000-of-00001.jsonl"}
    with Reader(run) as reader:
        packed = [piece for each in reader.holding(escaped(code)) for piece in pieces_of(reader.blob(each))]
    assert files_with(run, packed) == ["run.db"]
    said = run_ok("redact", run, sha256, "--reason", "personal data")
    assert said.splitlines()[0] == f"erased {sha256}"
    assert "which quotes it" in said  # the record of the session
    assert holding(run, escaped(code)) == []
    assert files_with(run, packed) == []
    assert not (run / "export").exists()
    told = json_of("verify", run)
    assert (told["ok"], sha256 in run_ok("verify", run)) == (True, True)
    exported = mendloop("export", run, "--to", run.parent / "again")
    assert exported.returncode == 1
    assert f"session {session}" in exported.stderr
    assert "was erased on request" in exported.stderr
    replayed = mendloop("replay", run, session)
    assert (replayed.returncode, "was erased on request" in replayed.stderr) == (1, True)
    assert run_ok("report", run)


def test_a_redacted_lesson_is_not_in_the_memory_index_any_more(run: Path) -> None:
    sha256, lesson = lessons(run)[0]
    longest = max(lesson.lesson, lesson.symptom, key=len)
    assert "chroma.sqlite3" in holding(run, escaped(longest))
    run_ok("redact", run, sha256)
    assert [name for name in holding(run, escaped(longest)) if not name.startswith("tables of")] == []
    assert not (run / "memory").exists()
    assert mendloop("verify", run).returncode == 0


def test_a_text_that_other_sessions_use_is_named_and_stays(run: Path) -> None:
    sha256, shared = next(
        (sha256, each.lesson)
        for sha256, each in lessons(run)
        if len(each.lesson) > len(each.symptom) and [other.lesson for _, other in lessons(run)].count(each.lesson) > 1
    )
    done = mendloop("redact", run, sha256)
    assert done.returncode == 0, done.stderr
    named = {line.split()[0] for line in done.stderr.splitlines() if "belongs to other sessions too" in line}
    with Reader(run) as reader:
        assert named == set(reader.holding(escaped(shared)))
    assert named
