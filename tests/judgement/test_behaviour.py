"""What programs did on the same inputs, compared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendloop.executions import Outcome, Raised
from mendloop.judgement.behaviour import agreement, any_order, clusters, same, split_inputs, telling
from mendloop.tools.values import tag


def gave(value: object, **after: object) -> Outcome:
    return Outcome(id="c", status="returned", value=tag(value), after={name: tag(each) for name, each in after.items()})


def raised(name: str) -> Outcome:
    return Outcome(id="c", status="raised", error=Raised(type=name, base=name, builtin=True, message="x"))


LOST = Outcome(id="c", status="timeout")


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (gave([1, 2]), gave([1, 2]), True),
        (gave([1, 2]), gave([2, 1]), False),
        (gave([1, 2]), gave((1, 2)), False),
        (gave(0.1 + 0.2), gave(0.3), True),
        (gave(1), gave(True), False),
        (gave(None), raised("ValueError"), False),
        (raised("ValueError"), raised("ValueError"), True),
        (raised("ValueError"), raised("KeyError"), False),
        (LOST, LOST, False),
        (gave(None, xs=[1]), gave(None, xs=[1]), True),
        (gave(None, xs=[1]), gave(None, xs=[]), False),
        (gave(None, xs=[1]), gave(None), False),
    ],
)
def test_outcomes_are_the_same(one: Outcome, other: Outcome, alike: bool) -> None:
    assert same(one, other) is alike
    assert same(other, one) is alike


def test_items_may_come_in_any_order_where_the_statement_says_so() -> None:
    assert same(gave([3, 1, 2]), gave([1, 2, 3]), unordered=True)
    assert not same(gave([3, 1, 1]), gave([1, 3, 3]), unordered=True)
    assert same(gave((("a", 2), ("b", 1))), gave((("b", 1), ("a", 2))), unordered=True)


@pytest.mark.parametrize(
    ("statement", "free"),
    [
        ("Return the items in any order.", True),
        ("The order of the result does not matter.", True),
        ("The order of the returned pairs doesn't matter.", True),
        ("Return them regardless of their order.", True),
        ("Return the items in order.", False),
        ("Sort in ascending order.", False),
        ("The order matters.", False),
    ],
)
def test_a_statement_says_whether_the_order_is_free(statement: str, free: bool) -> None:
    assert any_order(statement) is free


def test_an_input_counts_where_more_than_half_of_the_programs_return_something() -> None:
    one = [gave(1), gave(1), raised("ValueError"), LOST]
    two = [gave(1), raised("KeyError"), raised("ValueError"), gave(2)]
    three = [gave(1), gave(1), gave(1), LOST]
    assert telling([one, two, three]) == (0, 1)
    assert telling([]) == ()


def test_agreement_names_the_inputs_on_which_programs_part() -> None:
    found = agreement([gave(1), gave(2), gave(3)], [gave(1), gave(0), gave(3)], (0, 1, 2))
    assert (found.inputs, found.parted, found.whole) == (3, (1,), False)
    assert not agreement([gave(1)], [gave(1)], ()).whole


def test_programs_are_grouped_by_what_they_do_the_largest_group_first() -> None:
    behaviours = [[gave(0)], [gave(1)], [gave(1)], [gave(2)]]
    assert clusters(behaviours, (0,)) == ((1, 2), (0,), (3,))


def test_a_little_slack_lets_programs_part_on_some_inputs() -> None:
    behaviours = [[gave(0)] * 10, [*[gave(0)] * 9, gave(1)]]
    assert clusters(behaviours, range(10)) == ((0,), (1,))
    assert clusters(behaviours, range(10), slack=0.1) == ((0, 1),)


def test_an_input_with_two_programs_on_each_side_is_named() -> None:
    behaviours = [[gave(1), gave(1)], [gave(1), gave(1)], [gave(2), gave(1)], [gave(2), gave(3)]]
    assert split_inputs(behaviours, (0, 1)) == (0,)


outcomes = st.sampled_from([gave(0), gave(1), gave(2), raised("ValueError"), LOST])


@given(st.lists(st.lists(outcomes, min_size=4, max_size=4), min_size=1, max_size=6))
def test_every_program_is_in_one_group(behaviours: list[list[Outcome]]) -> None:
    found = clusters(behaviours, telling(behaviours))
    assert sorted(number for group in found for number in group) == list(range(len(behaviours)))
