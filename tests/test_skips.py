"""A test that did not run fails the session where skips are forbidden, however the session is spread."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import FORBID
from tests.e2e.product import ROOT, environment, run_process

PASSES = "def test_passes():\n    pass\n"
ALLOWED = """
import pytest

@pytest.mark.may_skip
@pytest.mark.skipif(True, reason="another system")
def test_of_another_system():
    pass

@pytest.mark.may_skip
class TestAllowed:
    def test_of_a_class(self):
        pytest.skip("another machine")
"""
SKIPPED = """
import pytest

@pytest.fixture
def disk():
    pytest.skip("no disk")

@pytest.mark.skip(reason="not today")
def test_marked():
    pass

def test_inside():
    pytest.skip("found out late")

def test_fixture(disk):
    pass

@pytest.mark.xfail(reason="a known fault")
def test_known_fault():
    assert False

def test_imperative():
    pytest.xfail("given up")
"""
WHOLE_MODULE = "import pytest\npytest.skip('no such module', allow_module_level=True)\n"
LISTED = [
    "test_skipped.py::test_fixture: Skipped: no disk",
    "test_skipped.py::test_imperative: expected to fail: given up",
    "test_skipped.py::test_inside: Skipped: found out late",
    "test_skipped.py::test_known_fault: expected to fail: a known fault",
    "test_skipped.py::test_marked: Skipped: not today",
    "test_whole.py: Skipped: no such module",
]

spread = pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "two workers"])


def session(folder: Path, workers: Sequence[str], forbid: str, **modules: str) -> subprocess.CompletedProcess[str]:
    """Run a session of its own over some modules, under our conftest."""
    shutil.copyfile(ROOT / "tests" / "conftest.py", folder / "conftest.py")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    for name, text in modules.items():
        (folder / f"test_{name}.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "xdist", *workers]
    ours = {name: value for name, value in environment(**{FORBID: forbid}).items() if not name.startswith("PYTEST_")}
    return run_process(command, cwd=folder, env={**ours, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})


def listed(output: str) -> list[str]:
    """Return the lines below the heading of what was not run."""
    found = re.search(rf"\d+ not run, and {FORBID} is set =*\n(.*\n)Give this machine", output, re.DOTALL)
    return found[1].splitlines() if found else []


@spread
def test_what_did_not_run_fails_the_session_and_is_listed(workers: Sequence[str], tmp_path: Path) -> None:
    done = session(tmp_path, workers, "1", passes=PASSES, allowed=ALLOWED, skipped=SKIPPED, whole=WHOLE_MODULE)
    assert done.returncode == 1, done.stdout
    assert listed(done.stdout) == LISTED
    assert re.search(r"1 passed, 6 skipped, 2 xfailed", done.stdout)


@spread
def test_a_skip_that_is_right_by_nature_is_allowed(workers: Sequence[str], tmp_path: Path) -> None:
    done = session(tmp_path, workers, "1", passes=PASSES, allowed=ALLOWED)
    assert (done.returncode, listed(done.stdout)) == (0, []), done.stdout


def test_a_session_with_nothing_but_skips_fails(tmp_path: Path) -> None:
    done = session(tmp_path, (), "1", whole=WHOLE_MODULE)
    assert (done.returncode, listed(done.stdout)) == (1, LISTED[-1:]), done.stdout


def test_skips_are_free_where_nothing_forbids_them(tmp_path: Path) -> None:
    done = session(tmp_path, (), "", passes=PASSES, skipped=SKIPPED, whole=WHOLE_MODULE)
    assert (done.returncode, listed(done.stdout)) == (0, []), done.stdout
