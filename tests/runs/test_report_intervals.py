"""Intervals: known answers, and how often they hold the truth when sessions of one problem are alike."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendloop.judgement.shares import wilson
from mendloop.runs.intervals import Share, clustered, clustered_mean, clustered_share, contrast

SHARES = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans()), min_size=1, max_size=60)


def of(true: int, n: int) -> Share:
    """Return the share of `true` among `n` sessions about as many problems."""
    found = clustered_share((str(number), number < true) for number in range(n))
    assert found is not None
    return found


# --- shares ----------------------------------------------------------------------------------------------------------


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_sessions_about_different_problems_have_wilsons_interval(pair: tuple[int, int]) -> None:
    found = of(*pair)
    assert (found.low, found.high) == pytest.approx(wilson(*pair), abs=2e-6)


@given(SHARES)
def test_sessions_about_one_problem_never_make_an_interval_narrower(rows: list[tuple[str, bool]]) -> None:
    found, apart = clustered_share(rows), clustered_share((str(n), true) for n, (_, true) in enumerate(rows))
    assert found is not None
    assert apart is not None
    assert found.low <= apart.low + 2e-6
    assert found.high >= apart.high - 2e-6
    assert 0 <= found.low <= found.share + 1e-6
    assert found.share - 1e-6 <= found.high <= 1


def test_repeating_every_session_tells_nothing_new() -> None:
    once = [(str(number), number % 4 == 0) for number in range(40)]
    one, five = clustered_share(once), clustered_share(once * 5)
    assert one is not None
    assert five is not None
    assert (five.low, five.high, five.clusters) == pytest.approx((one.low, one.high, one.clusters), abs=2e-6)
    assert five.n == 200


def test_where_all_agree_only_problems_count() -> None:
    found = clustered_share([("a", True), ("a", True), ("b", True)])
    assert found is not None
    assert (found.low, found.high) == wilson(2, 2)


def test_no_session_has_no_share() -> None:
    assert clustered_share([]) is None


# --- differences -----------------------------------------------------------------------------------------------------


def test_a_difference_has_newcombes_interval() -> None:
    found = contrast(of(56, 70), of(48, 80))  # the first example of the paper: 0.0524 to 0.3339
    assert found is not None
    assert (found.difference, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    assert not found.holds_zero


def test_equal_shares_are_not_told_apart() -> None:
    found = contrast(of(9, 20), of(9, 20))
    assert found is not None
    assert (found.difference, found.holds_zero) == (0.0, True)


def test_a_side_without_sessions_gives_no_difference() -> None:
    assert contrast(of(1, 2), None) is None


# --- the bootstrap ---------------------------------------------------------------------------------------------------


def test_clusters_that_are_all_alike_say_nothing_of_how_far_they_vary() -> None:
    assert clustered([(name, (2.0, 4.0)) for name in "abc"], lambda totals: totals[0] / totals[1]) is None


def test_two_clusters_are_drawn_as_the_binomial_says() -> None:
    found = clustered_mean([("a", 0.0), ("b", 1.0)])  # the mean is 0 or 1 in a quarter of the draws each
    assert found is not None
    assert (found.low, found.high) == (0.0, 1.0)


def test_one_cluster_has_no_interval() -> None:
    assert clustered_mean([("a", 1.0), ("a", 3.0)]) is None


def test_a_figure_that_is_mostly_undefined_has_no_interval() -> None:
    assert clustered([(name, (0.0,)) for name in "abc"], lambda totals: None) is None


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(-9, 9)), min_size=2, max_size=20), st.randoms())
def test_the_order_of_the_sessions_changes_nothing(rows: list[tuple[str, float]], order: random.Random) -> None:
    shuffled = list(rows)
    order.shuffle(shuffled)
    one, other = clustered_mean(rows), clustered_mean(shuffled)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=2e-6)


# --- coverage --------------------------------------------------------------------------------------------------------

RUNS = 400
PROBLEMS = 60


def simulated(rng: random.Random) -> list[tuple[str, bool]]:
    """Return sessions about problems that are easy or hard: 0.3 of all sessions are true, alike within a problem."""
    rows = []
    for problem in range(PROBLEMS):
        chance = 0.75 if rng.random() < 0.25 else 0.15
        rows += [(str(problem), rng.random() < chance) for _ in range(rng.choice((1, 2, 6)))]
    return rows


def runs() -> Iterator[list[tuple[str, bool]]]:
    rng = random.Random(7)
    for _ in range(RUNS):
        yield simulated(rng)


def test_a_share_is_held_by_its_interval_as_often_as_it_says() -> None:
    held = blind = 0
    for rows in runs():
        found = clustered_share(rows)
        assert found is not None
        held += found.low <= 0.3 <= found.high
        low, high = wilson(sum(true for _, true in rows), len(rows))
        blind += low <= 0.3 <= high
    assert 0.92 <= held / RUNS <= 0.98
    assert blind / RUNS < 0.88  # what an interval says that takes all sessions as independent


def test_a_ratio_is_held_by_its_bootstrap_interval_as_often_as_it_says() -> None:
    held = 0
    for rows in runs():
        found = clustered_mean((problem, float(true)) for problem, true in rows)
        assert found is not None
        held += found.low <= 0.3 <= found.high
    assert 0.91 <= held / RUNS <= 0.98
