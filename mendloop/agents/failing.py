"""A case in words: what it runs, and what it asks for."""

from __future__ import annotations

from mendloop.records import Case


def case_text(case: Case) -> str:
    """Return what a case runs, as a person would type it: its setup and its call, or its input."""
    if case.call is None:
        return case.stdin or ""
    return "\n".join(line for line in (case.setup, case.call) if line)


def asked_text(case: Case) -> str:
    """Return a case as a test that a person would write: what it runs, and what must come of it."""
    if case.call is None:
        return f"# input:\n{case.stdin or ''}\n# output:\n{case.stdout or ''}"
    setup = [case.setup] if case.setup else []
    if case.raises is not None:
        return "\n".join([*setup, f"{case.call}  # raises {case.raises.partition('(')[0]}"])
    if case.check is not None:
        return "\n".join([*setup, f"result = {case.call}", f"assert {case.check}"])
    after = [f"assert {name} == {value}" for name, value in (case.after or {}).items()]
    return "\n".join([*setup, f"assert {case.call} == {case.expect}", *after])
