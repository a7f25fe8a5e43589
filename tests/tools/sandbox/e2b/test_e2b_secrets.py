"""The key reaches the cloud and nothing else: no message, no repr, no log, no machine."""

from __future__ import annotations

import logging
import traceback

import pytest

from mendloop.errors import InputError
from mendloop.tools.sandbox.e2b.sandbox import E2bSandbox
from tests.e2b_server import KEY, TOKEN, Cloud, Fault
from tests.tools.sandbox.e2b.renting import rent, run, value


async def test_the_key_is_in_no_log_no_repr_and_on_no_machine(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = f"no machine for {KEY}"
    cloud.faults += [Fault("create", status=503, message=echo)] * 3
    async with rent(cloud) as sandbox:
        refused = await run(sandbox)
        done = await run(sandbox, "dict(os.environ)", "import os")
        cloud.faults.append(Fault("start", status=500, message=echo))
        again = await run(sandbox)
        machine = cloud.created[0]
        stored = [path.read_bytes() for path in machine.root.rglob("*") if path.is_file()]
        said = [repr(sandbox), repr(vars(sandbox)), repr(cloud.account()), repr(refused), repr(done), repr(again)]
    written = "\n".join([*said, caplog.text, *machine.commands, *map(str, stored)])
    assert refused.status == "sandbox_error"
    assert (value(done), value(again)) == ("{}", "42")
    assert (KEY in written, TOKEN in written) == (False, False)


async def test_an_error_does_not_repeat_the_key_that_the_cloud_repeats(cloud: Cloud) -> None:
    wrong = "e2b_wrong_canary_76543210"
    async with E2bSandbox(cloud.account(key=wrong)) as sandbox:
        with pytest.raises(InputError) as caught:
            await run(sandbox)
    cloud.faults.append(Fault("create", status=403, message=f"blocked: {KEY}"))
    async with rent(cloud) as sandbox:
        with pytest.raises(InputError, match=r"blocked: \[key\]") as blocked:
            await run(sandbox)
    told = "".join([*traceback.format_exception(caught.value), *traceback.format_exception(blocked.value)])
    assert (wrong in told, KEY in told) == (False, False)


async def test_the_environment_does_not_decide_where_the_key_goes(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("E2B_API_URL", "E2B_SANDBOX_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("E2B_API_KEY", "e2b_of_the_environment")
    monkeypatch.setenv("E2B_DOMAIN", "example.invalid")
    monkeypatch.setenv("E2B_DEBUG", "true")
    async with rent(cloud) as sandbox:
        assert value(await run(sandbox)) == "42"
    assert {asked.headers["x-api-key"] for asked in cloud.asked if asked.step in ("create", "kill")} == {KEY}
    assert [asked for asked in cloud.asked if asked.step not in ("create", "kill") and KEY in str(asked)] == []
