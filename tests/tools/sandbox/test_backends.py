"""Which sandbox is taken, what each says of itself, and what it leaves behind."""

# ruff: noqa: E501
# Programs are literals in one piece.

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from mendloop.errors import InputError, IsolationError
from mendloop.executions import Call, Execution, Limits, Probe, Request
from mendloop.tools.sandbox import cgroups, kits, local
from mendloop.tools.sandbox.cgroups import MemoryGroup
from mendloop.tools.sandbox.e2b.plan import Account
from mendloop.tools.sandbox.e2b.sandbox import E2bSandbox
from mendloop.tools.sandbox.local import LocalSandbox
from mendloop.tools.sandbox.open import BY_ITSELF, open_sandbox, tried_sandbox
from mendloop.tools.values import render
from tests.tools.sandbox.hostile.picture import descendants
from tests.tools.sandbox.hostile.users import REPOSITORY

needs_bwrap = pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed")
LIMITS = Limits(cpu_s=5, wall_s=60)


@pytest.fixture
def sandbox_pids() -> Callable[[], set[int]]:
    """Return a function that names the processes below this one that were not there before."""
    before = descendants(os.getpid())
    return lambda: descendants(os.getpid()) - before


async def run(sandbox: LocalSandbox, call: str, code: str = "", **options: object) -> Execution:
    request = Request.model_validate({"code": code, "calls": (Call(id="c", call=call),), "limits": LIMITS, **options})
    return await sandbox.run(request)


# --- the order ---------------------------------------------------------------------------------------------------------


def without(*backends: str) -> Callable[[LocalSandbox], object]:
    """Return a probe by which some backends do not isolate here."""

    async def probe(self: LocalSandbox) -> tuple[Probe, ...]:
        broken = self.isolation in backends
        return (Probe(layer="user namespace", ok=not broken, detail="forbidden", remedy="allow it"),)

    return probe


async def test_the_first_backend_whose_layers_hold_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = await tried_sandbox("auto", 1)
    assert isinstance(taken, LocalSandbox)
    assert taken.isolation == BY_ITSELF[0] == "local"
    await taken.aclose()
    monkeypatch.setattr(LocalSandbox, "probe", without("local"))
    second = await tried_sandbox("auto", 1)
    assert isinstance(second, LocalSandbox)
    assert second.isolation == "bwrap"
    await second.aclose()


async def test_where_nothing_isolates_nothing_runs_and_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalSandbox, "probe", without("local", "bwrap"))
    with pytest.raises(IsolationError, match=r"local: user namespace: forbidden; bwrap: ") as refused:
        await tried_sandbox("auto", 1)
    assert refused.value.remedy == "allow it"
    with pytest.raises(IsolationError, match="bwrap"):
        await tried_sandbox("bwrap", 1)


async def test_without_bubblewrap_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mendloop.tools.sandbox.local.shutil.which", lambda name: None)
    with pytest.raises(IsolationError, match="here: bwrap: bubblewrap is not installed") as refused:
        await tried_sandbox("bwrap", 1)
    assert "apt-get install bubblewrap" in refused.value.remedy


async def test_the_cloud_and_no_isolation_are_taken_only_by_name() -> None:
    assert set(BY_ITSELF) == {"local", "bwrap"}
    with pytest.raises(InputError, match="needs a key"):
        open_sandbox("e2b")
    rented = open_sandbox("e2b", 3, Account(SecretStr("e2b_never_used")))
    assert isinstance(rented, E2bSandbox)
    await rented.aclose()


def test_the_cloud_needs_nothing_that_only_linux_has() -> None:
    code = (
        "import sys, mendloop.tools.sandbox.e2b.sandbox as _; print(*sorted(n for n in sys.modules if '.inside.' in n))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    inside = "mendloop.tools.sandbox.inside"
    assert loaded.stdout.split() == [f"{inside}.agreed", f"{inside}.encode"]


def exists(path: str) -> bool:
    return Path(path).exists()


def said_in(path: Path) -> str:
    return path.read_text()


# --- no isolation ------------------------------------------------------------------------------------------------------


async def test_without_isolation_every_execution_says_so() -> None:
    sandbox = await tried_sandbox("unsafe-local", 1)
    assert isinstance(sandbox, LocalSandbox)
    assert sandbox.isolation == "unsafe-local"
    async with sandbox:
        done = await run(sandbox, "f(2)", "import os\ndef f(x):\n    return x, os.getuid(), len(os.environ)\n")
        assert (done.status, done.isolation) == ("ok", "unsafe-local")
        assert render(done.outcomes[0].value) == f"(2, {os.getuid()}, 0)"
        layers = await sandbox.probe()  # nothing is tried: as root it would succeed
    assert [(layer.layer, layer.ok) for layer in layers] == [("isolation", False)]


async def test_without_isolation_limits_hold_and_nothing_is_left_over(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    daemon = (
        "import os, time\ndef f():\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n"
        f"            open({str(mark)!r}, 'w').write(str(os.getpid()))\n            time.sleep(600)\n        os._exit(0)\n"
        f"    while not os.path.exists({str(mark)!r}): time.sleep(0.01)\n    return os.getcwd()\n"
    )
    async with LocalSandbox(1, "unsafe-local") as sandbox:
        done = await run(sandbox, "f()", daemon)
        assert done.status == "ok"
        assert not exists(str(done.outcomes[0].value))
        assert not exists(f"/proc/{said_in(mark)}")
        loop = await run(sandbox, "f()", "def f():\n    while True: pass\n", limits=Limits(cpu_s=0.3, wall_s=60))
        assert loop.status == "timeout"
        much = await run(sandbox, "len(bytearray(1 << 30))", limits=Limits(memory_mb=64, wall_s=60))
        assert much.status == "memory"


# --- bubblewrap --------------------------------------------------------------------------------------------------------


@needs_bwrap
async def test_bubblewrap_shows_what_the_namespaces_show() -> None:
    code = "import os\ndef f():\n    return sorted(os.listdir('/dev')), os.getuid(), os.getpid(), os.path.exists('/proc/1')\n"
    async with LocalSandbox(1, "bwrap") as inside, LocalSandbox(1) as local_one:
        seen, expected = [(await run(each, "f()", code)).outcomes[0].value for each in (inside, local_one)]
    assert seen == expected


@needs_bwrap
async def test_the_time_that_bubblewrap_takes_to_start_is_not_the_programs() -> None:
    async with LocalSandbox(1, "bwrap") as sandbox:
        done = await run(sandbox, "1 + 1", limits=Limits(cpu_s=5, wall_s=0.005))
    assert (done.status, done.outcomes[0].value) in [("ok", 2), ("timeout", None)]


@needs_bwrap
async def test_cancelling_a_bubblewrap_leaves_nothing() -> None:
    async with LocalSandbox(1, "bwrap") as sandbox:
        task = asyncio.create_task(run(sandbox, "time.sleep(600)", "import time"))
        await asyncio.sleep(1.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await run(sandbox, "1 + 1")).status == "ok"


# --- workers and kits ----------------------------------------------------------------------------------------------------


async def test_a_worker_is_replaced_after_its_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "MAX_RUNS", 2)
    async with LocalSandbox(1) as sandbox:
        seen = []
        for _ in range(5):
            assert (await run(sandbox, "1")).status == "ok"
            seen.append(sandbox._idle[0])
    assert [seen.index(worker) for worker in seen] == [0, 0, 2, 2, 4]


async def test_a_profile_brings_its_packages_and_nothing_else() -> None:
    see = "[__import__('importlib.util').util.find_spec(n) is not None for n in ('numpy', 'pandas', 'pytest', 'pydantic')]"
    async with LocalSandbox(1) as sandbox:
        found = {
            profile: render((await run(sandbox, see, profile=profile)).outcomes[0].value)
            for profile in ("stdlib", "pytest", "scientific")
        }
        sums = await run(
            sandbox,
            "f()",
            "import pandas as pd\ndef f():\n    return int(pd.Series([1, 2]).sum())\n",
            profile="scientific",
        )
    assert found == {
        "stdlib": "[False, False, False, False]",
        "pytest": "[False, False, True, False]",
        "scientific": "[True, True, False, False]",
    }
    assert (sums.status, sums.outcomes[0].value) == ("ok", 3)


def test_a_package_that_is_not_here_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kits, "_packages", lambda name: {})
    kits._kit.cache_clear()
    with pytest.raises(InputError, match="numpy") as refused:
        kits.kit_for(Request(code="", profile="scientific"))
    assert refused.value.remedy == "pip install numpy"
    kits._kit.cache_clear()


# --- memory of all processes together ---------------------------------------------------------------------------------


async def test_many_processes_together_cannot_take_more_than_one_may() -> None:
    code = (
        "import os, time\ndef f():\n    for _ in range(12):\n        if os.fork() == 0:\n"
        "            x = bytearray(60 << 20)\n            time.sleep(600)\n    time.sleep(600)\n"
    )
    async with LocalSandbox(1) as sandbox:
        done = await run(sandbox, "f()", code, limits=Limits(memory_mb=96, wall_s=120))
        assert (done.status, done.outcomes[0].status) == ("memory", "memory")
        told = (await sandbox.probe())[-1]
        groups = [worker.group for worker in sandbox._idle if worker.group]
    assert told.layer == "memory of all processes"
    assert ("control group" in told.detail) is True
    assert [group.folder.exists() for group in groups] == [False] * len(groups)


async def test_programs_go_before_their_worker_where_memory_runs_out(sandbox_pids: Callable[[], set[int]]) -> None:
    async with LocalSandbox(1) as sandbox:
        task = asyncio.create_task(run(sandbox, "time.sleep(600)", "import time"))
        for _ in range(500):
            scores = sorted(said_in(Path(f"/proc/{pid}/oom_score_adj")).strip() for pid in sandbox_pids())
            if "1000" in scores:
                break
            await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert scores.count("1000") == 1
    assert len(scores) > 1


def fake_group(folder: Path, names: cgroups._Names) -> MemoryGroup:
    folder.mkdir()
    for name in (names.limit, names.swap, names.events):
        (folder / name).write_text("0")
    (folder / names.current).write_text(str(7 << 20))
    return MemoryGroup(folder, names)


@pytest.mark.parametrize("names", [cgroups._V1, cgroups._V2], ids=["v1", "v2"])
def test_a_group_is_bounded_by_memory_and_scratch_and_counts_kills(tmp_path: Path, names: cgroups._Names) -> None:
    group = fake_group(tmp_path / "group", names)
    group.bound(100, 20)
    assert int((group.folder / names.limit).read_text()) == (7 + 100 + 20 + 32) << 20
    assert not group.has_killed()
    (group.folder / names.events).write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    assert group.has_killed()
    assert not group.has_killed()


def test_what_the_kernel_killed_for_memory_is_a_memory_verdict() -> None:
    from mendloop.executions import Outcome
    from mendloop.tools.sandbox.wire import out_of_memory

    crash = Execution(status="crash", isolation="local", outcomes=(Outcome(id="a", status="missing"),))
    assert out_of_memory(crash).outcomes[0].status == out_of_memory(crash).status == "memory"
    waited = crash.model_copy(update={"status": "timeout", "outcomes": (Outcome(id="a", status="timeout"),)})
    assert (out_of_memory(waited).status, out_of_memory(waited).outcomes) == ("memory", waited.outcomes)
    fine = crash.model_copy(update={"status": "ok"})
    assert out_of_memory(fine) == fine
