"""Wrong input ends with one clear line and exit code 2, and leaves nothing behind."""

from __future__ import annotations

import re
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.product import (
    SCENARIO,
    TEXTS,
    count_of,
    mendloop,
    run_process,
    started,
    stored_events,
    tree,
    wait_for,
    write_project,
)

ENTER = """
import ctypes, os
def enter(inside):  # become the only user of a new user namespace; False where there is none to be had
    uid, gid = os.geteuid(), os.getegid()
    if ctypes.CDLL(None).unshare(0x10000000):
        return False
    for name, text in (("setgroups", "deny"), ("uid_map", f"{inside} {uid} 1"), ("gid_map", f"{inside} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    return True
"""
USED_UP = """
while enter(1000):  # until they are nested as deeply as the kernel allows
    pass
"""
ONLY_ROOT = """
enter(0)  # as in a container that maps one id: how far the sandbox gets there depends on the host
"""
FILTERED = """
from mendloop.tools.sandbox.inside import seccomp, syscalls
syscalls.no_new_privileges()
seccomp.install()
"""
MAIN = """
from mendloop.cli import main
main()
"""


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with a project in it and some things that are no project."""
    write_project(tmp_path)
    (tmp_path / "unknown_key.yaml").write_text(SCENARIO.replace("seed:", "sead:"))
    (tmp_path / "wrong_type.yaml").write_text(SCENARIO.replace("seed: 7", "seed: many"))
    (tmp_path / "scripted.yaml").write_text(SCENARIO.replace("procedural", "scripted"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "one.py").write_text("x = 1\ndef f(:\n")
    (tmp_path / "simple").mkdir()
    (tmp_path / "simple" / "one.py").write_text("def f():\n    return 1\n")
    (tmp_path / "file.txt").write_text("a file")
    return tmp_path


RUN = ("run", "small.yaml", "--out", "new/run")
REFUSED = {
    "unknown key": (
        ("run", "unknown_key.yaml", "--out", "new"),
        "unknown_key.yaml:3: unknown key `sead` (nearest: `seed`)",
    ),
    "wrong type": (
        ("run", "wrong_type.yaml", "--out", "new"),
        'wrong_type.yaml:3: `seed`: found the text "many", expected a whole number',
    ),
    "no scenario file": (("run", "none.yaml", "--out", "new"), "none.yaml: no such file"),
    "no source folder": (
        (*RUN, "--set", "source.path=cod"),
        "--set source.path: `source.path`: no such file or folder: {cwd}/cod (nearest: code)",
    ),
    "empty folder": (
        (*RUN, "--set", "source.path=empty"),
        "no Python file can be read in `{cwd}/empty` (check the path)",
    ),
    "nothing parses": (
        (*RUN, "--set", "source.path=broken"),
        "one.py: no file of `{cwd}/broken` parses (does not parse: line 2: invalid syntax)",
    ),
    "nothing usable": (
        (*RUN, "--set", "source.path=simple"),
        "no usable function in `{cwd}/simple` (looked at 1 functions: 1 takes no arguments; "
        "functions must be pure and documented)",
    ),
    "unknown package": (
        (*RUN, "--set", "source.package=no_such_package"),
        "no package `no_such_package` with Python files is installed (install it, or use `path:`)",
    ),
    "team of a program": (
        ("run", "scripted.yaml", "--out", "new"),
        "models.teacher.kind: `scripted` models are handed in by a program "
        "(use `auto`, `openai`, `local` or `procedural` in a scenario file)",
    ),
    "run folder in use": (
        ("run", "small.yaml", "--out", "code"),
        "code: the folder exists and is not empty (name another one with --out, or go on with `mendloop resume`)",
    ),
    "resume of no run": (
        ("resume", "code"),
        "code: not a run: it has no run.db (`mendloop runs` lists the runs there are)",
    ),
    "resume of nothing": (("resume", "new"), "new: no such run folder (`mendloop runs` lists the runs there are)"),
    "runs of no folder": (("runs", "new"), "new: there is no such folder (name a folder of runs)"),
    "new in no folder": (("new", "none/x.yaml"), "none/x.yaml: cannot be written: No such file or directory"),
    "new over a file": (("new", "small.yaml"), "small.yaml: the file exists (name another one)"),
    "new like nothing": (
        ("new", "x.yaml", "--like", "quikstart"),
        "--like: no scenario is called `quikstart` (nearest: `quickstart`)",
    ),
}


@pytest.mark.parametrize(("arguments", "line"), REFUSED.values(), ids=REFUSED)
def test_wrong_input_is_refused_in_one_line_and_leaves_nothing(
    arguments: tuple[str, ...], line: str, desk: Path
) -> None:
    before = tree(desk)
    done = mendloop(*arguments, cwd=desk)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"mendloop: {line.format(cwd=desk)}\n"
    assert tree(desk) == before


REFUSED_READINGS = {
    "unknown session": (("show", "{run}", "s9"), "{run}: there is no session 's9' (`mendloop sessions` lists them)"),
    "replay of no session": (
        ("replay", "{run}", "s9"),
        "{run}: there is no session 's9' (`mendloop sessions` lists them)",
    ),
    "export to a file": (
        ("export", "{run}", "--to", "file.txt"),
        "file.txt: is not a folder (name another one with --to)",
    ),
    "export among other files": (
        ("export", "{run}", "--to", "code"),
        "code: the folder holds other files (lists.py, test_code.py, texts.py) (name an empty or a new one with --to)",
    ),
    "unknown view": (
        ("export", "{run}", "--to", "new", "--view", "dpo"),
        "there is no view `dpo` (views: sft_multiturn, recorded)",
    ),
    "unknown format": (
        ("export", "{run}", "--to", "new", "--format", "csv"),
        "--format: `csv` is none of parquet, jsonl",
    ),
    "unknown hash": (
        ("redact", "{run}", "00000000"),
        "{run}: no blob starts with 00000000 (`mendloop show` lists the hashes)",
    ),
    "no hash": (
        ("redact", "{run}", "xyz"),
        "'xyz' is no hash of a blob (give at least four hexadecimal digits)",
    ),
    "unknown status": (
        ("sessions", "{run}", "--status", "lost"),
        "--status: `lost` is none of running, kept, dropped, unfinished, surplus",
    ),
    "resume of a finished run": (
        ("resume", "{run}"),
        "{run}: the run is finished (`mendloop export` and `report` read it)",
    ),
    "a run against a session": (
        ("compare", "{run}", "{run}:s000001"),
        "{run} {run}:s000001: compare two runs, or two sessions",
    ),
}


@pytest.mark.parametrize(("arguments", "line"), REFUSED_READINGS.values(), ids=REFUSED_READINGS)
def test_a_wrong_question_about_a_run_is_refused_in_one_line(
    arguments: tuple[str, ...], line: str, desk: Path, finished: Path
) -> None:
    before = tree(desk), len(stored_events(finished))
    done = mendloop(*(argument.format(run=finished) for argument in arguments), cwd=desk)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"mendloop: {line.format(run=finished)}\n")
    assert (tree(desk), len(stored_events(finished))) == before


@pytest.mark.parametrize(
    ("option", "line"),
    [
        (("--sessions", "0"), "Error: Invalid value for '--sessions': "),
        (("--sesions", "1"), "Error: No such option: --sesions"),
    ],
)
def test_a_wrong_option_is_refused_and_named(option: tuple[str, ...], line: str, desk: Path) -> None:
    before = tree(desk)
    done = mendloop(*RUN, *option, cwd=desk)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith(line)
    assert tree(desk) == before


def test_a_file_that_does_not_parse_is_skipped_and_named(desk: Path) -> None:
    (desk / "broken" / "texts.py").write_text(TEXTS)
    done = mendloop(*RUN, "--set", "source.path=broken", "--sessions", "1", cwd=desk)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[1:6] == [
        "looking at the source ...",
        "found 4 functions in 1 module",
        "no licence found: taken as your own",
        "left out 1 function: 1 too short or too long",
        "skipped 1 file: one.py: does not parse: line 2: invalid syntax",
    ]


@pytest.fixture
def newer(finished: Path, tmp_path: Path) -> Path:
    """A copy of a run, stamped as one of a newer format."""
    run = tmp_path / "newer"
    shutil.copytree(finished, run)
    with closing(sqlite3.connect(run / "run.db")) as database, database:
        database.execute("UPDATE meta SET value = '2' WHERE key = 'version'")
    return run


@pytest.mark.parametrize("command", [("sessions",), ("resume",), ("verify",), ("export", "--to", "out")], ids=str)
def test_a_run_of_a_newer_format_is_refused(command: tuple[str, ...], newer: Path) -> None:
    done = mendloop(command[0], newer, *command[1:], cwd=newer.parent)
    assert (done.returncode, done.stdout) == (2, "")
    told = rf"mendloop: {newer}: the run store has format 2, this mendloop reads formats up to 1 \(it was written by "
    assert re.fullmatch(told + r"mendloop \S+; update mendloop\)\n", done.stderr)


def test_a_run_of_a_newer_format_does_not_hide_the_others(newer: Path) -> None:
    done = mendloop("runs", newer.parent)
    assert done.returncode == 0
    assert re.search(rf"{newer} +unreadable", done.stdout)


def test_a_run_has_one_process_at_a_time(desk: Path) -> None:
    run = desk / "new" / "run"
    with started(*RUN, cwd=desk) as child:
        wait_for(child, run, count_of("run_started", 1))
        child.send_signal(signal.SIGSTOP)
        try:
            second = mendloop("resume", run)
        finally:
            child.send_signal(signal.SIGCONT)
    assert (second.returncode, second.stdout) == (2, "")
    told = rf"mendloop: {run}: the run is in use by process {child.pid} on \S+ \(wait for it, or stop it\)\n"
    assert re.fullmatch(told, second.stderr)


@pytest.mark.parametrize(
    ("taken_away", "reason"),
    [
        (USED_UP, "local: user namespace: cannot be set up: clone: .+; bwrap: .+"),
        (ONLY_ROOT, "local: .+; bwrap: .+"),
        (FILTERED, "local: .+; bwrap: .+"),
    ],  # the last two depend on the host
    ids=["namespaces used up", "one id mapped", "namespaces filtered"],
)
def test_without_isolation_nothing_is_started(taken_away: str, reason: str, desk: Path) -> None:
    before = tree(desk)
    done = run_process([sys.executable, "-c", ENTER + taken_away + MAIN, *RUN], cwd=desk)
    assert (done.returncode, done.stdout) == (2, "")
    told = r"mendloop: sandbox: no sandbox isolates here: (?P<reason>[^\n]+?) \((?P<remedy>[^\n]+)\)\n"
    said = re.fullmatch(told, done.stderr)
    assert said, done.stderr
    assert re.fullmatch(reason, said["reason"])
    for backend in said["reason"].split("; "):
        parts = backend.split(": ")
        assert len(set(parts)) == len(parts), f"said twice: {backend}"
    assert done.stderr.count("isolate") == 1
    assert tree(desk) == before


def test_a_fault_of_ours_is_one_line_without_a_traceback(desk: Path) -> None:
    breaking = (
        "from mendloop import api, cli\n"
        "def load_settings(environment): raise RuntimeError('a fault\\nof two lines')\n"
        "api.load_settings = load_settings\n"
        "cli.main()\n"
    )
    done = run_process([sys.executable, "-c", breaking, *RUN], cwd=desk)
    assert (done.returncode, done.stdout) == (3, "")
    told = "RuntimeError: a fault (a fault in mendloop; run `mendloop --debug ...` again to see where)"
    assert done.stderr == f"mendloop: {told}\n"
    debugged = run_process([sys.executable, "-c", breaking, "--debug", *RUN], cwd=desk)
    assert debugged.returncode == 3
    assert debugged.stderr.startswith("Traceback ")
