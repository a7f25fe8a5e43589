"""Asserts that a language model wrote, as cases that the host judges. Text is parsed here and never executed."""

from __future__ import annotations

from mendloop.agents.asserts.claims import agreeing
from mendloop.agents.asserts.reader import Reader
from mendloop.agents.asserts.reasons import (
    NO_LITERAL,
    OVER_LIMIT,
)
from mendloop.errors import InputError
from mendloop.frozen import Frozen
from mendloop.records import Case, Origin
from mendloop.tools.judging import validate


class ParsedCases(Frozen):
    """The cases of a text in its order; `refused` counts the asserts that became none, by reason."""

    cases: tuple[Case, ...]
    refused: dict[str, int] = {}


def parse_cases(text: str, entry_point: str, *, prefix: str, limit: int, origin: Origin = "generated") -> ParsedCases:
    """Parse what a model wrote as tests of `entry_point` into at most `limit` cases `<prefix>1`, `<prefix>2`, ...

    Understood, inside prose and fences too: asserts at top level, in functions, classes, literal loops, parametrize
    tables and methods of unittest; doctests; expected exceptions; variables; arguments that the call changes. Two
    asserts of one call that disagree give no case at all. Any text is read in bounded time, and none raises.
    """
    reader = Reader(entry_point)
    reader.read(text)
    cases: list[Case] = []
    for claim in agreeing(reader.claims, reader.refused):
        if len(cases) >= limit:
            reader.refused[OVER_LIMIT] += 1
            continue
        try:
            case = claim.case(f"{prefix}{len(cases) + 1}", origin)
            validate(case)
            cases.append(case)
        except (InputError, ValueError):
            reader.refused[NO_LITERAL] += 1
    return ParsedCases(cases=tuple(cases), refused=dict(sorted((+reader.refused).items())))
