"""Envelopes: what is inferred from valid calls, and which calls keep to it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mendloop.agents.assertions import parse_cases
from mendloop.judgement.calls import MAX_DEPTH, MAX_TEXT, bound, call_text, literal
from mendloop.judgement.envelope import Envelope, envelope_of, is_like, within
from mendloop.judgement.inputs.relations import Relation, Side
from mendloop.records import Contract, Parameter

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-200, 200), st.floats(), st.text(max_size=8), st.binary(max_size=2)
)
HASHABLE = st.one_of(st.booleans(), st.integers(-9, 9), st.text("ab c", max_size=3), st.tuples(st.integers(0, 3)))
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=3).map(tuple),
        st.sets(HASHABLE, max_size=3),
        st.dictionaries(HASHABLE, inner, max_size=3),
    ),
    max_leaves=12,
)
INTS = st.lists(st.integers(-30, 30), max_size=6)
GRIDS = st.tuples(st.integers(1, 3), st.integers(1, 4)).flatmap(
    lambda size: st.lists(st.lists(st.integers(0, 5), min_size=size[1], max_size=size[1]), min_size=size[0], max_size=4)
)
ALIKE: st.SearchStrategy[Any] = st.sampled_from(
    [
        st.tuples(INTS, st.integers(0, 9)),
        st.tuples(GRIDS, st.text("01", max_size=6)),
        st.tuples(st.text("abc ,.", max_size=12), st.sampled_from(["min", "max"])),
        st.tuples(INTS.map(sorted), st.floats(-9, 9).map(lambda x: round(x, 2))),
        st.tuples(st.dictionaries(st.text("xyz", min_size=1, max_size=2), st.integers(0, 9)), st.booleans()),
        st.tuples(st.lists(st.tuples(st.text("ab", max_size=3), st.integers())), st.text("()[]", max_size=6)),
        st.tuples(VALUES, VALUES),
    ]
).flatmap(lambda pair: st.lists(pair, min_size=1, max_size=6))
"""The arguments of some calls of one function `f(a, b)`."""


def called(*values: object) -> str:
    return f"f({', '.join(map(literal, values))})"


def readable(calls: list[str]) -> list[str]:
    return [call for call in calls if bound("f(a, b)", call) is not None]


# --- laws ------------------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(ALIKE)
def test_every_call_an_envelope_was_inferred_from_is_within_and_like_it(arguments: list[tuple[object, object]]) -> None:
    calls = readable([called(*each) for each in arguments])
    envelope = envelope_of("f(a, b)", calls)
    assert envelope.calls == len(calls)
    assert [call for call in calls if not within(envelope, call)] == []
    assert [call for call in calls if not is_like(envelope, call)] == []


@settings(max_examples=100, deadline=None)
@given(ALIKE)
def test_an_envelope_is_the_same_after_a_round_trip_through_json(arguments: list[tuple[object, object]]) -> None:
    calls = readable([called(*each) for each in arguments])
    envelope = envelope_of("f(a, b)", calls)
    again = Envelope.model_validate_json(envelope.model_dump_json())
    assert again == envelope == envelope_of("f(a, b)", list(calls))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=4))
def test_any_text_may_come_instead_of_a_call(texts: list[str]) -> None:
    envelope = envelope_of("f(a, b)", texts)
    assert all(within(envelope, text) for text in texts if bound("f(a, b)", text) is not None)


@settings(max_examples=200, deadline=None)
@given(VALUES, VALUES)
def test_a_call_that_is_written_is_read_as_the_same_values(one: object, other: object) -> None:
    text = call_text("f(a, *b, c=0)", "f", {"a": one, "b": (other, 1), "c": other})
    read = bound("f(a, *b, c=0)", text)
    assert read is None or literal(list(read.values())) == literal([one, (other, 1), other])


# --- what is inferred ------------------------------------------------------------------------------------------------

KEEPS = [
    # signature, calls, calls within, calls outside
    ("f(n)", ["f(3)", "f(8)"], ["f(4)", "f(9)"], ["f(0)", "f(1)", "f(-3)", "f(80)", "f(4.0)", "f(True)", "f('4')"]),
    ("f(n)", ["f(0)", "f(12)"], ["f(0)", "f(1)", "f(14)"], ["f(-1)", "f(100)"]),
    ("f(n)", ["f(-4)", "f(6)", "f(9)"], ["f(-2)", "f(5)"], ["f(0)", "f(None)"]),
    ("f(n)", ["f(100)", "f(1011)", "f(1101)"], ["f(110)", "f(1000)"], ["f(120)", "f(2)"]),
    ("f(n)", [f"f({n})" for n in (2, 4, 8, 10, 14, 20)], ["f(6)", "f(18)"], ["f(5)"]),
    ("f(b)", ["f(True)"], ["f(False)"], ["f(0)", "f(None)"]),
    ("f(x)", ["f(0.5)", "f(2.25)"], ["f(1.75)", "f(2.5)"], ["f(0.0)", "f(-1.0)", "f(1.123)", "f(1e999)", "f(2)"]),
    ("f(x)", ["f(3)", "f(2.5)", "f(None)"], ["f(2.4)", "f(None)", "f(2)"], ["f('3')"]),
    ("f(xs)", ["f([3, 1, 2, 2])", "f([5, 4, 9, 4, 8])"], ["f([9, 9, 1])"], ["f([])", "f([3])", "f((3, 1, 2))"]),
    ("f(xs)", ["f([])", "f([4, 2, 6])"], ["f([])", "f([2, 4, 2])"], ["f([-1, 2])", "f([None, 2])", "f([2.0, 2])"]),
    ("f(xs)", ["f([1, 2, 9])", "f([3, 5, 5, 7])"], ["f([1, 4, 8])"], ["f([4, 1, 8])"]),
    ("f(xs)", ["f([9, 5, 2])", "f([7, 7, 1])"], ["f([8, 4, 1])"], ["f([1, 4, 8])"]),
    ("f(xs)", ["f([4, 5, 1, 2, 3])", "f([3, 4, 5, 6, 2])"], ["f([2, 3, 4, 1])"], ["f([4, 1, 3, 2, 5])"]),
    ("f(xs)", ["f([3, 1, 4, 2])", "f([2, 4, 1, 3])"], ["f([4, 2, 3])"], ["f([4, 2, 4])"]),
    ("f(g)", ["f([[1, 0], [0, 1]])", "f([[1, 1, 0]])"], ["f([[0, 1], [1, 1], [0, 0]])"], ["f([[0, 1], [1]])"]),
    ("f(g)", ["f([[1, 2], [3, 4]])", "f([[5]])"], ["f([[4, 3], [2, 1]])"], ["f([[1, 2]])", "f([[1, 2], [3]])"]),
    ("f(p)", ["f((1, 5))", "f((2, 3))", "f((4, 9))"], ["f((2, 8))"], ["f((5, 1))", "f((1, 2, 3))", "f([1, 5])"]),
    ("f(r)", ["f([('a', 3), ('b', 4)])"], ["f([('b', 3), ('a', 4)])"], ["f([(3, 'a')])", "f([('a',)])"]),
    ("f(s)", ["f('()')", "f('(())')", "f('()()()')"], ["f('(()())')"], ["f('(')", "f(')(')", "f('(a)')", "f('')"]),
    ("f(s)", ["f('(')", "f(')(')", "f('(()')"], ["f('))')"], ["f('[]')", "f('x')"]),
    ("f(s)", ["f('03-11-2000')", "f('25-01-2012')"], ["f('14-05-2003')"], ["f('3-11-2000')", "f('03/11/2000')"]),
    ("f(s)", ["f('12')", "f('-7.5')", "f('3.25')"], ["f('4.5')", "f('-6.5')", "f('9')"], ["f('x')", "f('1.2.3')"]),
    ("f(s)", ["f('5 apples and 6 oranges')", "f('8 apples and 3 oranges')"], ["f('7 apples and 4 oranges')"],
     ["f('7 pears and 4 oranges')"]),
    ("f(s)", ["f('the cat sat')", "f('a dog ran off')"], ["f('dog the cat')"], ["f('the  cat')", "f(' cat sat')"]),
    ("f(s)", ["f('hello')", "f('worlds')"], ["f('abcdef')"], ["f('Hello')", "f('he llo')", "f('')", "f('a1b2c3')"]),
    ("f(s)", ["f('0110')", "f('10')", "f('111')"], ["f('0101')"], ["f('012')"]),
    ("f(s)", ["f('010')"], ["f('0110')", "f('11')"], ["f('012')"]),
    ("f(ops)", ["f(['*', '+'])", "f(['//', '-', '+'])"], ["f(['-', '//'])"], ["f(['+-'])", "f(['/'])"]),
    ("f(d)", ["f({'a': 1, 'b': 2})", "f({'x': 3})"], ["f({'k': 2})"], ["f({})", "f({'a': 'b'})", "f({1: 2})"]),
    ("f(d)", ["f({'name': 'Ann', 'age': 3})", "f({'name': 'Bob', 'age': 9})"], ["f({'name': 'Ann', 'age': 9})"],
     ["f({'name': 'Ann'})", "f({'name': 3, 'age': 3})"]),
    ("f(s)", ["f({1, 2})", "f({5})", "f(set())"], ["f({2, 5})"], ["f([1])", "f({'a'})"]),
    ("f(a, b=2)", ["f(1)", "f(4, 3)"], ["f(3)", "f(3, b=3)", "f(a=3)"], ["f(b=3)", "f(3, 3, 3)", "f(3, c=1)"]),
    ("f(*xs)", ["f(1, 2)", "f(3, 1, 2)"], ["f(3, 3, 1)"], ["f()", "f('a')"]),
    ("f(m)", ["f([1, 'a', 2])", "f(['b', 3])"], ["f(['a', 1])"], ["f(['a', 'b'])", "f([1, 2])"]),
    ("f(b)", ["f(b'ab')", "f(b'c')"], ["f(b'ab')"], ["f(b'd')", "f('ab')"]),
]  # fmt: skip


@pytest.mark.parametrize(("signature", "calls", "inside", "outside"), KEEPS, ids=[str(each[1])[:40] for each in KEEPS])
def test_calls_keep_to_what_was_seen(signature: str, calls: list[str], inside: list[str], outside: list[str]) -> None:
    envelope = envelope_of(signature, calls)
    assert [call for call in [*calls, *inside] if not within(envelope, call)] == []
    assert [call for call in outside if within(envelope, call)] == []


RELATED = [
    ("f(xs, n)", ["f([4, 2, 9], 3)", "f([5, 1], 2)", "f([8, 8, 2, 1], 4)"], "f([5, 1, 9], 3)", "f([5, 1, 9], 2)"),
    ("f(xs, k)", ["f([4, 2, 9], 0)", "f([5, 1], 1)", "f([8, 8, 2, 1], 3)"], "f([5, 1, 9], 2)", "f([5, 1, 9], 3)"),
    ("f(xs, k)", ["f([4, 2, 9], 3)", "f([5, 1], 1)", "f([8, 8, 2, 1], 2)"], "f([5, 1], 2)", "f([5, 1], 3)"),
    ("f(xs, ys)", ["f([4, 2], [1, 3])", "f([5], [1])", "f([2, 3, 4], [7, 1, 2])"], "f([2], [3])", "f([2, 3], [3])"),
    ("f(a, b)", ["f(1, 4)", "f(3, 3)", "f(2, 5)"], "f(2, 2)", "f(3, 2)"),
    ("f(x, xs)", ["f(4, [4, 2])", "f(1, [5, 1])", "f(2, [2, 3, 4])"], "f(3, [2, 3])", "f(3, [2, 4])"),
    ("f(s, c)", ["f('hello', 'l')", "f('abcd', 'a')", "f('xyz', 'z')"], "f('hey', 'y')", "f('hey', 'l')"),
    ("f(g, r, c)", ["f([[1, 2]], 1, 2)", "f([[1], [2]], 2, 1)", "f([[3, 4], [5, 6]], 2, 2)"], "f([[1, 2]], 1, 2)",
     "f([[1, 2]], 2, 2)"),
]  # fmt: skip


@pytest.mark.parametrize(("signature", "calls", "inside", "outside"), RELATED, ids=[each[0] for each in RELATED])
def test_relations_between_parameters_are_kept(signature: str, calls: list[str], inside: str, outside: str) -> None:
    envelope = envelope_of(signature, calls)
    assert within(envelope, inside)
    assert not within(envelope, outside)
    assert is_like(envelope, outside)


def test_two_calls_show_how_an_index_relates_and_not_how_numbers_do() -> None:
    assert envelope_of("f(xs, n)", ["f([4, 2], 2)", "f([5], 1)"]).relations == (
        Relation(kind="equal", left=Side(name="n"), right=Side(name="xs", measure="len")),
    )
    assert envelope_of("f(a, b)", ["f(1, 2)", "f(3, 4)"]).relations == ()


# --- texts that are no calls -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "f(",
        "f(x)",
        "f(range(3))",
        "f([1, *[2]])",
        "f(**{'n': 1})",
        "f(__import__('os').system('true'))",
        "f(9 ** 9 ** 9)",
        "f(1) + f(2)",
        "f(" + "[" * 150 + "]" * 150 + ")",
        "f(" + "-" * 5_000 + "1)",
        "f(" + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1) + ")",
        "f('" + "a" * MAX_TEXT + "')",
        "lambda f: 1",
        "f(" + "9" * 5_000 + ")",
        "f(1, 1)",
        "f(\x00)",
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_call_with_literal_arguments_is_left_out(text: str) -> None:
    assert envelope_of("f(n)", [text, "f(3)"]) == envelope_of("f(n)", ["f(3)"])
    assert not within(envelope_of("f(n)", ["f(3)"]), text)


def test_the_call_counts_wherever_it_stands_in_an_expression() -> None:
    plain = envelope_of("f(n)", ["f(3)", "f(5)"])
    assert envelope_of("f(n)", ["sorted(f(3))", "len(f(5)) == 2"]) == plain
    assert envelope_of("f(n)", ["candidate(3)", "candidate(5)"]) == plain


def test_a_text_that_is_no_signature_is_refused() -> None:
    with pytest.raises(SyntaxError):
        envelope_of("f(", [])


# --- without calls ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "value", "other"),
    [
        ("int", "3", "'a'"),
        ("float", "1.5", "None"),
        ("str", "'a'", "1"),
        ("bool", "False", "2"),
        ("list[int]", "[2, 3]", "['a', 'b']"),
        ("List[str]", "['a', 'word']", "[1, 2]"),
        ("'Optional[int]'", "None", "'a'"),
        ("int | None", "None", "'a'"),
        ("tuple[int, str]", "(1, 'a')", "('a', 1)"),
        ("Tuple[int, ...]", "(1, 2, 3)", "('a', 'b')"),
        ("dict[str, int]", "{'a': 1, 'word': 2}", "{1: 2, 3: 4}"),
        ("set[int]", "{1, 2, 3}", "{'a', 'b'}"),
        ("list[list[int]]", "[[1, 2, 3], [2, 3, 5]]", "[1, 2]"),
        ("Literal['on', 'off']", "'on'", "1"),
    ],
)
def test_an_annotation_speaks_where_no_call_was_seen(annotation: str, value: str, other: str) -> None:
    envelope = envelope_of(f"f(x: {annotation})", [])
    assert within(envelope, f"f({value})")
    assert not within(envelope, f"f({other})")


def test_an_unknown_annotation_promises_nothing() -> None:
    assert envelope_of("f(x: Tree)", []).domain("x") == ()
    assert not within(envelope_of("f(x: Tree)", []), "f(1)")


def test_a_contract_speaks_where_no_call_was_seen() -> None:
    seen = Contract(parameters=(Parameter(name="x", kinds=("str",), seen=("3", "8", "[")),))
    kinds = Contract(parameters=(Parameter(name="x", kinds=("sorted list[str]",)),))
    assert within(envelope_of("f(x)", [], seen), "f(7)")
    assert within(envelope_of("f(x)", [], kinds), "f(['a', 'word'])")
    assert not within(envelope_of("f(x)", ["f(2.5)"], seen), "f(7)")


# --- on real problems ------------------------------------------------------------------------------------------------


@pytest.mark.skipif("MENDLOOP_BENCH_DATA" not in os.environ, reason="MENDLOOP_BENCH_DATA is not set")
def test_other_inputs_of_real_tests_are_like_the_first_ones() -> None:
    rows = Path(os.environ["MENDLOOP_BENCH_DATA"], "humaneval", "HumanEval.jsonl").read_text("utf-8").splitlines()
    like = every = 0
    for row in map(json.loads, rows):
        name = row["entry_point"]
        parsed = parse_cases(row["test"].replace("candidate(", f"{name}("), name, prefix="t", limit=100)
        calls = [case.call for case in parsed.cases if case.call and not case.setup]
        known = [call for call in calls[::2] if bound(f"{name}(*values)", call) is not None]
        envelope = envelope_of(f"{name}(*values)", known)
        others = [call for call in calls[1::2] if bound(f"{name}(*values)", call) is not None]
        assert all(within(envelope, call) for call in known)
        like += sum(is_like(envelope, call) for call in others)
        every += len(others)
    assert every > 400
    assert like > 0.95 * every
