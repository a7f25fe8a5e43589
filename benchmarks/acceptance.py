"""Acceptance rules measured on programs and suites that models really wrote: how much each accepts, how much is right.

    python benchmarks/acceptance.py humaneval [--keep DIR]
    python benchmarks/acceptance.py mbpp --recorded DIR [--keep DIR]

Needs MENDLOOP_BENCH_DATA. A program is right when it passes the benchmark's own tests and agrees with the benchmark's
solution on fuzzed inputs that no rule sees. Thresholds of ours are fitted on one half of the problems and judged on
the other. Intervals are 95 %, by resampling problems.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.acceptance_rows.figures import Row, Trial, row
from benchmarks.acceptance_rows.matrix import Matrix, Watcher, relying_on
from benchmarks.acceptance_rows.ours import Judge
from benchmarks.acceptance_rows.problems import Recorded, corrupted, humaneval, mbpp
from benchmarks.acceptance_rows.published import PUBLISHED
from benchmarks.acceptance_rows.running import Runner
from mendloop.agents.shapes import shape
from mendloop.settings import load_settings
from mendloop.specs import TierRules
from mendloop.tools.sandbox.open import open_sandbox

ORDERS = 10
CORRUPT = 0.2
UNFITTED = {"min_mutation_score", "min_peer_inputs"}
Decided = Callable[[Matrix, Sequence[int]], int | None]

GRID = [
    TierRules(
        min_peers=peers,
        slack=slack,
        max_rivals=rivals,
        max_doubted=doubted,
        max_contested_edges=edges,
        min_live_mutants=live,
    )
    for peers, slack, rivals, doubted, edges, live in itertools.product(
        (1, 2, 3), (0.0, 0.02), (0, 1, 4), (0, 2, None), (0, 2, None), (1, 5)
    )
]


def orders(matrix: Matrix) -> Iterator[tuple[int, ...]]:
    """Yield the orders in which a problem's programs are drawn."""
    rng = random.Random(f"orders/{matrix.name}")
    numbers = list(range(len(matrix.programs)))
    for _ in range(ORDERS):
        rng.shuffle(numbers)
        yield tuple(numbers)


def trials(matrices: Sequence[Matrix], rule: Decided) -> list[Trial]:
    """Return what a rule accepts on every problem in every order."""
    found = []
    for matrix in matrices:
        for order in orders(matrix):
            chosen = rule(matrix, order)
            seen = None if chosen is None else matrix.programs[chosen]
            found.append(
                Trial(matrix.name, seen is not None, bool(seen and seen.right), bool(seen and seen.right_by_tests))
            )
    return found


def ours(judge: Judge, rules: TierRules, tiers: str) -> Decided:
    """Return our acceptance at the given tiers."""

    def decided(matrix: Matrix, order: Sequence[int]) -> int | None:
        found = judge.accept(matrix, order, rules)
        return found.program if found and found.tier in tiers else None

    return decided


def ceiling(matrices: Sequence[Matrix]) -> float:
    """Return the share of problems with at least three distinct right programs: nobody can vouch for the others."""
    able = sum(len({shape(program.code) for program in matrix.programs if program.right}) >= 3 for matrix in matrices)
    return able / len(matrices)


def halves(matrices: Sequence[Matrix]) -> tuple[list[Matrix], list[Matrix]]:
    """Return two halves of the problems, drawn by seed."""
    mixed = sorted(matrices, key=lambda each: each.name)
    random.Random(0).shuffle(mixed)
    return mixed[::2], mixed[1::2]


@dataclass
class Fitting:
    """One half of the problems to fit thresholds on; what each of them gives there is worked out once."""

    matrices: Sequence[Matrix]
    judge: Judge
    _known: dict[str, list[tuple[float, float, TierRules]]] = field(default_factory=dict)

    def best(self, tiers: str, least: float) -> tuple[tuple[bool, float, float], str, TierRules]:
        """Return the most precise thresholds among those that yield at least `least`; else those that yield most.

        With them comes how good they are: whether they yield enough, then precision (or yield), then yield.
        """
        if tiers not in self._known:
            self._known[tiers] = [self._measured(tiers, rules) for rules in GRID]
        scored = [
            ((share >= least, precision if share >= least else share, share), tiers, rules)
            for share, precision, rules in self._known[tiers]
        ]
        return max(scored, key=lambda each: each[0])

    def _measured(self, tiers: str, rules: TierRules) -> tuple[float, float, TierRules]:
        found = trials(self.matrices, ours(self.judge, rules, tiers))
        accepted = [trial for trial in found if trial.accepted]
        precision = sum(trial.right for trial in accepted) / len(accepted) if accepted else 0.0
        return len(accepted) / len(found), precision, rules


@dataclass(frozen=True)
class Crossed:
    """Thresholds fitted on each half of the problems and judged on the other."""

    judge: Judge
    halves: tuple[Fitting, Fitting]

    def unseen(self, choices: Sequence[str], least: float) -> tuple[list[Trial], str]:
        """Return what is accepted on the halves that the thresholds were not fitted on, and which those are.

        `choices` are the tiers that may be asked for; of those that yield at least `least` the most precise is taken.
        """
        first, second = self.halves
        found: list[Trial] = []
        chosen = []
        for learn, rest in ((first, second), (second, first)):
            _, tiers, rules = max((learn.best(tiers, least) for tiers in choices), key=lambda each: each[0])
            chosen.append(f"{tiers}: {rules.model_dump(exclude=UNFITTED)}")
            found += trials(rest.matrices, ours(self.judge, rules, tiers))
        return found, "; ".join(chosen)


def said(name: str, found: Row) -> None:
    """Print one line of a table."""
    print(f"| {name} | {found.yielded} | {found.precision} | {found.by_tests} |")


def table(matrices: Sequence[Matrix], *, anchored: bool) -> None:
    """Print the rules, published and ours, on all problems, and ours with fitted thresholds on the unseen half."""
    judge = Judge(anchored)
    print("| rule | yield | precision | by the benchmark's tests alone |\n|---|---|---|---|")
    for name, rule in PUBLISHED.items():
        said(name, row(name, trials(matrices, rule)))
    for tiers in ("A", "AB", "ABC"):
        name = f"ours, tier {' + '.join(tiers)}"
        said(name, row(name, trials(matrices, ours(judge, TierRules(), tiers))))
    top = ceiling(matrices)
    first, second = halves(matrices)
    crossed = Crossed(judge, (Fitting(first, judge), Fitting(second, judge)))
    for tiers, part in (("A", 0.8), ("AB", 0.9)):
        found, chosen = crossed.unseen((tiers,), part * top)
        said(
            f"ours, tier {' + '.join(tiers)}, fitted on the other half for {part:.0%} of the ceiling", row(tiers, found)
        )
        print(f"<!-- {part * top:.3f}: {chosen} -->")
    print("\n| published rule | its yield and precision | ours, fitted for that yield | above |\n|---|---|---|---|")
    for name, rule in PUBLISHED.items():
        theirs = row(name, trials(matrices, rule))
        if not theirs.yielded.value or theirs.precision.value is None:
            continue
        found, _ = crossed.unseen(("A", "AB", "ABC"), theirs.yielded.value)
        mine = row(name, found)
        above = (mine.precision.value or 0) > theirs.precision.value and (
            mine.yielded.value or 0
        ) >= 0.98 * theirs.yielded.value
        print(
            f"| {name} | {theirs.yielded.value:.3f}, {theirs.precision.value:.3f} | {mine.yielded.value or 0:.3f}, "
            f"{mine.precision.value or 0:.3f} | {'yes' if above else 'no'} |"
        )


async def seen(problems: Sequence[Recorded], keep: Path | None) -> list[Matrix]:
    """Run everything that has not been run before."""
    sandbox = open_sandbox("local", 2)
    watcher = Watcher(Runner(sandbox), keep)
    room = asyncio.Semaphore(3)

    async def one(problem: Recorded) -> Matrix:
        async with room:
            return await watcher.matrix(problem)

    try:
        return list(await asyncio.gather(*(one(problem) for problem in problems)))
    finally:
        await sandbox.aclose()


def main() -> None:
    """Read the arguments, run, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", choices=("humaneval", "mbpp"))
    parser.add_argument("--recorded", type=Path, help="programs.jsonl, suites.jsonl and problems.jsonl of a recording")
    parser.add_argument("--keep", type=Path, help="a folder that keeps what was run")
    parser.add_argument("--limit", type=int)
    arguments = parser.parse_args()
    data = load_settings(os.environ).bench_data
    if data is None:
        sys.exit("set MENDLOOP_BENCH_DATA")
    if arguments.data == "mbpp" and arguments.recorded is None:
        sys.exit("mbpp needs --recorded")
    given = list(humaneval(data) if arguments.data == "humaneval" else mbpp(data, arguments.recorded))[
        : arguments.limit
    ]
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    matrices = asyncio.run(seen(given, arguments.keep))
    lying = [
        relying_on(matrix, corrupted(problem, CORRUPT, 0).anchors)
        for matrix, problem in zip(matrices, given, strict=True)
    ]
    print(f"{arguments.data}: {len(matrices)} problems, ceiling {ceiling(matrices):.3f}")
    for name, found, anchored in (
        ("with the statements' examples as anchors", matrices, True),
        ("without them", matrices, False),
        (f"with {CORRUPT:.0%} of them corrupted", lying, True),
    ):
        print(f"\n{name}\n")
        table(found, anchored=anchored)


if __name__ == "__main__":
    main()
