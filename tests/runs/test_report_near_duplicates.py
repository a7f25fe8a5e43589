"""Near-duplicates: every pair of programs that are alike is found, and no other."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from mendloop.runs.near_duplicates import ALIKE, clusters_of, jaccard, near_duplicates, shingles

DOUBLE = "def double(xs):\n    result = []\n    for x in xs:\n        result.append(x * 2)\n    return result\n"
TRIPLE = DOUBLE.replace("double", "triple").replace("* 2", "* 3")
WORDS = "def count(text):\n    return {word: text.split().count(word) for word in set(text.split())}\n"

PROGRAMS = st.lists(st.lists(st.sampled_from(["a", "b", "c", "(", ")", "+"]), max_size=14).map(" ".join), max_size=14)


def test_comments_and_layout_do_not_make_a_program_another_one() -> None:
    laid_out = DOUBLE.replace("    ", "\t").replace("def", "# doubles every item\ndef")
    assert shingles(laid_out) == shingles(DOUBLE)


def test_copies_are_one_cluster_and_other_programs_are_their_own() -> None:
    found = near_duplicates([shingles(code) for code in (DOUBLE, WORDS, DOUBLE, DOUBLE)])
    assert found is not None
    assert found.model_dump() == {"n": 4, "clusters": 2, "largest": 3, "share": 0.75}


def test_a_long_program_with_one_word_changed_is_a_near_duplicate() -> None:
    long = "\n".join(f"    total_{number} = total + {number}" for number in range(40))
    changed = long.replace("total_7 =", "sum_7 =")
    assert clusters_of([shingles(long), shingles(changed)]) == [[0, 1]]


def test_a_short_program_with_another_operation_is_none() -> None:
    assert clusters_of([shingles(DOUBLE), shingles(TRIPLE)]) == [[0], [1]]


def test_no_program_has_no_figure() -> None:
    assert near_duplicates([]) is None


@given(PROGRAMS)
def test_the_filter_finds_what_comparing_every_pair_finds(codes: list[str]) -> None:
    programs = [shingles(code) for code in codes]
    clusters = [{place} for place in range(len(programs))]
    for one, other in itertools.combinations(range(len(programs)), 2):
        if jaccard(programs[one], programs[other]) >= ALIKE:
            first, second = (next(each for each in clusters if place in each) for place in (one, other))
            if first is not second:
                clusters = [each for each in clusters if each not in (first, second)] + [first | second]
    assert sorted(map(sorted, clusters)) == sorted(clusters_of(programs))
