"""Journals of every version stay readable: they are opened, checked, reported, shown and exported as they were.

A journal of this version is also replayed and resumed to the same bytes. One of an earlier version is, too, as long as
what the graphs do has not changed since; then it says where it parts, and everything else of it can still be read.
"""

from __future__ import annotations

import json
import platform
import tarfile
from pathlib import Path
from typing import Any

import pytest

from mendloop import __version__, api
from mendloop.runs.verify import verify
from tests.e2e.product import ROOT, json_of, mendloop, run_ok
from tests.fixtures.journals.make import FOUND, HERE, facts_of, hashes_of

VERSIONS = sorted(path.name for path in HERE.iterdir() if (path / FOUND).is_file())
JOURNALS = [
    (version, name) for version in VERSIONS for name in json.loads((HERE / version / FOUND).read_text())["journals"]
]
LARGEST = 200_000
every_journal = pytest.mark.parametrize(("version", "name"), JOURNALS)


def found(version: str, name: str) -> dict[str, Any]:
    """Return what was found in a journal when it was written."""
    facts: dict[str, Any] = json.loads((HERE / version / FOUND).read_text())["journals"][name]
    return facts


def unpacked(version: str, name: str, folder: Path) -> Path:
    """Unpack a journal into a run folder."""
    with tarfile.open(HERE / version / f"{name}.tar.xz") as tar:
        tar.extractall(folder / "run", filter="data")
    return folder / "run"


def same_python(version: str) -> bool:
    """Tell whether this Python reads programs as the one that wrote the journals."""
    wrote = json.loads((HERE / version / FOUND).read_text())["python"]
    return bool(wrote.split(".")[:2] == platform.python_version().split(".")[:2])


def test_this_version_has_its_journals() -> None:
    names = {name for version, name in JOURNALS if version == __version__}
    assert names == {"procedural", "model", "interrupted"}
    sizes = {path.name: path.stat().st_size for path in HERE.glob("*/*.tar.xz")}
    assert {name: size for name, size in sizes.items() if size > LARGEST} == {}


@every_journal
def test_a_journal_of_any_version_is_read_as_it_was_written(version: str, name: str, tmp_path: Path) -> None:
    run = unpacked(version, name, tmp_path)
    assert verify(run).ok
    before, now = found(version, name), facts_of(run, tmp_path / "exported")
    assert [now[key] for key in ("status", "events", "records")] == [
        before[key] for key in ("status", "events", "records")
    ]
    if version == __version__:
        assert now["export"] == before["export"]


@every_journal
def test_a_journal_of_any_version_is_told_by_every_command(version: str, name: str, tmp_path: Path) -> None:
    run = unpacked(version, name, tmp_path)
    records = found(version, name)["records"]
    assert json_of("verify", run)["ok"]
    assert json_of("report", run)["funnel"]["kept"] == len(records)
    for session, tier, turns, code in records:
        shown = json_of("show", run, session)
        assert len(shown["attempts"]) == turns
        assert shown["attempts"][-1]["code"] == code
        assert f"tier {tier}" in run_ok("show", run, session)
    assert len(run_ok("tail", run, "--no-follow").splitlines()) == found(version, name)["events"]


@every_journal
def test_a_journal_is_replayed(version: str, name: str, tmp_path: Path) -> None:
    if not same_python(version):
        pytest.skip("another Python takes programs apart in another way")
    told = api.open_run(unpacked(version, name, tmp_path)).replay()
    if version == __version__:
        assert (told.ok, told.events) == (True, found(version, name)["events"])
    else:
        assert told.ok or all(each.what for each in told.diverged)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_interrupted_journal_is_resumed(version: str, tmp_path: Path) -> None:
    if not same_python(version):
        pytest.skip("another Python takes programs apart in another way")
    run = unpacked(version, "interrupted", tmp_path)
    done = mendloop("resume", run)
    if version == __version__ or done.returncode == 0:
        assert done.returncode == 0, done.stderr
        assert hashes_of(run, tmp_path / "again") == found(version, "interrupted")["resumed"]
    else:
        assert (done.returncode, "start a new run" in done.stderr) == (1, True)
    assert verify(run).ok


def test_contributors_are_told_to_keep_the_journals_of_a_release() -> None:
    assert "tests.fixtures.journals.make" in (ROOT / "CONTRIBUTING.md").read_text()
