"""What can be wrong with a test that passes whatever the program does."""

from __future__ import annotations

from typing import Literal

from mendloop.frozen import Frozen

FlawKind = Literal[
    "no_python",
    "no_tests",
    "no_assertion",
    "tuple",
    "constant",
    "or_true",
    "itself",
    "swallowed",
    "exits",
    "after_return",
    "if_false",
    "empty_loop",
    "skipped",
    "uncalled",
    "patched",
]

SENTENCES: dict[FlawKind, str] = {
    "no_python": "the file is no Python",
    "no_tests": "the file has no test in it",
    "no_assertion": "the test asserts nothing",
    "tuple": "a tuple is always true, so its message is asserted and not its condition",
    "constant": "the assert is about a constant and not about the program",
    "or_true": "an alternative that is always true makes the assert pass",
    "itself": "the assert compares a value with itself",
    "swallowed": "the failure of the assert is caught and swallowed",
    "exits": "the test ends the process",
    "after_return": "the assert stands behind the end of the test and is never reached",
    "if_false": "the assert stands under a condition that is never true",
    "empty_loop": "the assert stands in a loop over nothing",
    "skipped": "the test is skipped or expected to fail",
    "uncalled": "the assert stands in a function that nothing calls",
    "patched": "the test replaces the part of the program that it asserts about",
}


class Flaw(Frozen):
    """Why an assert of a test, or the test or file (`test` is empty) as a whole, says nothing; `line` counts from 1."""

    kind: FlawKind
    test: str
    line: int

    @property
    def sentence(self) -> str:
        """What is wrong, in one plain sentence without a full stop."""
        return SENTENCES[self.kind]
