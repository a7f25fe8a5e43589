"""The recorded team: programs and suites that models wrote earlier, drawn as if they were sampled now.

It is for benchmarks of acceptance rules: the same recorded answers under other rules. Nobody is asked anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from mendloop.agents.assertions import parse_cases
from mendloop.agents.author import Joint
from mendloop.agents.critic import Opinion, unexplained
from mendloop.agents.failing import case_text
from mendloop.agents.programmer import RepairAsk
from mendloop.agents.sources.benchmark_rows import completed
from mendloop.agents.sources.recordings import RecordedProgram, RecordedSuite, Recordings, read_recordings
from mendloop.agents.tester import SuiteRole
from mendloop.agents.unanswered import Unanswered
from mendloop.events import RecordingDrawn, Ref
from mendloop.frozen import Frozen
from mendloop.records import Case, Diagnosis, Failure, Problem, Solution, Suite
from mendloop.tools.bench import Bench

NO_PROGRAM = "no_recorded_program"
"""The reason of a session whose recorded programs are used up when a repair is wanted."""
NO_SUITE = "no_recorded_suite"
"""The reason of a session for which too few suites were recorded."""
NOTE = "Recorded earlier as an answer of its own, drawn again in place of a repair."
RECORDED = "recorded"
"""The name of the team."""
AUTHOR = "given"
MAX_CASES = 200


class DrawnProgram(Frozen):
    """A program that was drawn; None where none was left."""

    item: RecordedProgram | None


class DrawnSuite(Frozen):
    """A suite that was drawn; None where none was left."""

    item: RecordedSuite | None


class _Drawn(Protocol):
    @property
    def item(self) -> RecordedProgram | RecordedSuite | None: ...


Item = TypeVar("Item", RecordedProgram, RecordedSuite)


@dataclass
class RecordedShelf:
    """The recordings of a run. They are read when something is drawn that the journal does not know yet.

    Within a session nothing is drawn twice. The order is a permutation by the run's seed and the session, so it is the
    session's own; how many were drawn is counted here, and comes about again when a session is resumed or replayed.
    """

    programs: str
    suites: str | None = None
    model: str | None = None
    _read: Recordings | None = None
    _drawn: dict[tuple[str, str], int] = field(default_factory=dict)

    async def program(self, bench: Bench, slot: str, problem: Problem) -> Solution | None:
        """Draw the next program of a problem, None when the session has had all. What is drawn is journalled.

        One that is only the body of the function is completed.
        """
        number = self._next(bench, "programs")

        async def draw() -> DrawnProgram:
            return DrawnProgram(item=_at(bench, "recorded programs", self._all().programs.get(problem.id, ()), number))

        request = [problem.id, "program", number]
        item = (await bench.journal.effect(bench.key(slot), request, draw, DrawnProgram, _was_drawn)).item
        return None if item is None else Solution(code=completed(item.code, problem), author=item.model)

    async def suite(self, bench: Bench, slot: str, problem: Problem) -> RecordedSuite | None:
        """Draw the next suite of a problem, None when the session has had all. What is drawn is journalled."""
        number = self._next(bench, "suites")

        async def draw() -> DrawnSuite:
            return DrawnSuite(item=_at(bench, "recorded suites", self._all().suites.get(problem.id, ()), number))

        request = [problem.id, "suite", number]
        return (await bench.journal.effect(bench.key(slot), request, draw, DrawnSuite, _was_drawn)).item

    def _next(self, bench: Bench, what: str) -> int:
        number = self._drawn.get((bench.session, what), 0)
        self._drawn[bench.session, what] = number + 1
        return number

    def _all(self) -> Recordings:
        if self._read is None:
            self._read = read_recordings(self.programs, self.suites, self.model)
        return self._read


def _at(bench: Bench, purpose: str, items: Sequence[Item], number: int) -> Item | None:
    """Return one of some items in the session's order."""
    order = list(items)
    bench.random(purpose).shuffle(order)
    return order[number] if number < len(order) else None


def _was_drawn(request: str, ref: Ref, drawn: _Drawn) -> RecordingDrawn:
    return RecordingDrawn(request=request, result=ref, model=drawn.item.model if drawn.item else "")


@dataclass(frozen=True)
class RecordedProgrammer:
    """Hands in recorded programs. None of them was written as a repair: a repair is another program of the problem."""

    shelf: RecordedShelf

    async def write(self, bench: Bench, problem: Problem, peer: int) -> Solution | None:
        """Return the session's next program, None when there is no other."""
        return await self.shelf.program(bench, f"recorded/{peer}", problem)

    async def repair(self, bench: Bench, problem: Problem, ask: RepairAsk) -> Solution:
        """Return the session's next program, as resampling does. Raises Unanswered when there is no other."""
        drawn = await self.start_over(bench, problem, ask)
        if drawn is None:
            raise Unanswered(NO_PROGRAM)
        return drawn

    async def start_over(self, bench: Bench, problem: Problem, first: RepairAsk) -> Solution | None:
        """Return the session's next program, None when there is no other."""
        drawn = await self.shelf.program(bench, "recorded/again", problem)
        return None if drawn is None else drawn.model_copy(update={"note": NOTE})


@dataclass(frozen=True)
class RecordedAuthor:
    """Draws programs for methods that want fresh ones. Programs and tests of one answer were not recorded together."""

    shelf: RecordedShelf

    async def draw(self, bench: Bench, problem: Problem, number: int, shown: Sequence[Case] = ()) -> Solution | None:
        """Return the session's next program, None when there is no other; it was written without seeing tests."""
        return await self.shelf.program(bench, f"recorded/draw/{number}", problem)

    async def design(self, bench: Bench, problem: Problem) -> Suite:
        """Return the session's next suite as the shown one. Raises Unanswered when there is no other."""
        return await RecordedTester(self.shelf).design(bench, problem, "shown")

    async def write_both(self, bench: Bench, problem: Problem) -> Joint:
        """Raise Unanswered; a scenario whose method needs this is refused when it is loaded."""
        raise Unanswered(NO_PROGRAM)


def authors_of(programs: Sequence[Solution], suite: Suite) -> dict[str, str]:
    """Return the models that wrote some recorded programs and a suite, by the role that they play so."""
    tester = {} if suite.author == AUTHOR else {"tester": suite.author}
    return {"programmer": ", ".join(dict.fromkeys(program.author for program in programs)), **tester}


@dataclass(frozen=True)
class RecordedTester:
    """Hands in recorded suites, whichever role they were written for; the shown one begins with the examples.

    Without recorded suites the examples are all there is.
    """

    shelf: RecordedShelf

    async def design(self, bench: Bench, problem: Problem, role: SuiteRole) -> Suite:
        """Return the cases of the session's next suite.

        Where no other was recorded, none is held out (such a record has tier C), and no shown one raises Unanswered.
        """
        given = problem.examples if role == "shown" else ()
        if self.shelf.suites is None:
            return Suite(author=AUTHOR, role=role, cases=given)
        drawn = await self.shelf.suite(bench, f"recorded/{role}", problem)
        if drawn is None:
            if role == "held_out":
                return Suite(author=AUTHOR, role=role, cases=())
            raise Unanswered(NO_SUITE)
        taken = {case_text(case) for case in problem.examples}
        cases = _cases(drawn, problem, "s" if role == "shown" else "h", taken)
        return Suite(author=drawn.model, role=role, cases=(*given, *cases))

    async def extend(
        self, bench: Bench, problem: Problem, suites: Sequence[Suite], aims: Sequence[str] = ()
    ) -> tuple[Case, ...]:
        """Return the cases of the session's next suite that no other suite has; none when there is no other.

        The `aims` reach nobody: what was recorded was written without them.
        """
        drawn = None if self.shelf.suites is None else await self.shelf.suite(bench, "recorded/further", problem)
        taken = {case_text(case) for suite in suites for case in suite.cases}
        return () if drawn is None else _cases(drawn, problem, "f", taken)

    async def compare(self, bench: Bench, problem: Problem, code: str, suites: Sequence[Suite]) -> tuple[Case, ...]:
        """Return nothing: there is no reference."""
        return ()

    async def rederive(self, bench: Bench, problem: Problem, case: Case) -> Case | None:
        """Return None: nobody is there to derive anything."""
        return None


def _cases(drawn: RecordedSuite, problem: Problem, prefix: str, taken: set[str]) -> tuple[Case, ...]:
    parsed = parse_cases(drawn.asserts, problem.entry_point, prefix=prefix, limit=MAX_CASES)
    return tuple(case for case in parsed.cases if case_text(case) not in taken)


@dataclass(frozen=True)
class SilentCritic:
    """Says what was executed and nothing else: no lesson, and no opinion on a conflict."""

    async def diagnose(self, bench: Bench, problem: Problem, solution: Solution, failure: Failure) -> Diagnosis:
        """Return the executed facts as a diagnosis without words."""
        return unexplained(failure)

    async def judge(self, bench: Bench, problem: Problem, failure: Failure) -> Opinion:
        """Return that nothing is decided."""
        return Opinion(kind="undecided")
