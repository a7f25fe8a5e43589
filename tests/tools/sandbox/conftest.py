from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mendloop.tools.sandbox.open import SandboxKind, open_sandbox
from mendloop.tools.sandbox.protocol import Sandbox


@pytest.fixture(params=["local"])
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    kind: SandboxKind = request.param
    opened = open_sandbox(kind, workers=1)
    yield opened
    await opened.aclose()
