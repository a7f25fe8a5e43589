"""A full disk stops a run cleanly; after room is made it goes on to the same bytes."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mendloop.runs.verify import verify
from tests.e2e.product import exported, mendloop, run_ok, tree

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mount"), reason="needs root to mount a small file system"
)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that a run does not fit on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        size(disk, "700k")
    except subprocess.CalledProcessError:
        pytest.skip("this root may not mount a file system")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def size(disk: Path, size: str) -> None:
    options = ["-o", f"{'remount,' if disk.is_mount() else ''}size={size}"]
    subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", disk], check=True)


def fill(ballast: Path) -> None:
    """Write into a file until its file system is full; nothing is buffered, so that closing it has nothing to write."""
    file = os.open(ballast, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        while True:
            os.write(file, bytes(4096))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
    finally:
        os.close(file)


def test_a_full_disk_stops_the_run_and_room_lets_it_go_on(project: Path, finished: Path, small_disk: Path) -> None:
    run = small_disk / "run"
    done = mendloop("run", project, "--out", run)
    assert done.returncode == 3, done.stderr
    assert done.stdout == f"run: {run}\n"
    told = f"mendloop: {run}: the run store cannot be written: database or disk is full "
    assert done.stderr.splitlines()[-1] == told + f"(make room there, then `mendloop resume {run}`)"
    assert "Traceback" not in done.stderr
    assert verify(run).ok
    again = mendloop("resume", run)
    assert again.returncode == 3, again.stderr
    size(small_disk, "64m")
    run_ok("resume", run)
    assert exported(run) == exported(finished)
    assert verify(run).ok


def test_on_a_disk_that_is_full_from_the_start_nothing_is_left(project: Path, small_disk: Path) -> None:
    fill(small_disk / "ballast")
    done = mendloop("run", project, "--out", small_disk / "runs" / "one")
    assert (done.returncode, done.stdout) == (3, "")
    assert len(done.stderr.splitlines()) == 1
    assert str(small_disk) in done.stderr
    assert tree(small_disk) == ["ballast"]
