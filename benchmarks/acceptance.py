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
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.acceptance_rows.figures import Row, Trial, row
from benchmarks.acceptance_rows.matrix import Matrix, Watcher
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
WANTED = 0.985
Decided = Callable[[Matrix, Sequence[int]], int | None]

GRID = [
    TierRules(min_peers=peers, slack=slack, max_rivals=rivals, max_doubted=doubted, min_live_mutants=live)
    for peers, slack, rivals, doubted, live in itertools.product(
        (1, 2, 3), (0.0, 0.02), (0, 1, 4), (0, 2, None), (1, 3, 5)
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


def fitted(matrices: Sequence[Matrix], judge: Judge, tiers: str, least: float) -> TierRules:
    """Return the most precise thresholds among those that yield at least `least`; else those that yield most."""
    best, chosen = (False, -1.0, -1.0), GRID[0]
    for rules in GRID:
        found = trials(matrices, ours(judge, rules, tiers))
        accepted = [trial for trial in found if trial.accepted]
        share = len(accepted) / len(found)
        precision = sum(trial.right for trial in accepted) / len(accepted) if accepted else 0.0
        score = (share >= least, precision if share >= least else share, share)
        if score > best:
            best, chosen = score, rules
    return chosen


def said(name: str, found: Row) -> None:
    """Print one line of a table."""
    print(f"| {name} | {found.yielded} | {found.precision} | {found.by_tests} |")


def table(matrices: Sequence[Matrix], *, anchored: bool, fit: bool = True) -> None:
    """Print the rules, published and ours, on all problems, and ours with fitted thresholds on the unseen half."""
    judge = Judge(anchored)
    print("| rule | yield | precision | by the benchmark's tests alone |\n|---|---|---|---|")
    for name, rule in PUBLISHED.items():
        said(name, row(name, trials(matrices, rule)))
    for tiers in ("A", "AB", "ABC"):
        name = f"ours, tier {' + '.join(tiers)}"
        said(name, row(name, trials(matrices, ours(judge, TierRules(), tiers))))
    if not fit:
        return
    top = ceiling(matrices)
    for tiers, part in (("A", 0.8), ("AB", 0.9)):
        first, second = halves(matrices)
        found: list[Trial] = []
        names = []
        for learn, unseen in ((first, second), (second, first)):
            rules = fitted(learn, judge, tiers, part * top)
            names.append(str(rules.model_dump(exclude={"min_mutation_score", "min_peer_inputs"})))
            found += trials(unseen, ours(judge, rules, tiers))
        said(f"ours, tier {' + '.join(tiers)}, fitted on the other half", row(tiers, found))
        print(f"\n  fitted ({part:.0%} of the ceiling = {part * top:.3f}): {names}\n")


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
    variants = {
        "with the statements' examples as anchors": (given, True),
        "without them": (given, False),
        f"with {CORRUPT:.0%} of them corrupted": ([corrupted(problem, CORRUPT, 0) for problem in given], True),
    }
    for name, (problems, anchored) in variants.items():
        matrices = asyncio.run(seen(problems, arguments.keep))
        print(f"\n{arguments.data}, {len(matrices)} problems, {name}; ceiling {ceiling(matrices):.3f}\n")
        table(matrices, anchored=anchored)


if __name__ == "__main__":
    main()
