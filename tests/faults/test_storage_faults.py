"""What goes wrong with disks, processes and clocks, one test a fault, each with the real thing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mendloop.events import VerdictReached
from mendloop.runs.schema import connect
from mendloop.runs.stopping import DRAIN_S
from mendloop.runs.verify import verify
from mendloop.tools.sandbox.local import LocalSandbox
from tests.e2e.model_team import KEY, team
from tests.e2e.product import count_of, exported, mendloop, run_ok, started, stored_events, wait_for
from tests.e2e.test_e2e_disk_full import fill, size
from tests.e2e.test_e2e_disk_full import pytestmark as needs_a_small_disk
from tests.e2e.test_e2e_models import journalled, named_by_the_environment, wait_until
from tests.e2e.test_e2e_resume import open_sessions
from tests.faults.asked_run import asking, hanging_after, questions
from tests.memory.test_memory_opening import garble_database, garble_vectors, remove_database, truncate_header
from tests.openai_server import OpenAIServer
from tests.runs.test_runs_verify import cut
from tests.tools.sandbox.hostile.picture import descendants
from tests.tools.sandbox.test_local_processes import all_gone
from tests.tools.sandbox.test_local_processes import run as run_on

ANSWERED = 2
"""How many questions are answered (the first look at the server is one) before the others hang."""
DAY_S = 86_400


@contextmanager
def hanging(folder: Path, run: Path) -> Iterator[subprocess.Popen[str]]:
    """A run as a process that waits for answers which never come."""
    with (
        OpenAIServer(hanging_after(ANSWERED)) as server,
        named_by_the_environment(server),
        started(*asking(folder), "--out", run) as child,
    ):
        wait_until(lambda: server.count > ANSWERED, child)
        yield child


@dataclass(frozen=True)
class Held:
    """A run that was killed with `kill -9` while it waited for answers, with what was seen of it until then."""

    run: Path
    pid: int
    second: subprocess.CompletedProcess[str]
    asked: set[str]


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    """A killed run; a second process tried to go on with it while the first one was alive. Tests copy it."""
    folder = tmp_path_factory.mktemp("held")
    run = folder / "run"
    with hanging(folder, run) as child:
        second = mendloop("resume", run)
        child.send_signal(signal.SIGKILL)
        child.wait()
    return Held(run, child.pid, second, journalled(run))


@pytest.fixture
def killed(held: Held, tmp_path: Path) -> Path:
    """A copy of the killed run."""
    return Path(shutil.copytree(held.run, tmp_path / "run"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the killed run would have exported."""
    folder = tmp_path_factory.mktemp("whole")
    with OpenAIServer(team()) as server, named_by_the_environment(server):
        run_ok(*asking(folder), "--out", folder / "run")
    return exported(folder / "run")


# --- processes -------------------------------------------------------------------------------------------------------


def test_kill_9_loses_nothing_and_resuming_repays_nothing(held: Held, killed: Path, whole: dict[str, bytes]) -> None:
    assert len(held.asked) == ANSWERED - 1
    with OpenAIServer(team()) as server, named_by_the_environment(server):
        run_ok("resume", killed)
    assert not held.asked & set(questions(server.requests))
    assert exported(killed) == whole
    assert verify(killed).ok


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_a_run_at_once_though_answers_are_under_way(
    second: signal.Signals, whole: dict[str, bytes], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with hanging(tmp_path, run) as child:
        child.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert child.poll() is None, "it did not wait for the answers that were under way"
        child.send_signal(second)
        _, stderr = child.communicate(timeout=DRAIN_S - 5)
    assert child.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert open_sessions(run)
    with OpenAIServer(team()) as server, named_by_the_environment(server):
        run_ok("resume", run)
    assert exported(run) == whole


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_a_run_once_so_that_every_answer_that_was_paid_for_is_kept(
    number: signal.Signals, whole: dict[str, bytes], tmp_path: Path
) -> None:
    run, play = tmp_path / "run", team()
    with OpenAIServer(lambda asked: replace(play(asked), delay_s=0.3)) as server, named_by_the_environment(server):
        with started(*asking(tmp_path), "--out", run, "--set", "loop.concurrency=1") as child:
            wait_until(lambda: server.count > ANSWERED, child)
            child.send_signal(number)
            _, stderr = child.communicate()
        assert child.returncode == 130, stderr
        assert journalled(run) == set(questions(server.requests))
        assert open_sessions(run) == set()
        run_ok("resume", run)
    assert exported(run) == whole


def test_the_second_process_on_a_run_is_refused_with_pid_and_host(held: Held) -> None:
    assert held.second.returncode == 2, held.second.stderr
    assert f"in use by process {held.pid} on {socket.gethostname()}" in held.second.stderr


def test_sandbox_workers_that_are_killed_fail_no_test(project: Path, finished: Path, tmp_path: Path) -> None:
    run, moments = tmp_path / "run", random.Random(3)
    with started("run", project, "--out", run) as child:
        for least in (10, 60, 140):
            wait_for(child, run, count_of("execution", least))
            below = sorted(descendants(child.pid))
            for pid in moments.sample(below, len(below)):
                with contextlib.suppress(ProcessLookupError):  # a program that has just ended
                    os.kill(pid, signal.SIGKILL)
                    break
        _, stderr = child.communicate()
    assert child.returncode == 0, stderr
    assert exported(run) == exported(finished)
    faults = [each for each in stored_events(run) if each.kind == "execution" and "sandbox_error" in each.payload]
    stored = {(each.session, each.key) for each in stored_events(run)}
    assert all((each.session, retried(each.key)) in stored for each in faults)
    verdicts = [each.event.verdict for each in stored_events(run) if isinstance(each.event, VerdictReached)]
    assert "sandbox_fault" not in verdicts


async def test_idle_sandbox_workers_that_were_killed_are_replaced_for_all_who_come_at_once() -> None:
    before = descendants(os.getpid())
    async with LocalSandbox(workers=2) as sandbox:
        await asyncio.gather(run_on(sandbox, "1"), run_on(sandbox, "2"))
        workers = descendants(os.getpid()) - before
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):  # it has gone with the one above it
                os.kill(pid, signal.SIGKILL)
        await all_gone(workers)
        done = await asyncio.gather(*(run_on(sandbox, str(number)) for number in range(4)))
    assert [each.status for each in done] == ["ok"] * 4


def retried(key: str) -> str:
    """Return the key under which an execution is tried again."""
    slot, found, attempt = key.rpartition("/retry")
    return f"{slot}/retry{int(attempt) + 1}" if found else f"{key}/retry1"


# --- the disk --------------------------------------------------------------------------------------------------------


@needs_a_small_disk
def test_a_full_disk_stops_the_run_which_names_the_folder_and_goes_on_when_there_is_room(
    small_disk: Path,
    whole: dict[str, bytes],
    tmp_path: Path,
) -> None:
    run = small_disk / "run"
    size(small_disk, "140k")
    with OpenAIServer(team()) as server, named_by_the_environment(server):
        for arguments in ([*asking(tmp_path), "--out", run], ["resume", run]):
            done = mendloop(*arguments)
            assert done.returncode == 3, done.stderr
            assert f"{run}: the run store cannot be written: " in done.stderr.splitlines()[-1]
            assert verify(run).ok
        stored, before = journalled(run), len(server.requests)
        size(small_disk, "64m")
        run_ok("resume", run)
    assert not stored & set(questions(server.requests[before:]))
    assert exported(run) == whole
    assert verify(run).ok


@needs_a_small_disk
def test_an_export_onto_a_full_disk_leaves_the_earlier_one_whole(finished: Path, small_disk: Path) -> None:
    to = small_disk / "data"
    run_ok("export", finished, "--to", to)
    before = {path.name: path.read_bytes() for path in to.rglob("*") if path.is_file()}
    fill(small_disk / "ballast")
    done = mendloop("export", finished, "--to", to)
    assert done.returncode == 3, done.stderr
    assert str(to) in done.stderr
    assert {path.name: path.read_bytes() for path in to.rglob("*") if path.is_file()} == before
    (small_disk / "ballast").unlink()
    run_ok("export", finished, "--to", to)


FLIPS = 60


def values_of(run: Path, query: str) -> list[bytes]:
    with closing(connect(run, "ro")) as connection:
        return [value.encode() if isinstance(value, str) else value for (value,) in connection.execute(query)]


def places_of_events(run: Path, file: bytes) -> list[tuple[int, int]]:
    return found_in(
        file, [text for each in ("payload", "hash", "key") for text in values_of(run, f"SELECT {each} FROM event")]
    )


def places_of_blobs(run: Path, file: bytes) -> list[tuple[int, int]]:
    return found_in(file, values_of(run, "SELECT data FROM blob"))


def places_of_rows(run: Path, file: bytes) -> list[tuple[int, int]]:
    rows = re.finditer(rb"s\d.?keptApassed.{17}", file, re.DOTALL)  # name, index, ..., tokens, and two dates
    return [(row.start(), row.end() - row.start()) for row in rows]


def places_of_head(run: Path, file: bytes) -> list[tuple[int, int]]:
    return [(0, len(file))]


def found_in(file: bytes, texts: list[bytes]) -> list[tuple[int, int]]:
    return [(start, len(text)) for text in texts if (start := file.find(text)) >= 0]


@pytest.mark.parametrize(
    ("name", "places", "least"),
    [
        ("run.db", places_of_events, 80),
        ("run.db", places_of_blobs, 12),
        ("run.db", places_of_rows, 4),
        ("head.json", places_of_head, 1),
    ],
    ids=["events", "blobs", "session rows", "head"],
)
def test_one_flipped_bit_is_found_60_of_60_times(
    written: Path,
    name: str,
    places: Callable[[Path, bytes], list[tuple[int, int]]],
    least: int,
    tmp_path: Path,
) -> None:
    run = Path(shutil.copytree(written, tmp_path / "run"))
    sound, moments = (run / name).read_bytes(), random.Random(name)
    where = places(run, sound)
    assert len(where) >= least
    missed = []
    for _ in range(FLIPS):
        start, length = moments.choice(where)
        place, bit = start + moments.randrange(length), moments.randrange(8)
        damaged = bytearray(sound)
        damaged[place] ^= 1 << bit
        (run / name).write_bytes(damaged)
        if verify(run).ok:
            missed.append((place, bit))
    assert missed == []


def flip_middle(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize("harm", [cut, flip_middle], ids=["shortened", "flipped"])
def test_a_harmed_write_ahead_log_is_seen_by_verify_and_resume(killed: Path, harm: Callable[[bytes], bytes]) -> None:
    log = killed / "run.db-wal"
    assert log.stat().st_size > 100_000
    log.write_bytes(harm(log.read_bytes()))
    (killed / "run.db-shm").unlink()
    checked = mendloop("verify", killed, "--json")
    told = json.loads(checked.stdout)
    assert checked.returncode == 1
    assert any("head.json counts" in damage["what"] for damage in told["damaged"])
    resumed = mendloop("resume", killed)
    assert resumed.returncode == 1
    assert "`mendloop verify` says what is lost" in resumed.stderr


# --- the memory's index ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def remembering(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed when it had lessons in its memory. Tests copy it."""
    run = tmp_path_factory.mktemp("remembering") / "run"
    with started("run", project, "--out", run) as child:
        wait_for(child, run, count_of("memory_stored", 4))
        child.send_signal(signal.SIGKILL)
        child.wait()
    return run


def remove_index(index: Path) -> None:
    shutil.rmtree(index)


@pytest.mark.parametrize("damage", [truncate_header, garble_vectors, garble_database, remove_database, remove_index])
def test_a_damaged_memory_index_is_built_again_from_the_journal(
    remembering: Path,
    finished: Path,
    damage: Callable[[Path], None],
    tmp_path: Path,
) -> None:
    run = Path(shutil.copytree(remembering, tmp_path / "run"))
    damage(run / "memory")
    run_ok("resume", run)
    assert exported(run) == exported(finished)
    assert verify(run).ok


HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "r+")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_memory_index_that_somebody_else_has_open_stops_the_second(remembering: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(remembering, tmp_path / "run"))
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, run / "memory.lock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        done = mendloop("resume", run)
        other.kill()
    assert done.returncode == 3, done.stderr
    assert "the memory is open already" in done.stderr


@needs_a_small_disk
def test_a_run_whose_memory_cannot_be_had_goes_on_without_and_says_so(remembering: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(remembering, tmp_path / "run"))
    garble_database(run / "memory")
    subprocess.run(["mount", "--bind", run / "memory", run / "memory"], check=True)  # nobody can remove it now
    try:
        done = mendloop("resume", run)
    finally:
        subprocess.run(["umount", "--lazy", run / "memory"], check=True)
    assert done.returncode == 0, done.stderr
    assert "the run goes on without memory: the memory's index cannot be used" in done.stderr
    assert verify(run).ok


# --- the clock -------------------------------------------------------------------------------------------------------

JUMPING = """
import itertools, sys, time
real, days = time.time, itertools.cycle([1, -1, 0, 2])
time.time = lambda: real() + 86_400 * next(days)
from mendloop.cli import main
main()
"""


def test_a_clock_that_jumps_by_days_changes_no_order_no_name_and_no_duration(
    whole: dict[str, bytes], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with (
        OpenAIServer(team(), key=KEY) as server,
        named_by_the_environment(server),
        started(*asking(tmp_path), "--out", run, program=["-c", JUMPING]) as child,
    ):
        _, stderr = child.communicate()
    assert child.returncode == 0, stderr
    stamps = [event.ts for event in stored_events(run)]
    assert max(stamps) - min(stamps) > 2 * DAY_S
    assert exported(run) == whole
    assert verify(run).ok
    durations = [event.event.ms for event in stored_events(run) if event.kind == "llm_call"]  # type: ignore[union-attr]
    assert all(0 <= ms < DAY_S for ms in durations)
