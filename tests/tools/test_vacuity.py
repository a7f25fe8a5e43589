"""Vacuous tests are found by reading, tests that can fail are let alone, and any text is read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendloop.tools.pytestfile.flaws import SENTENCES
from mendloop.tools.vacuity import Flaw, flaws_in, vacuous_tests
from tests.vacuous import IMPORT, VACUOUS, WITHOUT_TESTS

EVERY = VACUOUS | WITHOUT_TESTS


@pytest.mark.parametrize("name", EVERY)
def test_every_kind_of_vacuous_test_is_found_by_reading(name: str) -> None:
    found = flaws_in(EVERY[name].tests)
    assert EVERY[name].kind in [flaw.kind for flaw in found]
    assert all(flaw.sentence and 1 <= flaw.line <= EVERY[name].tests.count("\n") + 1 for flaw in found)


@pytest.mark.parametrize("name", [name for name, each in EVERY.items() if each.kind != "no_assertion"])
def test_a_test_in_which_no_assert_can_fail_is_vacuous_whatever_it_does(name: str) -> None:
    assert EVERY[name].kind in {flaw.kind for flaw in vacuous_tests(EVERY[name].tests).values()}


def test_every_kind_has_an_example() -> None:
    assert {each.kind for each in EVERY.values()} | {"no_python"} == set(SENTENCES)


def test_a_flaw_names_the_test_and_the_line() -> None:
    text = (
        f"{IMPORT}class TestDouble:\n    def test_it(self):\n        assert double(1) == 2\n        assert (1, 'm')\n"
    )
    assert flaws_in(text) == (Flaw(kind="tuple", test="TestDouble::test_it", line=5),)


def test_a_flaw_beside_a_sound_assert_leaves_the_test_standing() -> None:
    assert vacuous_tests(f"{IMPORT}def test_it():\n    assert double(1) == 2\n    assert True\n") == {}


SOUND = {
    "an assert": "assert double(1) == 2",
    "what must not be raised": "try:\n    double('x')\nexcept TypeError:\n    raise AssertionError('raised')",
    "an expected exception": "with pytest.raises(ValueError):\n    double(None)",
    "an expected exception by hand": "try:\n    double(None)\n    assert False\nexcept ValueError:\n    pass",
    "pytest.fail in a try": "try:\n    double(None)\n    pytest.fail('no')\nexcept Exception:\n    pass",
    "a note of the exception": "said = 0\ntry:\n    double(None)\nexcept ValueError:\n    said = 1\nassert said",
    "a helper": "check(1, 2)",
    "a helper with a name of the test": "n = 5\ncheck(n, 10)",
    "an inner function that is called": "def inner(n):\n    assert double(n) == 2 * n\ninner(1)",
    "an inner function that is handed on": "def inner(n):\n    assert double(n) == 2 * n\nlist(map(inner, [1, 2]))",
    "a method with a state": "s = double(1)\nassert s.pop() == s.pop()",
    "two objects": "assert double(1) is double(1)",
    "a list that is sorted in place": "xs = [2, 1]\ndouble(xs)\nassert xs == [1, 2]",
    "a list that is filled": "xs = []\nxs.append(1)\nfor x in xs:\n    assert double(x) == 2",
    "an exit that says it failed": "if double(1) != 2:\n    sys.exit(1)",
    "a conditional skip": "if sys.platform == 'win32':\n    pytest.skip('no')\nassert double(1) == 2",
    "a patched clock": "with patch('solution.time'):\n    assert double(1) == 2",
    "an assertion of a package": "numpy.testing.assert_equal(double(1), 2)",
    "unknown checks of a package": "approvals.look(double(1))\nassert True",
    "a return under a condition": "if double(0):\n    return\nassert double(1) == 2",
    "a program that is called exit": "exit(1)\nassert exit(2) == 2",
}
HEAD = (
    "import sys, pytest, numpy, approvals\nfrom unittest.mock import patch\nfrom solution import double, exit\n"
    "def check(n, m):\n    assert double(n) == m\n"
)


@pytest.mark.parametrize("name", SOUND)
def test_a_test_that_can_fail_is_let_alone(name: str) -> None:
    body = "".join(f"    {line}\n" for line in SOUND[name].split("\n"))
    assert vacuous_tests(f"{HEAD}def test_it():\n{body}") == {}


def test_inherited_tests_are_read_where_they_are_collected() -> None:
    shared = "class Shared:\n    def test_it(self):\n        assert double(1) == 2\n"
    text = f"{IMPORT}{shared}class TestOne(Shared):\n    pass\n"
    assert flaws_in(text) == ()


def test_fixtures_and_functions_of_the_file_may_assert_for_a_test() -> None:
    text = (
        f"import pytest\n{IMPORT}@pytest.fixture\ndef checked():\n    yield double\n    assert double(1) == 2\n"
        "def test_it(checked):\n    checked(1)\n"
    )
    assert vacuous_tests(text) == {}


PIECES = st.sampled_from(
    [
        *(each.tests for each in EVERY.values()),
        *SOUND.values(),
        "def test_a():\n",
        "class TestA(TestB):\n",
        "    ",
        "\n",
        "assert ",
        "(" * 300,
        "not " * 300,
        "try:\n",
        "\\",
        "\0",
        "@x\n",
    ]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=20)), max_size=12))
def test_any_text_is_read(pieces: list[str]) -> None:
    text = "".join(pieces)
    for flaw in flaws_in(text):
        assert flaw.kind in SENTENCES
        assert 1 <= flaw.line <= len(text.splitlines()) + 1
    assert set(vacuous_tests(text).values()) <= set(flaws_in(text))


@pytest.mark.parametrize(
    "text",
    [
        f"def test_a():\n    assert {'(' * 5_000}1{')' * 5_000}\n",
        f"def test_a():\n    assert {'not ' * 20_000}f(1)\n",
        f"def test_a():\n    assert f{'.a' * 20_000} == 1\n",
        f"def test_a():\n    assert {' + '.join(['f(1)'] * 20_000)} == 1\n",
    ],
)
def test_deep_expressions_do_not_stop_the_reading(text: str) -> None:
    assert flaws_in(text) in ((), (Flaw(kind="no_python", test="", line=1),))


def test_a_shared_function_is_read_a_bounded_number_of_times() -> None:
    helper = f"def check():\n    assert f({list(range(5_000))}) == 1\n"
    text = helper + "".join(f"def test_{n}():\n    check()\n" for n in range(3_000))
    assert flaws_in(text) == ()


def test_a_text_that_is_too_long_is_not_read() -> None:
    assert flaws_in("def test_a():\n    pass\n" + "#" * 200_000) == ()


@pytest.mark.skipif("MENDLOOP_BENCH_DATA" not in os.environ, reason="MENDLOOP_BENCH_DATA is not set")
def test_no_test_of_a_benchmark_is_called_vacuous() -> None:
    rows = Path(os.environ["MENDLOOP_BENCH_DATA"], "humaneval", "HumanEval.jsonl").read_text("utf-8").splitlines()
    assert len(rows) == 164
    for row in map(json.loads, rows):
        name = row["entry_point"]
        text = f"from solution import {name}\n{row['test']}\ndef test_it():\n    check({name})\n"
        assert vacuous_tests(text) == {}, row["task_id"]
