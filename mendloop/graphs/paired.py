"""The exact McNemar test: which of two that did the same tasks is better."""

from __future__ import annotations

from math import comb


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p that the tasks which only one of two solved fell so unevenly by chance.

    Tasks that both or neither solved say nothing. Under the null hypothesis `only_first` is binomial with one half
    (McNemar 1947; exact form as in Fagerland, Lydersen and Laake 2013, section 2). 1 where no task tells them apart.
    """
    told, fewer = only_first + only_second, min(only_first, only_second)
    tail = sum(comb(told, count) for count in range(fewer + 1))
    return min(1.0, 2 * tail / (1 << told))
