"""Hostile programs in namespaces of our own, as root and as an ordinary user."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tools.sandbox.hostile.claims import (  # noqa: F401 - the tests of this module
    hosted,
    test_no_program_can_forge_a_check,
    test_no_program_can_forge_a_pass,
    test_no_program_finds_in_memory_what_another_one,
    test_no_program_reaches_what_is_outside,
    test_the_verdict_is_honest_and_the_next_execution_is_clean,
)
from tests.tools.sandbox.hostile.users import USERS, Host


@pytest.fixture(scope="module", params=USERS)
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    yield from hosted(request.param, "local")
