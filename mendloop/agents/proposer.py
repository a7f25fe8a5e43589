"""The proposer states problems."""

from __future__ import annotations

from typing import Protocol

from mendloop.frozen import Frozen
from mendloop.records import Brief, Problem
from mendloop.tools.bench import Bench


class Stock(Frozen):
    """What a source can give: how many problems (None: no end known), and what was left out for which reason.

    It holds `functions` pieces in `modules` places; `what` and `where` name one of each. `notes` say what else a person
    should know of it, such as what screening dropped and masked.
    """

    size: int | None
    what: str = "function"
    where: str = "module"
    functions: int = 0
    modules: int = 0
    left_out: dict[str, int] = {}
    notes: tuple[str, ...] = ()


class Proposer(Protocol):
    """States the problem of each session."""

    async def prepare(self, bench: Bench) -> Stock:
        """Look at the source once per run. Raises SourceError when nothing in it can be used."""
        ...

    async def concepts(self, bench: Bench, have: tuple[str, ...]) -> tuple[str, ...]:
        """Return concepts to plan for besides those there are; none where the source itself says what comes."""
        ...

    async def propose(self, bench: Bench, index: int, brief: Brief) -> Problem | None:
        """State problem number `index` as the brief asks, or None when the source gives no such problem."""
        ...

    async def restate(self, bench: Bench, problem: Problem, conflict: str) -> Problem | None:
        """State the problem again so that the conflict is decided, or None when that cannot be done."""
        ...
