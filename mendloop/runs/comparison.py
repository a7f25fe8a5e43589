"""Methods side by side: the main figures of several runs, and what became of the problems that two of them share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mendloop.frozen import Frozen
from mendloop.graphs.paired import mcnemar
from mendloop.runs.figures import tally
from mendloop.runs.intervals import Interval, Totals, clustered, clustered_mean
from mendloop.runs.observed import Observed, Sight, observe
from mendloop.runs.reader import Reader
from mendloop.runs.report import reported
from mendloop.runs.report_cost import PER_TOKENS, is_wanted
from mendloop.runs.report_model import Report

MAIN = (
    "kept_per_100k_tokens",
    "kept_per_usd",
    "kept_share",
    "tier_shares.A",
    "tier_shares.B",
    "tier_shares.C",
    "difficulty.first_try_rate",
    "repaired.share",
    "turns_to_repair.mean",
    "held_out.failed",
    "held_out.n",
    "mutation_score.mean",
    "near_duplicates.share",
    "tokens_per_kept",
    "tokens",
    "usd",
)
"""The figures that runs are compared by, by dotted path in the report."""


class Side(Frozen):
    """One run: who worked how, its main figures (None where not measured) and those intervals that there are."""

    run: str
    method: str
    team: str
    models: dict[str, str]
    finished: bool
    figures: dict[str, float | None]
    intervals: dict[str, Interval]


class Paired(Frozen):
    """A yes or no of the same problems in two runs; `p` is of McNemar's exact test over those that differ.

    `difference` is the share of the first less that of the second, `interval` its 95 % interval by a bootstrap of whole
    problems, None with fewer than two.
    """

    both: int
    only_first: int
    only_second: int
    neither: int
    p: float
    difference: float
    interval: Interval | None


class PairedMean(Frozen):
    """A number of the same problems in two runs: both means, their difference (first less second), its interval."""

    first: float
    second: float
    difference: float
    interval: Interval | None


class PairedRatio(Frozen):
    """What came of 100,000 tokens in each of two runs on the same problems, and the first as a multiple of the second.

    `ratio` and its interval (a bootstrap of whole problems) are None where the second run gave nothing for its tokens.
    """

    first: float
    second: float
    ratio: float | None
    interval: Interval | None


class Pair(Frozen):
    """Two runs on the problems that both tried; a problem that came twice is paired in the order it came.

    `kept` counts kept sessions, `strong` those kept with tier A or B and a failing turn. `tokens` are those that making
    took, `strong_per_100k` what they gave; both are None where no model was asked. `only_in_first` and `only_in_second`
    count sessions without a partner. `caveats` say why more than the method may differ.
    """

    first: str
    second: str
    sessions: int
    only_in_first: int
    only_in_second: int
    kept: Paired | None
    strong: Paired | None
    failed_turns: PairedMean | None
    tokens: PairedMean | None
    strong_per_100k: PairedRatio | None
    caveats: tuple[str, ...]


class Comparison(Frozen):
    """Runs side by side, and the first of them paired with each other one."""

    runs: tuple[Side, ...]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class _Read:
    side: Side
    sight: Sight


def compare(paths: Sequence[Path]) -> Comparison:
    """Compare runs by their main figures and on the problems they share. Raises InputError, DamageError."""
    read = [_read(path) for path in paths]
    pairs = tuple(_pair(read[0], other) for other in read[1:])
    return Comparison(runs=tuple(each.side for each in read), pairs=pairs)


def _read(path: Path) -> _Read:
    with Reader(path) as reader:
        sight = observe(reader)
        report = reported(reader, sight)
    side = Side(
        run=str(path),
        method=report.method,
        team=report.team,
        models=dict(sight.story.facts.models),
        finished=report.finished,
        figures={figure: _at(report, figure) for figure in MAIN},
        intervals={figure: each for figure, each in report.intervals.items() if figure in MAIN},
    )
    return _Read(side, sight)


def _at(report: Report, path: str) -> float | None:
    """Return the figure at a dotted path of a report, None where something on the way was not measured."""
    found: Any = report
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else getattr(found, part, None)
    return found if isinstance(found, int | float) else None


# --- pairs -----------------------------------------------------------------------------------------------------------


def _pair(first: _Read, second: _Read) -> Pair:
    both = list(_partners(first.sight.sessions, second.sight.sessions))
    modelled = bool(first.sight.asked or second.sight.asked)
    return Pair(
        first=first.side.run,
        second=second.side.run,
        sessions=len(both),
        only_in_first=len(first.sight.sessions) - len(both),
        only_in_second=len(second.sight.sessions) - len(both),
        kept=_paired(both, lambda each: each.is_kept),
        strong=_paired(both, is_wanted),
        failed_turns=_means(both, lambda each: float(each.failed_turns)),
        tokens=_means(both, lambda each: float(each.spent.tokens)) if modelled else None,
        strong_per_100k=_ratio(both) if modelled else None,
        caveats=tuple(_caveats(first, second, len(both))),
    )


def _partners(first: Sequence[Observed], second: Sequence[Observed]) -> Iterator[tuple[Observed, Observed]]:
    """Yield the sessions about the same problem, the n-th of one run with the n-th of the other."""
    waiting: dict[str, list[Observed]] = defaultdict(list)
    for each in reversed(second):
        if each.problem:
            waiting[each.problem].append(each)
    for each in first:
        if each.problem and waiting[each.problem]:
            yield each, waiting[each.problem].pop()


def _paired(both: Sequence[tuple[Observed, Observed]], told: Callable[[Observed], bool]) -> Paired | None:
    if not both:
        return None
    counts = tally(f"{told(one)} {told(other)}" for one, other in both)
    only_first, only_second = counts.get("True False", 0), counts.get("False True", 0)
    return Paired(
        both=counts.get("True True", 0),
        only_first=only_first,
        only_second=only_second,
        neither=counts.get("False False", 0),
        p=round(mcnemar(only_first, only_second), 6),
        difference=round((only_first - only_second) / len(both), 6),
        interval=clustered_mean((one.cluster, float(told(one)) - float(told(other))) for one, other in both),
    )


def _means(both: Sequence[tuple[Observed, Observed]], number: Callable[[Observed], float]) -> PairedMean | None:
    if not both:
        return None
    first, second = (sum(number(pair[side]) for pair in both) / len(both) for side in (0, 1))
    return PairedMean(
        first=round(first, 3),
        second=round(second, 3),
        difference=round(first - second, 3),
        interval=clustered_mean((one.cluster, number(one) - number(other)) for one, other in both),
    )


def _ratio(both: Sequence[tuple[Observed, Observed]]) -> PairedRatio | None:
    rows = [
        (one.cluster, tuple(number for each in (one, other) for number in (float(is_wanted(each)), each.spent.tokens)))
        for one, other in both
    ]
    totals = [sum(each) for each in zip(*(numbers for _, numbers in rows), strict=True)]
    if not totals or not (totals[1] and totals[3]):
        return None
    ratio = _multiple(totals)
    return PairedRatio(
        first=round(totals[0] * PER_TOKENS / totals[1], 3),
        second=round(totals[2] * PER_TOKENS / totals[3], 3),
        ratio=None if ratio is None else round(ratio, 3),
        interval=clustered(rows, _multiple),
    )


def _multiple(totals: Totals) -> float | None:
    """Return the first run's records a token as a multiple of the second's."""
    wanted, tokens, other_wanted, other_tokens = totals
    return wanted * other_tokens / (tokens * other_wanted) if tokens and other_wanted else None


def _caveats(first: _Read, second: _Read, shared: int) -> Iterator[str]:
    """Yield what besides the method differs, so that a difference need not come from it."""
    for read in (first, second):
        if not read.side.finished:
            yield f"{read.side.run} is not finished"
    if not shared:
        yield "no problem is in both runs: their figures are about different problems"
    elif alone := len(first.sight.sessions) + len(second.sight.sessions) - 2 * shared:
        yield f"{alone} sessions are about problems of one run only; only the paired figures compare like with like"
    if first.side.team != second.side.team:
        yield f"other teams: {first.side.team} and {second.side.team}"
    one, other = first.side.models, second.side.models
    for role in sorted({*one, *other}):
        if one.get(role) != other.get(role):
            yield f"another {role}: {one.get(role, 'no model')} and {other.get(role, 'no model')}"
