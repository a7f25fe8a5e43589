"""What a run has spent on models so far, from its journal."""

from __future__ import annotations

from pathlib import Path

from mendloop.events import LlmAnswered
from mendloop.runs.reader import Reader
from mendloop.specs import Price
from mendloop.tools.chat.metered import cost
from mendloop.tools.chat.protocol import Usage


def spent_so_far(path: Path, price: Price | None) -> tuple[int, float]:
    """Return the tokens and the US dollars of every journalled answer; 0 dollars where the price is not known."""
    tokens, usd = 0, 0.0
    with Reader(path) as reader:
        sessions = ["", *(row.session for row in reader.sessions())]
        for session in sessions:
            for stored in reader.events(session):
                if isinstance(stored.event, LlmAnswered):
                    usage = usage_of(stored.event)
                    tokens += usage.total
                    usd += cost(usage, price) if price is not None else 0.0
    return tokens, usd


def usage_of(event: LlmAnswered) -> Usage:
    """Return the usage that an event holds."""
    return Usage(
        prompt=event.prompt_tokens,
        completion=event.completion_tokens,
        cached=event.cached_tokens,
        reasoning=event.reasoning_tokens,
    )
