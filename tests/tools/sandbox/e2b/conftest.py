from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2b_server import Cloud, e2b_cloud


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A cloud; no test may leave a machine or a process behind in it."""
    with e2b_cloud() as opened:
        yield opened
        assert (opened.machines, opened.running()) == ({}, set())
