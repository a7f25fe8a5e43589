"""Known answers through the real engine: what the loop should come to when what its roles do is known."""

from __future__ import annotations

import random
from dataclasses import dataclass

from mendloop import open_run
from mendloop.agents.critic import Opinion
from mendloop.agents.mutants import Mutant
from mendloop.agents.programmer import RepairAsk
from mendloop.agents.scripted import ScriptedCritic, ScriptedProgrammer, ScriptedProposer, ScriptedTester
from mendloop.agents.tester import SuiteRole
from mendloop.errors import AlarmError
from mendloop.graphs.team import Team
from mendloop.memory.plain import PlainMemory
from mendloop.records import Case, Diagnosis, Failure, Problem, Record, Solution, Source, Suite
from mendloop.runs.control import Control
from mendloop.runs.engine import Summary, begin, synthesise
from mendloop.runs.progress import Silent
from mendloop.runs.reader import Reader
from mendloop.runs.replay import replay
from mendloop.runs.report import report
from mendloop.runs.stopping import Stopper
from mendloop.runs.store import Store
from mendloop.specs import Alarm, Loop, MemorySpec, Scenario, Target, TierRules
from mendloop.tools.bench import Bench
from mendloop.tools.sandbox.protocol import Sandbox
from tests.graphs.stages import PROBLEM, team


def numbered(number: int) -> Problem:
    """Return a problem of its own: another number is added."""
    name = f"plus_{number}"
    return Problem(
        id=name,
        statement=f"Write `{name}(n)`, which returns n and {number} more.",
        entry_point=name,
        signature=f"{name}(n: int)",
        source=Source(kind="scripted", package="tests", qualname=name),
        cluster=name,
    )


def adding(problem: Problem, error: int = 0, form: str = "n + {}") -> str:
    """Return a program that is `error` too large, written in some form."""
    amount = int(problem.entry_point.rpartition("_")[2]) + error
    return f"def {problem.entry_point}(n):\n    return {form.format(amount)}\n"


def chance(*parts: object) -> float:
    """Return a number from 0 to 1 that the parts decide."""
    return random.Random(repr(parts)).random()


def scenario_of(made: Team) -> Scenario:
    """Return the scenario that a team plays."""
    stated = {"goal": "Numbers", "source": {"kind": "goal"}, "models": {"teacher": {"kind": "scripted"}}}
    changes = {"loop": made.loop, "target": made.target, "deterministic": made.deterministic}
    return Scenario.model_validate(stated).model_copy(update=changes)


async def run(store: Store, made: Team, sessions: int) -> Summary:
    """Run so many sessions through the run engine."""
    scenario = scenario_of(made)
    await begin(store, scenario, made, sessions)
    summary = await synthesise(store, scenario, made, Silent(), Stopper(), Control(store), sessions)
    await store.flush()
    return summary


# --- memory ----------------------------------------------------------------------------------------------------------

LESSON = "Take away what was added at the end."
ALONE = 0.4
"""How often a repair succeeds without the lesson."""


class Remembering(ScriptedCritic):
    """Gives the one lesson that there is."""

    async def diagnose(self, bench: Bench, problem: Problem, solution: Solution, failure: Failure) -> Diagnosis:
        said = await super().diagnose(bench, problem, solution, failure)
        return said.model_copy(update={"lesson": LESSON, "fault": "wrong_constant"})


@dataclass(frozen=True)
class Forgetful(ScriptedProgrammer):
    """Repairs a program when the lesson is shown, and otherwise by luck."""

    async def write(self, bench: Bench, problem: Problem, peer: int) -> Solution | None:
        return Solution(code=adding(problem, 1), author="m") if peer == 0 else None

    async def repair(self, bench: Bench, problem: Problem, ask: RepairAsk) -> Solution:
        taught = any(lesson.lesson == LESSON for lesson in ask.recalled)
        lucky = chance("luck", problem.id) < ALONE
        return Solution(code=adding(problem, 0 if taught or lucky else 2), author="m")


class Anchored(ScriptedTester):
    """Gives anchors of the problem at hand."""

    async def design(self, bench: Bench, problem: Problem, role: SuiteRole) -> Suite:
        inputs = (1, 2) if role == "shown" else (5, 6)
        amount = int(problem.entry_point.rpartition("_")[2])
        named = [(f"{role}{n}", f"{problem.entry_point}({n})", str(n + amount)) for n in inputs]
        cases = tuple(Case(id=name, call=call, expect=expect, origin="given") for name, call, expect in named)
        return Suite(author="t", role=role, cases=cases)


async def test_a_lesson_that_is_all_a_repair_needs_shows_in_the_reports_lift(store: Store, sandbox: Sandbox) -> None:
    sessions, window = 60, 4
    memory = MemorySpec(enabled=True, off_share=0.5, window=window, recent=0)
    made = team(
        sandbox,
        proposer=ScriptedProposer([numbered(number) for number in range(1, sessions + 1)]),
        programmer=Forgetful([]),
        tester=Anchored([]),
        critic=Remembering(),
        memory=PlainMemory(),
        mutants=lambda code, entry_point, limit: (),
        loop=Loop(memory=memory, max_repairs=1, concurrency=2),
    )
    await run(store, made, sessions)
    lift = report(store.path).memory_lift
    assert lift is not None
    assert lift.low <= 1 - ALONE <= lift.high
    assert lift.low > 0


# --- a tester that is often wrong ------------------------------------------------------------------------------------

WRONG_TESTS, WRONG_PROGRAMS = 0.3, 0.3
FORMS = ("n + {}", "{} + n", "n - -{}", "sum([n, {}])")


@dataclass(frozen=True)
class Fallible(ScriptedProgrammer):
    """Writes programs of which a share is wrong, all in the same way; a repair may be wrong again."""

    async def write(self, bench: Bench, problem: Problem, peer: int) -> Solution | None:
        if peer >= len(FORMS):
            return None
        error = int(chance("program", problem.id, peer) < WRONG_PROGRAMS)
        return Solution(code=adding(problem, error, FORMS[peer]), author="m")

    async def repair(self, bench: Bench, problem: Problem, ask: RepairAsk) -> Solution:
        error = int(chance("repair", problem.id, ask.solution.code) < WRONG_PROGRAMS)
        return Solution(code=adding(problem, error, "(n + {})"), author="m")


class Careless(ScriptedTester):
    """Gives cases of which a share expects one too many, and derives values with the same care."""

    async def design(self, bench: Bench, problem: Problem, role: SuiteRole) -> Suite:
        inputs = (1, 2, 30) if role == "shown" else (5,)
        return Suite(author="t", role=role, cases=tuple(self._case(problem, role, n) for n in inputs))

    async def rederive(self, bench: Bench, problem: Problem, case: Case) -> Case | None:
        again = self._case(problem, "rederived", int((case.call or "").rpartition("(")[2].rstrip(")")))
        return case.model_copy(update={"expect": again.expect})

    def _case(self, problem: Problem, role: str, n: int) -> Case:
        amount = int(problem.entry_point.rpartition("_")[2])
        value = n + amount + (chance("test", problem.id, role, n) < WRONG_TESTS)
        return Case(id=f"{role}{n}", call=f"{problem.entry_point}({n})", expect=str(value), origin="generated")


def is_right(record: Record) -> bool:
    namespace: dict[str, object] = {}
    exec(record.attempts[-1].code, namespace)
    function = namespace[record.problem.entry_point]
    assert callable(function)
    return bool(function(1000) == 1000 + int(record.problem.entry_point.rpartition("_")[2]))


async def test_a_tester_that_is_often_wrong_does_not_lower_the_precision_of_tier_a(
    store: Store, sandbox: Sandbox
) -> None:
    sessions = 40
    made = team(
        sandbox,
        proposer=ScriptedProposer([numbered(number) for number in range(1, sessions + 1)]),
        programmer=Fallible([]),
        tester=Careless([]),
        critic=ScriptedCritic(opinions=(Opinion(kind="code_fault", cites="which returns n"),) * 2),
        mutants=shifted,
        loop=Loop(
            peers=3,
            concurrency=2,
            memory=MemorySpec(enabled=False),
            tiers=TierRules(min_live_mutants=2, min_peer_inputs=10, max_rivals=1),
            alarm=Alarm(enabled=False),
        ),
        target=Target(min_tier="C", min_failed_turns=0),
        peers=3,
    )
    await run(store, made, sessions)
    records = list(open_run(store.path).records())
    by_tier = {tier: [is_right(record) for record in records if record.tier == tier] for tier in ("A", "B", "C")}
    assert len(by_tier["A"]) >= 8, by_tier
    assert all(by_tier["A"]), by_tier


def shifted(code: str, entry_point: str, limit: int) -> tuple[Mutant, ...]:
    """Return two programs that give more than this one."""
    return tuple(Mutant(code=code.replace("return ", f"return {n} + "), summary="", kind="too many") for n in (1, 2))


# --- the alarm -------------------------------------------------------------------------------------------------------


def fooled(sandbox: Sandbox) -> Team:
    """Return a team whose programs pass what they are shown and nothing else."""
    shown = [Case(id=f"s{n}", call=f"double({n})", expect=str(2 * n), origin="generated") for n in (1, 2)]
    held_out = [Case(id=f"h{n}", call=f"double({n})", expect=str(2 * n), origin="generated") for n in (11, 12)]
    return team(
        sandbox,
        proposer=ScriptedProposer([PROBLEM] * 9),
        programmer=ScriptedProgrammer(["def double(n):\n    return n * 2 if n < 5 else 0\n"]),
        tester=ScriptedTester(shown, held_out),
        mutants=lambda code, entry_point, limit: (),
        loop=Loop(alarm=Alarm(after=5), memory=MemorySpec(enabled=False), concurrency=1),
    )


async def test_a_run_whose_programs_fail_what_nobody_saw_stops_and_says_so_again_when_resumed(
    store: Store, sandbox: Sandbox
) -> None:
    made = fooled(sandbox)
    summary = await run(store, made, 9)
    assert (summary.status, summary.reason, summary.sessions) == ("stopped", AlarmError.reason, 5)
    assert "5 of 5 accepted programs failed their held-out suites" in summary.detail
    again = await run(store, made, 9)
    assert (again.status, again.reason, again.sessions) == ("stopped", AlarmError.reason, 5)


async def test_a_run_that_its_alarm_stopped_is_replayed_to_that_point(store: Store, sandbox: Sandbox) -> None:
    made = fooled(sandbox)
    await run(store, made, 9)
    with Reader(store.path) as reader:
        told = await replay(reader, scenario_of(made), made)
    assert (told.ok, told.diverged) == (True, ())
