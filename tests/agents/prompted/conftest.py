from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mendloop.runs.store import Store, create_run
from mendloop.tools.sandbox.open import open_sandbox
from mendloop.tools.sandbox.protocol import Sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    opened = open_sandbox("local", 1)
    yield opened
    await opened.aclose()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with create_run(tmp_path / "run") as opened:
        yield opened
