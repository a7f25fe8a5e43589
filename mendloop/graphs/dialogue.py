"""A trajectory as a dialogue: what each role said, turn by turn."""

from __future__ import annotations

from collections.abc import Sequence

from mendloop.graphs.trajectory import Trajectory, Turn
from mendloop.records import Case, Failure, Message


def dialogue(trajectory: Trajectory) -> tuple[Message, ...]:
    """Return the messages. Only the programmer's turn whose verdict passed is trained on."""
    messages = [
        Message(role="user", name="proposer", content=trajectory.problem.statement, train=False, turn=0, verdict="")
    ]
    for number, turn in enumerate(trajectory.turns):
        kind = turn.verdict.kind
        content = answer(turn)
        messages.append(
            Message(
                role="assistant", name="programmer", content=content, train=kind == "passed", turn=number, verdict=kind
            )
        )
        if turn.failure is not None:
            messages += _feedback(turn, turn.failure, number)
    return tuple(messages)


SPEAKERS = {"critic": "critic", "reflection": "reflector", "questioner": "questioner", "none": "critic"}
"""Who says a turn's explanation, by whose words it is."""


def _feedback(turn: Turn, failure: Failure, number: int) -> list[Message]:
    """Return the report of a failure and, where somebody explained it, the explanation as a turn of its own."""
    assert turn.diagnosis is not None, "a failure is diagnosed where it is reported"
    said = [("executor", report(failure)), (SPEAKERS[turn.diagnosis.by], critique(turn))]
    return [
        Message(role="user", name=name, content=content, train=False, turn=number, verdict=turn.verdict.kind)
        for name, content in said
        if content
    ]


def answer(turn: Turn) -> str:
    """Return the programmer's message: its note and the program in a fence."""
    fenced = f"```python\n{turn.solution.code.rstrip()}\n```"
    return f"{turn.solution.note}\n\n{fenced}" if turn.solution.note else fenced


def report(failure: Failure) -> str:
    """Return the executor's message: how many tests fail, and the smallest failing one with both sides."""
    failing = failure.also_failing + 1
    which = "The smallest of them" if failing > 1 else "It is"
    fail = "fail" if failing > 1 else "fails"
    head = f"{failing} of {failure.passing + failing} tests {fail}. {which}:"
    lines = [head, "", *shown_case(failure.case)]
    return "\n".join([*lines, "", f"Expected: `{failure.expected}`", f"Observed: `{failure.observed}`"])


def shown_case(case: Case) -> Sequence[str]:
    """Return a case as fenced code."""
    if case.call is None:
        return ["```text", (case.stdin or "").rstrip("\n"), "```"]
    return ["```python", *([case.setup] if case.setup else []), case.call, "```"]


def critique(turn: Turn) -> str:
    """Return the critic's message: the diagnosis, and the lessons retrieved from other problems."""
    assert turn.diagnosis is not None
    if not turn.recalled:
        return turn.diagnosis.text
    lessons = list(dict.fromkeys(each.lesson for each in turn.recalled))
    return "\n".join([turn.diagnosis.text, "", "From earlier problems:", *(f"- {lesson}" for lesson in lessons)])
