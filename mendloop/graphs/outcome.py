"""How a session ended, as the run takes it into account."""

from __future__ import annotations

from typing import Literal

from mendloop.frozen import Frozen
from mendloop.records import Tier

TOO_SOON = "too_few_failed_turns"
"""The reason of a session whose program is as good as a record's, but was right before there was enough to repair."""


class SessionOutcome(Frozen):
    """How a session ended; `spent` when the source had no such problem.

    `concept` is the one it was asked for, `title` the problem that it stated, in short. A session whose program was
    accepted (kept, or dropped because it was right too soon) names its `problem` and the `suites` that judged it, shown
    and held out, by the sha256 of their blobs. `held_out` says how an accepted program did on the suite that nobody
    saw; None where it met none.
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
    problem: str = ""
    suites: tuple[str, ...] = ()
    held_out: Literal["passed", "failed"] | None = None
