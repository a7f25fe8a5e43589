"""Vacuous and cheating pytest files about `double(n)`, one or more of every kind, with what names each of them.

None says anything true of a program that doubles, and each lets a wrong program pass somewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from mendloop.tools.pytestfile.flaws import FlawKind

IMPORT = "from solution import double\n"


@dataclass(frozen=True)
class Vacuous:
    """`kind` is what reading finds first; `refused` why no case comes of it, None where its assert becomes a case."""

    kind: FlawKind
    tests: str
    refused: str | None = None


def _test(*lines: str, before: str = "") -> str:
    return f"{IMPORT}{before}def test_double():\n" + "".join(f"    {line}\n" for line in lines)


def _marked(mark: str) -> str:
    return f"import pytest\n{IMPORT}@pytest.mark.{mark}\ndef test_double():\n    {WRONG}\n"


SUPPRESS = "from contextlib import suppress\n"
WRONG = "assert double(1) == 99"
TUPLE, CONSTANT = "vacuous: a tuple is always true", "vacuous: an assert on a constant"
ITSELF, SWALLOWED = "vacuous: compares the function with itself", "vacuous: swallowed by try/except"
NOTHING, NEVER, EMPTY = (
    "vacuous: a test without an assert",
    "vacuous: under a condition that is never true",
    "vacuous: in a loop over nothing",
)

VACUOUS: dict[str, Vacuous] = {
    "a tuple": Vacuous("tuple", _test('assert (double(1) == 99, "message")'), TUPLE),
    "a tuple for unittest": Vacuous("tuple", _test('self.assertTrue((double(1) == 99, "message"))'), TUPLE),
    "a constant": Vacuous("constant", _test("assert True"), CONSTANT),
    "a constant in a variable": Vacuous("constant", _test("expected = 2", "assert expected + 1 == 3"), CONSTANT),
    "or true": Vacuous("or_true", _test("assert double(1) == 99 or True"), CONSTANT),
    "itself": Vacuous("itself", _test("assert double(1) == double(1)"), ITSELF),
    "itself in variables": Vacuous("itself", _test("a = double(1)", "b = double(1)", "assert a == b"), ITSELF),
    "except AssertionError": Vacuous(
        "swallowed", _test("try:", f"    {WRONG}", "except AssertionError:", "    pass"), SWALLOWED
    ),
    "a bare except": Vacuous("swallowed", _test("try:", f"    {WRONG}", "except:", "    print('no')"), SWALLOWED),
    "a return in finally": Vacuous("swallowed", _test("try:", f"    {WRONG}", "finally:", "    return")),
    "suppress": Vacuous(
        "swallowed",
        _test("with suppress(Exception):", f"    {WRONG}", before=SUPPRESS),
        SWALLOWED,
    ),
    "sys.exit": Vacuous("exits", _test("sys.exit(0)", WRONG, before="import sys\n")),
    "os._exit": Vacuous("exits", _test("os._exit(0)", WRONG, before="import os\n")),
    "raise SystemExit": Vacuous("exits", _test("raise SystemExit", WRONG)),
    "an exit of the file": Vacuous("exits", _test(WRONG, before="import os\nos._exit(0)\n")),
    "after a return": Vacuous("after_return", _test("return", WRONG)),
    "if False": Vacuous("if_false", _test("if False:", f"    {WRONG}"), NEVER),
    "while 0": Vacuous("if_false", _test("while 0:", f"    {WRONG}"), "under a condition or in a loop"),
    "a loop over []": Vacuous("empty_loop", _test("for n in []:", "    assert double(n) == 99"), EMPTY),
    "a loop over an empty table": Vacuous(
        "empty_loop", _test("for n, m in CASES:", "    assert double(n) == m", before="CASES = []\n"), EMPTY
    ),
    "all of nothing": Vacuous("empty_loop", _test("assert all(double(n) == 99 for n in [])"), EMPTY),
    "an empty parametrize": Vacuous(
        "empty_loop",
        f"import pytest\n{IMPORT}@pytest.mark.parametrize('n', [])\ndef test_double(n):\n    assert double(n) == 99\n",
        "uses names that the text does not bind",
    ),
    "a skip mark": Vacuous("skipped", _marked("skip")),
    "an xfail mark": Vacuous("skipped", _marked("xfail")),
    "a skip": Vacuous("skipped", _test("pytest.skip('later')", WRONG, before="import pytest\n")),
    "a mark of the file": Vacuous("skipped", _test(WRONG, before="import pytest\npytestmark = pytest.mark.skip\n")),
    "an uncalled inner function": Vacuous("uncalled", _test("def inner():", f"    {WRONG}")),
    "a class that is not collected": Vacuous(
        "uncalled",
        f"{IMPORT}class TestDouble:\n    def __init__(self):\n        pass\n"
        f"    def test_double(self):\n        {WRONG}\n"
        "def test_other():\n    assert True\n",
    ),
    "a patched program": Vacuous(
        "patched",
        "import solution\ndef test_double(monkeypatch):\n    monkeypatch.setattr(solution, 'double', lambda n: 99)\n"
        "    assert solution.double(1) == 99\n",
    ),
    "a redefined program": Vacuous("patched", _test(WRONG, before="def double(n):\n    return 99\n")),
    "another program in its place": Vacuous(
        "patched",
        "import sys, types\nfake = types.ModuleType('solution')\nfake.double = lambda n: 99\n"
        f"sys.modules['solution'] = fake\n{_test(WRONG)}",
    ),
    "no assert": Vacuous("no_assertion", _test("pass"), NOTHING),
    "only a call": Vacuous("no_assertion", _test("double(1)"), NOTHING),
}

WITHOUT_TESTS: dict[str, Vacuous] = {
    "an empty text": Vacuous("no_tests", ""),
    "an uncalled function": Vacuous("no_tests", f"{IMPORT}def check():\n    {WRONG}\n"),
    "an empty class": Vacuous("no_tests", f"{IMPORT}class TestDouble:\n    cases = []\n"),
}
