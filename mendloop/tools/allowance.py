"""What one session has used of its own budget, added up from what its journal holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from mendloop.executions import Execution
from mendloop.specs import SessionBudget
from mendloop.tools.chat.protocol import Answer

SESSION_USED_UP = "budget_session"
"""How the reason of a session begins that its own budget ended."""


class OverBudget(Exception):  # noqa: N818 - an outcome of a session, not an error of ours
    """The session's own budget is used up; the text is the reason that ends the session, whoever asked."""


@dataclass
class Allowance:
    """The budget of one session, and what its answers and executions have taken so far.

    Everything is counted when the journal gives it out, also what it holds from an earlier launch. `wall_s` is the time
    of models and sandbox, not of waiting: a session that is resumed later has not used more.
    """

    budget: SessionBudget = field(default_factory=SessionBudget)
    tokens: int = 0
    usd: float = 0.0
    wall_s: float = 0.0

    def answered(self, answer: Answer) -> None:
        """Count an answer."""
        self.tokens += answer.usage.total
        self.usd += answer.usd or 0.0
        self.wall_s += answer.ms / 1000

    def executed(self, execution: Execution) -> None:
        """Count an execution."""
        self.wall_s += execution.wall_s

    @property
    def used_up(self) -> str:
        """What is used up (tokens, usd or wall), or an empty text."""
        limits = {
            "tokens": (self.tokens, self.budget.tokens),
            "usd": (self.usd, self.budget.usd),
            "wall": (self.wall_s, self.budget.wall),
        }
        return next((name for name, (used, limit) in limits.items() if limit is not None and used >= limit), "")
