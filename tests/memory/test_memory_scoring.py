from __future__ import annotations

import pytest

from mendloop.memory.protocol import Query
from mendloop.memory.scoring import relaxations, score, strip_code


@pytest.mark.parametrize(
    ("used", "helped", "expected"), [(0, 0, 0.5), (1, 1, 2 / 3), (1, 0, 1 / 3), (8, 8, 0.9), (8, 0, 0.1)]
)
def test_an_untried_lesson_counts_as_one_that_helps_every_other_time(used: int, helped: int, expected: float) -> None:
    assert score(1.0, used, helped) == pytest.approx(expected)


def test_the_error_type_is_given_up_before_the_fault() -> None:
    asked = Query(text="x", error_type="IndexError", index=1)
    assert relaxations(asked) == ("error_type", "any")
    assert relaxations(asked.model_copy(update={"fault": "off_by_one"})) == ("error_type", "fault", "any")


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        ("Check the bound.\n```python\nreturn x\n```\nThen test it.", "Check the bound.\n\nThen test it."),
        ("Check.\n~~~\ncode\n~~~", "Check."),
        ("Check.\n```python\nnever closed", "Check."),
        ("Check.\n\n    return secret\n    more\n\nEnd.", "Check.\n\nEnd."),
        ("Check.\n>>> f(1)\n... g\nEnd.", "Check.\n\nEnd."),
        ("  ```\n  code\n  ```\nEnd.", "End."),
        ("```\nonly code\n```", ""),
        ("Use `<=` instead of `<`.", "Use `<=` instead of `<`."),
        ("A list:\n    still prose, no blank line before", "A list:\n    still prose, no blank line before"),
    ],
)
def test_code_blocks_are_left_out_of_a_lesson(text: str, prose: str) -> None:
    assert strip_code(text) == prose
