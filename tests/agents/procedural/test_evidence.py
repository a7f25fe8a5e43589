"""Doctests and existing tests as cases."""

from __future__ import annotations

import pytest

from mendloop.agents.procedural.assertions import cases_of_tests
from mendloop.agents.procedural.evidence import doctest_cases, without_doctests
from mendloop.records import Case

DOC = """Add numbers.

    >>> add(1, 2)
    3
    >>> a = [1]
    >>> add(a, [2])  # lists too
    [1, 2]
    >>> add(1, None)
    Traceback (most recent call last):
        ...
    TypeError: no
    >>> add(other, 2)
    4

Not more than that.
"""


def test_doctests_become_cases_with_the_setup_they_need() -> None:
    assert doctest_cases("add", DOC) == [
        Case(id="d01", call="add(1, 2)", expect="3", origin="doctest"),
        Case(id="d02", call="add(a, [2])", expect="[1, 2]", setup="a = [1]", origin="doctest"),
        Case(id="d03", call="add(1, None)", raises="TypeError", origin="doctest"),
    ]


def test_the_prose_of_a_docstring_has_no_doctests() -> None:
    assert without_doctests(DOC) == "Add numbers.\n\nNot more than that."


@pytest.mark.parametrize(
    ("body", "call", "expect", "raises"),
    [
        ("assert f(1) == 2", "f(1)", "2", None),
        ("assert 2 == m.f(1)", "f(1)", "2", None),
        ("assert f(1) is None", "f(1)", "None", None),
        ("assert not f(1)", "bool(f(1))", "False", None),
        ("assert f(1)", "bool(f(1))", "True", None),
        ("assert sorted(f([2, 1])) == [1, 2]", "sorted(f([2, 1]))", "[1, 2]", None),
        ("self.assertEqual(f(1), 2)", "f(1)", "2", None),
        ("self.assertIsNone(f(1))", "f(1)", "None", None),
        ("self.assertRaises(ValueError, f, 1)", "f(1)", None, "ValueError"),
        ("with pytest.raises(ValueError):\n        f(1)", "f(1)", None, "ValueError"),
    ],
)
def test_an_assertion_becomes_a_given_case(body: str, call: str, expect: str | None, raises: str | None) -> None:
    found = cases_of_tests([f"def test_it(self):\n    {body}\n"], frozenset({"f"}))
    assert found == {"f": [Case(id="g01", call=call, expect=expect, raises=raises)]}


@pytest.mark.parametrize("body", ["assert f(x) == 2", "assert f(1) == y", "assert f(1) != 2", "assert g(1) == 2"])
def test_what_is_not_a_plain_expectation_is_passed_over(body: str) -> None:
    assert cases_of_tests([f"def test_it(x):\n    {body}\n"], frozenset({"f"})) == {}


def test_a_table_of_literals_gives_a_case_a_row() -> None:
    text = (
        "@pytest.mark.parametrize('a, want', [(1, 2), pytest.param(3, 4), (x, 5)])\n"
        "def test_it(a, want):\n    assert f(a) == want\n"
    )
    found = cases_of_tests([text], frozenset({"f"}))["f"]
    assert [(case.call, case.expect) for case in found] == [("f(1)", "2"), ("f(3)", "4")]
