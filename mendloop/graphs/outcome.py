"""How a session ended, as the run takes it into account."""

from __future__ import annotations

from typing import Literal

from mendloop.frozen import Frozen
from mendloop.records import Tier


class SessionOutcome(Frozen):
    """How a session ended; `spent` when the source had no such problem.

    `concept` is the one it was asked for, `title` the problem that it stated, in short.
    """

    session: str
    index: int
    outcome: Literal["kept", "dropped"]
    reason: str
    tier: Tier | None = None
    turns: int = 0
    spent: bool = False
    concept: str = ""
    title: str = ""
