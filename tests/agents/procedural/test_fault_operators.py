"""One row for each operator: a function as it should be, and as somebody gets it wrong."""

import textwrap

import pytest

from mendloop.agents.procedural.faults import apply_faults, propose_faults
from mendloop.agents.procedural.operators.registry import OPERATORS

Row = tuple[str, str, str]

ROWS: list[Row] = [
    ("lost-copy", "ys = list(x)\nys.pop()\nreturn ys", "ys = x\nys.pop()\nreturn ys"),
    ("lost-copy", "for i in x[:]:\n    x.remove(i)\nreturn x", "for i in x:\n    x.remove(i)\nreturn x"),
    ("lost-copy", "return x.copy()", "return x"),
    ("sorted-in-place", "ys = sorted(x, key=len)\nreturn ys", "x.sort(key=len)\nys = x\nreturn ys"),
    ("sorted-in-place", "x = sorted(x)\nreturn x", "x.sort()\nreturn x"),
    (
        "shared-container",
        "rows = []\nfor i in x:\n    row = []\n    row.append(i)\n    rows.append(row)\nreturn rows",
        "rows = []\nrow = []\nfor i in x:\n    row.append(i)\n    rows.append(row)\nreturn rows",
    ),
    ("sort-returns-none", "ys = sorted(x)\nreturn ys", "ys = x.sort()\nreturn ys"),
    ("keeps-none", "ys = []\nys.append(x)\nreturn ys", "ys = []\nys = ys.append(x)\nreturn ys"),
    ("lost-result", "x = x.strip()\nreturn x", "x.strip()\nreturn x"),
    (
        "early-return",
        "t = 0\nfor i in x:\n    t += i\nreturn t",
        "t = 0\nfor i in x:\n    t += i\n    return t",
    ),
    ("missing-return", "return x + y", "x + y"),
    ("print-for-return", "return x, y", "print((x, y))"),
    ("return-for-yield", "for i in x:\n    yield i", "for i in x:\n    return i"),
    ("yield-for-yield-from", "yield from x", "yield x"),
    ("text-for-value", "return len(x)", "return str(len(x))"),
    ("lost-comma", "return (x,)", "return (x)"),
    (
        "missing-base-case",
        "if not x:\n    return 0\nreturn 1 + f(x[1:])",
        "return 1 + f(x[1:])",
    ),
    ("lost-guard", "if not x:\n    return 0\nreturn y", "return y"),
    ("lost-else", "z = 0\nif x:\n    z = 1\nelse:\n    z = 2\nreturn z", "z = 0\nif x:\n    z = 1\nreturn z"),
    (
        "lost-elif",
        "if x:\n    z = 1\nelif y:\n    z = 2\nelse:\n    z = 3\nreturn z",
        "if x:\n    z = 1\nelse:\n    z = 3\nreturn z",
    ),
    (
        "if-for-elif",
        "z = 0\nif x:\n    z = 1\nelif y:\n    z = 2\nreturn z",
        "z = 0\nif x:\n    z = 1\nif y:\n    z = 2\nreturn z",
    ),
    ("lost-statement", "t = 0\nfor i in x:\n    t += i\nreturn t", "t = 0\nfor i in x:\n    pass\nreturn t"),
    ("lost-statement", "x = x.strip()\nreturn x", "return x"),
    (
        "reset-in-loop",
        "t = 0\nfor i in x:\n    t += i\nreturn t",
        "for i in x:\n    t = 0\n    t += i\nreturn t",
    ),
    (
        "outdented-statement",
        "t = []\nfor i in x:\n    k = i * 2\n    t.append(k)\nreturn t",
        "t = []\nfor i in x:\n    k = i * 2\nt.append(k)\nreturn t",
    ),
    (
        "indented-statement",
        "t = 0\nfor i in x:\n    t += i\nt *= 2\nreturn t",
        "t = 0\nfor i in x:\n    t += i\n    t *= 2\nreturn t",
    ),
    (
        "break-for-continue",
        "t = 0\nfor i in x:\n    if not i:\n        continue\n    t += i\nreturn t",
        "t = 0\nfor i in x:\n    if not i:\n        break\n    t += i\nreturn t",
    ),
    (
        "continue-for-break",
        "t = 0\nfor i in x:\n    if not i:\n        break\n    t += i\nreturn t",
        "t = 0\nfor i in x:\n    if not i:\n        continue\n    t += i\nreturn t",
    ),
    (
        "lost-continue",
        "t = 0\nfor i in x:\n    if not i:\n        continue\n    t += 1\nreturn t",
        "t = 0\nfor i in x:\n    if not i:\n        pass\n    t += 1\nreturn t",
    ),
    ("range-stop", "return list(range(1, x + 1))", "return list(range(1, x))"),
    ("range-stop", "return list(range(x))", "return list(range(x - 1))"),
    ("range-start", "return list(range(x))", "return list(range(1, x))"),
    ("enumerate-start", "return list(enumerate(x))", "return list(enumerate(x, 1))"),
    ("enumerate-start", "return list(enumerate(x, 1))", "return list(enumerate(x, 0))"),
    ("slice-bound", "return x[1:]", "return x[2:]"),
    ("slice-bound", "return x[:-1]", "return x[:]"),
    ("slice-side", "return x[:y]", "return x[y:]"),
    ("slice-step", "return x[::-1]", "return x[:]"),
    ("index-shift", "return x[0]", "return x[1]"),
    ("index-shift", "return x[-1]", "return x[0]"),
    ("lost-clamp", "return max(0, x - y)", "return x - y"),
    ("lost-call", "return sorted(x)[0]", "return x[0]"),
    ("lost-call", "return abs(x - y) * 2", "return (x - y) * 2"),
    ("lost-call", "return x.strip().split(y)", "return x.split(y)"),
    ("lost-conversion", "return str(x) + y", "return x + y"),
    ("lost-argument", "return x.get(y, 0)", "return x.get(y)"),
    ("lost-argument", "return x.split(',')", "return x.split()"),
    ("lost-keyword", "return sorted(x, key=len, reverse=True)", "return sorted(x, reverse=True)"),
    ("wrong-builtin", "return min(x, y)", "return max(x, y)"),
    ("wrong-builtin", "return any(i > y for i in x)", "return all(i > y for i in x)"),
    ("wrong-method", "z = []\nz.extend(x)\nreturn z", "z = []\nz.append(x)\nreturn z"),
    ("key-for-value", "return max(x.values())", "return max(x.keys())"),
    ("swapped-choice", "return x if x > y else y", "return y if x > y else x"),
    ("boolean-mix", "return x and y", "return x or y"),
    ("lost-condition", "if x and y:\n    return 1\nreturn 2", "if x:\n    return 1\nreturn 2"),
    ("lost-filter", "return [i for i in x if i != y]", "return [i for i in x]"),
    ("narrowed-type", "return isinstance(x, (int, float))", "return isinstance(x, int)"),
    ("negated-condition", "if x.isdigit():\n    return 1\nreturn 2", "if not x.isdigit():\n    return 1\nreturn 2"),
    ("negated-condition", "if not x:\n    return 1\nreturn 2", "if x:\n    return 1\nreturn 2"),
    ("comparison-boundary", "return x < y", "return x <= y"),
    ("comparison-direction", "return x < y", "return x > y"),
    ("opposite-comparison", "return x not in y", "return x in y"),
    ("identity-for-equality", "return x == y", "return x is y"),
    ("falsy-for-none", "if x is None:\n    x = 3\nreturn x", "if not x:\n    x = 3\nreturn x"),
    ("wrong-exception", "if not x:\n    raise ValueError\nreturn y", "if not x:\n    raise TypeError\nreturn y"),
    ("none-for-exception", "if not x:\n    raise KeyError(y)\nreturn y", "if not x:\n    return None\nreturn y"),
    (
        "wrong-handler",
        "try:\n    return x[y]\nexcept KeyError:\n    return 0",
        "try:\n    return x[y]\nexcept IndexError:\n    return 0",
    ),
    ("arithmetic-operator", "return x + y", "return x - y"),
    ("division", "return x // y", "return x / y"),
    ("swapped-operands", "return x - y", "return y - x"),
    ("swapped-operands", "return x - 1 - (y - 2)", "return (y - 2) - (x - 1)"),
    ("lost-parentheses", "return (x + y) * 2", "return x + y * 2"),
    ("lost-sign", "return -x", "return x"),
    ("augmented-operator", "x += y\nreturn x", "x -= y\nreturn x"),
    ("lost-accumulation", "x += y\nreturn x", "x = y\nreturn x"),
    ("unpack-swap", "a, b = x\nreturn a - b", "b, a = x\nreturn a - b"),
    ("swapped-result", "return x, y", "return y, x"),
    ("one-after-the-other", "x, y = y, x + y\nreturn x, y", "x = y\ny = x + y\nreturn x, y"),
    ("swapped-arguments", "return pow(x, y)", "return pow(y, x)"),
    ("raw-for-derived", "z = x.strip()\nreturn z + y", "z = x.strip()\nreturn x + y"),
    ("wrong-variable", "return [x, y]", "return [y, y]"),
    ("initial-value", "t = 0\nfor i in x:\n    t += i\nreturn t", "t = 1\nfor i in x:\n    t += i\nreturn t"),
    ("separator", "return ', '.join(x)", "return ','.join(x)"),
    ("constant-shift", "return x % 12", "return x % 11"),
]

SIGNATURES: list[Row] = [
    (
        "mutable-default",
        "def f(x, seen=None):\n    if seen is None:\n        seen = []\n    seen.append(x)\n    return seen\n",
        "def f(x, seen=[]):\n    if seen is None:\n        seen = []\n    seen.append(x)\n    return seen\n",
    ),
    (
        "wrong-default",
        "def f(x, *, strict=False):\n    return g(strict)\n",
        "def f(x, *, strict=True):\n    return g(strict)\n",
    ),
]


def function(body: str) -> str:
    return "def f(x, y):\n" + textwrap.indent(body, "    ") + "\n"


def texts(code: str, operator: str) -> list[str]:
    return [apply_faults(code, [fault]) for fault in propose_faults(code, "f") if fault.operator == operator]


@pytest.mark.parametrize(("operator", "right", "wrong"), ROWS)
def test_an_operator_writes_the_body_as_somebody_gets_it_wrong(operator: str, right: str, wrong: str) -> None:
    assert function(wrong) in texts(function(right), operator)


@pytest.mark.parametrize(("operator", "right", "wrong"), SIGNATURES)
def test_an_operator_writes_the_default_as_somebody_gets_it_wrong(operator: str, right: str, wrong: str) -> None:
    assert wrong in texts(right, operator)


def test_every_operator_has_a_row() -> None:
    assert {row[0] for row in ROWS + SIGNATURES} == {operator.name for operator in OPERATORS}


def test_operators_have_names_of_their_own() -> None:
    assert len({operator.name for operator in OPERATORS}) == len(OPERATORS) >= 26


SAFE: list[Row] = [
    ("a while loop's test", "while x < y:\n    x += 1\nreturn 0", "x < y"),
    ("the update it waits for", "while x < y:\n    x += 1\nreturn 0", "x += 1"),
    ("a list that it empties", "while x:\n    x.pop()\nreturn 0", "x.pop()"),
    ("a condition that leaves it", "while True:\n    if x > y:\n        break\n    x += 1\nreturn 0", "if x > y"),
    ("a loop over a count", "for i in itertools.count(x):\n    if i > y:\n        break\nreturn 0", "i > y"),
    ("a message", "if x:\n    raise ValueError('bad ' + str(x))\nreturn 0", "'bad ' + str(x)"),
    ("a docstring", '"""Return 1 + 1."""\nreturn x', '"""Return 1 + 1."""'),
    ("an annotation", "z: list[int] = x\nreturn z", "z: list[int] ="),
    ("an assertion", "assert x > 0, 'x > 0'\nreturn x", "assert x > 0, 'x > 0'"),
]


@pytest.mark.parametrize(("what", "body", "kept"), SAFE)
def test_no_fault_touches(what: str, body: str, kept: str) -> None:
    code = function(body)
    start = code.index(kept)
    end = start + len(kept)
    assert [fault.summary for fault in propose_faults(code, "f") if start <= fault.start and fault.end <= end] == []


@pytest.mark.parametrize(
    "body", ["for i in list(x):\n    x.append(i)\nreturn x", "for i in sorted(x):\n    x += [i]\nreturn x"]
)
def test_no_list_grows_while_it_is_walked_over(body: str) -> None:
    code = function(body)
    assert [fault.summary for fault in propose_faults(code, "f") if "in x:" in apply_faults(code, [fault])] == []


def test_no_fault_reads_a_name_before_it_is_bound() -> None:
    code = function("if x:\n    return 1\nelse:\n    z = 2\nreturn z")
    missing_return = function("if x:\n    1\nelse:\n    z = 2\nreturn z")
    assert missing_return not in [apply_faults(code, [fault]) for fault in propose_faults(code, "f")]
