"""The pace finds what a server bears, and its permits obey their laws whoever waits, leaves or is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mendloop.tools.chat.clock import JumpingClock
from mendloop.tools.chat.pace import Pace

Change = tuple[int, str, float]


def pace_of(ceiling: int, clock: JumpingClock | None = None, *, steady: bool = False) -> tuple[Pace, list[Change]]:
    """Return a pace, and the list of its changes."""
    changes: list[Change] = []
    pace = Pace(
        ceiling,
        steady=steady,
        clock=clock or JumpingClock(),
        changed=lambda *change: changes.append(change),
    )
    return pace, changes


async def clean_round(pace: Pace, in_use: int | None = None) -> None:
    """Let as many answers come as there are permits, with so many permits in use."""
    answers = pace.limit
    async with AsyncExitStack() as stack:
        for _ in range(in_use if in_use is not None else pace.limit):
            await stack.enter_async_context(pace.permit())
        for _ in range(answers):
            pace.answered()


async def limits_after(pace: Pace, rounds: int) -> list[int]:
    limits = []
    for _ in range(rounds):
        await clean_round(pace)
        limits.append(pace.limit)
    return limits


async def test_it_doubles_until_the_first_429_and_then_grows_by_a_twentieth() -> None:
    pace, changes = pace_of(1000)
    assert await limits_after(pace, 3) == [40, 80, 160]
    pace.rate_limited(7.5)
    assert await limits_after(pace, 3) == [134, 140, 147]
    assert changes[2:4] == [(160, "clean_round", 0.0), (128, "rate_limited", 7.5)]


async def test_it_grows_by_at_least_one() -> None:
    pace, _ = pace_of(1000)
    pace.rate_limited()
    assert await limits_after(pace, 4) == [17, 18, 19, 20]


async def test_it_never_passes_its_ceiling_and_begins_no_higher() -> None:
    assert (pace_of(7)[0].limit, pace_of(64)[0].limit) == (7, 20)
    pace, changes = pace_of(64)
    assert await limits_after(pace, 4) == [40, 64, 64, 64]
    assert len(changes) == 2


async def test_it_shrinks_once_in_a_cool_down_and_never_below_one() -> None:
    clock = JumpingClock()
    pace, changes = pace_of(20, clock)
    for _ in range(3):
        pace.rate_limited()
    assert pace.limit == 16
    clock.time = 14.9
    pace.rate_limited()
    assert pace.limit == 16
    clock.time = 15.0
    pace.rate_limited()
    assert pace.limit == 12
    for step in range(1, 20):
        clock.time = 15.0 + 15.0 * step
        pace.rate_limited()
    assert pace.limit == 1
    assert [limit for limit, _, _ in changes] == [16, 12, 9, 7, 5, 4, 3, 2, 1]


@pytest.mark.parametrize(("in_use", "limit"), [(15, 20), (16, 40)])
async def test_it_grows_only_where_four_fifths_of_the_permits_were_in_use(in_use: int, limit: int) -> None:
    pace, _ = pace_of(100)
    await clean_round(pace, in_use)
    assert pace.limit == limit


async def test_a_failing_server_stops_growth_and_does_not_shrink_it() -> None:
    pace, changes = pace_of(100)
    async with AsyncExitStack() as stack:
        for _ in range(20):
            await stack.enter_async_context(pace.permit())
        for _ in range(19):
            pace.answered()
        pace.faltered()
        pace.answered()
        assert (pace.limit, changes) == (20, [])
        for _ in range(19):
            pace.answered()
    assert pace.limit == 40


async def test_a_steady_pace_stays_as_it_is() -> None:
    pace, changes = pace_of(4, steady=True)
    await limits_after(pace, 3)
    pace.rate_limited()
    assert (pace.limit, changes) == (4, [])


async def test_permits_are_given_in_the_order_in_which_they_were_asked_for() -> None:
    pace, _ = pace_of(2)
    order: list[int] = []

    async def use(number: int) -> None:
        async with pace.permit():
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(use(number) for number in range(30)))
    assert order == list(range(30))


async def test_a_smaller_limit_holds_as_soon_as_permits_come_back() -> None:
    pace, _ = pace_of(5)
    async with AsyncExitStack() as stack:
        for _ in range(5):
            await stack.enter_async_context(pace.permit())
        pace.rate_limited()
        waiting = asyncio.create_task(pace.permit().__aenter__())
        await asyncio.sleep(0)
        assert (pace.limit, pace.under_way, pace.waiting, waiting.done()) == (4, 5, 1, False)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
    assert (pace.under_way, pace.waiting) == (0, 0)


STEPS = st.lists(
    st.tuples(st.sampled_from(["ask", "leave", "cancel", "answered", "faltered", "limited"]), st.integers(0, 30)),
    max_size=120,
)


@settings(max_examples=150, deadline=None)
@given(ceiling=st.integers(1, 30), steps=STEPS)
def test_no_permit_leaks_and_none_is_given_beyond_the_limit(ceiling: int, steps: Sequence[tuple[str, int]]) -> None:
    pace, arrivals, holding = asyncio.run(_used(ceiling, steps))
    assert arrivals == sorted(arrivals)
    assert (pace.under_way, pace.waiting, holding) == (0, 0, set())


async def _used(ceiling: int, steps: Sequence[tuple[str, int]]) -> tuple[Pace, list[int], set[int]]:
    """Take the steps, looking at the limit after each, and let all leave; return who got a permit, and who has one."""
    clock = JumpingClock()
    pace, _ = pace_of(ceiling, clock)
    holding: set[int] = set()
    arrivals: list[int] = []
    users: dict[int, tuple[asyncio.Task[None], asyncio.Event]] = {}

    async def use(number: int, done: asyncio.Event) -> None:
        async with pace.permit():
            assert len(holding) < pace.limit
            holding.add(number)
            arrivals.append(number)
            try:
                await done.wait()
            finally:
                holding.discard(number)

    for place, (step, pick) in enumerate(steps):
        clock.time += 5
        chosen = list(users)[pick % len(users)] if users else None
        match step:
            case "ask":
                done = asyncio.Event()
                users[place] = (asyncio.create_task(use(place, done)), done)
            case "leave" if chosen in holding and chosen is not None:
                users.pop(chosen)[1].set()
            case "cancel" if chosen is not None:
                users.pop(chosen)[0].cancel()
            case "answered":
                pace.answered()
            case "faltered":
                pace.faltered()
            case "limited":
                pace.rate_limited()
        if pick % 3:  # else the next step meets what has not been noticed yet
            for _ in range(4):
                await asyncio.sleep(0)
            assert len(holding) == pace.under_way
            assert 1 <= pace.limit <= ceiling
            assert pace.under_way >= min(pace.limit, len(users)) or pace.waiting == 0
    for task, done in users.values():
        done.set()
        with suppress(asyncio.CancelledError):
            await task
    for _ in range(4):
        await asyncio.sleep(0)
    return pace, arrivals, holding
