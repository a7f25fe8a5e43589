"""Edges of valid calls, and programs that are alone there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendloop.executions import Outcome
from mendloop.judgement.calls import bound
from mendloop.judgement.edges import alone_on, edge_calls, edges_of
from mendloop.tools.values import tag

LOST = Outcome(id="c", status="timeout")


def gave(value: object) -> Outcome:
    return Outcome(id="c", status="returned", value=tag(value))


def test_one_argument_at_a_time_goes_to_an_edge() -> None:
    calls = edge_calls("f(xs, k)", "f", ["f([3, 5], 2)"])
    assert {"f([], 2)", "f([3], 2)", "f([3, 3, 3], 2)", "f([3, 5], 0)", "f([3, 5], -2)"} <= set(calls)
    assert "f([], 0)" not in calls


def test_calls_that_are_known_are_no_news() -> None:
    assert "f('')" in edge_calls("f(s)", "f", ["f('ab')"])
    assert "f('')" not in edge_calls("f(s)", "f", ["f('ab')"], known=["f('')"])


@pytest.mark.parametrize("value", [True, None])
def test_some_values_have_no_edges(value: object) -> None:
    assert list(edges_of(value)) == []


literals = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=6,
)


@given(literals)
def test_every_edge_can_be_written_and_read_again(value: object) -> None:
    for call in edge_calls("f(x)", "f", [f"f({value!r})"]):
        assert bound("f(x)", call) is not None


def test_a_program_is_alone_where_two_others_agree_on_something_else() -> None:
    mine, others = [gave(1), gave(1), LOST], [[gave(1), gave(2), gave(3)], [gave(1), gave(2), gave(3)]]
    assert alone_on([mine, *others], 0) == (1, 2)


def test_a_program_with_company_is_not_alone() -> None:
    assert alone_on([[gave(1)], [gave(1)], [gave(2)], [gave(2)]], 0) == ()
    assert alone_on([[gave(1)], [gave(1)], [gave(2)], [gave(2)], [gave(2)]], 0) == (0,)


def test_programs_that_give_nothing_take_no_side() -> None:
    assert alone_on([[gave(1)], [LOST], [LOST], [LOST]], 0) == ()
