"""The scripted team: roles whose answers are written down beforehand. It ships, because tests of scenarios need it.

Every answer is a function of what is asked, never of how often, so that a resumed session gets the same answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mendloop.agents.author import Joint
from mendloop.agents.critic import Opinion
from mendloop.agents.programmer import RepairAsk
from mendloop.agents.proposer import Stock
from mendloop.agents.tester import SuiteRole
from mendloop.agents.unanswered import Unanswered
from mendloop.records import Brief, Case, Diagnosis, Failure, Problem, Solution, Suite
from mendloop.tools.bench import Bench

AUTHOR = "scripted"


@dataclass(frozen=True)
class ScriptedProposer:
    """States the given problems in order; `restated` maps a problem's id to its second wording."""

    problems: Sequence[Problem]
    restated: Mapping[str, Problem] = field(default_factory=dict)
    planned: Sequence[str] = ()

    async def prepare(self, bench: Bench) -> Stock:
        """Return how many problems there are."""
        return Stock(size=len(self.problems), functions=len(self.problems), modules=1)

    async def concepts(self, bench: Bench, have: tuple[str, ...]) -> tuple[str, ...]:
        """Return the concepts that are planned and not there yet."""
        return tuple(each for each in self.planned if each not in have)

    async def propose(self, bench: Bench, index: int, brief: Brief) -> Problem | None:
        """Return problem `index`, None past the end."""
        return self.problems[index] if index < len(self.problems) else None

    async def restate(self, bench: Bench, problem: Problem, conflict: str) -> Problem | None:
        """Return the second wording, where one is given."""
        return self.restated.get(problem.id)


@dataclass(frozen=True)
class ScriptedTester:
    """Gives the same cases for every problem; `rederived` maps a case's id to what it becomes."""

    shown: Sequence[Case]
    held_out: Sequence[Case] = ()
    rederived: Mapping[str, Case] = field(default_factory=dict)
    further: Sequence[Case] = ()
    compared: Sequence[Case] = ()

    async def design(self, bench: Bench, problem: Problem, role: SuiteRole) -> Suite:
        """Return the suite of a role."""
        return Suite(author=AUTHOR, role=role, cases=tuple(self.shown if role == "shown" else self.held_out))

    async def extend(
        self, bench: Bench, problem: Problem, suites: Sequence[Suite], aims: Sequence[str] = ()
    ) -> tuple[Case, ...]:
        """Return the further cases."""
        return tuple(self.further)

    async def compare(self, bench: Bench, problem: Problem, code: str, suites: Sequence[Suite]) -> tuple[Case, ...]:
        """Return the cases of a reference, where some are given."""
        return tuple(self.compared)

    async def rederive(self, bench: Bench, problem: Problem, case: Case) -> Case | None:
        """Return what the case becomes, None where nothing is given."""
        return self.rederived.get(case.id)


@dataclass(frozen=True)
class ScriptedProgrammer:
    """Hands in `programs` one after the other, `peers` beside the first, and `fresh` after a restart."""

    programs: Sequence[str]
    peers: Sequence[str] = ()
    fresh: str | None = None

    async def write(self, bench: Bench, problem: Problem, peer: int) -> Solution | None:
        """Return the first program, or a peer's."""
        if peer > 0:
            return _solution(self.peers[peer - 1]) if peer <= len(self.peers) else None
        return _solution(self.programs[0]) if self.programs else None

    async def repair(self, bench: Bench, problem: Problem, ask: RepairAsk) -> Solution:
        """Return the program after the one that failed, the same again after the last."""
        codes = list(self.programs)
        place = codes.index(ask.solution.code) + 1 if ask.solution.code in codes else len(codes) - 1
        return _solution(codes[min(place, len(codes) - 1)])

    async def start_over(self, bench: Bench, problem: Problem, first: RepairAsk) -> Solution | None:
        """Return the fresh program, where one is given."""
        return _solution(self.fresh) if self.fresh is not None else None


@dataclass(frozen=True)
class ScriptedAuthor:
    """Writes `drawn[number]` in draw `number`, `both` with its tests in one answer, and `own` tests."""

    drawn: Sequence[str] = ()
    both: Joint | None = None
    own: Sequence[Case] = ()

    async def draw(self, bench: Bench, problem: Problem, number: int, shown: Sequence[Case] = ()) -> Solution | None:
        """Return the program of a number, None past the end."""
        return _solution(self.drawn[number]) if number < len(self.drawn) else None

    async def design(self, bench: Bench, problem: Problem) -> Suite:
        """Return its own tests."""
        return Suite(author=AUTHOR, role="shown", cases=tuple(self.own))

    async def write_both(self, bench: Bench, problem: Problem) -> Joint:
        """Return the program with its tests. Raises Unanswered where none is given."""
        if self.both is None:
            raise Unanswered("write_both: nothing")
        return self.both


@dataclass(frozen=True)
class ScriptedCritic:
    """Names one fault for every failure; `opinions` are its first and its second reading of a conflict."""

    fault: str = "unknown_logic"
    opinions: tuple[Opinion, Opinion] = (Opinion(kind="undecided"), Opinion(kind="undecided"))

    async def diagnose(self, bench: Bench, problem: Problem, solution: Solution, failure: Failure) -> Diagnosis:
        """Return a diagnosis that quotes the failure."""
        return Diagnosis(
            fault=self.fault,
            error_type="WrongValue",
            line=None,
            symptom=f"{failure.case.call} gave {failure.observed}.",
            text=f"{failure.case.call} should give {failure.expected} and gave {failure.observed}.",
            lesson="Run the smallest failing input by hand.",
        )

    async def judge(self, bench: Bench, problem: Problem, failure: Failure) -> Opinion:
        """Return the first or, asked again in the same visit, the second opinion."""
        return self.opinions[bench.role == "critic-again"]


def _solution(code: str) -> Solution:
    return Solution(code=code, author=AUTHOR)
