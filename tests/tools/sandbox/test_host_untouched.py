"""After every hostile program, the machine and the process that hosts them are as they were."""

from __future__ import annotations

import os
import socket
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.tools.sandbox.hostile.attack import MARK
from tests.tools.sandbox.hostile.picture import (
    NOBODY,
    Picture,
    changes,
    of_machine,
    of_process,
    only,
    steady,
    still_there,
)
from tests.tools.sandbox.hostile.users import USERS, User, interpreter_for_everybody, opened_host, user_id


@pytest.mark.parametrize("user", USERS)
def test_nothing_of_the_machine_or_the_host_process_changes(user: User) -> None:
    python = interpreter_for_everybody()
    if python is None:
        pytest.skip("no interpreter of this version that an ordinary user can start")
    with ProcessPoolExecutor(1, get_context("spawn")) as alone:
        assert alone.submit(_faults_of, user, python).result() == []


def test_a_picture_shows_what_a_program_could_leave() -> None:
    before = of_machine()
    with tempfile.NamedTemporaryFile(prefix=MARK, dir="/tmp"), socket.socket(socket.AF_UNIX) as bound:
        bound.bind(f"\0{MARK}-picture")
        shown = changes(before, of_machine())
    assert [line.partition(":")[0] for line in shown if not line.startswith("settings")] == ["files", "unix sockets"]


def test_a_picture_shows_what_changed_in_a_process(tmp_path: Path) -> None:
    before, mask, folder = of_process(), os.umask(0o77), Path.cwd()
    try:
        os.chdir(tmp_path)
        with tmp_path.joinpath("x").open("w"):
            shown = changes(before, of_process())
    finally:
        os.umask(mask)
        os.chdir(folder)
    assert [line.partition(":")[0] for line in shown] == ["descriptors", "folder", "mask"]
    assert changes(before, of_process()) == []


def test_a_picture_leaves_out_what_was_mounted_on_a_folder_that_is_gone(tmp_path: Path) -> None:
    here = tmp_path / "two words"
    here.mkdir()
    point = str(here).replace(" ", r"\040")
    mounts: Picture = {"mounts": [f"none {point} tmpfs rw 0 0", f"none {point}-gone tmpfs rw 0 0"]}
    assert still_there(mounts) == {"mounts": [f"none {point} tmpfs rw 0 0"]}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_picture_leaves_out_what_was_mounted_where_this_user_may_not_look(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    mounts: Picture = {"mounts": [f"none {tmp_path}/within tmpfs rw 0 0", "none / tmpfs rw 0 0"]}
    tmp_path.joinpath("within").mkdir()
    assert still_there(mounts) == mounts
    os.seteuid(NOBODY)
    try:
        assert still_there(mounts) == {"mounts": ["none / tmpfs rw 0 0"]}
    finally:
        os.seteuid(0)


def _faults_of(user: User, python: str) -> list[str]:
    """Return what all attacks changed, seen from a process of its own: in the tests' own, connections come and go."""
    ours, before = of_process(), _machine(user)
    still = steady(before, _machine(user))
    with opened_host(user, python) as host:
        faults = [*host.ask("together"), *host.close()]
    return [
        *faults,
        *changes(only(before, still), only(_machine(user), still)),
        *changes(ours, of_process()),
    ]


def _machine(user: User) -> Picture:
    return of_machine(user_id(user))
