"""The contractor says which inputs a statement promises; it sees no program and no expected value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mendloop.agents.contracting import contract_of
from mendloop.agents.prompted.asking import Voice
from mendloop.records import Contract, Problem
from mendloop.tools.bench import Bench


class Contractor(Protocol):
    """Finds the input contract of a problem that a model or a person stated."""

    async def contract(self, bench: Bench, problem: Problem, known: Sequence[str]) -> Contract:
        """Return the problem's contract, with a predicate where one holds for the `known` valid calls."""
        ...


@dataclass(frozen=True)
class PromptedContractor:
    """Asks a model for a predicate."""

    voice: Voice

    async def contract(self, bench: Bench, problem: Problem, known: Sequence[str]) -> Contract:
        """Return the contract; its notes say why there is no predicate where there is none."""
        return await contract_of(self.voice, bench, problem, known)
