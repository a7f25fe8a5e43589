import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendloop.agents.procedural.literals import UNREAD, Items, read, same, show
from mendloop.agents.procedural.relations import relate

TABLE = [
    ("3", "4", "off_by_one"),
    ("3", "-3", "sign_flipped"),
    ("True", "False", "negated"),
    ("6", "12", "doubled"),
    ("6", "3", "halved"),
    ("5", "25", "squared"),
    ("4", "0.25", "reciprocal"),
    ("7", "21", "multiple"),
    ("0.5", "50.0", "scaled"),
    ("2.5", "2", "truncated"),
    ("2.75", "3", "rounded"),
    ("3", "3.4", "not_rounded"),
    ("0.3", "0.30000000004", "imprecise"),
    ("9", "0", "zero"),
    ("0", "9", "not_zero"),
    ("17", "40", "too_large"),
    ("40", "17", "too_small"),
    ("1.0", "nan", "nan"),
    ("nan", "1.0", "nan_lost"),
    ("1", "inf", "infinite"),
    ("25", "25.0", "number_type"),
    ("3", "'3'", "text_of_value"),
    ("'3'", "3", "value_of_text"),
    ("b'a'", "'a'", "bytes_and_text"),
    ("[1]", "None", "none_instead_of_value"),
    ("None", "[1]", "value_instead_of_none"),
    ("[1, 2, 3]", "[1, 2]", "last_missing"),
    ("[1, 2, 3]", "[2, 3]", "first_missing"),
    ("[1, 2, 3]", "[1, 3]", "inner_missing"),
    ("[1, 2, 3, 4]", "[1]", "stops_early"),
    ("[1, 2, 3, 4]", "[3, 4]", "starts_late"),
    ("[1, 2]", "[1, 2, 9]", "extra_at_end"),
    ("[1, 2]", "[9, 1, 2]", "extra_at_start"),
    ("[1, 2]", "[1, 9, 2]", "extra_inside"),
    ("[1]", "[1, 2, 3]", "goes_on"),
    ("[3]", "[1, 2, 3]", "starts_early"),
    ("[1, 2]", "[1, 2, 2, 1]", "goes_on"),
    ("[1, 2]", "[1, 1, 2, 2]", "duplicated"),
    ("[1, 1, 2, 2]", "[2, 1]", "duplicates_lost"),
    ("[1, 2, 3]", "[3, 2, 1]", "reversed"),
    ("[1, 2, 3]", "[2, 3, 1]", "shifted"),
    ("[1, 2, 3, 4]", "[1, 3, 2, 4]", "unsorted"),
    ("[4, 1, 3, 2]", "[1, 2, 3, 4]", "sorted"),
    ("[2, 4, 1, 3]", "[4, 1, 2, 3]", "reordered"),
    ("[[1, 2], [3]]", "[1, 2, 3]", "flattened"),
    ("[1, 2, 3]", "[[1, 2], [3]]", "nested"),
    ("[1, 5, 9]", "[3, 7, 11]", "all_moved"),
    ("[1, -5]", "[-1, 5]", "all_signs_flipped"),
    ("[1, 5, 9]", "[1, 6, 9]", "one_element_differs"),
    ("[1, [5, 6], 9]", "[1, [5, 7], 9]", "nested_element_differs"),
    ("[1, 5, 9, 2]", "[9, 5, 1, 2]", "two_swapped"),
    ("[1, 5, 9]", "[7, 8, 2]", "elements_differ"),
    ("[1, 5, 9]", "[7, 8]", "length_differs"),
    ("[1, 2]", "(1, 2)", "other_container"),
    ("iter([1, 2])", "[1, 2]", "lazy_and_eager"),
    ("[1, 2]", "[]", "empty"),
    ("[]", "[1, 2]", "not_empty"),
    ("5", "[5]", "wrapped"),
    ("(5, 6)", "6", "unwrapped"),
    ("7", "True", "bool_instead_of_number"),
    ("True", "7", "value_instead_of_bool"),
    ("7", "{'a': 1}", "other_type"),
    ("'abc'", "'aBc'", "case_differs"),
    ("'a b'", "'a b '", "whitespace_at_edge"),
    ("'a b'", "'a  b'", "whitespace_differs"),
    ("'abc'", "'cba'", "reversed"),
    ("'ab'", "'abab'", "text_repeated"),
    ("'a-b-c'", "'a+b+c'", "separator_differs"),
    ("'abcd'", "'abd'", "character_dropped"),
    ("'abd'", "'abcd'", "character_added"),
    ("'abc'", "'axc'", "character_differs"),
    ("'abcdef'", "'abc'", "cut_at_end"),
    ("'abcdef'", "'def'", "cut_at_start"),
    ("'abcdef'", "'cd'", "cut_at_both_ends"),
    ("'abc'", "'abcdef'", "text_after"),
    ("'def'", "'abcdef'", "text_before"),
    ("'cd'", "'abcdef'", "text_around"),
    ("'abcd'", "'badc'", "characters_reordered"),
    ("'abcdef'", "'abxyz'", "text_diverges"),
    ("'abc'", "'xyz1'", "text_differs"),
    ("{1: 2, 3: 4}", "{1: 2}", "key_missing"),
    ("{1: 2, 3: 4, 5: 6}", "{1: 2}", "keys_missing"),
    ("{1: 2}", "{1: 2, 3: 4}", "key_extra"),
    ("{1: 2}", "{3: 2}", "keys_differ"),
    ("{1: 2}", "{'1': 2}", "key_type_differs"),
    ("{'a': 1, 'b': 2}", "{1: 'a', 2: 'b'}", "keys_and_values_swapped"),
    ("{'a': 1, 'b': 2}", "{'a': 1, 'b': 5}", "value_under_key_differs"),
    ("{'a': 1, 'b': 2, 'c': 3}", "{'a': 9, 'b': 5, 'c': 3}", "values_under_keys_differ"),
    ("{1, 2}", "{1}", "set_misses"),
    ("{1}", "{1, 2}", "set_has_extra"),
    ("{1, 2}", "{1, 3}", "set_differs"),
    ("frozenset({1})", "frozenset()", "empty"),
    ("3", "raises IndexError: list index out of range", "raises_IndexError"),
    ("3", "raises MyError: x", "raises_MyError"),
    ("raises ValueError", "3", "value_instead_of_exception"),
    ("raises ValueError", "raises TypeError: x", "other_exception"),
    ("raises ValueError: a", "raises ValueError: b", "other_message"),
    ("3", "timed out", "timed_out"),
    ("3", "ran out of memory", "memory"),
    ("3", "ended without a result", "no_result"),
    ("a result with len(result) == 2", "[1]", "check_fails"),
    ("None; s == [1] afterwards", "None; s == [1, 2] afterwards", "argument_mutated"),
    ("3", "3", "equal"),
]


@pytest.mark.parametrize(("expected", "observed", "name"), TABLE)
def test_a_pair_of_outcomes_has_its_most_specific_relation(expected: str, observed: str, name: str) -> None:
    assert relate(expected, observed).name == name


def test_nothing_is_called_a_multiple_of_one() -> None:
    assert relate("1", "17").name == "too_large"
    assert relate("-1", "1000").name != "scaled"


def test_the_sentences_name_the_values() -> None:
    said = {name: relate(expected, observed).sentence for expected, observed, name in TABLE}
    assert said["one_element_differs"] == (
        "Only the element at index 1 is wrong. `6` is exactly one too many compared with `5`."
    )
    assert said["character_dropped"] == "One character is lost: `'c'` at index 2."
    assert said["raises_IndexError"] == (
        "`IndexError: list index out of range` means that a position beyond the end (or of an empty sequence) "
        "was asked for; a value is right here."
    )


def test_an_input_that_comes_back_is_recognised() -> None:
    related = relate("[1, 2, 3, 4]", "[4, 4, 7]", arguments=("[4, 4, 7]",))
    assert related.name == "input_unchanged"


def test_a_second_call_that_remembers_the_first_is_recognised() -> None:
    alone = relate("[2]", "[1, 2]", call="f(2)", setup="f(1)")
    in_a_row = relate("([1], [2])", "([1], [1, 2])", call="(f(1), f(2))")
    assert (alone.name, in_a_row.name) == ("remembers_earlier_call", "remembers_earlier_call")


@pytest.mark.parametrize("text", ["__import__('os')", "f(1)", "x", "...", "1 +", "{**{}}", "set([1])", "'a' 'b' + 'c'"])
def test_what_is_no_literal_is_not_read(text: str) -> None:
    assert read(text) is UNREAD


def test_the_judge_s_own_literals_are_read() -> None:
    assert same(
        read("[nan, -inf, set(), frozenset({1}), 1+2j]"), [float("nan"), float("-inf"), set(), frozenset({1}), 1 + 2j]
    )
    assert read("iter([1, 2])") == Items((1, 2))


def test_a_long_value_is_shown_short() -> None:
    assert len(show(list(range(1000)))) < 80


@given(st.text(), st.text())
def test_any_two_texts_have_a_relation(expected: str, observed: str) -> None:
    assert relate(expected, observed, arguments=(observed,), call=expected, setup=observed).sentence


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=3) | st.tuples(inner)
    ),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_any_two_values_have_a_relation_and_equal_ones_no_other(expected: object, observed: object) -> None:
    related = relate(repr(expected), repr(observed))
    assert related.sentence
    assert (related.name in ("equal", "number_type")) == same(expected, observed)
