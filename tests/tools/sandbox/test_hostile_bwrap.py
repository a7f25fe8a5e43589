"""Hostile programs in bubblewrap, as the user that has no other isolation: one who may make no namespaces."""

from __future__ import annotations

import shutil
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

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


@pytest.fixture(scope="module", params=USERS[-1:])
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    yield from hosted(request.param, "bwrap")
