"""What a few sessions say about many: means, intervals by resampling, and a projection."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendloop.runs.sampled import Interval, Taken, summarised

NOTHING = Taken(tokens=0, usd=0.0, kept=False)


def sessions(*tokens: int, kept: Sequence[bool] | None = None) -> list[Taken]:
    flags = kept or [True] * len(tokens)
    return [Taken(each, each / 1000, flag) for each, flag in zip(tokens, flags, strict=True)]


def test_the_mean_of_a_kept_record_carries_the_sessions_that_were_lost() -> None:
    sample = summarised(sessions(100, 300, 200, kept=[True, False, True]), NOTHING, records=10)
    assert (sample.sessions, sample.kept) == (3, 2)
    assert sample.tokens_per_session.mean == 200
    assert sample.tokens_per_kept is not None
    assert sample.tokens_per_kept.mean == 300
    assert sample.usd_per_kept is not None
    assert sample.usd_per_kept.mean == pytest.approx(0.3)


def test_the_target_is_projected_with_what_the_run_asked_for_once() -> None:
    plan = Taken(tokens=50, usd=0.5, kept=False)
    sample = summarised(sessions(100, 100, 100), plan, records=10)
    assert sample.target_tokens == Interval(mean=1050, low=1050, high=1050)
    assert sample.target_usd == Interval(mean=1.5, low=1.5, high=1.5)


def test_where_nothing_was_kept_nothing_is_projected() -> None:
    sample = summarised(sessions(100, 200, kept=[False, False]), NOTHING, records=10)
    assert (sample.tokens_per_kept, sample.target_tokens, sample.target_usd) == (None, None, None)
    assert sample.tokens_per_session.mean == 150


def test_too_few_kept_sessions_leave_the_upper_end_open() -> None:
    sample = summarised(sessions(100, 100, 100, kept=[True, False, False]), NOTHING, records=1)
    assert sample.tokens_per_kept is not None
    assert sample.tokens_per_kept.mean == 300
    assert sample.tokens_per_kept.high is None


def test_an_unknown_price_leaves_the_dollars_out() -> None:
    taken = [*sessions(100), Taken(tokens=100, usd=None, kept=True)]
    sample = summarised(taken, NOTHING, records=2)
    assert (sample.usd_per_session, sample.usd_per_kept, sample.target_usd) == (None, None, None)
    assert sample.tokens_per_session.mean == 100


def test_the_same_sessions_give_the_same_interval() -> None:
    taken = sessions(100, 200, 700, 300, 250)
    assert summarised(taken, NOTHING, records=3) == summarised(taken, NOTHING, records=3)


@given(st.lists(st.integers(1, 10_000), min_size=2, max_size=12))
def test_an_interval_lies_around_its_mean_and_within_what_was_seen(tokens: list[int]) -> None:
    found = summarised(sessions(*tokens), NOTHING, records=1).tokens_per_session
    assert found.high is not None
    assert min(tokens) - 1e-6 <= found.low <= found.high <= max(tokens) + 1e-6
    assert found.low - 1e-6 <= found.mean <= found.high + 1e-6


def test_an_interval_of_many_equal_draws_is_as_narrow_as_theory_says() -> None:
    found = summarised(sessions(*[100, 200] * 50), NOTHING, records=1).tokens_per_session
    assert found.mean == 150
    assert found.high is not None
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * 50 / 10, rel=0.15)
