"""The laws of injected faults: small edits of the real text that compose and can be undone one by one."""

import ast
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mendloop.agents.procedural.faults import (
    MOST_FAULTS,
    MOST_PER_OPERATOR,
    apply_faults,
    compatible,
    lines_of,
    overlaps,
    propose_faults,
)
from mendloop.agents.procedural.mutants import mutants
from mendloop.records import Fault
from tests.agents.procedural.searching import SEARCH

NORMALISE = '''\
def normalise(name, limit=8):  # café
    """Return a name as an identifier: lower case, single dashes."""
    words = []
    for part in name.split("-"):
        part = part.strip()  # white space is no part of a name
        if not part or part == "x":
            continue
        words.append(part.lower())
    if len(words) > limit:
        raise ValueError("too long: " + name)
    return "-".join(words), len(words) - 1
'''

FAULTS = propose_faults(NORMALISE, "normalise")


@st.composite
def compatible_faults(draw: st.DrawFn) -> list[Fault]:
    chosen: list[Fault] = []
    for fault in draw(st.lists(st.sampled_from(FAULTS), max_size=4, unique_by=lambda each: each.id)):
        if not any(overlaps(fault, other) for other in chosen):
            chosen.append(fault)
    return chosen


@given(compatible_faults(), st.data())
def test_the_order_of_faults_does_not_matter(faults: list[Fault], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(faults))
    assert apply_faults(NORMALISE, shuffled) == apply_faults(NORMALISE, faults)


@given(compatible_faults(), st.data())
def test_undoing_one_fault_is_applying_the_rest(faults: list[Fault], data: st.DataObject) -> None:
    text = apply_faults(NORMALISE, faults)
    if not faults:
        assert text == NORMALISE
        return
    undone = data.draw(st.sampled_from(faults))
    rest = [fault for fault in faults if fault != undone]
    shift = sum(len(fault.after) - len(fault.before) for fault in rest if fault.start < undone.start)
    start = undone.start + shift
    assert text[start : start + len(undone.after)] == undone.after
    restored = text[:start] + undone.before + text[start + len(undone.after) :]
    assert restored == apply_faults(NORMALISE, rest)


@given(st.sampled_from(FAULTS), st.sampled_from(FAULTS))
def test_overlap_is_symmetric_and_decides_what_can_be_applied(first: Fault, second: Fault) -> None:
    assert overlaps(first, second) == overlaps(second, first)
    if first != second and overlaps(first, second):
        assert not compatible(NORMALISE, [first, second])
        with pytest.raises(ValueError, match="overlap"):
            apply_faults(NORMALISE, [first, second])


@given(st.sampled_from(FAULTS))
def test_a_fault_says_where_it_stands(fault: Fault) -> None:
    assert NORMALISE[fault.start : fault.end] == fault.before
    assert NORMALISE[: fault.start].count("\n") + 1 == lines_of(fault)[0]
    assert fault.line in lines_of(fault)
    assert fault.summary.endswith(".")


def test_a_fault_of_another_text_is_refused() -> None:
    with pytest.raises(ValueError, match="does not belong"):
        apply_faults("# moved\n" + NORMALISE, FAULTS[:1])


def test_two_faults_that_together_do_not_parse_are_not_compatible() -> None:
    code = "def f(x):\n    if x:\n        x += 1\n        x += 2\n    return x\n"
    lost = [fault for fault in propose_faults(code, "f") if fault.operator == "lost-statement"]
    assert [compatible(code, lost[:1]), compatible(code, lost)] == [True, False]


def test_proposals_are_the_same_at_every_call() -> None:
    assert propose_faults(NORMALISE, "normalise") == FAULTS


def test_no_two_faults_give_the_same_text() -> None:
    texts = [apply_faults(NORMALISE, [fault]) for fault in FAULTS]
    assert len({*texts, NORMALISE}) == len(FAULTS) + 1


def test_the_proposals_for_one_function() -> None:
    shown = [(fault.line, fault.operator, fault.before.strip(), fault.after.strip()) for fault in FAULTS]
    assert shown == SNAPSHOT


def test_faults_of_a_helper_are_marked() -> None:
    code = "def half(n):\n    return n // 2\n\n\ndef unused(n):\n    return n // 3\n\n\ndef f(n):\n    return half(n)\n"
    summaries = [fault.summary for fault in propose_faults(code, "f") if fault.operator == "division"]
    assert summaries == ["In the helper `half`: `n / 2` divides with the wrong kind of division: it was `//`."]


def test_a_helper_that_a_while_loop_waits_for_is_left_alone() -> None:
    code = "def step(n):\n    return n // 2\n\n\ndef f(n):\n    while n > 1:\n        n = step(n)\n    return n + 3\n"
    assert {fault.line for fault in propose_faults(code, "f")} == {8}


def test_mutants_may_loop_for_ever_where_those_that_end_are_too_few() -> None:
    ending = [apply_faults(SEARCH, [fault]) for fault in propose_faults(SEARCH, "search")]
    assert 0 < len(ending) < 5
    made = [mutant.code for mutant in mutants(SEARCH, "search", 10)]
    assert len(set(made)) == 10
    assert set(made[: len(ending)]) == set(ending)
    assert any("middle + 1" not in code for code in made)
    assert [mutant.code for mutant in mutants(SEARCH, "search", len(ending))] == made[: len(ending)]


def test_a_long_function_gets_a_bounded_and_mixed_set() -> None:
    lines = [f"    if a[{n}] < b[{n}] and a != {n}:\n        return a[{n}:] + b[:{n}]" for n in range(2, 40)]
    faults = propose_faults("def f(a, b):\n" + "\n".join(lines) + "\n    return a\n", "f")
    operators = [fault.operator for fault in faults]
    assert len(faults) == MOST_FAULTS
    assert max(operators.count(name) for name in operators) <= MOST_PER_OPERATOR
    assert max(fault.line for fault in faults) > 50


def test_a_missing_entry_point_is_named() -> None:
    with pytest.raises(ValueError, match="'g'"):
        propose_faults("def f():\n    pass\n", "g")


def test_code_that_does_not_parse_is_refused() -> None:
    with pytest.raises(SyntaxError):
        propose_faults("def f(:\n", "f")


def library_functions() -> Iterator[tuple[str, str]]:
    """Yield functions of the running interpreter's library with a docstring and 4 to 60 lines, as text and name."""
    library = Path(sysconfig.get_path("stdlib"))
    for path in sorted(library.glob("*.py")):
        code = path.read_text(encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            functions = [node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)]
        for node in functions:
            assert node.end_lineno is not None
            if 4 <= node.end_lineno - node.lineno + 1 <= 60 and ast.get_docstring(node):
                yield "".join(code.splitlines(keepends=True)[node.lineno - 1 : node.end_lineno]), node.name


LIBRARY = tuple(library_functions())[::30]


def test_faults_in_the_standard_library_compile_and_are_plenty() -> None:
    faults = [(code, propose_faults(code, name)) for code, name in LIBRARY]
    for code, found in faults:
        assert [fault.summary for fault in found if not compatible(code, [fault])] == []
    rich = sum(len(found) >= 5 for _, found in faults)
    assert rich / len(LIBRARY) > 0.7


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(LIBRARY), st.data())
def test_the_laws_hold_on_real_functions(sample: tuple[str, str], data: st.DataObject) -> None:
    code, name = sample
    faults = propose_faults(code, name)
    if len(faults) < 2:
        return
    first, second = data.draw(st.lists(st.sampled_from(faults), min_size=2, max_size=2, unique_by=lambda each: each.id))
    if not overlaps(first, second):
        both = apply_faults(code, [first, second])
        assert both == apply_faults(code, [second, first])
        assert both not in (apply_faults(code, [first]), apply_faults(code, [second]))


SNAPSHOT: list[tuple[int, str, str, str]] = [
    (1, "wrong-default", "8", "7"),
    (
        3,
        "reset-in-loop",
        'words = []\n    for part in name.split("-"):',
        'for part in name.split("-"):\n        words = []',
    ),
    (4, "lost-argument", '"-"', ""),
    (4, "separator", '"-"', '"- "'),
    (5, "lost-statement", "part = part.strip()  # white space is no part of a name", ""),
    (5, "lost-result", "part = part.strip()", "part.strip()"),
    (5, "lost-call", "part.strip()", "part"),
    (5, "wrong-method", "strip", "lstrip"),
    (6, "lost-guard", 'if not part or part == "x":\n            continue', ""),
    (6, "lost-condition", "not part or", ""),
    (6, "negated-condition", 'not part or part == "x"', 'not (not part or part == "x")'),
    (6, "lost-condition", 'or part == "x"', ""),
    (6, "boolean-mix", "or", "and"),
    (6, "opposite-comparison", "==", "!="),
    (7, "break-for-continue", "continue", "break"),
    (7, "lost-continue", "continue", "pass"),
    (8, "outdented-statement", "words.append(part.lower())", "words.append(part.lower())"),
    (8, "lost-statement", "words.append(part.lower())", ""),
    (8, "keeps-none", "words.append(part.lower())", "words = words.append(part.lower())"),
    (8, "wrong-method", "append", "extend"),
    (8, "lost-call", "part.lower()", "part"),
    (8, "wrong-method", "lower", "upper"),
    (9, "lost-guard", 'if len(words) > limit:\n        raise ValueError("too long: " + name)', ""),
    (9, "comparison-direction", ">", "<"),
    (9, "opposite-comparison", ">", "<="),
    (9, "comparison-boundary", ">", ">="),
    (10, "none-for-exception", 'raise ValueError("too long: " + name)', "return None"),
    (10, "wrong-exception", "ValueError", "TypeError"),
    (11, "missing-return", "return", ""),
    (11, "print-for-return", 'return "-".join(words), len(words) - 1', 'print(("-".join(words), len(words) - 1))'),
    (11, "separator", '"-"', '"- "'),
    (11, "swapped-result", '"-".join(words), len(words) - 1', 'len(words) - 1, "-".join(words)'),
    (11, "swapped-operands", "len(words) - 1", "1 - len(words)"),
    (11, "arithmetic-operator", "-", "+"),
    (11, "constant-shift", "1", "0"),
    (11, "constant-shift", "1", "2"),
]
