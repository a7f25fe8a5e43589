"""A server that fails is left alone, tried once at a time, and given up in the end."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from mendloop.errors import ProviderError
from mendloop.tools.chat.circuit import Circuit
from mendloop.tools.chat.clock import JumpingClock

Move = tuple[str, str]


def circuit_of(clock: JumpingClock | None = None) -> tuple[Circuit, list[Move]]:
    """Return a circuit, and the list of its moves."""
    moves: list[Move] = []
    circuit = Circuit(
        "m", "http://x/v1", clock=clock or JumpingClock(), moved=lambda state, reason: moves.append((state, reason))
    )
    return circuit, moves


def opened(clock: JumpingClock) -> tuple[Circuit, list[Move]]:
    circuit, moves = circuit_of(clock)
    for _ in range(10):
        circuit.failed(probe=False)
    assert circuit.state == "open"
    return circuit, moves


def test_it_opens_when_half_of_the_last_20_calls_failed() -> None:
    circuit, moves = circuit_of()
    for _ in range(9):
        circuit.failed(probe=False)
        circuit.succeeded(probe=False)
    assert circuit.state == "closed"
    circuit.failed(probe=False)
    assert moves == [("open", "failures")]


def test_failures_longer_ago_than_20_calls_do_not_count() -> None:
    circuit, moves = circuit_of()
    for _ in range(9):
        circuit.failed(probe=False)
    for _ in range(12):
        circuit.succeeded(probe=False)
    for _ in range(2):
        circuit.failed(probe=False)
    assert moves == []


async def test_calls_wait_30_seconds_and_one_of_them_is_the_probe() -> None:
    clock = JumpingClock()
    circuit, moves = opened(clock)
    assert circuit.claim() is None
    await circuit.passable()
    assert clock.time == 30
    assert [circuit.claim() for _ in range(3)] == ["probe", None, None]
    circuit.succeeded(probe=True)
    assert circuit.claim() == "call"
    assert moves == [("open", "failures"), ("probing", "probe_due"), ("closed", "probe_answered")]


async def test_others_wait_until_the_probe_is_back() -> None:
    clock = JumpingClock()
    circuit, _ = opened(clock)
    await circuit.passable()
    assert circuit.claim() == "probe"
    waiting = [asyncio.create_task(circuit.passable()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    circuit.succeeded(probe=True)
    await asyncio.gather(*waiting)


async def test_a_bad_probe_opens_it_again() -> None:
    clock = JumpingClock()
    circuit, moves = opened(clock)
    await circuit.passable()
    circuit.claim()
    circuit.failed(probe=True)
    assert moves[-1] == ("open", "probe_failed")
    assert circuit.claim() is None
    await circuit.passable()
    assert clock.time == 60


async def test_after_ten_minutes_it_is_given_up() -> None:
    clock = JumpingClock()
    circuit, moves = opened(clock)
    for _ in range(20):
        await circuit.passable()
        assert circuit.claim() == "probe"
        circuit.failed(probe=True)
    with pytest.raises(ProviderError, match="http://x/v1: m has not answered for 600 s") as caught:
        await circuit.passable()
    assert (clock.time, moves[-1], caught.value.reason) == (600, ("open", "given_up"), "circuit")


async def test_a_good_probe_begins_a_new_count() -> None:
    clock = JumpingClock()
    circuit, moves = opened(clock)
    await circuit.passable()
    circuit.claim()
    circuit.succeeded(probe=True)
    for _ in range(9):
        circuit.failed(probe=False)
    assert (circuit.state, len(moves)) == ("closed", 3)
    clock.time = 1000
    circuit.failed(probe=False)
    await circuit.passable()
    circuit.claim()
    circuit.failed(probe=True)
    assert moves[-1] == ("open", "probe_failed")  # not given up: it was open for 30 s


async def test_a_probe_that_was_cancelled_leaves_its_place_to_the_next() -> None:
    clock = JumpingClock()
    circuit, moves = opened(clock)
    await circuit.passable()
    circuit.claim()
    waiting = asyncio.create_task(circuit.passable())
    await asyncio.sleep(0)
    circuit.abandoned(probe=True)
    await waiting
    assert (circuit.claim(), moves[-2]) == ("probe", ("open", "probe_abandoned"))


async def test_shut_for_good_it_refuses_all_that_wait_and_come() -> None:
    clock = JumpingClock()
    circuit, moves = opened(clock)
    await circuit.passable()
    circuit.claim()
    waiting = asyncio.create_task(circuit.passable())
    await asyncio.sleep(0)
    circuit.shut(ProviderError("no", where="KEY", reason="auth"), "auth")
    for _ in range(2):
        with pytest.raises(ProviderError, match="KEY: no") as caught:
            await waiting
        assert caught.value.reason == "auth"
        waiting = asyncio.create_task(circuit.passable())
    with suppress(ProviderError):
        await waiting
    circuit.succeeded(probe=True)  # of the probe that was under way
    circuit.failed(probe=False)
    assert (circuit.state, moves[-1], circuit.claim()) == ("open", ("open", "auth"), None)
