"""What goes wrong with a cloud: each fault ends in a right answer from another machine, or in an honest word."""

from __future__ import annotations

import pytest

from mendloop.errors import InputError, SandboxError
from mendloop.executions import Request
from mendloop.tools.sandbox.e2b.plan import Plan
from mendloop.tools.sandbox.e2b.sandbox import E2bSandbox
from tests.e2b_server import Cloud, Fault
from tests.tools.sandbox.e2b.renting import FAST, Timeless, rent, run, value

AGAIN = [429, 500, 502, 503, 504]


async def test_a_wrong_key_is_a_wrong_setting_and_asked_about_once(cloud: Cloud) -> None:
    async with E2bSandbox(cloud.account(key="e2b_of_somebody_else")) as sandbox:
        with pytest.raises(InputError, match="refuses the key") as caught:
            await run(sandbox)
    assert (caught.value.where, cloud.count("create"), cloud.created) == ("E2B_API_KEY", 1, [])


async def test_no_key_is_a_wrong_setting_before_anything_is_asked(cloud: Cloud) -> None:
    with pytest.raises(InputError, match="no key") as caught:
        E2bSandbox(cloud.account(key=" "))
    assert (caught.value.where, cloud.asked) == ("E2B_API_KEY", [])


async def test_a_key_that_may_not_is_a_wrong_setting_that_says_why(cloud: Cloud) -> None:
    cloud.faults.append(Fault("create", status=403, message="team is blocked"))
    async with rent(cloud) as sandbox:
        with pytest.raises(InputError, match="team is blocked") as caught:
            await run(sandbox)
    assert (caught.value.where, cloud.count("create")) == ("E2B_API_KEY", 1)


@pytest.mark.parametrize("status", [400, 404])
async def test_a_template_that_is_not_there_is_a_wrong_setting(cloud: Cloud, status: int) -> None:
    cloud.faults.append(Fault("create", status=status, message="template 'bass' not found"))
    async with rent(cloud, template="bass") as sandbox:
        with pytest.raises(InputError, match="template 'bass' not found"):
            await run(sandbox)
    assert cloud.count("create") == 1


async def test_too_many_requests_wait_as_long_as_the_cloud_says(cloud: Cloud) -> None:
    cloud.faults.append(Fault("create", status=429, headers={"Retry-After": "1"}))
    async with rent(cloud, repeats=1) as sandbox:
        assert value(await run(sandbox)) == "42"
    first, second = (asked.at for asked in cloud.asked if asked.step == "create")
    assert second - first >= 1.0


async def test_too_long_a_wait_is_not_slept_through_within_a_request(cloud: Cloud) -> None:
    cloud.faults.append(Fault("create", status=429, headers={"Retry-After": "86400"}))
    time = Timeless()
    async with rent(cloud, time, repeats=3) as sandbox:
        assert value(await run(sandbox)) == "42"
    assert cloud.count("create") == 2
    assert sum(time.slept) >= 2


@pytest.mark.parametrize("status", AGAIN)
async def test_a_machine_that_is_refused_is_asked_for_again(cloud: Cloud, status: int) -> None:
    cloud.faults += [Fault("create", status=status)] * 2
    time = Timeless()
    async with rent(cloud, time) as sandbox:
        assert value(await run(sandbox)) == "42"
    assert (cloud.count("create"), len(cloud.created)) == (3, 1)
    assert time.slept == pytest.approx([2.0, 4.0])


@pytest.mark.parametrize("status", AGAIN)
async def test_a_cloud_without_machines_is_a_fault_of_the_sandbox(cloud: Cloud, status: int) -> None:
    cloud.faults += [Fault("create", status=status)] * 3
    async with rent(cloud) as sandbox:
        done = await run(sandbox)
        assert (done.status, done.isolation, done.outcomes) == ("sandbox_error", "e2b", ())
        assert str(status) in done.message
        assert value(await run(sandbox)) == "42"


@pytest.mark.parametrize("kind", ["drop", "lost", "garbage", "hold"])
async def test_a_machine_whose_making_is_in_doubt_is_found_and_ended(cloud: Cloud, kind: str) -> None:
    cloud.faults.append(Fault("create", kind))  # type: ignore[arg-type]  # one of its literals
    async with rent(cloud, request_s=30) as sandbox:
        assert value(await run(sandbox)) == "42"
    assert cloud.count("create") == 2
    assert cloud.count("list") == 1
    assert sorted(cloud.killed) == [machine.id for machine in cloud.created]


@pytest.mark.parametrize("status", [401, 429, 500, 502, 503, 507])
async def test_a_machine_that_does_not_take_the_runner_is_replaced(cloud: Cloud, status: int) -> None:
    cloud.faults.append(Fault("upload", status=status, path=".zip"))
    async with rent(cloud) as sandbox:
        assert value(await run(sandbox)) == "42"
        assert cloud.killed == ["sbx0"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("upload", status=507, path=".request", message="not enough disk space"),
        Fault("upload", status=502, path=".request"),
        Fault("upload", "drop", path=".request"),
        Fault("start", status=502, message="The sandbox was not found"),
        Fault("start", status=502, message="port is not open"),
        Fault("start", status=503),
        Fault("start", status=401),
        Fault("start", status=404),
        Fault("start", "drop"),
        Fault("start", "cut"),
        Fault("start", "gone"),
        Fault("start", "garbage"),
        Fault("start", "flood"),
        Fault("download", status=404),
        Fault("download", status=500),
        Fault("download", "drop"),
        Fault("download", "cut"),
        Fault("download", "garbage"),
        Fault("download", "flood"),
    ],
    ids=lambda fault: f"{fault.step}-{fault.kind}-{fault.status if fault.kind == 'status' else ''}{fault.message[:8]}",
)
async def test_a_machine_that_fails_is_ended_and_the_program_runs_on_another(cloud: Cloud, fault: Fault) -> None:
    cloud.faults.append(fault)
    async with rent(cloud) as sandbox:
        assert value(await run(sandbox)) == "42"
        assert (len(cloud.created), cloud.killed) == (2, ["sbx0"])


async def test_silence_after_the_start_has_an_end(cloud: Cloud) -> None:
    cloud.faults.append(Fault("start", "hold"))
    async with rent(cloud, lifetime_s=75) as sandbox:  # bounds one execution to 15 seconds
        assert value(await run(sandbox)) == "42"
        assert cloud.killed == ["sbx0"]


@pytest.mark.parametrize("step", ["start", "download"])
async def test_bytes_that_trickle_are_the_same_bytes(cloud: Cloud, step: str) -> None:
    cloud.faults.append(Fault(step, "trickle"))  # type: ignore[arg-type]  # one of its literals
    async with rent(cloud) as sandbox:
        assert value(await run(sandbox)) == "42"
        assert len(cloud.created) == 1


async def test_machines_that_all_fail_are_a_fault_of_the_sandbox_and_all_ended(cloud: Cloud) -> None:
    cloud.faults += [Fault("start", "cut")] * 3
    async with rent(cloud) as sandbox:
        done = await run(sandbox)
        assert (done.status, done.outcomes) == ("sandbox_error", ())
        assert done.message
        assert cloud.killed == ["sbx0", "sbx1", "sbx2"]
        assert value(await run(sandbox)) == "42"


async def test_a_runner_that_was_changed_is_not_run(cloud: Cloud) -> None:
    async with rent(cloud) as sandbox:
        await run(sandbox)
        runner = cloud.created[0].path(cloud.created[0].uploads[0])
        runner.write_bytes(runner.read_bytes() + b"\n")
        assert value(await run(sandbox)) == "42"
        assert cloud.killed == ["sbx0"]


async def test_a_machine_that_resists_its_end_is_ended_later(cloud: Cloud) -> None:
    cloud.faults += [Fault("start", "cut"), Fault("kill", status=500)]
    async with rent(cloud) as sandbox:
        assert value(await run(sandbox)) == "42"
        assert cloud.killed == []
    assert sorted(cloud.killed) == ["sbx0", "sbx1"]


async def test_a_machine_that_ended_of_itself_while_idle_is_replaced(cloud: Cloud) -> None:
    async with rent(cloud) as sandbox:
        await run(sandbox)
        cloud.kill("sbx0")
        assert value(await run(sandbox)) == "42"


@pytest.mark.parametrize(
    "request_", [Request(code="", calls=(), language="bash"), Request(code="", calls=(), profile="scientific")]
)
async def test_what_machines_lack_is_said_before_anything_is_rented(cloud: Cloud, request_: Request) -> None:
    async with rent(cloud) as sandbox:
        with pytest.raises(InputError, match="the sandbox e2b"):
            await sandbox.run(request_)
    assert cloud.asked == []


async def test_a_template_without_python_is_a_wrong_setting(cloud: Cloud) -> None:
    cloud.search = "/nowhere"
    async with rent(cloud) as sandbox:
        with pytest.raises(InputError, match=r"no Python 3\.11"):
            await run(sandbox)
    assert len(cloud.created) == 1


async def test_a_closed_sandbox_runs_nothing(cloud: Cloud) -> None:
    sandbox = rent(cloud)
    await sandbox.aclose()
    await sandbox.aclose()
    with pytest.raises(SandboxError, match="closed"):
        await run(sandbox)
    assert cloud.asked == []


@pytest.mark.parametrize("wrong", [{"machines": 0}, {"creates_per_s": 0}, {"attempts": 0}])
def test_a_plan_allows_something(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Plan(**{"creates_per_s": FAST, **wrong})  # type: ignore[arg-type]  # numbers, each for its field
