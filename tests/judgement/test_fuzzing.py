"""Fuzzed calls: all within the envelope, distinct, the same for the same seed, and unlike each other."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mendloop.agents.assertions import parse_cases
from mendloop.executions import Call, Limits, Request
from mendloop.judgement.calls import bound, observing
from mendloop.judgement.envelope import envelope_of, within
from mendloop.judgement.fuzzing import LONGEST, fuzzed
from mendloop.tools.sandbox.open import open_sandbox
from tests.judgement.test_envelope import ALIKE, called, readable

SHAPES = [
    ("f(xs, n)", ["f([1, 2, 3], 3)", "f([4, 5, 6, 1], 4)", "f([1, 2, 3, 9, 9], 5)"]),
    ("f(xs, k)", ["f([25, 35, 22, 85, 14], 3)", "f([7, 7, 2], 1)", "f([5, 9], 2)"]),
    ("f(n)", ["f(100)", "f(250)", "f(999)"]),
    ("f(a, b)", ["f(13, 9)", "f(150, 80)", "f(24, 4)"]),
    ("f(x)", ["f(-0.5)", "f(2.25)", "f(13.0)"]),
    ("f(xs, t)", ["f([1.0, 2.8, 3.0], 0.3)", "f([2.5, 2.5], 0.05)"]),
    ("f(s)", ["f('Please move back to stream')", "f('Jing Eco and Tech')", "f('wulu road Zone 3')"]),
    ("f(s)", ["f('python')", "f('Programming')", "f('language')"]),
    ("f(s, c)", ["f('hello', 'l')", "f('abcda', 'a')", "f('PHP', 'P')"]),
    ("f(s)", ["f('03-11-2000')", "f('15-01-2012')", "f('06-04-2020')"]),
    ("f(s)", ["f('2.9')", "f('-10')", "f('14.5')"]),
    ("f(s)", ["f('(()())')", "f('()')", "f('((()))()(())()')"]),
    ("f(s)", ["f('zero one two one')", "f('two two zero')", "f('one zero two one zero one')"]),
    ("f(s)", ["f('10:30:00')", "f('23:59:59')", "f('07:05:10')"]),
    ("f(s, t)", ["f('0110', '11')", "f('10', '0')", "f('111', '11')"]),
    ("f(g)", ["f([[1, 2, 3], [4, 8, 2], [1, 5, 3]])", "f([[2, 3], [5, 9]])"]),
    ("f(g, r, c)", ["f([[1, 2], [3, 4]], 2, 2)", "f([[1], [2], [3]], 3, 1)", "f([[5, 6, 7]], 1, 3)"]),
    ("f(rows)", ["f([[1], [1, 2], [4, 5, 6]])", "f([[7, 8], [9]])"]),
    ("f(t)", ["f((3, 4, 5, 6))", "f((1, 2))", "f((7, 7, 9))"]),
    ("f(p, q)", ["f((1, 5), (3, 9))", "f((2, 3), (3, 4))", "f((-4, 0), (-2, 1))"]),
    ("f(pairs)", ["f([('a', 3), ('b', 4)])", "f([('red', 9)])"]),
    ("f(words)", ["f(['red', 'green', 'black', 'red'])", "f(['one', 'two'])"]),
    ("f(d)", ["f({'a': 1, 'b': 2})", "f({'x': 3})", "f({'p': 5, 'q': 9, 'r': 7})"]),
    ("f(d)", ["f({'name': 'Ann', 'age': 30})", "f({'name': 'Bob', 'age': 41})"]),
    ("f(items)", ["f([{'id': 1, 'cost': 2.5}, {'id': 2, 'cost': 9.25}])", "f([{'id': 7, 'cost': 4.0}])"]),
    ("f(s)", ["f({1, 2, 3})", "f({5, 9})", "f({4})"]),
    ("f(xs)", ["f([1, 'a', 2.5, None])", "f(['b', 7])"]),
    ("f(xs)", ["f([8, 9, 10, 1, 2, 3])", "f([5, 6, 1, 2, 3, 4])"]),
    ("f(xs, x)", ["f([1, 3, 5, 8], 5)", "f([2, 4], 2)", "f([7, 9, 11], 11)"]),
    ("f(*xs)", ["f(1, 2, 3)", "f(4, 1)"]),
    ("f(xs, key=None)", ["f([3, 1])", "f([2, 5, 4], key=2)", "f([1, 7], 3)"]),
    ("f(xs, ys)", ["f([1, 2], [3, 4])", "f([5], [6])", "f([7, 8, 9], [1, 1, 2])"]),
]
"""Signatures and calls of the shapes that small programming problems have."""


def drawn(signature: str, calls: list[str], n: int = 60, seed: int = 7) -> tuple[str, ...]:
    return fuzzed(envelope_of(signature, calls), "f", calls, random.Random(seed), n)


def values(call: str, signature: str = "f(x)") -> dict[str, Any]:
    found = bound(signature, call)
    assert found is not None
    return found


# --- laws ------------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(ALIKE, st.integers(0, 2**32), st.integers(0, 20), st.integers(10, 120))
def test_all_are_distinct_short_and_within(
    arguments: list[tuple[object, object]], seed: int, n: int, longest: int
) -> None:
    calls = readable([called(*each) for each in arguments])
    envelope = envelope_of("f(a, b)", calls)
    found = fuzzed(envelope, "f", calls, random.Random(seed), n, longest)
    assert [call for call in found if not within(envelope, call)] == []
    assert len(set(found)) == len(found) <= n
    assert all(len(call) <= longest for call in found)
    assert found == fuzzed(envelope, "f", calls, random.Random(seed), n, longest)


@pytest.mark.parametrize(("signature", "calls"), SHAPES, ids=[f"{each[0]} {each[1][0]}"[:40] for each in SHAPES])
def test_real_shapes_give_as_many_new_calls_as_are_wanted(signature: str, calls: list[str]) -> None:
    found = drawn(signature, calls)
    envelope = envelope_of(signature, calls)
    assert len(found) == 60
    assert not set(found) & set(calls)
    assert all(within(envelope, call) and len(call) <= LONGEST for call in found)


def test_a_shape_that_was_never_seen_is_never_drawn() -> None:
    calls = ["f([3, 1, 2, 1], 'ab')", "f([5, 9, 7], 'c')"]
    found = [values(call, "f(xs, s)") for call in drawn("f(xs, s)", calls)]
    assert all(each["xs"] and each["s"] and min(each["xs"]) >= 1 for each in found)


def test_the_same_calls_come_under_every_hash_seed() -> None:
    script = (
        "import random\n"
        "from mendloop.judgement.envelope import envelope_of\n"
        "from mendloop.judgement.fuzzing import fuzzed\n"
        'calls = [\'f({1, 2}, {"a", "b"}, "xy z")\', \'f({5, 30, 7}, {"c"}, "q r")\']\n'
        "print(fuzzed(envelope_of('f(a, b, c)', calls), 'f', calls, random.Random(3), 40))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(said) == 1


# --- few inputs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signature", "calls", "all_of_them"),
    [
        ("f(b)", ["f(True)"], {"f(True)", "f(False)"}),
        ("f(b: bool)", [], {"f(True)", "f(False)"}),
        ("f(x, b=False)", ["f(None)", "f(None, True)"], {"f(None)", "f(None, True)", "f(None, False)"}),
        ("f(m)", ["f('min')", "f('max')"] * 6, {"f('min')", "f('max')"}),
        ("f(a, b)", ["f(0, 0)", "f(1, 1)", "f(0, 1)"] * 4, {"f(0, 0)", "f(1, 1)", "f(0, 1)"}),
        ("f(p)", ["f((True, None))", "f((False, None))"], {"f((True, None))", "f((False, None))"}),
    ],
)
def test_where_there_are_few_inputs_all_are_given(signature: str, calls: list[str], all_of_them: set[str]) -> None:
    assert set(drawn(signature, calls)) == all_of_them


def test_a_range_of_integers_is_given_whole() -> None:
    found = drawn("f(n)", ["f(3)", "f(8)", "f(5)"], n=100)
    assert {values(call, "f(n)")["n"] for call in found} == set(range(2, 21))


def test_where_nothing_can_be_drawn_nothing_is_given() -> None:
    assert drawn("f(tree: Tree)", []) == ()
    assert drawn("f(n)", ["f(3)"], n=0) == ()


def test_seeds_that_leave_the_envelope_are_not_used() -> None:
    envelope = envelope_of("f(xs)", ["f([1, 2, 2])", "f([4, 3, 3, 1])"])
    found = fuzzed(envelope, "f", ["f(['a'])", "f(x)", "f([-4, -4, 2])"], random.Random(0), 40)
    assert len(found) == 40
    assert all(within(envelope, call) for call in found)


# --- different shapes ------------------------------------------------------------------------------------------------


def test_lists_differ_in_length_order_and_repeats() -> None:
    found = [values(call)["x"] for call in drawn("f(x)", ["f([4, -2, 9, 9, 0, 3])", "f([5, 1])", "f([2, 7, 1, 7])"])]
    assert {len(each) for each in found} >= {2, 3, 4, 5, 6}
    assert any(each == sorted(each) for each in found)
    assert any(each == sorted(each, reverse=True) for each in found)
    assert any(len(set(each)) == 1 for each in found)
    assert any(len(set(each)) == len(each) > 3 for each in found)
    assert any(min(each) < 0 for each in found)
    assert any(0 in each for each in found)


def test_strings_are_made_of_the_letters_that_were_seen_most_of_the_time() -> None:
    found = [values(call)["x"] for call in drawn("f(x)", ["f('abcab')", "f('bacb')", "f('cabcba')"])]
    assert all(set(each) <= set("abc") for each in found)
    assert any(each == each[::-1] for each in found)


# --- observing -------------------------------------------------------------------------------------------------------


async def test_a_program_that_changes_its_arguments_is_noticed() -> None:
    sandbox = open_sandbox("local", 1)
    call = observing("f([3, 1, 2], 2, {'a': 1})", "f(xs, k, d)")
    assert call == Call(id="observed", call="f(xs, 2, d)", setup="xs = [3, 1, 2]; d = {'a': 1}", after=("xs", "d"))
    quiet = await sandbox.run(Request(code="def f(xs, k, d): return sorted(xs)[:k]", calls=(call,)))
    loud = await sandbox.run(Request(code="def f(xs, k, d):\n    xs.sort()\n    return xs[:k]", calls=(call,)))
    await sandbox.aclose()
    assert quiet.outcomes[0].value == loud.outcomes[0].value
    assert quiet.outcomes[0].after != loud.outcomes[0].after


@pytest.mark.parametrize("text", ["f(3)", "f((1, 2))", "f('a')", "f(xs)", "f(", "f([1], [2], [3], [4])", "f(k=[1])"])
def test_a_call_without_container_arguments_is_left_as_it_is(text: str) -> None:
    assert observing(text, "f(xs, k, d)") == Call(id="observed", call=text)


# --- on real problems ------------------------------------------------------------------------------------------------


def real_problems() -> list[dict[str, str]]:
    rows = Path(os.environ["MENDLOOP_BENCH_DATA"], "humaneval", "HumanEval.jsonl").read_text("utf-8")
    return [json.loads(row) for row in rows.splitlines()]


@pytest.mark.skipif("MENDLOOP_BENCH_DATA" not in os.environ, reason="MENDLOOP_BENCH_DATA is not set")
async def test_the_reference_of_real_problems_hardly_ever_raises_on_fuzzed_inputs() -> None:
    sandbox = open_sandbox("local", 1)
    returned = every = 0
    for row in real_problems()[::16]:
        name = row["entry_point"]
        code = row["prompt"] + row["canonical_solution"]
        parsed = parse_cases(row["test"].replace("candidate(", f"{name}("), name, prefix="t", limit=100)
        calls = [case.call for case in parsed.cases if case.call and not case.setup]
        envelope = envelope_of(f"{name}(*values)", calls)
        inputs = fuzzed(envelope, name, calls, random.Random(name), 40)
        numbered = tuple(Call(id=str(place), call=text) for place, text in enumerate(inputs))
        execution = await sandbox.run(Request(code=code, calls=numbered, limits=Limits(cpu_s=1)))
        returned += sum(outcome.status == "returned" for outcome in execution.outcomes)
        every += len(inputs)
    await sandbox.aclose()
    assert every > 300
    assert returned > 0.97 * every
