import pytest
from own_code.intervals import clamp, merge, total_length


def test_intervals_that_overlap_or_touch_become_one():
    assert merge([(5, 7), (1, 3), (3, 4)]) == [(1, 4), (5, 7)]


def test_empty_intervals_are_left_out():
    assert merge([(2, 2), (4, 1)]) == []


@pytest.mark.parametrize(("intervals", "length"), [([], 0), ([(0, 3), (2, 5)], 5), ([(0, 1), (8, 9)], 2)])
def test_numbers_in_two_intervals_count_once(intervals, length):
    assert total_length(intervals) == length


def test_a_value_outside_becomes_the_nearer_end():
    assert clamp(15, 0, 10) == 10
    assert clamp(-3, 0, 10) == 0


def test_a_range_the_wrong_way_round_is_refused():
    with pytest.raises(ValueError, match="greater"):
        clamp(1, 5, 2)
