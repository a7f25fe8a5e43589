"""When a failed request is sent again, and when no more."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from mendloop.tools.chat.failing import AttemptError
from mendloop.tools.chat.patience import Patience


@dataclass
class Backoff:
    """Pauses with full jitter: each is drawn below a bound that doubles."""

    bound_s: float
    longest_s: float
    jitter: random.Random

    def next(self) -> float:
        """Return the next pause, in seconds."""
        pause = self.jitter.uniform(0, self.bound_s)
        self.bound_s = min(self.bound_s * 2, self.longest_s)
        return pause


@dataclass
class Tries:
    """What one request may still spend on failures.

    A 429 uses up no try, and neither does a probe of an open circuit: the one has a patience of its own, the other the
    circuit's.
    """

    patience: Patience
    jitter: random.Random
    failed: int = 0
    asked_s: float = 0.0
    _after_failure: Backoff = field(init=False)
    _after_429: Backoff = field(init=False)

    def __post_init__(self) -> None:
        """Begin with the shortest pauses."""
        bounds = self.patience.first_wait_s, self.patience.longest_wait_s
        self._after_failure, self._after_429 = Backoff(*bounds, self.jitter), Backoff(*bounds, self.jitter)

    def pause(self, failure: AttemptError) -> float | None:
        """Return how long to wait before the next try, in seconds; None where there is none."""
        if failure.attempt.fault == "rate_limited":
            pause = self._at_most(failure, self._after_429)
            self.asked_s += pause
            return pause if self.asked_s <= self.patience.rate_limited_s else None
        if failure.probe:
            return 0.0
        self.failed += 1
        return self._at_most(failure, self._after_failure) if self.failed < self.patience.tries else None

    def _at_most(self, failure: AttemptError, backoff: Backoff) -> float:
        return min(max(failure.asked_s, backoff.next()), self.patience.longest_asked_s)
