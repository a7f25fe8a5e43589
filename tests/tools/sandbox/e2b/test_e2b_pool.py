"""The machines of a plan: no more than it has, no faster than it allows, used again, ended before their time."""

from __future__ import annotations

import asyncio
import json

import pytest

from mendloop.executions import Call, Request
from mendloop.tools.sandbox.e2b.pace import Pace
from mendloop.tools.sandbox.e2b.pool import SPARE_S
from mendloop.tools.sandbox.e2b.runner import pack
from tests.e2b_server import Cloud
from tests.tools.sandbox.e2b.renting import Timeless, rent, run, value


async def test_a_machine_has_no_network_an_end_of_life_and_our_mark(cloud: Cloud) -> None:
    async with rent(cloud, lifetime_s=600) as sandbox:
        await run(sandbox)
        asked = cloud.created[0].asked
        assert (asked["allow_internet_access"], asked["timeout"], asked["templateID"]) == (False, 600, "base")
        assert asked["metadata"] == {"mendloop": sandbox.tag}
        assert asked["envVars"] == {}


async def test_many_executions_share_few_machines(cloud: Cloud) -> None:
    async with rent(cloud, machines=2) as sandbox:
        done = await asyncio.gather(*(run(sandbox, f"{number} + 1") for number in range(8)))
        assert [value(one) for one in done] == [str(number + 1) for number in range(8)]
    assert len(cloud.created) <= 2
    assert sum(len(machine.commands) for machine in cloud.created) == 8


async def test_the_runner_is_put_once_on_each_machine_under_its_digest(cloud: Cloud) -> None:
    async with rent(cloud, machines=2) as sandbox:
        await asyncio.gather(*(run(sandbox) for _ in range(6)))
        runner = f"/opt/mendloop/{pack().digest}.zip"
        assert [machine.uploads.count(runner) for machine in cloud.created] == [1] * len(cloud.created)
        assert cloud.created[0].path(runner).read_bytes() == pack().data


async def test_no_more_machines_than_the_plan_has_even_while_some_fail(cloud: Cloud) -> None:
    async with rent(cloud, machines=2) as sandbox:
        await asyncio.gather(*(run(sandbox, "os._exit(0)", "import os") for _ in range(3)))
        task = asyncio.create_task(run(sandbox, "time.sleep(600)", "import time"))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(*(run(sandbox) for _ in range(3)))
    assert cloud.most_alive <= 2


async def test_machines_are_begun_at_the_pace_of_the_plan(cloud: Cloud) -> None:
    time = Timeless()
    async with rent(cloud, time, machines=4, creates_per_s=0.5) as sandbox:
        done = await asyncio.gather(*(run(sandbox) for _ in range(4)))
        assert [value(one) for one in done] == ["42"] * 4
    assert time.now >= 2.0 * (len(cloud.created) - 1)


async def test_the_pace_spaces_turns_and_forgets_idle_time() -> None:
    time = Timeless()
    pace = Pace(2.0, time, time.sleep)
    for _ in range(3):
        await pace.turn()
    assert time.slept == [0.5, 0.5]
    time.now += 60
    await pace.turn()
    pace.hold(7)
    await pace.turn()
    assert time.slept == [0.5, 0.5, 7.0]


async def test_a_machine_is_used_again_and_replaced_before_its_end_of_life(cloud: Cloud) -> None:
    time = Timeless()
    async with rent(cloud, time, machines=1, lifetime_s=1800) as sandbox:
        await run(sandbox)
        time.now += 1000
        await run(sandbox)
        assert cloud.killed == []
        time.now += 800 - SPARE_S
        assert value(await run(sandbox)) == "42"
        assert (len(cloud.created), cloud.killed, cloud.most_alive) == (2, ["sbx0"], 1)


async def test_a_machine_is_not_begun_with_work_that_may_outlast_it(cloud: Cloud) -> None:
    time = Timeless()
    async with rent(cloud, time, machines=1, lifetime_s=1000) as sandbox:
        await run(sandbox)
        time.now += 600
        await run(sandbox, wall_s=60)
        assert len(cloud.created) == 1
        await run(sandbox, wall_s=500)
        assert (len(cloud.created), cloud.killed) == (2, ["sbx0"])


async def test_work_longer_than_any_life_gets_a_fresh_machine(cloud: Cloud) -> None:
    async with rent(cloud, lifetime_s=100) as sandbox:
        assert value(await run(sandbox, wall_s=9000)) == "42"
    assert len(cloud.created) == 1


async def test_nobody_waits_for_a_machine_that_another_one_frees(cloud: Cloud) -> None:
    time = Timeless()
    async with rent(cloud, time, machines=1) as sandbox:
        done = await asyncio.gather(*(run(sandbox) for _ in range(5)))
        assert [one.status for one in done] == ["ok"] * 5
    assert cloud.count("create") == 1


async def test_what_an_execution_leaves_is_not_there_for_the_next(cloud: Cloud) -> None:
    async with rent(cloud, machines=1) as sandbox:
        await run(sandbox, "1", "SECRET = 'of another program'\n")
        requests = "[name for name in os.listdir('../..') if name.endswith(('.request', '.reply', '.part'))]"
        assert value(await run(sandbox, f"({requests}, os.listdir('.'))", "import os")) == "([], [])"
        files = [path.name for path in cloud.created[0].path("/opt/mendloop").iterdir()]
        assert sorted(files) == sorted(["2.reply", "work", f"{pack().digest}.zip"])


async def test_a_request_carries_no_expected_value(cloud: Cloud) -> None:
    request = Request(code="x = 1", calls=(Call(id="c", call="x"),))
    async with rent(cloud) as sandbox:
        await sandbox.run(request)
    sent = json.dumps(cloud.created[0].commands)
    assert "expect" not in sent


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_hash_seed_is_that_of_the_request(cloud: Cloud, seed: int) -> None:
    async with rent(cloud) as sandbox:
        asked = Request(code="", calls=(Call(id="c", call="hash('a')"),), hash_seed=seed)
        assert value(await sandbox.run(asked)) == value(await sandbox.run(asked))
    assert f"PYTHONHASHSEED={seed} " in cloud.created[0].commands[0]
