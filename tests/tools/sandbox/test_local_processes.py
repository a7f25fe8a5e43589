"""The processes behind the local sandbox: none is left over, whatever ends them, and none runs without isolation."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mendloop.executions import Call, Execution, Request
from mendloop.tools.sandbox.local import LocalSandbox
from mendloop.tools.values import render
from tests.tools.sandbox.hostile.picture import descendants
from tests.tools.sandbox.hostile.users import PACKAGES, REPOSITORY, SYSTEM_PYTHON, copy_for_everybody, same_version


@pytest.fixture
async def sandbox() -> AsyncIterator[LocalSandbox]:
    async with LocalSandbox(workers=2) as opened:
        yield opened


async def run(sandbox: LocalSandbox, call: str, code: str = "") -> Execution:
    return await sandbox.run(Request(code=code, calls=(Call(id="c", call=call),)))


def descriptors(pid: int | str) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def alive(pids: set[int]) -> set[int]:
    def running(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
        except OSError:
            return False

    return {pid for pid in pids if running(pid)}


async def all_gone(pids: set[int]) -> bool:
    for _ in range(250):
        if not alive(pids):
            return True
        await asyncio.sleep(0.02)
    return False


async def started_under(task: asyncio.Task[Execution], before: set[int]) -> set[int]:
    """Wait until the execution has a child of its own, beside supervisor, worker and zygote."""
    for _ in range(250):
        new = descendants(os.getpid()) - before
        if len(new) >= 4 or task.done():
            return new
        await asyncio.sleep(0.02)
    raise AssertionError("no child appeared")


async def test_closing_ends_every_process() -> None:
    before = descendants(os.getpid())
    sandbox = LocalSandbox(workers=2)
    await asyncio.gather(run(sandbox, "1"), run(sandbox, "2"))
    started = descendants(os.getpid()) - before
    assert len(started) >= 6
    await sandbox.aclose()
    assert await all_gone(started)


async def test_cancelling_kills_the_child_at_once(sandbox: LocalSandbox) -> None:
    before = descendants(os.getpid())
    task = asyncio.create_task(run(sandbox, "f()", "import os, time\ndef f():\n    os.fork()\n    time.sleep(60)\n"))
    started = await started_under(task, before)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await all_gone(started)


async def test_closing_ends_what_runs_and_what_waits() -> None:
    before = descendants(os.getpid())
    sandbox = LocalSandbox(workers=1)
    code = "import time\ndef f():\n    time.sleep(60)\n"
    tasks = [asyncio.create_task(run(sandbox, "f()", code)) for _ in range(2)]
    started = await started_under(tasks[0], before)
    await sandbox.aclose()
    assert [(await task).status for task in tasks] == ["sandbox_error"] * 2
    assert await all_gone(started)


async def test_a_killed_worker_is_a_fault_of_ours_and_the_next_execution_is_clean(sandbox: LocalSandbox) -> None:
    before = descendants(os.getpid())
    task = asyncio.create_task(run(sandbox, "f()", "import time\ndef f():\n    time.sleep(60)\n"))
    started = await started_under(task, before)
    for pid in started:
        os.kill(pid, signal.SIGKILL)
    done = await task
    assert (done.status, done.outcomes) == ("sandbox_error", ())
    assert done.message
    assert (await run(sandbox, "1 + 1")).status == "ok"


async def test_a_worker_that_died_while_idle_is_replaced_silently(sandbox: LocalSandbox) -> None:
    before = descendants(os.getpid())
    await run(sandbox, "1")
    started = descendants(os.getpid()) - before
    for pid in started:
        os.kill(pid, signal.SIGKILL)
    await all_gone(started)
    assert (await run(sandbox, "1 + 1")).status == "ok"


async def test_no_more_executions_than_workers_at_once(sandbox: LocalSandbox) -> None:
    before = descendants(os.getpid())
    await asyncio.gather(*(run(sandbox, str(number)) for number in range(10)))
    assert len(alive(descendants(os.getpid()) - before)) <= 6  # each worker has a supervisor and a zygote


async def test_no_descriptor_is_leaked(sandbox: LocalSandbox) -> None:
    await run(sandbox, "1")
    opened = descriptors("self")
    inside = [pid for pid in descendants(os.getpid()) if os.access(f"/proc/{pid}/fd", os.R_OK)]
    opened_inside = {pid: descriptors(pid) for pid in inside}
    for _ in range(20):
        await run(sandbox, "1")
        await sandbox.run(Request(code="import os\nos.abort()", calls=(Call(id="c", stdin="x"),)))
    assert descriptors("self") == opened
    assert {pid: descriptors(pid) for pid in inside} == opened_inside


async def test_many_hash_seeds_do_not_keep_a_worker_each(sandbox: LocalSandbox) -> None:
    before = descendants(os.getpid())
    for seed in range(7):
        await sandbox.run(Request(code="", calls=(Call(id="c", call="1"),), hash_seed=seed))
    assert len(alive(descendants(os.getpid()) - before)) <= 12


# --- in processes of their own ---------------------------------------------------------------------------------------

PROBE = """
import asyncio
from mendloop.tools.sandbox.local import LocalSandbox
async def main():
    async with LocalSandbox(1) as sandbox:
        for probe in await sandbox.probe():
            print(probe.ok, probe.layer, probe.detail, probe.remedy, sep="|")
asyncio.run(main())
"""
RUN = """
import asyncio
from mendloop.errors import IsolationError
from mendloop.executions import Call, Request
from mendloop.tools.sandbox.local import LocalSandbox
async def main():
    async with LocalSandbox(1) as sandbox:
        try:
            done = await sandbox.run(Request(code="", calls=(Call(id="c", call="6 * 7"),)))
            print(done.status, done.outcomes[0].value)
        except IsolationError as error:
            print("refused", error)
asyncio.run(main())
"""
NO_NAMESPACES_LEFT = """
import ctypes, os
uid, gid = os.geteuid(), os.getegid()
assert ctypes.CDLL(None).unshare(0x10000000) == 0
for name, text in (("setgroups", "deny"), ("uid_map", f"1000 {uid} 1"), ("gid_map", f"1000 {gid} 1")):
    with open(f"/proc/self/{name}", "w") as file:
        file.write(text)
with open("/proc/sys/user/max_user_namespaces", "w") as file:
    file.write("0")
"""
NAMESPACES_FILTERED = """
from mendloop.tools.sandbox.inside import seccomp, syscalls
syscalls.no_new_privileges()
seccomp.install()
"""


def python(
    code: str, executable: str = sys.executable, *prefix: str, packages: str = f"{REPOSITORY}:{PACKAGES}"
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    if executable != sys.executable:
        environment["PYTHONPATH"] = packages
    command = [*prefix, executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def for_everybody() -> Iterator[str]:
    """A copy of what the sandbox imports, in a folder that every user can read."""
    with tempfile.TemporaryDirectory() as folder:
        copy_for_everybody(Path(folder))
        yield folder


needs_system_python = pytest.mark.skipif(
    not same_version(SYSTEM_PYTHON), reason=f"{SYSTEM_PYTHON} cannot load the packages of this interpreter"
)
needs_root = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root to drop it")


@needs_system_python
def test_every_layer_holds_with_the_interpreter_of_the_system() -> None:
    done = python(PROBE, SYSTEM_PYTHON)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if not line.startswith("True")] == []


@needs_root
@needs_system_python
def test_every_layer_holds_for_an_unprivileged_user(for_everybody: str) -> None:
    dropped = ("setpriv", "--reuid=1000", "--regid=1000", "--clear-groups")
    done = python(PROBE, SYSTEM_PYTHON, *dropped, packages=for_everybody)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) > 8
    assert [line for line in lines if not line.startswith("True")] == []


@pytest.mark.parametrize("forbid", [NO_NAMESPACES_LEFT, NAMESPACES_FILTERED], ids=["sysctl", "filter"])
def test_without_namespaces_nothing_runs_and_the_message_says_what_to_do(forbid: str) -> None:
    refused = python(forbid + RUN)
    assert refused.returncode == 0, refused.stderr
    assert refused.stdout.startswith("refused")
    probed = python(forbid + PROBE).stdout.strip().split("|")
    assert probed[0] == "False"
    assert "namespace" in probed[1]
    assert probed[3]


def test_without_namespaces_the_remedy_names_the_setting() -> None:
    assert "user.max_user_namespaces" in python(NO_NAMESPACES_LEFT + PROBE).stdout


def test_a_host_that_is_killed_takes_its_workers_along() -> None:
    code = "import time\ndef f():\n    time.sleep(60)\n"
    host = subprocess.Popen(
        [sys.executable, "-c", RUN.replace("6 * 7", "f()").replace('code=""', f"code={code!r}")], cwd=REPOSITORY
    )
    started: set[int] = set()
    for _ in range(500):
        started = descendants(host.pid)
        if len(started) >= 4:
            break
        time.sleep(0.02)
    assert len(started) >= 4
    host.kill()
    host.wait()
    for _ in range(250):
        if not alive(started):
            break
        time.sleep(0.02)
    assert alive(started) == set()


async def test_a_program_sees_nothing_of_other_executions(sandbox: LocalSandbox) -> None:
    await run(sandbox, "1", "SECRET = 'needle-' + 'in-memory'\n")
    found = await run(
        sandbox,
        "f()",
        "import gc\ndef f():\n    return [o for o in gc.get_objects() if isinstance(o, dict) and 'SECRET' in o]\n",
    )
    assert render(found.outcomes[0].value) == "[]"
