"""The lines of a batch: questions as the provider reads them, and the answers and refusals that it writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mendloop.frozen import digest
from mendloop.tools.chat.protocol import Answer, ChatRequest, Usage
from mendloop.tools.chat.received import FINISHES
from mendloop.tools.chat.texts import is_degenerate, storable, without_thoughts

COMPLETIONS: Final = "/v1/chat/completions"


@dataclass(frozen=True)
class Results:
    """What a batch came to, by the questions' ids: answers, and why there is none."""

    answers: Mapping[str, Answer] = field(default_factory=dict)
    refusals: Mapping[str, str] = field(default_factory=dict)


def body_of(request: ChatRequest, model: str, *, foreign: bool) -> dict[str, Any]:
    """Return a question as the endpoint takes it; a `foreign` server is told the limit as `max_tokens`."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": each.role, "content": storable(each.content)[0]} for each in request.messages],
        "max_tokens" if foreign else "max_completion_tokens": request.max_tokens,
        "seed": request.seed,
    }
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.json_schema is not None:
        schema = {"name": "answer", "schema": request.json_schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def id_of(body: Mapping[str, Any]) -> str:
    """Return the id of a question in every batch: the sha256 of what is asked."""
    return digest(body)


def line_of(body: Mapping[str, Any]) -> bytes:
    """Return the line of a question."""
    line = {"custom_id": id_of(body), "method": "POST", "url": COMPLETIONS, "body": body}
    return json.dumps(line, ensure_ascii=True).encode() + b"\n"


def results_in(text: str) -> Results:
    """Return what stands in an output or error file. A line that cannot be read answers nobody's question."""
    answers: dict[str, Answer] = {}
    refusals: dict[str, str] = {}
    for line in text.split("\n"):
        try:
            row = json.loads(line)
            key = row["custom_id"]
            answer = answer_of(row)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
            continue
        if answer is None:
            refusals[key] = _refusal(row)
        else:
            answers[key] = answer
    return Results(answers, refusals)


def answer_of(row: Mapping[str, Any]) -> Answer | None:
    """Return the answer in a line; None for a refusal, and for one that does not say how it ended.

    Raises KeyError, TypeError, IndexError or AttributeError for what is not the protocol's. Its `ms` is 0: a wait for a
    batch is no time of the model.
    """
    response = row.get("response") or {}
    if row.get("error") or response.get("status_code") != 200:
        return None
    body = response["body"]
    choice = body["choices"][0]
    finish = FINISHES.get(str(choice.get("finish_reason")))
    if finish is None:
        return None
    message = choice["message"]
    text, thoughts = without_thoughts(message.get("content") or "")
    text, odd = storable(text)
    said = message.get("reasoning_content") or message.get("reasoning") or thoughts
    return Answer(
        text=text,
        finish="refusal" if message.get("refusal") else finish,
        model=str(body.get("model") or "").rpartition("/")[2],
        reasoning=storable(str(said))[0],
        usage=_usage(body.get("usage") or {}),
        degenerate=is_degenerate(text),
        escaped=odd,
    )


def _usage(counted: Mapping[str, Any]) -> Usage:
    return Usage(
        prompt=counted.get("prompt_tokens") or 0,
        completion=counted.get("completion_tokens") or 0,
        cached=(counted.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
        reasoning=(counted.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0,
    )


def _refusal(row: Mapping[str, Any]) -> str:
    """Return a short reason why a line holds no answer."""
    response = row.get("response") or {}
    error = row.get("error") or (response.get("body") or {}).get("error") or {}
    return str(error.get("code") or error.get("message") or f"status {response.get('status_code')}")[:100]
