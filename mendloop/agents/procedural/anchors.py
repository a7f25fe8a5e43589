"""Checking the examples that people wrote against the code they are about."""

from __future__ import annotations

from collections.abc import Sequence

from mendloop.agents.procedural.literals import UNREAD, Items, is_number, read, same
from mendloop.executions import Outcome
from mendloop.records import Case
from mendloop.tools.values import render

MAX_EXPECTED = 300
"""Characters of an expected value that a statement can carry."""


def verified(cases: Sequence[Case], outcomes: Sequence[Outcome | None]) -> tuple[tuple[Case, ...], int]:
    """Return the cases that the executed reference obeys, and how many it contradicts.

    A case that could not be judged (no outcome, too long, repeated) is left out without counting as contradicted.
    """
    kept: dict[tuple[str | None, str | None], Case] = {}
    contradicted = 0
    for case, outcome in zip(cases, outcomes, strict=True):
        if outcome is None or outcome.status not in ("returned", "raised") or len(case.expect or "") > MAX_EXPECTED:
            continue
        if not _obeyed(case, outcome):
            contradicted += 1
            continue
        named = case.model_copy(update={"raises": raised_name(outcome)}) if case.raises else case
        kept.setdefault((case.call, case.setup), named)
    return tuple(kept.values()), contradicted


def raised_name(outcome: Outcome) -> str | None:
    """Return how a case names the exception: a built-in class by its name, a custom one with its built-in base."""
    if outcome.error is None:
        return None
    return outcome.error.type if outcome.error.builtin else f"{outcome.error.type}({outcome.error.base})"


def _obeyed(case: Case, outcome: Outcome) -> bool:
    if case.raises is not None:
        return outcome.error is not None and case.raises in (outcome.error.type, outcome.error.base)
    if outcome.status != "returned" or case.expect is None:
        return False
    expected, observed = read(case.expect), read(render(outcome.value))
    if expected is UNREAD or observed is UNREAD:
        return False
    if case.tolerance is not None and is_number(expected) and is_number(observed):
        return bool(abs(expected - observed) <= case.tolerance)
    if isinstance(observed, Items) and isinstance(expected, list):
        return False
    return same(expected, observed)
