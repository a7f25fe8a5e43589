"""Who is found at fault, measured: injected faults over HumanEval's solutions, and failing pairs that models recorded.

    python benchmarks/adjudication.py [--peers 2] [--draws 3]

Needs MENDLOOP_BENCH_DATA. Peers are programs that models recorded, right or wrong. Nothing is asked of a model: a
suspected test is derived anew in a run, by three questions, and stands here as it is suspected.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.acceptance_rows.problems import Recorded, humaneval, near
from benchmarks.acceptance_rows.running import Runner
from mendloop.agents.procedural.mutants import mutants
from mendloop.agents.shapes import shape
from mendloop.errors import InputError
from mendloop.executions import ProgramResult
from mendloop.judgement.adjudication import Finding, Suspicion, decide
from mendloop.judgement.shares import wilson
from mendloop.records import Case
from mendloop.settings import load_settings
from mendloop.tools.judging import validate
from mendloop.tools.sandbox.open import open_sandbox

CASES = 4
MORE = 2
"""Peers that are asked for when the first ones leave it open."""
KINDS = ("code only", "value only", "both", "neither", "ambiguous statement")
ANSWERS = ("code", "test", "spec", "passed", "open")
RIGHT = {
    "code only": {"code"},
    "value only": {"test"},
    "both": {"code", "test"},
    "neither": {"passed"},
    "ambiguous statement": {"spec", "open"},
}


@dataclass
class Tally:
    """What was concluded, by what was so; rules that decided; anchors lost; what it cost."""

    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)
    anchors_lost: int = 0
    executions: int = 0
    derived: int = 0
    read: int = 0

    def add(self, kind: str, finding: Finding, answer: str, peers: int) -> None:
        """Count one adjudication."""
        rule = (
            finding.rule
            if finding is not None and not isinstance(finding, Suspicion)
            else "suspicion"
            if finding
            else "none"
        )
        self.found[kind, answer] += 1
        self.rules[kind, rule] += 1
        self.executions += 1 + peers
        self.derived += isinstance(finding, Suspicion)
        self.read += finding is None


Tallies: TypeAlias = tuple[Tally, Tally]


def answer_of(finding: Finding) -> str:
    """Return who is found at fault, in a word."""
    if finding is None:
        return "open"
    if isinstance(finding, Suspicion):
        return "test"
    return {"code_fault": "code", "test_fault": "test", "spec_fault": "spec", "passed": "passed"}.get(
        finding.kind, "open"
    )


def accused(finding: Finding) -> str:
    """Return the case that a finding takes out; empty for none."""
    if isinstance(finding, Suspicion):
        return finding.case
    return finding.failing[0] if finding is not None and finding.kind == "test_fault" else ""


def corrupted(case: Case, cases: Sequence[Case], rng: random.Random) -> Case | None:
    """Return the case expecting another case's value, or a value near its own; None where there is no other."""
    if case.expect is None:
        return None
    others = [other.expect for other in cases if other.expect not in (None, case.expect)]
    try:
        wrong = rng.choice(others) if others and rng.random() < 0.5 else near(case.expect)
        changed = case.model_copy(update={"expect": wrong, "origin": "generated"})
        validate(changed)
    except (InputError, ValueError, SyntaxError):
        return None
    return changed if wrong != case.expect else None


def concluded(
    cases: Sequence[Case], result: ProgramResult, peers: Sequence[ProgramResult], kind: str, lying: str
) -> tuple[Finding, str]:
    """Return the finding and its answer; one that accuses a right case where both are wrong is worth nothing."""
    finding = decide(cases, result, peers)
    answer = answer_of(finding)
    return finding, "open" if kind == "both" and answer == "test" and accused(finding) != lying else answer


@dataclass(frozen=True)
class Injecting:
    """Injected faults over one problem."""

    problem: Recorded
    runner: Runner
    rng: random.Random
    peers: int

    async def run(self, tally: Tally, after: Tally) -> None:
        """Make each kind of fault once, where the problem allows, and adjudicate it.

        `after` is what is concluded when the open ones are adjudicated again with two more peers.
        """
        plain = [
            case.model_copy(update={"origin": "generated"}) for case in self.problem.tests if case.expect is not None
        ]
        good = [
            case
            for case, passed in zip(plain, (await self._on(self.problem.reference, plain)).cases, strict=True)
            if passed.status == "pass"
        ]
        if len(good) < CASES:
            return
        cases = self.rng.sample(good, CASES)
        wrong = await self._mutant(cases)
        peers = [each.code for each in self.problem.programs if shape(each.code) != shape(self.problem.reference)]
        peers = self.rng.sample(peers, min(self.peers + MORE, len(peers)))
        reference = self.problem.reference
        lying = corrupted(cases[0], good, self.rng)
        await self._adjudicated((tally, after), "neither", reference, cases, peers)
        if lying is not None:
            await self._adjudicated((tally, after), "value only", reference, [lying, *cases[1:]], peers)
        if wrong is None:
            return
        code, failing = wrong
        await self._adjudicated((tally, after), "code only", code, cases, peers)
        standing = next((case for case in cases if case.id not in failing), None)
        liar = standing and corrupted(standing, good, self.rng)
        if liar is not None:
            await self._adjudicated(
                (tally, after),
                "both",
                code,
                [liar if case.id == liar.id else case for case in cases],
                peers,
                lying=liar.id,
            )
        await self._ambiguous((tally, after), code, cases, failing, peers)

    async def _ambiguous(
        self, tallies: Tallies, code: str, cases: Sequence[Case], failing: Sequence[str], peers: Sequence[str]
    ) -> None:
        """Two readings: the test and a peer follow one, the candidate and a peer the other."""
        place = next(case for case in cases if case.id in failing)
        other = (await self._on(code, [place])).cases[0]
        if other.got is None or not peers:
            return
        read = place.model_copy(update={"expect": other.got})
        try:
            validate(read)
        except InputError:
            return
        right = [peer for peer in peers if (await self._on(peer, [place])).passed]
        if right:
            await self._adjudicated(tallies, "ambiguous statement", self.problem.reference, [read], [right[0], code])

    async def _mutant(self, cases: Sequence[Case]) -> tuple[str, list[str]] | None:
        """Return a program with one fault that the cases see, and which they are; not all of them, where possible."""
        found = [mutant.code for mutant in mutants(self.problem.reference, self.problem.entry_point, 20)]
        self.rng.shuffle(found)
        for code in found:
            failing = [case.id for case in (await self._on(code, cases)).cases if case.status != "pass"]
            if failing:
                return code, failing
        return None

    async def _adjudicated(
        self, tallies: Tallies, kind: str, code: str, cases: Sequence[Case], peers: Sequence[str], lying: str = ""
    ) -> None:
        result = await self._on(code, cases)
        others = [await self._on(peer, cases) for peer in peers[: self.peers]]
        finding, answer = concluded(cases, result, others, kind, lying)
        tallies[0].add(kind, finding, answer, len(others))
        if answer == "open":
            others += [await self._on(peer, cases) for peer in peers[self.peers :]]
            finding, answer = concluded(cases, result, others, kind, lying)
        tallies[1].add(kind, finding, answer, len(others))
        first = cases[0].model_copy(update={"origin": "given"})
        tallies[0].anchors_lost += accused(decide([first, *cases[1:]], result, others)) == first.id

    async def _on(self, code: str, cases: Sequence[Case]) -> ProgramResult:
        return await self.runner.result(code, cases)


async def recorded(problem: Recorded, runner: Runner, rng: random.Random, count: int, tally: Tally) -> None:
    """Adjudicate every failing pair of a recorded program and a recorded suite."""
    suite = tuple(case for each in problem.suites for case in each)
    if not suite or len(problem.programs) < 2:
        return
    truth = {case.id: case.status == "pass" for case in (await runner.result(problem.reference, suite)).cases}
    results = [await runner.result(program.code, suite) for program in problem.programs]
    right = [await runner.checked(program.code, problem.check, problem.entry_point) for program in problem.programs]
    for number, result in enumerate(results):
        if result.passed:
            continue
        others = rng.sample([each for each in range(len(results)) if each != number], min(count, len(results) - 1))
        finding = decide(suite, result, [results[each] for each in others])
        failing = [case.id for case in result.cases if case.status != "pass"]
        invalid = [name for name in failing if not truth[name]]
        kind = "code wrong" if not right[number] and not invalid else "test wrong" if right[number] else "both wrong"
        answer = answer_of(finding)
        if answer == "test" and truth[accused(finding)]:
            answer = "test, and it was right"
        tally.add(kind, finding, answer, len(others))


def shown(tally: Tally, kinds: Sequence[str], answers: Sequence[str]) -> None:
    """Print a confusion matrix."""
    print("| what was so | n | " + " | ".join(answers) + " |\n|---|---|" + "---|" * len(answers))
    for kind in kinds:
        counts = [tally.found[kind, answer] for answer in answers]
        print(f"| {kind} | {sum(counts)} | " + " | ".join(map(str, counts)) + " |")


def cost(tally: Tally) -> str:
    """Say what an adjudication costs on average."""
    n = max(1, sum(tally.found.values()))
    return (
        f"an adjudication runs {tally.executions / n:.2f} programs and asks a model {3 * tally.derived / n:.2f} times "
        f"to derive a value and {2 * tally.read / n:.2f} times to read a conflict"
    )


async def measure(arguments: argparse.Namespace, data: Path) -> None:
    """Run both parts and print them."""
    sandbox = open_sandbox("local", 2)
    runner = Runner(sandbox)
    injected, after, pairs = Tally(), Tally(), Tally()
    try:
        for problem in list(humaneval(data))[: arguments.limit]:
            for draw in range(arguments.draws):
                rng = random.Random(f"{draw}/{problem.name}")
                await Injecting(problem, runner, rng, arguments.peers).run(injected, after)
                await recorded(problem, runner, rng, arguments.peers, pairs)
    finally:
        await sandbox.aclose()
    print(f"injected faults, {arguments.peers} peers, {arguments.draws} draws a problem\n")
    told(injected)
    print(f"anchors lost: {injected.anchors_lost}\n\nthe same, the open ones with {MORE} more peers\n")
    told(after)
    print("\nfailing pairs of recorded programs and suites\n")
    shown(pairs, ("code wrong", "test wrong", "both wrong"), (*ANSWERS, "test, and it was right"))
    print(f"\n{cost(pairs)}\nrules: {dict(pairs.rules.most_common())}")


def told(tally: Tally) -> None:
    """Print the confusion matrix of injected faults, and the share that is right."""
    shown(tally, KINDS, ANSWERS)
    print()
    for kind in KINDS:
        n = sum(tally.found[kind, answer] for answer in ANSWERS)
        hit = sum(tally.found[kind, answer] for answer in RIGHT[kind])
        if n:
            low, high = wilson(hit, n)
            print(f"{kind}: {hit} of {n} right, {hit / n:.3f} [{low:.3f}, {high:.3f}]")
    print(f"{cost(tally)}\nrules: {dict(tally.rules.most_common())}\n")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peers", type=int, default=2)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--limit", type=int)
    data = load_settings(os.environ).bench_data
    if data is None:
        sys.exit("set MENDLOOP_BENCH_DATA")
    asyncio.run(measure(parser.parse_args(), data))


if __name__ == "__main__":
    main()
