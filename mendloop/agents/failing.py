"""A failing case in words: what was called, what was expected, and what was seen."""

from __future__ import annotations

from mendloop.records import Case


def case_text(case: Case) -> str:
    """Return what a case runs, as a person would type it: its setup and its call, or its input."""
    if case.call is None:
        return case.stdin or ""
    return "\n".join(line for line in (case.setup, case.call) if line)
