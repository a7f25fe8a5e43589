"""How long a server asks to be left alone, as its headers say it (RFC 9110, section 10.2.3)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def asked_to_wait(headers: Mapping[str, str], now: datetime | None = None) -> float:
    """Return the seconds that `retry-after-ms` or `retry-after` asks for; 0 where neither can be read.

    A date counts from the server's own `date`, so that a wrong clock here does no harm; without one, from `now`.
    """
    given = headers.get("retry-after", "")
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    number = _number(given)
    if number is not None:
        return number
    until = _date(given)
    if until is None:
        return 0.0
    since = _date(headers.get("date", "")) or now or datetime.now(UTC)
    return max(0.0, (until - since).total_seconds())


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return max(0.0, value) if math.isfinite(value) else None


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
