"""What a server's answer says, as a record: its text cleaned, why it ended, and what it took."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from langchain_core.messages import AIMessage

from mendloop.tools.chat.protocol import Answer, Finish, Overrun, Usage
from mendloop.tools.chat.texts import is_degenerate, storable, without_thoughts

FINISHES: Mapping[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "eos_token": "stop",  # text-generation-inference, as the next one
    "stop_sequence": "stop",
    "model_length": "length",  # Mistral
}
"""Why an answer ended, in the protocol's words and in those of servers that have their own."""

_WINDOW = re.compile(r"maximum context length (?:is|of) ([\d,]+)|context (?:size|window)[^.]*?\(([\d,]+) tokens\)")
_ASKED = re.compile(
    r"(?:resulted in|you requested|request \(|prompt contains) ?(?:at least )?([\d,]+) ?(?:input )?tokens"
)


def answer_of(message: AIMessage, model: str, ms: float) -> tuple[Answer, bool]:
    """Return an answer, and whether the server said why it ended."""
    spoken = message.content if isinstance(message.content, str) else "".join(map(_part, message.content))
    reasoning = str(message.additional_kwargs.get("reasoning_content") or "")
    text, thoughts = without_thoughts(spoken)
    (text, odd), (reasoning, _) = storable(text), storable(reasoning or thoughts)
    refused = message.additional_kwargs.get("refusal")
    reason = message.response_metadata.get("finish_reason")
    finish: Finish = FINISHES.get(str(reason), "missing")
    counted = cast("dict[str, Any]", message.usage_metadata or {})
    answer = Answer(
        text=text,
        finish="refusal" if refused else finish,
        model=str(message.response_metadata.get("model_name") or model).rpartition("/")[2],
        reasoning=reasoning,
        usage=Usage(
            prompt=counted.get("input_tokens") or 0,
            completion=counted.get("output_tokens") or 0,
            cached=(counted.get("input_token_details") or {}).get("cache_read") or 0,
            reasoning=(counted.get("output_token_details") or {}).get("reasoning") or 0,
        ),
        ms=round(ms, 1),
        degenerate=is_degenerate(text),
        escaped=odd,
    )
    return answer, bool(reason or refused)


def overrun_of(told: str, body: Mapping[str, object]) -> Overrun:
    """Return what a server says about a request that is longer than its model reads: in fields, or in words."""
    window, asked = _WINDOW.search(told), _ASKED.search(told)
    return Overrun(
        asked=_count(body.get("n_prompt_tokens")) or _count(asked and asked[1]),
        window=_count(body.get("n_ctx")) or _count(window and (window[1] or window[2])),
    )


def _count(value: object) -> int | None:
    digits = str(value).replace(",", "")
    return int(digits) if digits.isdigit() else None


def _part(part: str | dict[str, Any]) -> str:
    """Return the text of one part of a message; a part of another kind has none."""
    return part if isinstance(part, str) else str(part.get("text") or "")
