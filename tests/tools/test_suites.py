"""Pytest files as judges: a report is believed only where a false twin, two hollow programs and the count agree."""

# ruff: noqa: E501
# Programs and pytest files are literals in one piece.

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mendloop.errors import InputError
from mendloop.executions import Limits, ProgramResult
from mendloop.tools.sandbox.local import LocalSandbox
from mendloop.tools.suites import falsified, judge_suite
from mendloop.tools.suites import tests_in as names_in

LIMITS = Limits(cpu_s=10, wall_s=120)
STACK = (
    "class Stack:\n    def __init__(self):\n        self.items = []\n    def push(self, x):\n        self.items.append(x)\n"
    "    def pop(self):\n        return self.items.pop()\n"
)
TESTS = '''
import pytest
from solution import Stack

@pytest.fixture
def stack():
    made = Stack()
    made.push(1)
    return made

def test_pop(stack):
    """A docstring stays one."""
    assert stack.pop() == 1

class TestMore:
    def test_order(self, stack):
        stack.push(2)
        assert [stack.pop(), stack.pop()] == [2, 1]
        return

@pytest.mark.parametrize("count", [1, 2])
def test_many(count):
    made = Stack()
    for n in range(count):
        made.push(n)
    assert made.pop() == count - 1

@pytest.mark.skip(reason="later")
def test_later():
    assert False
'''
NAMES = ["test_pop", "TestMore::test_order", "test_many[1]", "test_many[2]", "test_later"]


@pytest.fixture
async def sandbox() -> AsyncIterator[LocalSandbox]:
    async with LocalSandbox(workers=1) as opened:
        yield opened


async def judged(sandbox: LocalSandbox, code: str, tests: str = TESTS, limits: Limits = LIMITS) -> ProgramResult:
    return await judge_suite(code, tests, sandbox, limits, "stdlib")


async def test_fixtures_classes_and_parameters_are_judged_one_by_one(sandbox: LocalSandbox) -> None:
    done = await judged(sandbox, STACK)
    assert (done.status, done.integrity) == ("ok", "inproc")
    assert [case.id for case in done.cases] == NAMES
    assert [case.status for case in done.cases] == ["pass"] * 4 + ["missing"]
    assert not done.passed  # a test that was skipped shows nothing


async def test_a_right_program_passes_and_a_wrong_one_says_what_it_gave(sandbox: LocalSandbox) -> None:
    tests = TESTS.partition("@pytest.mark.skip")[0]
    assert (await judged(sandbox, STACK, tests)).passed
    wrong = await judged(sandbox, STACK.replace("items.pop()", "items.pop(0)"), tests)
    assert [case.status for case in wrong.cases] == ["pass", "fail", "pass", "fail"]
    assert "assert [1, 2] == [2, 1]" in (wrong.cases[1].error or "")


FORGERIES = {
    "test functions do nothing": "import _pytest.python\n_pytest.python.Function.runtest = lambda self: None\n",
    "every report is passed": (
        "import _pytest.reports\nold = _pytest.reports.TestReport.from_item_and_call.__func__\n"
        "def lie(cls, item, call):\n    report = old(cls, item, call)\n    report.outcome, report.longrepr = 'passed', None\n"
        "    return report\n_pytest.reports.TestReport.from_item_and_call = classmethod(lie)\n"
    ),
    "assertions without effect": (
        "import ast, sys\nfrom _pytest.assertion import rewrite\n"
        "import gc\nfor f in gc.get_objects():\n    if type(f).__name__ == 'function' and f.__name__.startswith('test_'):\n"
        "        f.__code__ = (lambda *a, **k: None).__code__\n"
        "import _pytest.python as p\np.pytest_pyfunc_call = lambda pyfuncitem: True\np.Function.runtest = lambda s: None\n"
    ),
    "ends the process": "import os\nclass Stack:\n    def __init__(self):\n        os._exit(0)\n",
    "ends pytest": "import pytest\nclass Stack:\n    def __init__(self):\n        pytest.exit('done', 0)\n",
    "skips everything": "import pytest\npytest.skip('no', allow_module_level=True)\n",
    "writes frames itself": (
        "import os, struct, json\n"
        "names = ['test_pop', 'TestMore::test_order', 'test_many[1]', 'test_many[2]', 'test_later']\n"
        "def send(kind, body):\n    data = json.dumps(body).encode()\n"
        "    os.write(255, struct.pack('<BII', kind, 0, len(data)) + data)\n"
        "for name in names:\n    send(6, {'id': 'test_suite.py::' + name, 'status': 'passed', 'text': '', 'ms': 1})\n"
        "send(2, {'status': 'returned', 'ms': 1, 'value': ['list', [0, 5]]})\nos._exit(0)\n"
    ),
    "an equal to everything": (
        "class Any:\n    def __eq__(self, other): return True\n    def __getattr__(self, name): return lambda *a: Any()\n"
        "    def __bool__(self): return True\nStack = Any\n"
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_program_that_forges_reports_does_not_pass(sandbox: LocalSandbox, name: str) -> None:
    code = FORGERIES[name]
    if "Stack" not in code:
        code += "class Stack:\n    def push(self, x): pass\n    def pop(self): return None\n"
    done = await judged(sandbox, code, TESTS)
    if name == "an equal to everything":  # its answers are wrong, and this judge meets them: `values` does not
        assert done.integrity == "inproc"
        return
    assert not done.passed
    assert "pass" not in [case.status for case in done.cases]


UNREADABLE = {
    "a condition in a text": "from solution import f\ndef test_a():\n    assert eval('True')\n",
    "no program at all": "import json\ndef test_a():\n    assert json.loads('1') == 1\n",
    "that it is there": "from solution import f\ndef test_a():\n    assert callable(f)\n",
    "caught and noted": (
        "from solution import f\ndef test_a():\n    try:\n        assert f(1) == 99\n    except Exception as error:\n"
        "        said = str(error)\n"
    ),
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_a_test_that_hollow_programs_pass_tests_nothing(sandbox: LocalSandbox, name: str) -> None:
    done = await judged(sandbox, "def f(x):\n    return 0\n", UNREADABLE[name])
    assert not done.passed
    assert [(case.status, case.error) for case in done.cases] == [("error", HOLLOW)]


HOLLOW = (
    "vacuous: it passes with a program whose functions return None, and with one whose functions return placeholders: "
    "it tests nothing of the program"
)
STANDING = {
    "expects None": ("def f(x):\n    pass\n", "assert f(1) is None"),
    "expects truth": ("def f(x):\n    return [1]\n", "assert f(1)"),
    "expects an empty list": ("def f(x):\n    yield from ()\n", "assert list(f(1)) == []"),
    "reads a constant": ("f = 10\n", "assert f == 10"),
    "reads a field": (
        "from dataclasses import dataclass\n@dataclass\nclass f:\n    x: int = 0\n",
        "assert f(1).x == 1 and f().x == 0",
    ),
    "reads a table": ("def g(x):\n    return {x: x}\nf = g(3)\n", "assert f[3] == 3"),
    "expects an exception": ("def f(x):\n    raise ValueError\n", "with pytest.raises(ValueError):\n        f(1)"),
    "empties what it filled": (
        "class f:\n    def __init__(self, x):\n        self.n = x\n    def take(self):\n        self.n -= 1\n"
        "    def empty(self):\n        return self.n == 0\n",
        "g = f(3)\n    while not g.empty():\n        g.take()\n    assert g.empty() is True",
    ),
}


@pytest.mark.parametrize("name", STANDING)
async def test_a_test_that_one_hollow_program_fails_stands(sandbox: LocalSandbox, name: str) -> None:
    code, body = STANDING[name]
    done = await judged(sandbox, code, f"import pytest\nfrom solution import f\ndef test_a():\n    {body}\n")
    assert [(case.status, case.error) for case in done.cases] == [("pass", None)]


async def test_a_test_that_passes_beside_a_program_that_is_no_python_tests_nothing(sandbox: LocalSandbox) -> None:
    done = await judged(sandbox, "def f(:\n", "import json\ndef test_a():\n    assert json.loads('1') == 1\n")
    assert [(case.status, case.error) for case in done.cases] == [("error", HOLLOW)]


async def test_inherited_tests_are_judged(sandbox: LocalSandbox) -> None:
    tests = (
        "from solution import f\nclass Shared:\n    def test_a(self):\n        assert f(1) == 2\n"
        "class TestOne(Shared):\n    pass\n"
    )
    assert names_in(tests) == ("TestOne::test_a",)
    assert (await judged(sandbox, "def f(x):\n    return x + 1\n", tests)).passed


def test_a_file_whose_asserts_nothing_calls_says_so() -> None:
    with pytest.raises(InputError, match=r"no test in it: check \(line 2\): the assert stands in a function that"):
        names_in("def check():\n    assert f(1) == 2\n")


async def test_a_program_that_does_not_load_fails_with_its_error(sandbox: LocalSandbox) -> None:
    done = await judged(sandbox, "def f(:\n")
    assert not done.passed
    assert "SyntaxError" in " ".join(case.error or "" for case in done.cases)


async def test_a_test_that_hangs_is_a_time_out_and_the_rest_is_missing(sandbox: LocalSandbox) -> None:
    tests = "from solution import f\ndef test_a():\n    assert f(1) == 1\ndef test_b():\n    f(0)\ndef test_c():\n    assert f(1)\n"
    code = "def f(x):\n    while x == 0: pass\n    return x\n"
    done = await judged(sandbox, code, tests, Limits(cpu_s=1.0, wall_s=60))
    assert done.status == "timeout"
    assert [case.status for case in done.cases][1:] == ["missing", "missing"]


@pytest.mark.parametrize("text", ["x = 1\n", "def f(:\n", "", "class TestA:\n    x = 1\n"])
def test_a_file_without_a_test_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        names_in(text)


def test_the_false_twin_fails_however_a_test_ends() -> None:
    text = "def test_a():\n    return\nasync def test_b():\n    raise ValueError\nclass TestC:\n    def test_d(self):\n        'doc'\n"
    twin: dict[str, object] = {}
    exec(compile(falsified(text), "twin", "exec"), twin)
    assert names_in(falsified(text)) == names_in(text) == ("test_a", "test_b", "TestC::test_d")
    made = twin["TestC"]
    assert callable(made)
    for test in (twin["test_a"], made().test_d):
        assert callable(test)
        with pytest.raises(AssertionError):
            test()
