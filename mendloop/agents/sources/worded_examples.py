"""Examples in the words of a statement: doctests, and lines such as `f(2) => 4`. Text is read, never executed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mendloop.agents.assertions import parse_cases
from mendloop.agents.asserts.expressions import expression
from mendloop.errors import InputError
from mendloop.records import Case
from mendloop.tools.values import parse_expected

MAX_EXAMPLES = 20
_MAX_LINE = 2_000
_MAX_VALUE = 400
_SAYS = re.compile(
    r"`?[ \t]*(?:#[ \t]*)?(?:===?>|=>|==|->|➞|→|(?:should |will |must )?(?:returns?|gives?|yields?)\b:?)[ \t]*`?"
)
_GOES_ON = re.compile(r"[`.,;:)]*(?:\s+[A-Za-z#(`]|\s*$)")
"""What may follow a value: the end, or words; an operator would make it a part of something else."""


def worded_examples(text: str, entry_point: str) -> tuple[Case, ...]:
    """Return the examples that a text gives of a function, as cases `e1`, `e2`, ... of origin `given`.

    Understood are doctests, and on one line a call, then `=>`, `==`, `->`, `➞`, `returns` or `gives`, then a
    literal. Two that say different things of one call give none. What cannot be read surely is left out.
    """
    lines = [line[:_MAX_LINE] for line in text.splitlines()]
    said = [*_doctests(lines), *(claim for line in lines for claim in _claims(line, entry_point))]
    return parse_cases("\n".join(said), entry_point, prefix="e", limit=MAX_EXAMPLES, origin="given").cases


def _doctests(lines: list[str]) -> Iterator[str]:
    """Yield an assert for each prompt of one line whose answer, before an empty line or a prompt, is a literal."""
    for number, line in enumerate(lines):
        prompt = line.strip()
        if not prompt.startswith(">>> "):
            continue
        answer: list[str] = []
        for after in lines[number + 1 :]:
            if not after.strip() or after.strip().startswith(">>>"):
                break
            answer.append(after.strip())
        call, value = prompt.removeprefix(">>> ").strip(), " ".join(answer)
        if expression(call) is not None and _is_value(value):
            yield f"assert {call} == {value}"


def _claims(line: str, entry_point: str) -> Iterator[str]:
    """Yield an assert for each call in a line that is followed by what it gives."""
    for found in re.finditer(rf"(?<![\w.]){re.escape(entry_point)}\(", line):
        call = _call(line[found.start() :])
        says = _SAYS.match(line, found.start() + len(call)) if call else None
        value = _value(line[says.end() :]) if says else ""
        if call and value:
            yield f"assert {call} == {value}"


def _call(text: str) -> str:
    """Return the call that a text begins with; empty where it does not end in the text."""
    for closing in re.finditer(r"\)", text):
        call = text[: closing.end()]
        if isinstance(expression(call), ast.Call):
            return call
    return ""


def _value(text: str) -> str:
    """Return the longest literal that a text begins with, where nothing goes on with it; empty where there is none."""
    for end in range(min(len(text), _MAX_VALUE), 0, -1):
        if not text[end - 1].isspace() and _GOES_ON.match(text, end) and _is_value(text[:end]):
            return text[:end]
    return ""


def _is_value(text: str) -> bool:
    """Tell whether a text is a literal; a tuple stands in its brackets, else commas of the prose would make some."""
    node = expression(text)
    if node is None or (isinstance(node, ast.Tuple) and not text.lstrip().startswith("(")):
        return False
    try:
        parse_expected(text)
    except InputError:
        return False
    return True
