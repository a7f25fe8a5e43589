"""The names that a diagnosis may give a fault: one vocabulary for models, injected faults and lessons."""

from __future__ import annotations

import re
from difflib import get_close_matches

FAULTS: dict[str, str] = {
    "wrong_condition": "a comparison or condition decides wrongly",
    "off_by_one": "a boundary, range or index is one too far or too short",
    "wrong_operator": "an arithmetic or bitwise operator is wrong",
    "wrong_constant": "a literal has the wrong value",
    "wrong_initial_value": "a variable begins with the wrong value",
    "wrong_variable": "another variable should be used",
    "wrong_index_or_slice": "an index or slice takes the wrong part",
    "wrong_loop": "a loop runs over the wrong things, ends too early or never",
    "wrong_builtin_or_method": "a wrong function or method is called",
    "swapped_arguments": "arguments or operands stand in the wrong order",
    "missing_case": "an input or edge case is not dealt with",
    "missing_return": "a result is not returned",
    "early_return": "a result is returned too soon",
    "lost_statement": "a needed step is missing",
    "extra_statement": "a step is done that must not be done",
    "wrong_exception": "the wrong exception, or none, is raised or caught",
    "type_mix": "values of different types are mixed up",
    "mutated_argument": "an argument is changed that must stay as it is",
    "shared_state": "state survives from one call to the next",
    "wrong_algorithm": "the whole approach does not solve the task",
    "unknown_logic": "something else",
}
MANY = 5
"""A text with so many of the names repeats the vocabulary instead of choosing."""


def fault_named(text: str) -> str:
    """Return the name of the vocabulary that a text means, the first of several; `unknown_logic` for none."""
    said = re.sub(r"[^a-z]+", "_", text.lower()).strip("_")
    if said in FAULTS:
        return said
    inside = [name for name in FAULTS if name in said]
    if len(inside) >= MANY:
        return "unknown_logic"
    if inside:
        return min(inside, key=said.index)
    close = get_close_matches(said[:60], FAULTS, n=1, cutoff=0.75)
    return close[0] if close else "unknown_logic"
