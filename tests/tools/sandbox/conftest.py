from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator

import pytest

from mendloop.executions import Backend
from mendloop.tools.sandbox.e2b.plan import Plan
from mendloop.tools.sandbox.e2b.sandbox import E2bSandbox
from mendloop.tools.sandbox.open import open_sandbox
from mendloop.tools.sandbox.protocol import Sandbox
from tests.e2b_server import Cloud, e2b_cloud

pytest.register_assert_rewrite("tests.tools.sandbox.hostile.claims")

FAST = 1000.0
"""Creates in a second, for tests that are about something else."""


BACKENDS: tuple[Backend, ...] = ("local", *(("bwrap",) if shutil.which("bwrap") else ()), "e2b")


@pytest.fixture(params=BACKENDS)
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    kind: Backend = request.param
    if kind == "e2b":
        cloud: Cloud = request.getfixturevalue("contract_cloud")
        _allow_for_users(request)
        async with E2bSandbox(cloud.account(), Plan(machines=1, creates_per_s=FAST)) as rented:
            yield rented
        assert cloud.machines == {}
        return
    opened = open_sandbox(kind, workers=1)
    yield opened
    await opened.aclose()


def _allow_for_users(request: pytest.FixtureRequest) -> None:
    """A rented machine belongs to root, who gives each program a user of its own: that cannot be had here otherwise."""
    if os.geteuid() != 0 and request.function.__name__ == "test_every_layer_holds":
        request.applymarker("may_skip")
        pytest.skip("only root can give programs a user of their own")


@pytest.fixture(scope="session")
def contract_cloud() -> Iterator[Cloud]:
    with e2b_cloud() as cloud:
        yield cloud
