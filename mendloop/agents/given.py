"""Given problems with given programs and tests: a model's own failures, to be mended. They start at EXECUTE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mendloop.agents.programmer import Programmer, RepairAsk
from mendloop.agents.proposer import Stock
from mendloop.agents.sources.failures import Failures, Row, read_failures
from mendloop.agents.tester import SuiteRole
from mendloop.events import Ref, SourceRead
from mendloop.frozen import digest
from mendloop.records import Brief, Case, Problem, Solution, Source, Suite
from mendloop.screening.screen import BY_DEFAULT
from mendloop.specs import ScreeningSpec
from mendloop.tools.bench import Bench

AUTHOR = "given"
MIN_TO_SPLIT = 6
"""With fewer tests none is held out: the shown ones would not say enough."""


@dataclass
class GivenShelf:
    """The rows of a file, by problem; filled once per run."""

    rows: dict[str, Row] = field(default_factory=dict)

    def fill(self, rows: Sequence[Row]) -> None:
        """Take the rows; a later one with the same statement and program counts once."""
        self.rows = {digest([row.statement, row.code])[:16]: row for row in rows}

    def row(self, problem: Problem) -> Row:
        """Return the row behind a problem."""
        return self.rows[problem.id]


@dataclass(frozen=True)
class GivenProposer:
    """States the problems of a file of failures, in its order."""

    path: str
    shelf: GivenShelf
    rules: ScreeningSpec = BY_DEFAULT

    async def prepare(self, bench: Bench) -> Stock:
        """Read the file. Raises SourceError when no row of it can be used."""

        async def read() -> Failures:
            return read_failures(self.path, rules=self.rules)

        found = await bench.journal.effect(bench.key("source"), self.path, read, Failures, _source_read)
        self.shelf.fill(found.items)
        held = len(self.shelf.rows)
        notes = found.screened.said
        return Stock(size=held, what="wrong program", where="file", functions=held, modules=1, notes=notes)

    async def concepts(self, bench: Bench, have: tuple[str, ...]) -> tuple[str, ...]:
        """Return nothing: the file says what comes."""
        return ()

    async def propose(self, bench: Bench, index: int, brief: Brief) -> Problem | None:
        """Return the problem of row `index`."""
        found = list(self.shelf.rows.items())[index : index + 1]
        if not found:
            return None
        ((name, row),) = found
        return Problem(
            id=name,
            statement=row.statement,
            entry_point=row.entry_point,
            signature=row.signature,
            source=Source(
                kind="failures", package="", qualname=row.entry_point, file=row.file, line=row.line, licence=row.licence
            ),
            cluster=digest(row.statement)[:16],
        )

    async def restate(self, bench: Bench, problem: Problem, conflict: str) -> Problem | None:
        """Return None: the statement was given."""
        return None


@dataclass(frozen=True)
class GivenTester:
    """Gives the tests of the file; with enough of them every third is held out."""

    shelf: GivenShelf

    async def design(self, bench: Bench, problem: Problem, role: SuiteRole) -> Suite:
        """Return the tests of a role."""
        cases = self.shelf.row(problem).cases
        held = {case.id for case in cases[2::3]} if len(cases) >= MIN_TO_SPLIT else set()
        wanted = tuple(case for case in cases if (case.id in held) == (role == "held_out"))
        return Suite(author=AUTHOR, role=role, cases=wanted)

    async def extend(
        self, bench: Bench, problem: Problem, suites: Sequence[Suite], aims: Sequence[str] = ()
    ) -> tuple[Case, ...]:
        """Return nothing: there are no other tests."""
        return ()

    async def compare(self, bench: Bench, problem: Problem, code: str, suites: Sequence[Suite]) -> tuple[Case, ...]:
        """Return nothing: there is no reference."""
        return ()

    async def rederive(self, bench: Bench, problem: Problem, case: Case) -> Case | None:
        """Return None: given tests are anchors."""
        return None


@dataclass(frozen=True)
class GivenProgrammer:
    """Hands in the wrong program of the file; somebody else repairs it."""

    shelf: GivenShelf
    repairer: Programmer

    async def write(self, bench: Bench, problem: Problem, peer: int) -> Solution | None:
        """Return the given program, and no peers."""
        return Solution(code=self.shelf.row(problem).code, author=AUTHOR) if peer == 0 else None

    async def repair(self, bench: Bench, problem: Problem, ask: RepairAsk) -> Solution:
        """Ask the repairer."""
        return await self.repairer.repair(bench, problem, ask)

    async def start_over(self, bench: Bench, problem: Problem, first: RepairAsk) -> Solution | None:
        """Ask the repairer for another repair of the given program, warmer than before."""
        return await self.repairer.repair(bench, problem, first)


def _source_read(request: str, ref: Ref, found: Failures) -> SourceRead:
    return SourceRead(request=request, result=ref)
