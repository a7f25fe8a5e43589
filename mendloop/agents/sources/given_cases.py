"""Tests that stand in a row of a user's file: a text with asserts, a list of them, or a list of case objects."""

from __future__ import annotations

from collections import Counter

from pydantic import ValidationError

from mendloop.agents.assertions import ParsedCases, parse_cases
from mendloop.agents.sources.jsonl import RowError, plain_text
from mendloop.errors import InputError
from mendloop.records import Case
from mendloop.tools.judging import validate

MAX_CASES = 200


def given_cases(tests: object, entry_point: str, *, key: str, prefix: str) -> ParsedCases:
    """Return the cases under a key of a row, of origin `given`; ids are `<prefix>1`, `<prefix>2`, ... where open.

    Raises RowError when there is no list and no text; what cannot be a case is counted as refused.
    """
    if isinstance(tests, str):
        return parse_cases(plain_text(tests), entry_point, prefix=prefix, limit=MAX_CASES, origin="given")
    if not isinstance(tests, list) or not tests:
        raise RowError(f"`{key}` is no text with asserts and no list of them")
    texts = [plain_text(test) for test in tests if isinstance(test, str)]
    parsed = parse_cases("\n".join(texts), entry_point, prefix=prefix, limit=MAX_CASES, origin="given")
    cases, refused = list(parsed.cases), Counter(parsed.refused)
    used = {case.id for case in cases}
    for test in tests:
        if isinstance(test, str):
            continue
        try:
            case = _case(test, f"{prefix}{len(cases) + 1}")
        except (InputError, ValidationError, TypeError, ValueError):
            refused["not a case"] += 1
            continue
        if case.id in used or len(cases) >= MAX_CASES:
            refused["its id was used before" if case.id in used else "more than the limit"] += 1
            continue
        used.add(case.id)
        cases.append(case)
    return ParsedCases(cases=tuple(cases), refused=dict(refused))


def _case(test: object, name: str) -> Case:
    if not isinstance(test, dict):
        raise TypeError("a case is an object")
    given = {**test, "id": str(test.get("id", name)), "origin": "given"}
    case = Case.model_validate(given)
    validate(case)
    return case
