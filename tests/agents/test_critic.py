"""What a failing case expects and shows, in words."""

from __future__ import annotations

from mendloop.agents.critic import expected_text
from mendloop.records import Case


def test_an_expected_exception_is_named_as_it_is_raised() -> None:
    assert expected_text(Case(id="1", call="f()", raises="BadError(ValueError)")) == "raises BadError"
    assert expected_text(Case(id="1", call="f()", raises="ValueError")) == "raises ValueError"


def test_an_expected_state_stands_beside_the_value() -> None:
    case = Case(id="1", call="f(x)", setup="x = [2, 1]", expect="None", after={"x": "[1, 2]"})
    assert expected_text(case) == "None; x == [1, 2] afterwards"
