"""Views: export formats as pure functions of a record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, TypedDict

from mendloop.errors import FoundBad, InputError
from mendloop.frozen import canonical_json
from mendloop.records import Attempt, Case, Message, Record
from mendloop.runs.figures import failed_turns, function_of

Kind = Literal["text", "count", "texts", "chat", "dialogue"]


class Turn(TypedDict):
    """One entry of a chat, as chat templates take it."""

    role: str
    content: str


class SftRow(TypedDict):
    """A row of `sft_multiturn`; `attempts`, `evidence`, `provenance` and `problem` are JSON texts."""

    id: str
    session: str
    entry_point: str
    function: str
    licence: str
    tier: str
    teacher: str
    failed_turns: int
    operators: list[str]
    prompt: list[Turn]
    completion: list[Turn]
    messages: list[dict[str, str | int | bool]]
    attempts: str
    evidence: str
    provenance: str
    problem: str


SFT_COLUMNS: Mapping[str, Kind] = {
    "id": "text",
    "session": "text",
    "entry_point": "text",
    "function": "text",
    "licence": "text",
    "tier": "text",
    "teacher": "text",
    "failed_turns": "count",
    "operators": "texts",
    "prompt": "chat",
    "completion": "chat",
    "messages": "dialogue",
    "attempts": "text",
    "evidence": "text",
    "provenance": "text",
    "problem": "text",
}
"""The one schema of all rows, in the order of the columns."""


def sft_multiturn(record: Record) -> SftRow:
    """Return the row of a record for supervised training on the turn that passed.

    `prompt` is everything before the passed turn, neighbours of one role merged; `completion` is that turn alone.
    Raises FoundBad when anything but a passed turn would be trained on, or when there is no passed turn at the end.
    """
    require_only_passed_trained(record)
    source = record.problem.source
    return SftRow(
        id=record.id,
        session=record.session,
        entry_point=record.problem.entry_point,
        function=function_of(source),
        licence=source.licence,
        tier=record.tier,
        teacher=record.provenance.team,
        failed_turns=failed_turns(record),
        operators=list(record.provenance.operators),
        prompt=merged(record.messages[:-1]),
        completion=merged(record.messages[-1:]),
        messages=[_message(message) for message in record.messages],
        attempts=attempts_text(record),
        evidence=canonical_json(record.evidence),
        provenance=canonical_json(record.provenance),
        problem=canonical_json(record.problem.model_dump(mode="json", exclude={"statement"})),
    )


def require_for_training(record: Record) -> None:
    """Raise InputError for a record whose problem was given for evaluation."""
    if record.problem.source.purpose == "eval":
        raise InputError(
            "its problems are for evaluation (`purpose: eval`) and never exported as training data",
            where=f"session {record.session}",
            remedy="`--view recorded` writes what models answered, for benchmarks",
        )


def require_only_passed_trained(record: Record) -> None:
    """Raise FoundBad unless the last message is the passed turn and no other turn is trained on or passed."""
    verdicts = [attempt.verdict.kind for attempt in record.attempts]
    if not verdicts or verdicts[-1] != "passed" or "passed" in verdicts[:-1]:
        raise _violated(record, f"its attempts end {verdicts}, not with the only one that passed")
    if not record.messages or not record.messages[-1].train:
        raise _violated(record, "its last message is not the turn to train on")
    for number, message in enumerate(record.messages):
        if message.train and not _may_train(message, verdicts):
            what = f"{message.role} message of turn {message.turn}, verdict {message.verdict or 'none'}"
            raise _violated(record, f"message {number} is trained on ({what})")


def _may_train(message: Message, verdicts: Sequence[str]) -> bool:
    known = 0 <= message.turn < len(verdicts) and verdicts[message.turn] == "passed"
    return known and message.role == "assistant" and message.verdict == "passed"


def _violated(record: Record, what: str) -> FoundBad:
    return FoundBad(what, where=f"session {record.session}", remedy="only turns that passed may be trained on")


def merged(messages: Sequence[Message]) -> list[Turn]:
    """Return messages as a chat whose neighbours differ in role: chat templates demand alternation."""
    return [
        Turn(role=role, content="\n\n".join(encodable(message.content) for message in group))
        for role, group in groupby(messages, key=lambda message: message.role)
    ]


def encodable(text: str) -> str:
    """Return a text that UTF-8 can hold: lone surrogates, which programs do print, become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _message(message: Message) -> dict[str, str | int | bool]:
    return {
        "role": message.role,
        "name": message.name,
        "content": encodable(message.content),
        "train": message.train,
        "turn": message.turn,
        "verdict": message.verdict,
    }


def attempts_text(record: Record) -> str:
    """Return the attempts as JSON from which each can be executed and judged again, without anything else."""
    cases = {case.id: case for case in record.cases}
    return canonical_json([_attempt(attempt, cases) for attempt in record.attempts])


def _attempt(attempt: Attempt, cases: Mapping[str, Case]) -> dict[str, Any]:
    # A case that was quarantined in a later turn no longer judges anything, and is not among the record's cases.
    judged = [
        {**specification(cases[result.id]), "status": result.status, "got": result.got, "error": result.error}
        for result in attempt.cases
        if result.id in cases
    ]
    return {"turn": attempt.turn, "code": attempt.code, "verdict": attempt.verdict.kind, "cases": judged}


def specification(case: Case) -> dict[str, Any]:
    """Return every field of a case that is set."""
    fields = case.model_dump(mode="json", exclude_none=True)
    return {key: value for key, value in fields.items() if key != "isolated" or value}


@dataclass(frozen=True)
class View:
    """An export format: the schema of its rows, and the row of a record."""

    columns: Mapping[str, Kind]
    row: Callable[[Record], Mapping[str, Any]]


VIEWS: Mapping[str, View] = {"sft_multiturn": View(SFT_COLUMNS, sft_multiturn)}
"""The views by name."""
