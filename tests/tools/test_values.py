from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from mendloop.errors import InputError
from mendloop.tools.equality import equal
from mendloop.tools.values import decode, is_tagged, parse_expected, render, tag

HASHABLE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(st.characters(blacklist_categories=()))
    | st.binary(),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=6,
)
VALUES = st.recursive(
    HASHABLE,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(HASHABLE, inner, max_size=3)
        | st.sets(HASHABLE, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_rendered_text_reads_back_as_an_equal_value(value: Any) -> None:
    tagged = tag(value)
    assert equal(parse_expected(render(tagged)), tagged)
    assert "\n" not in render(tagged)


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_encoded_values_are_well_formed_and_decode_to_the_same_value(value: Any) -> None:
    tagged = tag(value)
    assert is_tagged(tagged)
    assert equal(tag(decode(tagged)), tagged)


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_a_tolerance_never_makes_an_equal_value_different(value: Any) -> None:
    assert equal(tag(value), tag(value), 1e-9)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1", "1.0"),
        ("-0.0", "0"),
        ("nan", "nan"),
        ("[nan, (nan,)]", "[nan, (nan,)]"),
        ("{nan: 1}", "{nan: 1}"),
        ("{nan}", "{nan}"),
        ("{1: 2, 'a': 3}", "{'a': 3, 1: 2}"),
        ("{1, 2, 3}", "{3.0, 2, 1}"),
        ("iter([1, 2])", "iter([1, 2])"),
        ("complex(nan, inf)", "complex(nan, inf)"),
        ("1e400", "inf"),
        ("'a' 'b'", "'ab'"),
        ("set()", "set()"),
        ("0x10", "16"),
    ],
)
def test_values_that_are_equal(left: str, right: str) -> None:
    assert equal(parse_expected(left), parse_expected(right))
    assert equal(parse_expected(left), parse_expected(right), 1e-9)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1", "True"),
        ("0", "False"),
        ("0", "None"),
        ("[1]", "(1,)"),
        ("{1}", "frozenset({1})"),
        ("set()", "{}"),
        ("[1, 2]", "iter([1, 2])"),
        ("'1'", "1"),
        ("b'a'", "'a'"),
        ("{1: True}", "{1: 1}"),
        ("{1, 2}", "{1, 3}"),
        ("[1, 2]", "[1, 2, 3]"),
        ("9007199254740993", "9007199254740992.0"),
        ("nan", "inf"),
        ("1", "1 + 0j"),
    ],
)
def test_values_that_differ(left: str, right: str) -> None:
    assert not equal(parse_expected(left), parse_expected(right))
    assert not equal(parse_expected(right), parse_expected(left))


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("0.1", "0.1000001", True),
        ("100000", "100000.05", True),
        ("1", "1.1", False),
        ("{'a': [1.0, (2.0,)]}", "{'a': [1.0000001, (2.0000001,)]}", True),
        ("{1.0, 2.0}", "{2.0000001, 1.0000001}", True),
        ("{1.0: 'a'}", "{1.0000001: 'a'}", True),
        ("{(1.0, 'a'), (2.0, 'b')}", "{(2.0000001, 'b'), (1.0000001, 'a')}", True),
        ("{(1.0, 'a')}", "{(1.0, 'b')}", False),
        ("True", "1.0", False),
        ("inf", "inf", True),
        ("inf", "1e308", False),
        ("nan", "nan", True),
        ("1 + 1j", "1.0000001 + 1j", True),
        (str(10**400), str(10**400 + 1), True),
        (str(10**400), str(2 * 10**400), False),
        (str(10**400), "1.0", False),
    ],
)
def test_a_tolerance_reaches_into_containers(left: str, right: str, same: bool) -> None:
    assert equal(parse_expected(left), parse_expected(right), 1e-6) is same


def test_sets_are_rendered_in_one_order_and_dicts_in_their_own() -> None:
    assert render(parse_expected("{3, 1, 2}")) == "{1, 2, 3}"
    assert render(parse_expected("{'b': 1, 'a': 2}")) == "{'b': 1, 'a': 2}"
    assert render(tag(iter([1, "x"]))) == "iter([1, 'x'])"
    assert render(tag(frozenset())) == "frozenset()"
    assert render(tag((1,))) == "(1,)"


def test_an_int_beyond_the_digit_limit_survives_the_round_trip() -> None:
    huge = tag(7**20_000)
    assert equal(parse_expected(render(huge)), huge)
    assert not equal(huge, tag(7**20_000 + 1))
    assert equal(huge, tag(7**20_000 + 1), 1e-9)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1 + 1",
        "f(1)",
        "__import__('os')",
        "[i for i in range(3)]",
        "{[1]: 2}",
        "{[1]}",
        "f'{1}'",
        "...",
        "1; 2",
        "iter(1)",
        "set([1])",
        "-True",
        "-'a'",
        "{**{}}",
        "lambda: 1",
        "'open",
        "[" * 150 + "]" * 150,
        "9" * 5000,
        "a.b",
        "not 1",
    ],
)
def test_what_is_not_a_literal_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_expected(text)


@pytest.mark.parametrize(
    "value",
    [
        object(),
        type,
        len,
        [object()],
        {1: object()},
        range(10_001),
        "x" * 1_000_001,
        list(range(100_001)),
        1 << 5_000_000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_encoded_is_refused(value: object) -> None:
    with pytest.raises(InputError):
        tag(value)


def test_subclasses_are_not_encodable() -> None:
    class Equal(int):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = int.__hash__

    with pytest.raises(InputError, match="Equal"):
        tag(Equal(3))


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    wide: list[object] = [1]
    for _ in range(40):
        wide = [wide, wide]
    for value in (loop, wide):
        with pytest.raises(InputError):
            tag(value)


def test_iterators_and_views_become_tagged_lists() -> None:
    expected = parse_expected("iter([0, 1, 2])")
    views = {0: 0, 1: 1, 2: 2}
    for value in (iter([0, 1, 2]), range(3), (i for i in range(3)), views.keys(), views.values(), map(int, "012")):
        assert equal(tag(value), expected)


@pytest.mark.parametrize(
    "junk",
    [
        [],
        ["list"],
        ["list", 1],
        ["list", [1], [2]],
        ["float", 1.5],
        ["float", "x"],
        ["int", "zz"],
        ["bytes", "0"],
        ["complex", "1"],
        ["dict", [[1]]],
        ["dict", [[["list", []], 1]]],
        ["set", [["list", []]]],
        ["frozenset", [["tuple", [["list", []]]]]],
        ["what", []],
        [["list", []]],
        {"a": 1},
        1.5,
        ["str", "zz"],
    ],
)
def test_junk_is_not_a_tagged_value(junk: JsonValue) -> None:
    assert not is_tagged(junk)


def test_junk_that_nests_without_end_is_not_a_tagged_value() -> None:
    deep: JsonValue = 1
    for _ in range(500):
        deep = ["list", [deep]]
    assert not is_tagged(deep)


def test_lone_surrogates_keep_their_value() -> None:
    tagged = tag("a\ud800b")
    assert decode(tagged) == "a\ud800b"
    assert parse_expected(render(tagged)) == tagged


def test_infinities_and_nan_decode() -> None:
    assert math.isnan(decode(parse_expected("nan")))
    assert decode(parse_expected("-inf")) == -math.inf
