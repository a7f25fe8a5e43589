"""A run that is killed, interrupted or out of budget goes on where it stopped, to the same bytes."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest

from mendloop.runs.verify import verify
from tests.e2e.product import (
    count_of,
    executed,
    exported,
    mendloop,
    run_ok,
    started,
    stored_events,
    wait_for,
)

COUNTING = Path(__file__).with_name("counting.py")
SURVEYING = count_of("execution", 5, session="")
HALF_WAY = count_of("session_finished", 3)


@pytest.fixture(scope="module")
def killed(project: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Counter[str]], list[Path]]:
    """A run killed in the survey and half way, then resumed to its end.

    Returns it with the executions that were journalled before each launch, and with what each launch really executed.
    """
    folder = tmp_path_factory.mktemp("killed")
    run, journalled, logs = folder / "run", [Counter[str]()], [folder / f"log{n}" for n in range(3)]
    launches = [("run", project, "--out", run), ("resume", run)]
    for arguments, log, moment in zip(launches, logs, (SURVEYING, HALF_WAY), strict=False):
        with started(log, *arguments, program=[str(COUNTING)]) as child:
            wait_for(child, run, moment)
            child.send_signal(signal.SIGKILL)
            child.wait()
        journalled.append(executed(stored_events(run)))
    with started(logs[2], "resume", run, program=[str(COUNTING)]) as child:
        said = child.communicate()
        assert child.returncode == 0, said
    return run, journalled, logs


def test_a_killed_run_ends_with_the_same_export(killed: tuple[Path, object, object], finished: Path) -> None:
    assert exported(killed[0]) == exported(finished)


def test_a_killed_run_was_killed_in_the_middle(killed: tuple[Path, list[Counter[str]], object], finished: Path) -> None:
    in_all = executed(stored_events(finished)).total()
    _, in_survey, half_way = [each.total() for each in killed[1]]
    assert 5 <= in_survey < half_way < in_all


def test_nothing_that_was_journalled_is_executed_again(
    killed: tuple[Path, list[Counter[str]], list[Path]], finished: Path
) -> None:
    run, journalled, logs = killed
    everything = executed(stored_events(finished))
    really = [Counter(log.read_text().split()) & everything for log in logs]
    assert really[2] == everything - journalled[2]
    assert really[1] <= everything - journalled[1]
    assert executed(stored_events(run)) == everything


def test_a_killed_run_holds_the_same_events_as_an_undisturbed_one(
    killed: tuple[Path, object, object], finished: Path
) -> None:
    assert keys(killed[0]) == keys(finished)


def keys(run: Path) -> dict[str, list[tuple[str, str]]]:
    """Return kind and key of every event by session, sorted: what runs side by side is stored as it comes."""
    found: dict[str, list[tuple[str, str]]] = {}
    for event in stored_events(run):
        found.setdefault(event.session, []).append((event.kind, event.key))
    return {session: sorted(events) for session, events in found.items()}


def test_a_killed_run_verifies(killed: tuple[Path, object, object]) -> None:
    assert verify(killed[0]).ok


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_asked_to_stop_drains_and_goes_on_later(
    number: signal.Signals, project: Path, finished: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with started("run", project, "--out", run, "--set", "loop.concurrency=2") as child:
        wait_for(child, run, count_of("session_finished", 1))
        child.send_signal(number)
        stdout, stderr = child.communicate()
    assert child.returncode == 130, stderr
    assert f"go on with: mendloop resume {run}" in stdout
    assert "interrupted: interrupted; " in stdout
    assert exported(run) == {}
    assert open_sessions(run) == set()
    run_ok("resume", run)
    assert exported(run) == exported(finished)


def open_sessions(run: Path) -> set[str]:
    """Return the sessions that began and did not end."""
    events = stored_events(run)
    ended = {event.session for event in events if event.kind == "session_finished"}
    return {event.session for event in events if event.kind == "session_started"} - ended


def test_an_interruption_ends_the_survey_at_once(project: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with started("run", project, "--out", run) as child:
        wait_for(child, run, count_of("execution", 2, session=""))
        child.send_signal(signal.SIGINT)
        stdout, stderr = child.communicate()
    assert child.returncode == 130, stderr
    assert "interrupted: interrupted; 0 sessions, 0 records kept" in stdout
    assert not count_of("session_started", 1)(stored_events(run))
    assert "Traceback" not in stderr


def test_a_second_interruption_ends_the_sessions_at_once(project: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with started("run", project, "--out", run) as child:
        wait_for(child, run, count_of("session_started", 4))
        child.send_signal(signal.SIGINT)
        child.send_signal(signal.SIGTERM)
        _, stderr = child.communicate()
    assert child.returncode == 130, stderr
    assert open_sessions(run)
    assert mendloop("verify", run).returncode == 0


def test_a_run_with_a_tiny_wall_budget_gets_on_with_every_launch(project: Path, tmp_path: Path) -> None:
    run, sizes = tmp_path / "run", [0]
    budget = ["--set", "budget.wall=1ms", "--set", "loop.memory.enabled=false"]
    done = mendloop("run", project, "--out", run, "--sessions", "2", *budget)
    while done.returncode == 4:
        assert "stopped: budget_wall; " in done.stdout
        assert f"go on with: mendloop resume {run}" in done.stdout
        sizes.append(sum(event.kind == "session_finished" for event in stored_events(run)))
        assert sizes[-1] > sizes[-2], done.stderr
        done = mendloop("resume", run)
    assert done.returncode == 0, done.stderr
    assert len(sizes) > 1
    assert "finished: sessions; 2 sessions, 2 records kept" in done.stdout


def test_a_run_killed_before_its_export_was_written_writes_it_when_resumed(project: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run_ok("run", project, "--out", run, "--sessions", "1", "--set", "loop.memory.enabled=false")
    before = exported(run)
    (run / "export" / "README.md").rename(tmp_path / "card")
    assert "data:" in run_ok("resume", run)
    assert exported(run) == before
    again = mendloop("resume", run)
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr == f"mendloop: {run}: the run is finished (`mendloop export` and `report` read it)\n"
