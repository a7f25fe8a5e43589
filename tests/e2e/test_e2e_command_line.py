"""What the command line answers without a run: its version, a scenario as resolved, a session that was dropped."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import yaml

from mendloop import __version__
from mendloop.events import RecordDropped, SessionFinished, SessionStarted
from mendloop.runs.store import create_run
from mendloop.scenario import dump_scenario, load_scenario
from tests.e2e.product import json_of, mendloop, run_ok, tree, write_project


def test_the_version_needs_no_command() -> None:
    done = mendloop("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{__version__}\n", "")


def test_the_version_wins_over_a_command() -> None:
    assert run_ok("--version", "doctor") == f"{__version__}\n"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A scenario in a folder whose name needs quotes in a shell, beside a folder to work in."""
    (tmp_path / "elsewhere").mkdir()
    return write_project(tmp_path / "my project")


def test_a_printed_scenario_has_every_value_and_an_absolute_path(own: Path, tmp_path: Path) -> None:
    before = tree(tmp_path)
    printed = run_ok("run", "../my project/small.yaml", "--set", "seed=9", "--print", cwd=tmp_path / "elsewhere")
    resolved = load_scenario(own, ["seed=9"])
    assert yaml.safe_load(printed) == yaml.safe_load(dump_scenario(resolved))
    assert yaml.safe_load(printed)["source"]["path"] == str(own.parent / "code")
    assert tree(tmp_path) == before


def test_a_printed_scenario_launches_from_any_folder_as_its_first_line_says(own: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    printed = run_ok("run", own, "--print", cwd=elsewhere)
    (elsewhere / "FILE").write_text(printed)
    told = printed.splitlines()[0].removeprefix("# From a file in any folder: ")
    assert load_scenario(elsewhere / "FILE", shlex.split(told)[-1:]) == load_scenario(own)
    again = run_ok(*shlex.split(told)[1:], "--print", cwd=elsewhere)
    assert again == printed


def test_a_printed_scenario_without_a_path_loads_as_it_is(own: Path, tmp_path: Path) -> None:
    printed = run_ok("run", own, "--set", "source.package=statistics", "--print")
    copy = tmp_path / "elsewhere" / "copy.yaml"
    copy.write_text(printed)
    assert load_scenario(copy) == load_scenario(own, ["source.package=statistics"])
    assert not printed.startswith("#")


async def test_a_dropped_session_says_its_reason_once(tmp_path: Path) -> None:
    ended = SessionFinished(outcome="dropped", reason="no fault shows", tier=None, turns=0)
    with create_run(tmp_path / "run") as store:
        dropped = await store.journal("s000000")
        await dropped.emit("started", SessionStarted(index=0, memory="off"))
        await dropped.emit("dropped", RecordDropped(reason="no fault shows", detail=dropped.put({})))
        await dropped.emit("ended", ended)
        refused = await store.journal("s000001")
        await refused.emit("started", SessionStarted(index=1, memory="off"))
        await refused.emit("ended", ended)
    said = [run_ok("show", tmp_path / "run", session) for session in ("s000000", "s000001")]
    assert said == [f"=== {session} ===\ndropped: no fault shows\n" for session in ("s000000", "s000001")]


def test_a_finished_run_is_listed_with_the_sessions_that_count(finished: Path) -> None:
    listed = run_ok("runs", finished.parent, "--json")
    assert [json.loads(line)["status"] for line in listed.splitlines()] == ["finished"]
    rows = [json.loads(line) for line in run_ok("sessions", finished, "--json").splitlines()]
    counted = [row for row in rows if row["status"] != "surplus"]
    assert {row["status"] for row in counted} <= {"kept", "dropped"}
    assert json.loads(listed)["sessions"] == len(counted) == json_of("report", finished)["funnel"]["sessions"]


async def test_a_session_that_was_cut_off_is_not_called_running(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        await (await store.journal("s000000")).emit("started", SessionStarted(index=0, memory="off"))
        await store.flush()
        assert json_of("sessions", store.path)["status"] == "running"
    assert json_of("sessions", tmp_path / "run")["status"] == "unfinished"
    assert json_of("runs", tmp_path)["status"] == "interrupted"
