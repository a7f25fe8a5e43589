"""A comparison of runs for people: rows of a table, and plain lines about each pair."""

from __future__ import annotations

from collections.abc import Iterator

from mendloop.runs.comparison import MAIN, Comparison, Pair, Paired, PairedMean, PairedRatio, Side
from mendloop.runs.intervals import Interval

_LABEL = 24


def table(comparison: Comparison) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the heads and rows of the table of main figures; those that no run has measured are left out."""
    sides = comparison.runs
    heads = ("figure", *(side.run for side in sides))
    rows = [("method", *(side.method for side in sides)), ("team", *(side.team for side in sides))]
    measured = [figure for figure in MAIN if any(side.figures[figure] is not None for side in sides)]
    return heads, [*rows, *((figure, *(_cell(side, figure) for side in sides)) for figure in measured)]


def _cell(side: Side, figure: str) -> str:
    value, interval = side.figures[figure], side.intervals.get(figure)
    return "" if value is None else f"{value:.4g}{f' ({_bounds(interval)})' if interval else ''}"


def pair_lines(pair: Pair) -> Iterator[str]:
    """Yield what is said of two runs on the problems that both tried."""
    alone = f"{pair.only_in_first} and {pair.only_in_second} without a partner"
    yield f"{pair.first} and {pair.second}: {pair.sessions} sessions about the same problems ({alone})"
    for label, paired in (("kept", pair.kept), ("kept, tier A or B", pair.strong)):
        if paired is not None:
            yield _line(label, _paired(paired))
    for label, means in (("failing turns", pair.failed_turns), ("tokens a session", pair.tokens)):
        if means is not None:
            yield _line(label, _means(means))
    if pair.strong_per_100k is not None:
        yield _line("tier A or B, 100k tokens", _ratio(pair.strong_per_100k))
    for caveat in pair.caveats:
        yield _line("not comparable", caveat)


def _paired(paired: Paired) -> str:
    counts = f"both {paired.both}, only first {paired.only_first}, only second {paired.only_second}"
    difference = f"{100 * paired.difference:+.1f} points"
    if paired.interval is not None:
        low, high = (f"{100 * bound:+.1f}" for bound in (paired.interval.low, paired.interval.high))
        difference += f" (95 % interval {low} to {high})"
    return f"{counts}, neither {paired.neither}; {difference}; exact McNemar p {paired.p:.3g}"


def _means(means: PairedMean) -> str:
    interval = f" (95 % interval {_bounds(means.interval)})" if means.interval else ""
    return f"{means.first:.4g} and {means.second:.4g}: {means.difference:+.4g}{interval}"


def _ratio(ratio: PairedRatio) -> str:
    text = f"{ratio.first:.4g} and {ratio.second:.4g}"
    if ratio.ratio is None:
        return text
    interval = f" (95 % interval {_bounds(ratio.interval)})" if ratio.interval else ""
    return f"{text}: {ratio.ratio:.3g} times as many{interval}"


def _bounds(interval: Interval) -> str:
    return f"{interval.low:.4g} to {interval.high:.4g}"


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}} {text}"
