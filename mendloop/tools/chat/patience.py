"""How long to wait for a model's server, and how often to ask it again. Every figure is a setting."""

from __future__ import annotations

from dataclasses import dataclass

from mendloop.modelspecs import LanguageModel, LocalModel

FIRST_BYTE_S = 60.0


@dataclass(frozen=True)
class Deadlines:
    """How long one attempt may take, in seconds from its permit: to connect, to the first byte, and in all (`wall`)."""

    connect_s: float
    first_byte_s: float
    wall_s: float


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds, and how often to try again.

    An answer that is not streamed sends its first byte with its last, so `token_s` for each token that it may have is
    added to `first_byte_s`; None is as long as the wall (`deadline_s`). `preflight_s` is for the first look.
    After a failed attempt the pause is drawn below a bound that begins at `first_wait_s` and doubles to
    `longest_wait_s`; a server that asks to be left alone is, for at most `longest_asked_s` at a time and
    `rate_limited_s` in all. A pace shrinks once in `cool_down_s`; a circuit opens for `open_s` between probes and for
    `give_up_s` in all.
    """

    deadline_s: float = 300.0
    connect_s: float = 10.0
    first_byte_s: float | None = FIRST_BYTE_S
    token_s: float = 0.05
    preflight_s: float = 5.0
    tries: int = 6
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    longest_asked_s: float = 120.0
    rate_limited_s: float = 600.0
    cool_down_s: float = 15.0
    open_s: float = 30.0
    give_up_s: float = 600.0

    def deadlines(self, max_tokens: int) -> Deadlines:
        """Return the deadlines of an attempt at an answer of at most so many tokens."""
        whole = self.deadline_s
        first = whole if self.first_byte_s is None else min(whole, self.first_byte_s + self.token_s * max_tokens)
        return Deadlines(min(self.connect_s, first), first, whole)

    def preflight(self) -> Deadlines:
        """Return the deadlines of the first look: a server that cannot be reached is told from one that is slow."""
        return Deadlines(min(self.connect_s, 0.8 * self.preflight_s), self.preflight_s, self.preflight_s)


STANDARD = Patience()


def patience_of(spec: LanguageModel) -> Patience:
    """Return the patience that a scenario asks for.

    Where it names no time to the first byte, a model on this machine has until its wall deadline: it may be slow, and
    nothing between here and there hangs.
    """
    default = None if isinstance(spec, LocalModel) else FIRST_BYTE_S
    retry = spec.retry
    return Patience(
        deadline_s=spec.deadline,
        connect_s=spec.connect,
        first_byte_s=default if spec.first_byte is None else spec.first_byte,
        tries=retry.tries,
        first_wait_s=retry.first_wait,
        longest_wait_s=retry.longest_wait,
        longest_asked_s=retry.longest_asked,
        rate_limited_s=retry.rate_limited,
        cool_down_s=retry.cool_down,
        open_s=retry.open,
        give_up_s=retry.give_up,
    )
