"""95 % intervals of figures whose sessions are not independent: sessions about one problem are one cluster.

- Shares: Wilson's score interval at the effective number of sessions (C. Franco et al., "Comparative Study of
  Confidence Intervals for Proportions in Complex Sample Surveys", J. Survey Statistics and Methodology 7, 2019).
- Differences of shares: R. Newcombe, "Interval Estimation for the Difference between Independent Proportions",
  Statistics in Medicine 17, 1998, method 10.
- All else: a percentile bootstrap that draws whole clusters (A. Davison and D. Hinkley, "Bootstrap Methods and their
  Application", 1997, section 3.8).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from mendloop.frozen import Frozen
from mendloop.judgement.shares import wilson

DRAWS = 1_000
SEED = 20_240_514
TAIL = 0.025
_MOST_CELLS = 4_000_000
"""Counts of clusters that are drawn in one piece, so that memory stays bounded."""


class Interval(Frozen):
    """The 95 % interval of a figure, and from how many clusters (problems) it comes."""

    low: float
    high: float
    clusters: int


class Share(Frozen):
    """A share of `n` sessions with its 95 % interval, clustered by problem."""

    share: float
    n: int
    low: float
    high: float
    clusters: int

    @property
    def interval(self) -> Interval:
        """The interval alone."""
        return Interval(low=self.low, high=self.high, clusters=self.clusters)


Totals = Sequence[float]
"""What the sessions of a run sum to, number by number."""


def clustered(
    rows: Iterable[tuple[str, Sequence[float]]], figure: Callable[[Totals], float | None], draws: int = DRAWS
) -> Interval | None:
    """Return the bootstrap interval of a figure of totals; None where no draw differs, as with a single cluster.

    `rows` are (cluster, numbers) of each session, with equally many numbers each; `figure` is given their sums. It
    says None where it is not defined; such draws are left out, and where they are more than the tails together there
    is no interval. The draws follow from a fixed seed: equal rows have equal intervals.
    """
    sums: dict[str, list[float]] = {}
    for cluster, numbers in rows:
        before = sums.get(cluster)
        sums[cluster] = [a + b for a, b in zip(before, numbers, strict=True)] if before else list(numbers)
    if len(sums) < 2:  # nothing varies
        return None
    values = sorted(value for totals in _drawn(sums, draws) if (value := figure(totals)) is not None)
    if len(values) < draws * (1 - 2 * TAIL):
        return None
    low, high = _quantile(values, TAIL), _quantile(values, 1 - TAIL)
    if math.isclose(values[0], values[-1], rel_tol=1e-12):
        return None  # what never varied says nothing of how far it could
    return Interval(low=round(low, 6), high=round(high, 6), clusters=len(sums))


def clustered_mean(rows: Iterable[tuple[str, float]]) -> Interval | None:
    """Return the bootstrap interval of the mean of (cluster, value) rows, None as `clustered` says."""
    counted = [(cluster, (value, 1.0)) for cluster, value in rows]
    return clustered(counted, lambda totals: totals[0] / totals[1])


def _drawn(sums: dict[str, list[float]], draws: int) -> Iterable[Totals]:
    """Yield the totals of as many clusters as there are, drawn with replacement."""
    import numpy as np

    # In the order of the names: what is drawn must not depend on which session came first.
    table = np.array([sums[cluster] for cluster in sorted(sums)], dtype=np.float64)
    rng, number = np.random.Generator(np.random.PCG64(SEED)), len(table)
    piece = max(1, _MOST_CELLS // number)
    for begin in range(0, draws, piece):
        size = min(piece, draws - begin)
        counts = rng.multinomial(number, np.full(number, 1 / number), size=size)
        yield from (counts @ table).tolist()


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Return a quantile of sorted numbers, between neighbours by their distance."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def clustered_share(rows: Iterable[tuple[str, bool]]) -> Share | None:
    """Return the share of sessions that are true, None where there is no session; `rows` are (cluster, true).

    The interval is never narrower than for independent sessions. Where all sessions agree, their spread within a
    cluster cannot be seen and only clusters count.
    """
    clusters: dict[str, list[bool]] = defaultdict(list)
    for cluster, true in rows:
        clusters[cluster].append(true)
    n = sum(map(len, clusters.values()))
    if not n:
        return None
    share = sum(map(sum, clusters.values())) / n
    effective = _effective(list(clusters.values()), n, share)
    low, high = wilson(share * effective, effective)
    return Share(share=round(share, 6), n=n, low=low, high=high, clusters=len(clusters))


def _effective(clusters: Sequence[Sequence[bool]], n: int, share: float) -> float:
    """Return how many independent sessions tell as much: `n` by the design effect, which is at least 1."""
    if share in (0, 1):
        return len(clusters)
    between = sum((sum(each) - share * len(each)) ** 2 for each in clusters)
    return n / max(1.0, between / (n * share * (1 - share)))


class Contrast(Frozen):
    """Two ways compared by a share of their sessions: `difference` is first minus second.

    `holds_zero` says that the 95 % interval of the difference holds 0: the run does not tell the two apart.
    """

    first: Share
    second: Share
    difference: float
    low: float
    high: float
    holds_zero: bool


def contrast(first: Share | None, second: Share | None) -> Contrast | None:
    """Return how two shares differ, or None where one of them is missing.

    The sides are taken as independent. Where they share problems their difference is surer than the interval says.
    """
    if first is None or second is None:
        return None
    difference = first.share - second.share
    low = difference - math.hypot(first.share - first.low, second.high - second.share)
    high = difference + math.hypot(first.high - first.share, second.share - second.low)
    return Contrast(
        first=first,
        second=second,
        difference=round(difference, 6),
        low=round(low, 6),
        high=round(high, 6),
        holds_zero=low <= 0 <= high,
    )
