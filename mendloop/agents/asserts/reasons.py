"""Why an assert becomes no case: the reasons as they are counted."""

from __future__ import annotations

ALWAYS_TRUE = "vacuous: a tuple is always true"
ON_CONSTANT = "vacuous: an assert on a constant"
WITH_ITSELF = "vacuous: compares the function with itself"
SWALLOWED = "vacuous: swallowed by try/except"
NEVER_TRUE = "vacuous: under a condition that is never true"
OVER_NOTHING = "vacuous: in a loop over nothing"
ASSERTS_NOTHING = "vacuous: a test without an assert"
NEVER_CALLS = "never calls the function"
ELSEWHERE = "calls something else"
NO_LITERAL = "expected value is no literal"
AS_MESSAGE = "expected value stands where the message does"
NO_PARSE = "does not parse"
DUPLICATE = "duplicate call"
DISAGREE = "several asserts of one call disagree"
CONDITION = "under a condition or in a loop"
COMPREHENSION = "calls the function inside a comprehension"
NO_EXCEPTION = "expected exception is no single built-in class"
SEVERAL_RAISE = "several calls under one expected exception"
OVER_LIMIT = "more than the limit"
TOO_LONG = "too long"
UNBOUND = "uses names that the text does not bind"


class RefusedError(Exception):
    """An assert cannot become a case; the message is the reason as it is counted."""
