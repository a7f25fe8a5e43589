"""Inputs at the constants that programs compare with: where a repair that lost a branch shows itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendloop.agents.procedural.guided import compared_constants, guided_calls
from mendloop.agents.shapes import same_program

QUOTED = '''def quoted(c, header):
    """Tell whether a byte needs quoting; 99 is no constant of the code."""
    if c == b"_":
        return header
    return c in (b"=", b"?") or c.startswith(b"x") or len(c) % 7 > 3
'''


def test_the_constants_that_a_program_compares_are_found() -> None:
    assert sorted(map(repr, compared_constants(QUOTED))) == ["3", "7", "b'='", "b'?'", "b'_'", "b'x'"]


def test_a_constant_takes_the_place_of_an_argument_of_its_type() -> None:
    calls = guided_calls(["quoted(b'ab', True)"], compared_constants(QUOTED))
    assert {"quoted(b'_', True)", "quoted(b'_ab', True)", "quoted(b'ab_', True)"} <= set(calls)
    assert all("quoted(b" in call for call in calls)


@pytest.mark.parametrize(
    ("call", "constant", "expected"),
    [
        ("f(5)", 10, ["f(9)", "f(10)", "f(11)"]),
        ("f(5.5)", 10, ["f(10.0)"]),
        ("f('ab', k='c')", "-", ["f('-', k='c')", "f('ab', k='-')", "f('a-b', k='c')"]),
        ("f([1, 2])", 7, ["f([1, 2, 7])", "f([7, 2])"]),
        ("f(('a',))", "z", ["f(('a', 'z'))"]),
        ("f({'a': 1})", "z", ["f({'a': 1, 'z': 1})"]),
        ("f(True)", 1, []),
        ("f('a')", 1, []),
        ("f([])", 1, []),
        ("f(g(1))", 1, []),
    ],
)
def test_each_type_has_its_replacements(call: str, constant: object, expected: list[str]) -> None:
    found = guided_calls([call], [constant])
    assert set(expected) <= set(found)
    assert bool(found) is bool(expected)


@given(st.text(max_size=300))
def test_any_text_has_constants_or_none(code: str) -> None:
    assert len(compared_constants(code)) <= 24


def test_a_program_is_the_same_without_its_comments_and_docstrings() -> None:
    bare = "def f(a):\n    return a + 1  # more\n"
    assert same_program(bare, 'def f(a):\n    """Add one."""\n    return (a + 1)\n')
    assert not same_program(bare, "def f(a):\n    return a + 2\n")
    assert same_program("not python(", "not python( ")
