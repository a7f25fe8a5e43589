"""What a run has spent on models so far, from its journal."""

from __future__ import annotations

from pathlib import Path

from mendloop.events import LlmAnswered
from mendloop.modelspecs import Price
from mendloop.runs.prices import price_of
from mendloop.runs.reader import Reader
from mendloop.tools.chat.metered import cost
from mendloop.tools.chat.protocol import Usage


def spent_so_far(path: Path) -> tuple[int, float]:
    """Return the tokens and the US dollars of every journalled answer; 0 dollars where nobody knew a price."""
    tokens, usd = 0, 0.0
    with Reader(path) as reader:
        price = price_of(reader)
        sessions = ["", *(row.session for row in reader.sessions())]
        for session in sessions:
            for stored in reader.events(session):
                if isinstance(stored.event, LlmAnswered):
                    tokens += usage_of(stored.event).total
                    usd += usd_of(stored.event, price) or 0.0
    return tokens, usd


def usd_of(event: LlmAnswered, price: Price | None) -> float | None:
    """Return what an answer cost in US dollars: what it says itself, else by `price`, else None."""
    if event.usd is not None:
        return event.usd
    return None if price is None else cost(usage_of(event), price)


def usage_of(event: LlmAnswered) -> Usage:
    """Return the usage that an event holds."""
    return Usage(
        prompt=event.prompt_tokens,
        completion=event.completion_tokens,
        cached=event.cached_tokens,
        reasoning=event.reasoning_tokens,
    )
