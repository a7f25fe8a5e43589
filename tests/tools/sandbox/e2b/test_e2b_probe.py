"""The dry run in the cloud: it says what holds by having tried, and what does not hold with what to do."""

from __future__ import annotations

import socket

from mendloop.executions import Probe
from mendloop.tools.sandbox.e2b.dryrun import probe_cloud
from mendloop.tools.sandbox.e2b.sandbox import E2bSandbox
from tests.e2b_server import Cloud, Fault
from tests.tools.sandbox.e2b.renting import rent


async def test_a_machine_that_reaches_the_network_is_found_out(cloud: Cloud) -> None:
    cloud.leaky = True
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = ("127.0.0.1", server.getsockname()[1])
        async with rent(cloud) as sandbox:
            probes = {probe.layer: probe for probe in await probe_cloud(sandbox, [address], "localhost")}
    for layer in ("network", "names"):
        assert not probes[layer].ok
        assert probes[layer].remedy
    assert str(address[1]) in probes["network"].detail
    assert probes["limit on memory"] == Probe(layer="limit on memory", ok=True, detail="holds")


async def test_a_refused_key_is_the_only_answer(cloud: Cloud) -> None:
    async with E2bSandbox(cloud.account(key="e2b_of_somebody_else")) as sandbox:
        (probe,) = await sandbox.probe()
    assert (probe.layer, probe.ok) == ("E2B_API_KEY", False)
    assert "E2B_API_KEY" in probe.remedy


async def test_a_cloud_without_machines_is_the_only_answer(cloud: Cloud) -> None:
    cloud.faults += [Fault("create", status=503)] * 3
    async with rent(cloud) as sandbox:
        (probe,) = await sandbox.probe()
    assert (probe.layer, probe.ok) == ("machine", False)
    assert "503" in probe.detail


async def test_machines_that_fail_in_the_middle_are_no_proof(cloud: Cloud) -> None:
    async with rent(cloud, attempts=1) as sandbox:
        await sandbox.probe()
        cloud.faults.append(Fault("download", status=500))
        first, *rest = await sandbox.probe()
    assert (first.layer, first.ok, rest) == ("machine", False, [])
