from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mendloop.agents.procedural.traces import Parting, first_parting, last_return
from mendloop.executions import Step

Traced = Callable[[str, str], Any]

TOTAL = """\
def total(values):
    result = 0
    for value in values:
        if value < 0:
            continue
        result = result + value
    return result
"""

DEEP = """\
def depth(tree):
    if not isinstance(tree, list):
        return 0
    best = 0
    for branch in tree:
        best = max(best, depth(branch))
    return best + 1
"""


def parting_of(traced: Traced, reference: str, old: str, new: str, call: str) -> Parting | None:
    assert reference.count(old) == 1
    faulty = reference.replace(old, new)
    return first_parting(traced(faulty, call).trace, traced(reference, call).trace, faulty, reference)


def test_a_wrong_value_is_blamed_on_the_line_that_computes_it(traced: Traced) -> None:
    found = parting_of(traced, TOTAL, "result + value", "result - value", "total([3, 4])")
    assert found is not None
    assert (found.kind, found.line, found.variable) == ("value", 6, "result")
    assert (found.observed, found.expected, found.visit) == ("-3", "3", 1)
    assert found.values == {"values": "[3, 4]", "result": "0", "value": "3"}


def test_another_branch_is_blamed_on_its_condition(traced: Traced) -> None:
    found = parting_of(traced, TOTAL, "value < 0", "value <= 0", "total([1, 0])")
    assert found is not None
    assert (found.kind, found.line, found.visit) == ("branch", 4, 2)
    assert (found.next_line, found.correct_next) == (5, 6)


def test_a_lost_statement_is_seen_after_the_line_before_it(traced: Traced) -> None:
    found = parting_of(traced, TOTAL, "        result = result + value\n", "", "total([5])")
    assert found is not None
    assert (found.kind, found.line, found.variable, found.expected) == ("lost", 4, "result", "5")


@pytest.mark.parametrize(
    ("old", "new", "kind", "line"),
    [
        ("result = 0", "result = 1", "value", 2),
        ("in values", "in values[1:]", "value", 3),
        ("continue", "break", "branch", 5),
        ("    return result\n", "        return result\n", "jump", 7),
    ],
)
def test_the_parting_points_to_the_edited_line(traced: Traced, old: str, new: str, kind: str, line: int) -> None:
    found = parting_of(traced, TOTAL, old, new, "total([-1, 2, 3])")
    assert found is not None
    assert (found.kind, found.line) == (kind, line)


def test_another_default_is_blamed_on_the_signature(traced: Traced) -> None:
    reference = "def scale(x, by=2):\n    y = x * by\n    return y\n"
    found = parting_of(traced, reference, "by=2", "by=3", "scale(5)")
    assert found is not None
    assert (found.kind, found.line, found.variable, found.observed) == ("default", 1, "by", "3")


def test_a_recursive_call_with_another_argument_is_blamed_on_the_caller(traced: Traced) -> None:
    found = parting_of(traced, DEEP, "depth(branch)", "depth(best)", "depth([[1]])")
    assert found is not None
    assert (found.kind, found.line, found.variable, found.observed, found.expected) == (
        "argument",
        6,
        "tree",
        "0",
        "[1]",
    )


def test_what_a_recursive_call_returns_is_blamed_on_its_return(traced: Traced) -> None:
    found = parting_of(traced, DEEP, "best + 1", "best + 2", "depth([[1], 2])")
    assert found is not None
    assert (found.kind, found.line, found.variable) == ("value", 7, "best")


def test_runs_that_differ_only_in_their_result_do_not_part(traced: Traced) -> None:
    faulty = TOTAL.replace("return result", "return -result")
    run = traced(faulty, "total([1])")
    assert first_parting(run.trace, traced(TOTAL, "total([1])").trace, faulty, TOTAL) is None
    assert last_return(run.trace, faulty) == 7


def test_an_exception_ends_the_run_at_the_line_that_raised(traced: Traced) -> None:
    found = parting_of(traced, TOTAL, "result + value", "result + values[value]", "total([7])")
    assert found is not None
    assert (found.kind, found.line) == ("ended", 6)


def test_a_missing_refusal_is_seen_where_the_run_goes_on(traced: Traced) -> None:
    guarded = TOTAL.replace(
        "    result = 0\n", "    if not values:\n        raise ValueError('empty')\n    result = 0\n"
    )
    found = parting_of(traced, guarded, "    if not values:\n        raise ValueError('empty')\n", "", "total([])")
    assert found is not None
    assert (found.kind, found.next_line) == ("went_on", 2)


def test_comprehension_frames_stay_on_their_line(traced: Traced) -> None:
    code = "def double(xs):\n    found = [x * 2 for x in xs if x > 1]\n    return found\n"
    found = parting_of(traced, code, "x * 2", "x * 3", "double([1, 2])")
    assert found is not None
    assert (found.line, found.variable, found.observed, found.expected) == (2, "found", "[6]", "[4]")


def test_addresses_are_no_difference() -> None:
    code = "def f():\n    g = iter([])\n    return g\n"
    one, two = ((Step(line=3, depth=1, changed={"g": f"<list_iterator object at 0x{n}>"}),) for n in ("1f", "2e"))
    assert first_parting(one, two, code, code) is None


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_a_truncated_trace_raises_nothing(traced: Traced, cut: int) -> None:
    faulty = TOTAL.replace("value < 0", "value > 0")
    run = traced(faulty, "total([1, 2])")
    short = replace(run, trace=run.trace[:cut])
    found = first_parting(short.trace, traced(TOTAL, "total([1, 2])").trace, faulty, TOTAL)
    assert found is None or found.kind in ("ended", "branch")
