"""The procedural proposer: a problem is a real function and a set of faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mendloop.agents.procedural.faults import propose_faults
from mendloop.agents.procedural.item import Catalogue, Item
from mendloop.agents.procedural.reference import ask
from mendloop.agents.procedural.shelf import Shelf
from mendloop.agents.procedural.source import Candidates, read_source
from mendloop.agents.procedural.statement import statement
from mendloop.agents.procedural.survey import survey
from mendloop.agents.proposer import Stock
from mendloop.errors import SourceError
from mendloop.events import Ref, SourceRead
from mendloop.executions import Call, Limits
from mendloop.records import Brief, Case, Problem
from mendloop.screening.screen import BY_DEFAULT
from mendloop.sourcespecs import PythonSource
from mendloop.specs import ScreeningSpec
from mendloop.tools.bench import Bench

EXAMPLES = 3


@dataclass(frozen=True)
class ProceduralProposer:
    """Proposes real pure functions, each up to `shelf.variants` times with other faults."""

    spec: PythonSource
    shelf: Shelf
    limits: Limits
    min_mutants: int = 0
    rules: ScreeningSpec = BY_DEFAULT

    async def prepare(self, bench: Bench) -> Stock:
        """Read the source, probe its functions in the sandbox, and fill the shelf."""
        candidates = await bench.journal.effect(bench.key("source"), self.spec, self._read, Candidates, _source_read)
        catalogue = self._mutable(await survey(candidates, bench.run, bench.seed))
        if not catalogue.items:
            raise SourceError(
                f"no function in it can be used ({_reasons(catalogue.skipped)})",
                where=self.spec.path or self.spec.package or "",
                remedy="it needs pure top-level functions with a docstring whose inputs can be guessed",
            )
        self.shelf.fill(catalogue, bench.seed)
        return Stock(
            size=len(catalogue.items) * self.shelf.variants,
            functions=len(catalogue.items),
            modules=len({item.module for item in catalogue.items}),
            left_out=catalogue.skipped,
            notes=candidates.screened.said,
        )

    def _mutable(self, catalogue: Catalogue) -> Catalogue:
        """Leave out functions that are too small for the tier: their problems could only be dropped."""
        wanted = self.min_mutants
        if not wanted:
            return catalogue
        kept = tuple(item for item in catalogue.items if len(propose_faults(item.code, item.entry_point)) >= wanted)
        left_out = {**catalogue.skipped, f"fewer than {wanted} mutants": len(catalogue.items) - len(kept)}
        return catalogue.model_copy(update={"items": kept, "skipped": left_out})

    async def _read(self) -> Candidates:
        found = read_source(self.spec.package, self.spec.path, self.rules)
        most = self.spec.max_lines
        if most is None:
            return found
        short = tuple(item for item in found.items if item.code.count("\n") < most)
        refused = {**found.refused, f"longer than {most} lines": len(found.items) - len(short)}
        return found.model_copy(update={"items": short, "refused": refused})

    async def concepts(self, bench: Bench, have: tuple[str, ...]) -> tuple[str, ...]:
        """Return nothing: the functions say what comes."""
        return ()

    async def propose(self, bench: Bench, index: int, brief: Brief) -> Problem | None:
        """State problem `index`: function `index mod functions`, variant `index div functions`."""
        placed = self.shelf.place(index)
        if placed is None:
            return None
        item, variant = placed
        examples = await self._examples(bench, item)
        return Problem(
            id=f"{item.id}-{variant}",
            statement=statement(item, examples),
            entry_point=item.entry_point,
            signature=item.signature,
            contract=item.contract,
            examples=examples,
            source=item.source,
            versions=item.versions,
            cluster=item.cluster or item.id,
            concepts=(item.module,),
        )

    async def _examples(self, bench: Bench, item: Item) -> tuple[Case, ...]:
        """Return a few examples: anchors that people wrote first, then inputs on which the reference was executed."""
        anchors = sorted(item.examples, key=lambda case: len(case.call or ""))[:EXAMPLES]
        wanted = EXAMPLES - len(anchors)
        taken = {case.call for case in anchors}
        calls = [Call(id=f"p{n}", call=text) for n, text in enumerate(_varied(item.pool)) if text not in taken]
        drawn = calls[: wanted + 2]  # the survey has run them both ways
        executed = await ask(bench, "examples", item, drawn, self.limits, "x", twice=False) if wanted else ()
        chosen = [*anchors, *executed[:wanted]]
        return tuple(case.model_copy(update={"id": f"e{n}"}) for n, case in enumerate(chosen, 1))

    async def restate(self, bench: Bench, problem: Problem, conflict: str) -> Problem | None:
        """Return None: the statement is the function's own docstring, and there is no other."""
        return None


def _varied(pool: Sequence[str]) -> list[str]:
    """Return the pool's calls from short to long, skipping so that the first few differ in length."""
    ordered = sorted(pool, key=lambda text: (len(text), text))
    step = max(1, len(ordered) // (EXAMPLES + 2))
    return ordered[step // 2 :: step] or ordered


def _reasons(skipped: dict[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(skipped.items(), key=lambda each: -each[1])[:4])


def _source_read(request: str, ref: Ref, candidates: Candidates) -> SourceRead:
    return SourceRead(request=request, result=ref)
