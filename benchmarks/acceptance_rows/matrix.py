"""What every program of a problem did: on suites and anchors, on fuzzed inputs, and on what decides the truth."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.acceptance_rows.problems import Program, Recorded
from benchmarks.acceptance_rows.running import Runner
from mendloop.agents.procedural.mutants import mutants
from mendloop.executions import CaseResult, Outcome, ProgramResult
from mendloop.frozen import Frozen, digest
from mendloop.judgement.adjudication import same_text
from mendloop.judgement.behaviour import any_order, same
from mendloop.judgement.edges import edge_calls
from mendloop.judgement.envelope import envelope_of
from mendloop.judgement.fuzzing import fuzzed
from mendloop.records import Case

FUZZED = 60
TRUTH_FUZZED = 120
MUTANTS = 10
MUTANT_INPUTS = 20


class Mutant(Frozen):
    """Which cases a mutant passes, suite by suite, and whether a fuzzed input tells it from its program."""

    suites: tuple[tuple[bool, ...], ...]
    anchors: tuple[bool, ...]
    told: bool


class Seen(Frozen):
    """One program: its results on suites and anchors, what it did on fuzzed inputs, and whether it is right.

    `right_by_tests` is the benchmark's own word; `parted` are the truth's inputs on which it leaves the reference.
    """

    model: str
    code: str
    suites: tuple[ProgramResult, ...]
    anchors: ProgramResult
    fuzzed: tuple[Outcome, ...]
    mutants: tuple[Mutant, ...]
    right_by_tests: bool
    parted: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Right by the benchmark's tests and on every valid further input."""
        return self.right_by_tests and not self.parted


class Matrix(Frozen):
    """One problem with all that was seen."""

    name: str
    statement: str
    entry_point: str
    suites: tuple[tuple[Case, ...], ...]
    anchors: tuple[Case, ...]
    inputs: tuple[str, ...]
    truth_inputs: int
    programs: tuple[Seen, ...]
    edges: tuple[tuple[Outcome, ...], ...] = ()
    valid: tuple[tuple[bool, ...], ...]

    @property
    def unordered(self) -> bool:
        """Whether the statement says that the order of the result does not matter."""
        return any_order(self.statement)


@dataclass(frozen=True)
class Watcher:
    """Sees what there is to see of a problem, and keeps it in a folder, for the next time."""

    runner: Runner
    kept: Path | None

    async def matrix(self, problem: Recorded) -> Matrix:
        """Return all that is seen of a problem; what was seen before is read back."""
        place = self.kept / f"{digest(repr((problem, FUZZED, TRUTH_FUZZED)))[:24]}.json" if self.kept else None
        found = Matrix.model_validate_json(place.read_bytes()) if place and place.exists() else None
        found = found or await self._seen(problem)
        if not found.edges:
            calls = edge_calls(problem.signature, problem.entry_point, known_calls(problem))
            edges = [await self.runner.outcomes(program.code, calls) for program in problem.programs]
            found = found.model_copy(update={"edges": tuple(edges)})
            if place:
                place.write_text(found.model_dump_json(), "utf-8")
        return found

    async def _seen(self, problem: Recorded) -> Matrix:
        known = [
            case.call for suite in (problem.anchors, *problem.suites) for case in suite if case.call and not case.setup
        ]
        inputs = inputs_like(problem, known, FUZZED, "rules")
        further = await self._truth(problem)
        programs = await asyncio.gather(*(self._program(problem, each, inputs, further) for each in problem.programs))
        reference = [await self.runner.result(problem.reference, suite) for suite in problem.suites]
        return Matrix(
            name=problem.name,
            statement=problem.statement,
            entry_point=problem.entry_point,
            suites=problem.suites,
            anchors=problem.anchors,
            inputs=inputs,
            truth_inputs=len(further),
            programs=tuple(programs),
            valid=tuple(tuple(case.status == "pass" for case in each.cases) for each in reference),
        )

    async def _truth(self, problem: Recorded) -> tuple[tuple[str, Outcome], ...]:
        """Return inputs that no rule sees, with what the reference does; those on which it raises are invalid."""
        known = [case.call for case in problem.tests if case.call and not case.setup]
        inputs = inputs_like(problem, known, TRUTH_FUZZED, "truth")
        done = await self.runner.outcomes(problem.reference, inputs)
        return tuple(
            (call, outcome) for call, outcome in zip(inputs, done, strict=True) if outcome.status == "returned"
        )

    async def _program(
        self, problem: Recorded, program: Program, inputs: Sequence[str], further: Sequence[tuple[str, Outcome]]
    ) -> Seen:
        unordered = any_order(problem.statement)
        done = await self.runner.outcomes(program.code, [call for call, _ in further])
        parted = tuple(
            call for (call, right), own in zip(further, done, strict=True) if not same(right, own, unordered=unordered)
        )
        if problem.check:
            right = await self.runner.checked(program.code, problem.check, problem.entry_point)
        else:
            right = (await self.runner.result(program.code, problem.tests)).passed
        behaviour = await self.runner.outcomes(program.code, inputs)
        return Seen(
            model=program.model,
            code=program.code,
            suites=tuple([await self.runner.result(program.code, suite) for suite in problem.suites]),
            anchors=await self.runner.result(program.code, problem.anchors),
            fuzzed=behaviour,
            mutants=tuple(
                [
                    await self._mutant(problem, mutant.code, inputs, behaviour)
                    for mutant in mutants(program.code, problem.entry_point, MUTANTS)
                ]
            ),
            right_by_tests=right,
            parted=parted[:5],
        )

    async def _mutant(
        self, problem: Recorded, code: str, inputs: Sequence[str], behaviour: Sequence[Outcome]
    ) -> Mutant:
        done = await self.runner.outcomes(code, inputs[:MUTANT_INPUTS])
        return Mutant(
            suites=tuple([_passes(await self.runner.result(code, suite)) for suite in problem.suites]),
            anchors=_passes(await self.runner.result(code, problem.anchors)),
            told=any(not same(one, other) for one, other in zip(behaviour, done, strict=False)),
        )


def relying_on(matrix: Matrix, anchors: Sequence[Case]) -> Matrix:
    """Return the matrix with other anchors that ask the same and may expect something else.

    What programs gave is known; which mutants the anchors catch is left as it was.
    """
    programs = []
    for seen in matrix.programs:
        cases = [_judged(case, result) for case, result in zip(anchors, seen.anchors.cases, strict=True)]
        programs.append(seen.model_copy(update={"anchors": seen.anchors.model_copy(update={"cases": tuple(cases)})}))
    return matrix.model_copy(update={"anchors": tuple(anchors), "programs": tuple(programs)})


def _judged(case: Case, result: CaseResult) -> CaseResult:
    if case.expect is None or result.got is None:
        return result
    return result.model_copy(update={"status": "pass" if same_text(result.got, case.expect) else "fail"})


def _passes(result: ProgramResult) -> tuple[bool, ...]:
    return tuple(case.status == "pass" for case in result.cases)


def known_calls(problem: Recorded) -> list[str]:
    """Return the calls of a problem's anchors and suites."""
    suites = (problem.anchors, *problem.suites)
    return [case.call for suite in suites for case in suite if case.call and not case.setup]


def inputs_like(problem: Recorded, known: Sequence[str], count: int, purpose: str) -> tuple[str, ...]:
    """Return fuzzed inputs like the known ones, drawn with a generator of their own."""
    rng = random.Random(f"{purpose}/{problem.name}")
    envelope = envelope_of(problem.signature, known)
    return fuzzed(envelope, problem.entry_point, known, rng, count)
