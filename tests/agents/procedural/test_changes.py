import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mendloop.agents.procedural.changes import describe_change
from mendloop.agents.selection import smallest_failing
from mendloop.executions import CaseResult, CaseStatus
from mendloop.records import Case

BODY = """\
def f(xs, n):
    total = 0
    for x in xs[1:]:
        if x < n and x:
            total += g(x, n)
    return total
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("x < n", "x <= n", "On line 4, the comparison changes: `if x < n and x` becomes `if x <= n and x`."),
        (" and ", " or ", "On line 4, the logic changes: `x < n and x` becomes `x < n or x`."),
        ("+=", "-=", "On line 5, the operator changes: `total += g(x, n)` becomes `total -= g(x, n)`."),
        ("= 0", "= 1", "On line 2, the constant changes: `total = 0` becomes `total = 1`."),
        ("g(x, n)", "g(n, x)", "On line 5, the order changes: `total += g(x, n)` becomes `total += g(n, x)`."),
        ("return total", "return n", "On line 6, the name changes: `return total` becomes `return n`."),
        ("return total", "total", "On line 6, `return total` becomes `total`."),
        ("total += g(x, n)", "pass", "On line 5, `total += g(x, n)` becomes `pass`."),
        ("    total = 0\n", "", "Line 2 goes: `total = 0`."),
        ("    total = 0\n", "    total = 0\n    n = 3\n", "A statement comes in on line 3: `n = 3`."),
        (
            "    total = 0\n",
            "    total = 0\n    if not xs:\n        return 0\n",
            "A branch comes in on line 3: `if not xs: / return 0`.",
        ),
        ("    return total", "        return total", "`return total` on line 6 moves deeper, into the block above it."),
        ("total = 0", "total = 0  # sum", "Only comments, blank lines or spacing change; the program does the same."),
    ],
)
def test_a_change_is_told_by_its_tokens(old: str, new: str, said: str) -> None:
    assert describe_change(BODY, BODY.replace(old, new)) == said


def test_a_statement_that_moves_is_told_as_one_move() -> None:
    moved = BODY.replace("    total = 0\n", "").replace(
        "    for x in xs[1:]:\n", "    for x in xs[1:]:\n        total = 0\n"
    )
    assert describe_change(moved, BODY) == "`total = 0` moves up from line 3 to line 2."


def test_many_changes_are_counted() -> None:
    other = BODY.replace("= 0", "= 1").replace("[1:]", "[2:]").replace("+=", "-=").replace("return total", "return n")
    said = describe_change(BODY, other)
    assert said.startswith("On line 2, the constant changes")
    assert said.endswith(", and 2 further places change too.")


def test_the_same_program_is_told_as_such() -> None:
    assert describe_change(BODY, BODY) == "The program is unchanged."


@example("", ":")
@given(st.text(), st.text())
def test_any_two_texts_have_a_description(before: str, after: str) -> None:
    assert describe_change(before, after).endswith(".")


@given(st.lists(st.sampled_from(BODY.splitlines())), st.lists(st.sampled_from(BODY.splitlines())))
def test_any_two_lists_of_lines_have_a_description(before: list[str], after: list[str]) -> None:
    assert describe_change("\n".join(before), "\n".join(after)).endswith(".")


def case(name: str, call: str, setup: str | None = None) -> Case:
    return Case(id=name, call=call, expect="1", setup=setup)


@pytest.mark.parametrize(
    ("cases", "statuses", "chosen"),
    [
        ([case("long", "f([1, 2, 3])"), case("short", "f([])")], ["fail", "fail"], "short"),
        ([case("late", "f([])"), case("wrong", "f([1, 2, 3])")], ["timeout", "error"], "wrong"),
        ([case("state", "f()", "s = 1"), case("plain", "f([1, 2, 3])")], ["fail", "fail"], "plain"),
        ([case("row", "(f(1), f(2))"), case("plain", "f([1, 2, 3, 4, 5])")], ["fail", "fail"], "plain"),
        ([case("first", "f(1)"), case("second", "f(2)")], ["fail", "fail"], "first"),
        ([case("green", "f(1)"), case("red", "f(22)")], ["pass", "fail"], "red"),
    ],
)
def test_the_failing_case_shown_is_the_easiest_to_read(
    cases: list[Case], statuses: list[CaseStatus], chosen: str
) -> None:
    results = [CaseResult(id=each.id, status=status) for each, status in zip(cases, statuses, strict=True)]
    assert smallest_failing(results, cases) == chosen


def test_without_a_failing_case_there_is_none_to_show() -> None:
    with pytest.raises(ValueError, match="no case fails"):
        smallest_failing([CaseResult(id="a", status="pass")], [case("a", "f(1)")])
