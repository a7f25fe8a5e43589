"""Nothing is left behind in the cloud: not by time-outs, cancelling or closing, nor by the interpreter's exit."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from mendloop.errors import InputError, SandboxError
from mendloop.tools.sandbox.e2b.clean import clean
from tests.e2b_server import KEY, Cloud, Fault
from tests.tools.sandbox.e2b.renting import SLEEPS, program_runs, rent, run, until, value

REPOSITORY = Path(__file__).parents[4]


async def test_a_program_that_is_timed_out_leaves_nothing_running(cloud: Cloud) -> None:
    async with rent(cloud) as sandbox:
        done = await run(sandbox, "f()", SLEEPS, cpu_s=0.3, wall_s=0.5)
        assert done.status == "timeout"
        assert (cloud.running(), cloud.killed) == (set(), [])
        assert value(await run(sandbox)) == "42"
    assert len(cloud.created) == 1


async def test_cancelling_ends_the_machine_with_all_that_runs_on_it(cloud: Cloud) -> None:
    async with rent(cloud) as sandbox:
        task = asyncio.create_task(run(sandbox, "f()", SLEEPS))
        await program_runs(cloud)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (cloud.running(), cloud.killed) == (set(), ["sbx0"])
        assert value(await run(sandbox)) == "42"


async def test_cancelling_while_a_machine_is_made_keeps_it_for_the_next(cloud: Cloud) -> None:
    async with rent(cloud) as sandbox:
        task = asyncio.create_task(run(sandbox))
        await until(lambda: cloud.count("create") > 0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert value(await run(sandbox)) == "42"
    assert len(cloud.created) == 1


async def test_closing_ends_what_runs_and_what_waits(cloud: Cloud) -> None:
    sandbox = rent(cloud, machines=1)
    tasks = [asyncio.create_task(run(sandbox, "f()", SLEEPS)) for _ in range(3)]
    await program_runs(cloud)
    await sandbox.aclose()
    assert [(await task).status for task in tasks] == ["sandbox_error"] * 3
    assert (cloud.machines, cloud.running()) == ({}, set())


async def test_closing_waits_for_a_machine_that_is_being_made_and_ends_it(cloud: Cloud) -> None:
    sandbox = rent(cloud)
    task = asyncio.create_task(run(sandbox))
    await until(lambda: cloud.count("create") > 0)
    await sandbox.aclose()
    assert (await task).status == "sandbox_error"
    assert len(cloud.created) == 1
    assert cloud.machines == {}


SCRIPT = """
import asyncio, os, sys
from pydantic import SecretStr
from mendloop.executions import Call, Request
from mendloop.tools.sandbox.e2b.plan import Account, Plan
from mendloop.tools.sandbox.e2b.sandbox import E2bSandbox
from mendloop.tools.sandbox.e2b.sdk import Cloud
key, address = sys.argv[1:]
account = Account(api_key=SecretStr(key), api_url=address, sandbox_url=address)
sandbox = None
def run(call, code=""):
    return sandbox.run(Request(code=code, calls=(Call(id="c", call=call),)))
async def main():
    global sandbox
    sandbox = E2bSandbox(account, Plan(creates_per_s=1000, repeats=0))
    {body}
asyncio.run(main())
{after}
"""
FORGOTTEN = "print((await run('6 * 7')).status, flush=True)"
EVERYTHING_CANCELLED = """
    tasks = [asyncio.create_task(run("time.sleep(600)", "import time")) for _ in range(2)]
    await asyncio.sleep(float(os.environ["HEAD_START_S"]))
    raise SystemExit("enough")
"""
FORKED = """
if os.fork() == 0:
    sys.exit()
os.wait()
print("alive:", len(asyncio.run(Cloud(account, Plan()).tagged())))
"""


def script(cloud: Cloud, body: str, after: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT.replace("{body}", body).replace("{after}", after), KEY, cloud.address]
    return subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False, env=environment
    )


def test_a_sandbox_that_nobody_closed_is_closed_at_the_interpreters_exit(cloud: Cloud) -> None:
    done = script(cloud, FORGOTTEN)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")
    assert (len(cloud.created), cloud.machines) == (1, {})


def test_an_exit_by_exception_ends_the_machines_too(cloud: Cloud) -> None:
    done = script(cloud, FORGOTTEN, "raise RuntimeError('a bug')")
    assert (done.returncode, done.stdout) == (1, "ok\n")
    assert (len(cloud.created), cloud.machines) == (1, {})


@pytest.mark.parametrize("head_start_s", ["0", "0.3", "8"])
def test_cancelling_everything_ends_every_machine(cloud: Cloud, head_start_s: str) -> None:
    done = script(cloud, EVERYTHING_CANCELLED, HEAD_START_S=head_start_s)
    assert (done.returncode, done.stderr) == (1, "enough\n")
    assert (cloud.machines, cloud.running()) == ({}, set())


def test_a_forked_copy_ends_no_machine_of_its_parent(cloud: Cloud) -> None:
    done = script(cloud, FORGOTTEN, FORKED)
    assert (done.returncode, done.stdout) == (0, "ok\nalive: 1\n")
    assert cloud.killed == ["sbx0"]


def left_behind(cloud: Cloud, **metadata: str) -> str:
    return cloud.add({"metadata": metadata, "allow_internet_access": False}).id


async def test_cleaning_ends_what_has_our_mark_and_nothing_else(cloud: Cloud) -> None:
    ours = {left_behind(cloud, mendloop=f"run {number % 2}") for number in range(5)}
    another = left_behind(cloud, team="x")
    assert set(await clean(cloud.account())) == ours
    assert list(cloud.machines) == [another]
    cloud.kill(another)


async def test_cleaning_can_be_for_one_run(cloud: Cloud) -> None:
    names = [left_behind(cloud, mendloop=tag) for tag in ("a b&c=d", "other", "a b&c=d")]
    assert set(await clean(cloud.account(), tag="a b&c=d")) == {names[0], names[2]}
    cloud.kill(names[1])


async def test_cleaning_nothing_is_done_at_once(cloud: Cloud) -> None:
    assert await clean(cloud.account()) == ()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("kill", status=500), SandboxError),
        (Fault("list", status=500), SandboxError),
        (Fault("list", status=401), InputError),
    ],
)
async def test_what_cannot_be_cleaned_is_said(cloud: Cloud, fault: Fault, expected: type[Exception]) -> None:
    names = [left_behind(cloud, mendloop="a") for _ in range(3)]
    cloud.faults.append(fault)
    with pytest.raises(expected):
        await clean(cloud.account())
    assert set(await clean(cloud.account())) | set(cloud.killed) == set(names)
