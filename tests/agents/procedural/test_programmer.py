"""The procedural programmer's note on a diagnosis that named another line."""

from __future__ import annotations

import pytest

from mendloop.agents.procedural.programmer import misled
from mendloop.records import Fault

CODE = "def f(a):\n    a = a + 1\n    return a * 2 - 3\n"


def fault(before: str, after: str) -> Fault:
    start = CODE.index(before)
    return Fault(
        id=before, operator="o", kind="k", line=CODE.count("\n", 0, start) + 1, start=start, end=start + len(before),
        before=before, after=after, summary="",
    )  # fmt: skip


FIRST, SECOND, THIRD = fault("a + 1", "a + 2"), fault("* 2", "* 3"), fault("- 3", "- 4")


@pytest.mark.parametrize(
    ("tried", "undone", "line", "expected"),
    [
        (SECOND, FIRST, 3, True),
        (SECOND, THIRD, 3, False),  # the diagnosed line is mended after all, in its other place
        (SECOND, SECOND, 3, False),
        (SECOND, FIRST, 2, False),
        (SECOND, FIRST, None, False),
    ],
)
def test_a_diagnosis_misleads_only_when_its_line_is_not_what_is_mended(
    tried: Fault, undone: Fault, line: int | None, expected: bool
) -> None:
    assert misled((FIRST, SECOND, THIRD), tried, undone, line) is expected
