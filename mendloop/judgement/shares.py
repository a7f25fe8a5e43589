"""Shares with their intervals."""

from __future__ import annotations

import math

WILSON_Z = 1.959964
"""The standard normal quantile of a two-sided 95 % interval."""


def wilson(failed: float, n: float) -> tuple[float, float]:
    """Return the Wilson score interval (95 %) of `failed` among `n` > 0; an effective `n` need not be whole."""
    share, square = failed / n, WILSON_Z**2
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = WILSON_Z * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    low = 0.0 if failed == 0 else max(0.0, centre - half)
    high = 1.0 if failed == n else min(1.0, centre + half)
    return round(low, 6), round(high, 6)
