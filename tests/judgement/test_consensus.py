"""Consensus sets: programs that pass the same tests, scored by dual agreement."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from mendloop.judgement.consensus import consensus_sets


def test_programs_that_pass_the_same_tests_make_a_set() -> None:
    first, second = consensus_sets([[True, True, False], [False, True, True], [True, True, False]])
    assert (first.programs, first.tests) == ((0, 2), (0, 1))
    assert first.score == math.sqrt(2) * 2
    assert second.programs == (1,)


def test_many_programs_outweigh_a_test_more_only_by_their_square_root() -> None:
    best = consensus_sets([[True, False, False]] * 4 + [[True, True, True]])[0]
    assert best.programs == (4,)


def test_of_equal_scores_the_set_with_more_programs_comes_first() -> None:
    best = consensus_sets([[True, True], [False, False], [True, True]])[0]
    assert best.programs == (0, 2)


def test_no_program_makes_no_set() -> None:
    assert consensus_sets([]) == ()


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), max_size=8))
def test_the_sets_share_out_the_programs_and_come_by_score(passed: list[list[bool]]) -> None:
    sets = consensus_sets(passed)
    assert sorted(number for each in sets for number in each.programs) == list(range(len(passed)))
    assert [each.score for each in sets] == sorted((each.score for each in sets), reverse=True)
