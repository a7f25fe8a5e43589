"""How asking a model goes wrong: an attempt that another may mend, or a refusal that none will."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal

from mendloop.errors import BudgetError, InputError, MendloopError, ProviderError
from mendloop.tools.chat.protocol import Answer, Attempt

Ground = Literal["auth", "model", "quota", "request"]
"""What was refused: the key, the model's name, a further call without payment, or this one request."""


class AttemptError(Exception):
    """An attempt came to nothing, and another may not.

    `asked_s` is how long the server asks to be left alone. `answer` is there where the text came and may be cut.
    `probe` is set where the attempt was an open circuit's.
    """

    def __init__(self, attempt: Attempt, asked_s: float = 0.0, answer: Answer | None = None) -> None:
        super().__init__(attempt.detail)
        self.attempt, self.asked_s, self.answer = attempt, asked_s, answer
        self.probe = False


class RefusalError(Exception):
    """The server refuses, and asking again would not help."""

    def __init__(self, ground: Ground, what: str, where: str, remedy: str = "") -> None:
        super().__init__(what)
        self.ground = ground
        self.what, self.where, self.remedy = what, where, remedy

    def in_a_run(self) -> ProviderError | BudgetError:
        """Return the error that ends a run which was under way."""
        kind = BudgetError if self.ground == "quota" else ProviderError
        return kind(self.what, where=self.where, remedy=self.remedy, reason=self.ground)

    def at_start(self) -> MendloopError:
        """Return the error before anything was started: wrong input, but for a quota."""
        if self.ground == "quota":
            return self.in_a_run()
        return InputError(self.what, where=self.where, remedy=self.remedy)


def summary(attempts: Iterable[Attempt]) -> str:
    """Return what went wrong how often, in the order in which it first did: `2 x reset, wall`."""
    counted = Counter(attempt.fault for attempt in attempts)
    return ", ".join(fault if times == 1 else f"{times} x {fault}" for fault, times in counted.items())
