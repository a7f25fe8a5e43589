"""A run ends at every place where half of something is on disk, again and again, and still comes to the same end."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import get_args

import pytest

from mendloop.runs.failpoints import Place, arm, passing
from mendloop.runs.reader import Reader
from mendloop.runs.rollup import rebuild_rollup
from mendloop.runs.store import create_run
from mendloop.runs.verify import verify
from tests.e2e.model_team import KEY, team
from tests.e2e.product import exported, mendloop, started
from tests.e2e.test_e2e_models import journalled, named_by_the_environment
from tests.faults.asked_run import asking, questions
from tests.openai_server import OpenAIServer
from tests.runs.test_runs_verify import session

DYING = str(Path(__file__).with_name("dying.py"))
PLACES: dict[Place, int] = {
    "between blobs and events": 6,
    "within the roll-up": 2,
    "before a commit": 7,
    "after a commit": 5,
    "within the head file": 2,
    "within an export": 2,
}
"""How often a launch comes past a place before it ends there; each launch goes on where the one before it ended."""
KILLED, STOPPED = -signal.SIGKILL, 3


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The export of a run that nothing happened to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with OpenAIServer(team()) as server, named_by_the_environment(server):
        done = mendloop(*asking(folder), "--out", folder / "run")
    assert done.returncode == 0, done.stderr
    return exported(folder / "run")


def test_every_place_is_died_at() -> None:
    assert set(PLACES) == set(get_args(Place))


@pytest.mark.parametrize(("ending", "code"), [("kill", KILLED), ("full", STOPPED)])
def test_a_run_that_ends_at_every_place_exports_the_same_and_repays_nothing(
    ending: str, code: int, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    run, stored = tmp_path / "run", set[str]()
    arguments = [*asking(tmp_path), "--out", run]
    with OpenAIServer(team(), key=KEY) as server, named_by_the_environment(server):
        for place, nth in PLACES.items():
            before = len(server.requests)
            with started(*arguments, program=[DYING, place, str(nth), ending]) as child:
                stdout, stderr = child.communicate()
            assert child.returncode == code, f"{place}\n{stdout}\n{stderr}"
            if ending == "full":
                assert str(run) in stderr.splitlines()[-1], place
                assert "No space left on device" in stderr.splitlines()[-1], place
            asked = questions(server.requests[before:])
            assert not stored & set(asked), f"{place}: a stored answer was asked for again"
            assert verify(run).ok, place
            stored, arguments = journalled(run), ["resume", run]
        before = len(server.requests)
        done = mendloop(*arguments)
        assert done.returncode == 0, done.stderr
    assert not stored & set(questions(server.requests[before:]))
    assert exported(run) == undisturbed
    assert verify(run).ok


@pytest.mark.parametrize("place", ["between blobs and events", "before a commit"])
def test_a_run_that_ends_before_it_began_says_what_to_do(place: Place, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with OpenAIServer(team()) as server, named_by_the_environment(server):
        with started(*asking(tmp_path), "--out", run, program=[DYING, place, "1", "kill"]) as child:
            child.communicate()
        again = mendloop("resume", run)
    assert (child.returncode, again.returncode) == (KILLED, 1)
    assert "the run never began (remove the folder and start again" in again.stderr


class DiedError(Exception):
    """The end of a process, as far as one function is concerned."""


async def test_a_roll_up_that_is_not_rebuilt_whole_stays_as_it_was(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        await session(store, 0)
    with Reader(tmp_path / "run") as reader:
        before = list(reader.sessions())

    def reached(place: Place) -> None:
        if place == "within the roll-up":
            raise DiedError

    arm(reached)
    try:
        with pytest.raises(DiedError):
            rebuild_rollup(tmp_path / "run")
    finally:
        arm(None)
    with Reader(tmp_path / "run") as reader:
        assert list(reader.sessions()) == before
    assert verify(tmp_path / "run").ok


def test_places_are_heard_of_while_they_are_armed_and_only_then() -> None:
    heard: list[Place] = []
    for armed in (heard.append, None, heard.append, None):
        arm(armed)
        for place in get_args(Place):
            passing(place)
    assert heard == [*get_args(Place), *get_args(Place)]
