"""Cases written as asserts: what `parse_cases` made of a text, it makes again of what is written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mendloop.agents.assertions import parse_cases
from mendloop.agents.asserts.writing import written_cases
from mendloop.records import Case

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.integers() | st.text(max_size=3), inner, max_size=3)
        | st.sets(st.integers(), max_size=3)
    ),
    max_leaves=6,
)
NUMBERS = st.integers(-999, 999) | st.floats(-1e6, 1e6)
TOLERANCES = st.sampled_from([1e-9, 1e-6, 0.001, 0.0051])


def shown(value: object) -> str:
    return repr(value).replace("nan", "float('nan')").replace("inf", "float('inf')")


FORMS = st.one_of(
    st.tuples(VALUES, VALUES).map(lambda pair: f"assert f({shown(pair[0])}) == {shown(pair[1])}"),
    VALUES.map(lambda value: f"assert f({shown(value)})"),
    VALUES.map(lambda value: f"assert not f({shown(value)}, key=2)"),
    st.tuples(VALUES, NUMBERS, TOLERANCES).map(
        lambda given: f"assert abs(f({shown(given[0])}) - {shown(given[1])}) < {given[2]}"
    ),
    st.tuples(VALUES, st.lists(NUMBERS, min_size=1, max_size=3), TOLERANCES).map(
        lambda given: f"assert f({shown(given[0])}) == approx({given[1]}, abs={given[2]})"
    ),
    VALUES.map(lambda value: f"assert len(f({shown(value)})) == 2"),
    st.tuples(VALUES, VALUES).map(lambda pair: f"assert f({shown(pair[0])}) < f({shown(pair[1])}, 7)"),
    VALUES.map(lambda value: f"assert f({shown(value)}) is None or f({shown(value)}) > 3"),
    VALUES.map(lambda value: f"with pytest.raises(KeyError):\n    f({shown(value)}, 8)"),
    st.tuples(st.lists(st.integers(), max_size=3), st.lists(st.integers(), max_size=3)).map(
        lambda pair: f"xs = {pair[0]}\nf(xs)\nassert xs == {pair[1]}"
    ),
    st.integers().map(lambda value: f"s = Stack = list('ab')\ns.append({value})\nassert f(s, {value}) == {value}"),
    st.integers().map(lambda value: f"import math\nassert f(math.sqrt({abs(value)})) == {value}"),
    st.just("class P:\n    x = 2\np = P()\nassert f(p).x == 2"),
)


def again(cases: tuple[Case, ...], asserts: tuple[str, ...]) -> list[Case]:
    """Return what the asserts are read as, under the ids of the cases."""
    read = parse_cases("\n".join(asserts), "f", prefix="w", limit=500).cases
    assert len(read) == len(cases)
    return [case.model_copy(update={"id": old.id}) for case, old in zip(read, cases, strict=True)]


@given(st.lists(FORMS, max_size=4))
@settings(deadline=None, max_examples=150)
def test_what_was_read_is_written_so_that_it_is_read_again(texts: list[str]) -> None:
    cases = parse_cases("\n".join(texts), "f", prefix="s", limit=50).cases
    written = written_cases(cases, "f")
    assert (written.left_out, written.ids) == (0, tuple(case.id for case in cases))
    assert again(cases, written.asserts) == list(cases)


@pytest.mark.parametrize(
    ("text", "asserts"),
    [
        ("assert f(1) == 2, 'told'", ("assert f(1) == 2",)),
        ("assert f(1)", ("assert f(1)",)),
        ("assert f([1]) == float('inf')", ("assert f([1]) == float('inf')",)),
        ("x = [2]\nf(x)\nassert x == [1]", ("def test_0():\n    x = [2]\n    f(x)\n    assert x == [1]",)),
        ("for a, b in [(1, 2), (2, 3)]:\n    assert f(a) == b", ("assert f(1) == 2", "assert f(2) == 3")),
    ],
)  # fmt: skip
def test_a_case_is_written_plainly(text: str, asserts: tuple[str, ...]) -> None:
    assert written_cases(parse_cases(text, "f", prefix="s", limit=9).cases, "f").asserts == asserts


def test_variables_of_the_same_name_do_not_meet() -> None:
    cases = tuple(
        Case(
            id=f"s{n}", call="f(xs)", check="True", setup=f"xs = [{n}]", after={"xs": f"[{n + 1}]"}, origin="generated"
        )
        for n in range(3)
    )
    assert again(cases, written_cases(cases, "f").asserts) == list(cases)


def test_what_no_assert_says_is_counted() -> None:
    cases = (
        Case(id="a", stdin="1", stdout="2", origin="generated"),
        Case(id="b", call="f(1)", expect="2", origin="generated"),
        Case(id="c", call="f(1)", expect="3", origin="generated"),
        Case(id="d", call="f(4)", expect="5", isolated=True, origin="generated"),
    )
    written = written_cases(cases, "f")
    assert (written.ids, written.asserts, written.left_out) == (("b",), ("assert f(1) == 2",), 3)


@pytest.mark.may_skip
def test_suites_that_models_wrote_come_back_whole() -> None:
    folder = os.environ.get("MENDLOOP_BENCH_DATA")
    if not folder:
        pytest.skip("MENDLOOP_BENCH_DATA is not set")
    data = Path(folder)
    problems = map(json.loads, (data / "humaneval" / "HumanEval.jsonl").read_text("utf-8").splitlines())
    entries = {row["task_id"]: row["entry_point"] for row in problems}
    lost = total = 0
    for row in map(json.loads, (data / "recorded" / "humaneval_suites.jsonl").read_text("utf-8").splitlines()):
        entry = entries[row["task_id"]]
        cases = parse_cases("\n".join(row["asserts"]), entry, prefix="s", limit=50).cases
        lost, total = lost + written_cases(cases, entry).left_out, total + len(cases)
    assert total > 1_000
    assert lost == 0
