"""What holds of hostile programs: the sandbox survives each, tells the truth about it, and the next execution is clean.

All of it in a host process of its own for a user, so that nothing of a test is in the way. A test module for each
isolation takes these tests, with its `host`. The cloud of the tests is processes of this machine, which isolate
nothing: the tests in `e2b` have hostile programs of their own, which can harm nothing but their user.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tools.sandbox.hostile.attack import Isolation
from tests.tools.sandbox.hostile.catalog import ATTACKS
from tests.tools.sandbox.hostile.escapes import ESCAPES
from tests.tools.sandbox.hostile.forgeries import CHECKED, FORGERIES
from tests.tools.sandbox.hostile.users import Host, User, interpreter_for_everybody, opened_host


def hosted(user: User, isolation: Isolation) -> Iterator[Host]:
    """Yield the host process of a user that runs programs in an isolation, which must end as it began."""
    python = interpreter_for_everybody()
    if python is None:
        pytest.skip("no interpreter of this version that an ordinary user can start")
    with opened_host(user, python, isolation) as opened:
        yield opened
        assert opened.close() == []


@pytest.mark.parametrize("name", ATTACKS)
def test_the_verdict_is_honest_and_the_next_execution_is_clean(host: Host, name: str) -> None:
    assert host.ask("attack", name) == []


@pytest.mark.parametrize("name", ESCAPES)
def test_no_program_reaches_what_is_outside(host: Host, name: str) -> None:
    assert host.ask("escape", name) == []


@pytest.mark.parametrize("name", FORGERIES)
def test_no_program_can_forge_a_pass(host: Host, name: str) -> None:
    assert host.ask("forgery", name) == []


@pytest.mark.parametrize("name", CHECKED)
def test_no_program_can_forge_a_check(host: Host, name: str) -> None:
    assert host.ask("checked", name) == []


@pytest.mark.parametrize("what", ["returned", "printed"])
def test_no_program_finds_in_memory_what_another_one(host: Host, what: str) -> None:
    assert host.ask("remembered", what) == []
