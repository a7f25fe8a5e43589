"""What a run tells while it works, and the parts of a run that tell it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mendloop.agents.proposer import Proposer, Stock
from mendloop.graphs.outcome import SessionOutcome
from mendloop.records import Brief, Problem, Standing
from mendloop.runs.pulse import KeptLimit, Pulse
from mendloop.tools.bench import Bench

if TYPE_CHECKING:  # it loads langgraph, which nobody has to wait for whose scenario cannot start
    from mendloop.graphs.synthesis import Launcher


class Progress(Protocol):
    """What a run tells while it works."""

    def started(self, path: Path) -> None:
        """Say that the run folder is there, and that the run can be resumed from now on."""
        ...

    def team(self, text: str) -> None:
        """Say who plays the roles; it comes first."""
        ...

    def stage(self, text: str) -> None:
        """Say what begins now."""
        ...

    def note(self, text: str) -> None:
        """Say something that holds from now on."""
        ...

    def surveyed(self, stock: Stock) -> None:
        """Say what the source can give."""
        ...

    def collected(self, outcome: SessionOutcome) -> None:
        """Say that a session was taken into account."""
        ...

    def pulse(self, pulse: Pulse) -> None:
        """Say where the run stands; it comes about once a second."""
        ...


class Silent:
    """Progress that nobody looks at."""

    def started(self, path: Path) -> None:
        """Say nothing."""

    def team(self, text: str) -> None:
        """Say nothing."""

    def stage(self, text: str) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def surveyed(self, stock: Stock) -> None:
        """Say nothing."""

    def collected(self, outcome: SessionOutcome) -> None:
        """Say nothing."""

    def pulse(self, pulse: Pulse) -> None:
        """Say nothing."""


class TellingLauncher:
    """A launcher that tells progress about every outcome once it is collected: what is told can be read then.

    An outcome is committed after `next` has returned, so it is told when the run goes on. `limit` is told as well.
    """

    def __init__(self, launcher: Launcher, progress: Progress, limit: KeptLimit | None = None) -> None:
        self._launcher, self._progress, self._limit = launcher, progress, limit
        self._untold: list[SessionOutcome] = []

    def start(self, index: int, brief: Brief, standing: Standing | None = None) -> None:
        self._tell()
        self._launcher.start(index, brief, standing)

    async def next(self) -> SessionOutcome:
        self._tell()
        outcome = await self._launcher.next()
        self._untold.append(outcome)
        return outcome

    async def stop(self) -> None:
        self._tell()
        await self._launcher.stop()

    def _tell(self) -> None:
        told, self._untold = self._untold, []
        for outcome in told:
            self._progress.collected(outcome)
            if self._limit is not None:
                self._limit.collected(outcome)


@dataclass(frozen=True)
class TellingProposer:
    """A proposer that tells progress what the survey found."""

    proposer: Proposer
    progress: Progress

    async def prepare(self, bench: Bench) -> Stock:
        stock = await self.proposer.prepare(bench)
        self.progress.surveyed(stock)
        return stock

    async def concepts(self, bench: Bench, have: tuple[str, ...]) -> tuple[str, ...]:
        return await self.proposer.concepts(bench, have)

    async def propose(self, bench: Bench, index: int, brief: Brief) -> Problem | None:
        return await self.proposer.propose(bench, index, brief)

    async def restate(self, bench: Bench, problem: Problem, conflict: str) -> Problem | None:
        return await self.proposer.restate(bench, problem, conflict)
