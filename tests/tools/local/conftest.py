from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tools.local.hub_server import FakeHub, fake_hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    for name in ("http_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):  # of this machine, not for its loopback
        monkeypatch.delenv(name, raising=False)
    with fake_hub() as running:
        yield running
