"""Yield and precision of a rule over problems, with intervals clustered by problem."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

DRAWS = 1_000


@dataclass(frozen=True)
class Trial:
    """One problem under one order of its programs: whether a program was accepted, and whether it is right."""

    problem: str
    accepted: bool
    right: bool
    right_by_tests: bool


@dataclass(frozen=True)
class Figure:
    """A share with its 95 % interval; None where there is nothing to divide by."""

    value: float | None
    low: float | None
    high: float | None

    def __str__(self) -> str:
        if self.value is None or self.low is None or self.high is None:
            return "-"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Row:
    """The figures of one rule."""

    rule: str
    trials: int
    yielded: Figure
    precision: Figure
    by_tests: Figure


def row(rule: str, trials: Sequence[Trial], seed: int = 0) -> Row:
    """Return a rule's figures; problems are resampled whole."""
    grouped: dict[str, list[Trial]] = {}
    for trial in trials:
        grouped.setdefault(trial.problem, []).append(trial)
    problems = list(grouped.values())
    return Row(
        rule,
        len(trials),
        clustered(problems, lambda each: (each.accepted, True), seed),
        clustered(problems, lambda each: (each.right, each.accepted), seed),
        clustered(problems, lambda each: (each.right_by_tests, each.accepted), seed),
    )


def clustered(problems: Sequence[Sequence[Trial]], counts: Callable[[Trial], tuple[bool, bool]], seed: int) -> Figure:
    """Return hits of chances, with the percentile bootstrap over problems."""
    totals = [
        (sum(hit and chance for hit, chance in map(counts, trials)), sum(chance for _, chance in map(counts, trials)))
        for trials in problems
    ]
    value = _share(totals)
    rng = random.Random(seed)
    drawn = [_share(rng.choices(totals, k=len(totals))) for _ in range(DRAWS)]
    known = sorted(each for each in drawn if each is not None)
    if value is None or not known:
        return Figure(None, None, None)
    return Figure(value, known[int(0.025 * len(known))], known[min(len(known) - 1, int(0.975 * len(known)))])


def _share(totals: Sequence[tuple[int, int]]) -> float | None:
    chances = sum(chance for _, chance in totals)
    return sum(hit for hit, _ in totals) / chances if chances else None
