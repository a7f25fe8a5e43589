"""The proposers that a model plays: from a goal in words, from snippets of real code, from instructions."""

from __future__ import annotations

import platform
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from mendloop.agents.prompted.asking import Voice
from mendloop.agents.prompted.proposing import concepts_in, problem_in, restated_in
from mendloop.agents.proposer import Stock
from mendloop.agents.sources.instructions import Instruction, Instructions, read_instructions
from mendloop.agents.sources.snippets import Snippet, Snippets, read_snippets
from mendloop.events import Ref, SourceRead
from mendloop.records import Brief, Problem, Source
from mendloop.screening.screen import BY_DEFAULT
from mendloop.specs import PromptName, ScreeningSpec
from mendloop.tools.bench import Bench, derive

CONCEPTS = 12
STYLES = (
    "Let the problem have a rule that is easy to overlook.",
    "Let the problem need a loop that keeps track of two things.",
    "Let an edge case matter: empty input, ties, negative numbers, or the last item.",
    "Let the problem be about text that a person would really work with.",
    "Let the input be nested: a list of lists, of tuples, or a dict of lists.",
    "Let the result depend on the order of the items.",
)
"""Turns that a problem takes, drawn by seed: asked the same twice, a model states the same problem twice."""


@dataclass
class _Pool:
    """What a source holds, in the order in which sessions take it; filled once per run."""

    snippets: tuple[Snippet, ...] = ()
    instructions: tuple[Instruction, ...] = ()


@dataclass(frozen=True)
class PromptedProposer:
    """States problems with a model: about a concept of the goal, and from a snippet where there are any."""

    voice: Voice
    goal: str
    snippets: str | None = None
    variants: int = 1
    planned: bool = True
    rules: ScreeningSpec = BY_DEFAULT
    _pool: _Pool = field(default_factory=_Pool)

    async def prepare(self, bench: Bench) -> Stock:
        """Read the snippets, where there are any. A goal has no known end."""
        if self.snippets is None:
            return Stock(size=None)
        path = self.snippets

        async def read() -> Snippets:
            return read_snippets(path, self.rules)

        found = await bench.journal.effect(bench.key("source"), path, read, Snippets, _source_read)
        order = list(found.items)
        random.Random(derive(bench.seed, "snippets")).shuffle(order)  # noqa: S311 - sampling, not secrecy
        self._pool.snippets = tuple(order)
        size = None if self.planned else len(order) * self.variants
        places = len({each.file for each in order})
        notes = found.screened.said
        return Stock(size=size, what="snippet", where="file", functions=len(order), modules=places, notes=notes)

    async def concepts(self, bench: Bench, have: tuple[str, ...]) -> tuple[str, ...]:
        """Return concepts that the goal needs besides those there are; none for a source that says what comes."""
        if not self.planned:
            return ()
        facts = {"goal": self.goal, "count": CONCEPTS, "have": list(have)}
        found = await self.voice.ask(bench, "concepts", "concepts", facts, lambda text: concepts_in(text, have))
        return found[:CONCEPTS]

    async def propose(self, bench: Bench, index: int, brief: Brief) -> Problem | None:
        """State problem `index` about the brief's concept, unlike those it names."""
        facts: dict[str, object] = {"goal": self.goal, "concept": brief.concept, "avoid": list(brief.avoid)}
        concepts = (brief.concept,) if brief.concept else ()
        if self.snippets is None:
            facts["style"] = bench.random("style").choice(STYLES)
            source = Source(kind="goal", package="", qualname="", licence="generated")
            return await self._stated(bench, "problem", facts, source, concepts)
        if not self._pool.snippets or (not self.planned and index >= len(self._pool.snippets) * self.variants):
            return None
        snippet = self._pool.snippets[index % len(self._pool.snippets)]
        facts["snippet"] = snippet.text
        source = Source(
            kind="snippets", package="", qualname="", file=snippet.file, line=snippet.line, licence=snippet.licence
        )
        return await self._stated(bench, "problem_from_snippet", facts, source, concepts)

    async def _stated(
        self, bench: Bench, prompt: PromptName, facts: Mapping[str, object], source: Source, concepts: tuple[str, ...]
    ) -> Problem:
        def read(text: str) -> Problem:
            return problem_in(text, source, concepts, VERSIONS)

        return await self.voice.ask(bench, "problem", prompt, facts, read)

    async def restate(self, bench: Bench, problem: Problem, conflict: str) -> Problem | None:
        """State the problem again so that the conflict is decided."""
        return await restated(self.voice, bench, problem, conflict)


@dataclass(frozen=True)
class InstructionProposer:
    """Makes a problem of each given instruction."""

    voice: Voice
    path: str
    variants: int = 1
    rules: ScreeningSpec = BY_DEFAULT
    _pool: _Pool = field(default_factory=_Pool)

    async def prepare(self, bench: Bench) -> Stock:
        """Read the instructions."""

        async def read() -> Instructions:
            return read_instructions(self.path, self.rules)

        found = await bench.journal.effect(bench.key("source"), self.path, read, Instructions, _source_read)
        self._pool.instructions = found.items
        held = len(found.items)
        size, notes = held * self.variants, found.screened.said
        return Stock(size=size, what="instruction", where="file", functions=held, modules=1, notes=notes)

    async def concepts(self, bench: Bench, have: tuple[str, ...]) -> tuple[str, ...]:
        """Return nothing: the instructions say what comes."""
        return ()

    async def propose(self, bench: Bench, index: int, brief: Brief) -> Problem | None:
        """State the problem of instruction `index mod instructions`."""
        items = self._pool.instructions
        if not items or index >= len(items) * self.variants:
            return None
        given = items[index % len(items)]
        source = Source(
            kind="instructions", package="", qualname="", file=given.file, line=given.line, licence=given.licence
        )
        return await self.voice.ask(
            bench,
            "problem",
            "problem_from_instruction",
            {"instruction": given.text},
            lambda text: problem_in(text, source, (), VERSIONS),
        )

    async def restate(self, bench: Bench, problem: Problem, conflict: str) -> Problem | None:
        """State the problem again so that the conflict is decided."""
        return await restated(self.voice, bench, problem, conflict)


async def restated(voice: Voice, bench: Bench, problem: Problem, conflict: str) -> Problem:
    """Ask for a statement that decides a conflict."""
    facts = {"statement": problem.statement, "conflict": conflict}
    return await voice.ask(bench, "restate", "restate", facts, lambda text: restated_in(text, problem))


VERSIONS = {"python": ".".join(platform.python_version_tuple()[:2])}


def _source_read(request: str, ref: Ref, found: object) -> SourceRead:
    return SourceRead(request=request, result=ref)
