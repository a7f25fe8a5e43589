"""Given problems: a file states them as they stand, whoever solves them."""

from __future__ import annotations

from dataclasses import dataclass, field

from mendloop.agents.prompted.proposer import VERSIONS
from mendloop.agents.proposer import Stock
from mendloop.agents.sources.problems import GivenProblem, Problems, read_problems
from mendloop.events import Ref, SourceRead
from mendloop.frozen import digest
from mendloop.records import Brief, Problem, Purpose, Source
from mendloop.screening.screen import BY_DEFAULT
from mendloop.specs import ScreeningSpec
from mendloop.tools.bench import Bench


@dataclass
class _Pool:
    """The problems of the file in its order; filled once per run."""

    items: tuple[GivenProblem, ...] = ()


@dataclass(frozen=True)
class StatedProposer:
    """States the problems of a file in its order. Their examples are anchors: a person gave them."""

    path: str
    purpose: Purpose
    rules: ScreeningSpec = BY_DEFAULT
    _pool: _Pool = field(default_factory=_Pool)

    async def prepare(self, bench: Bench) -> Stock:
        """Read the file. Raises SourceError when no row of it can be used."""

        async def read() -> Problems:
            return read_problems(self.path, self.rules)

        found = await bench.journal.effect(bench.key("source"), self.path, read, Problems, _source_read)
        self._pool.items = found.items
        held, notes = len(found.items), found.screened.said
        return Stock(size=held, what="problem", where="file", functions=held, modules=1, notes=notes)

    async def concepts(self, bench: Bench, have: tuple[str, ...]) -> tuple[str, ...]:
        """Return nothing: the file says what comes."""
        return ()

    async def propose(self, bench: Bench, index: int, brief: Brief) -> Problem | None:
        """Return problem `index`, None past the end."""
        return self._problem(self._pool.items[index]) if index < len(self._pool.items) else None

    async def restate(self, bench: Bench, problem: Problem, conflict: str) -> Problem | None:
        """Return None: a given statement stands."""
        return None

    def _problem(self, given: GivenProblem) -> Problem:
        return Problem(
            id=given.id,
            statement=given.statement,
            entry_point=given.entry_point,
            signature=given.signature,
            examples=given.examples,
            source=Source(
                kind="problems",
                package="",
                qualname=given.entry_point,
                file=given.file,
                line=given.line,
                licence=given.licence,
                purpose=self.purpose,
            ),
            versions=VERSIONS,
            cluster=digest(given.statement)[:16],
            concepts=given.concepts,
        )


def _source_read(request: str, ref: Ref, found: Problems) -> SourceRead:
    return SourceRead(request=request, result=ref)
