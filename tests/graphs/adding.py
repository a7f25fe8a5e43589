"""Problems about adding a number, models that know some of them, and a run whose sessions are all kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace

from mendloop.agents.prompted.asking import Voice
from mendloop.agents.prompted.programmer import PromptedProgrammer
from mendloop.agents.prompted.templates import Prompts
from mendloop.agents.proposer import Stock
from mendloop.agents.roles import Roles
from mendloop.agents.scripted import ScriptedProposer
from mendloop.events import RUN_SESSION, StageJudged, StageSplit
from mendloop.executions import Limits
from mendloop.graphs.comparing import NOBODY, Announcer
from mendloop.graphs.outcome import TOO_SOON, SessionOutcome
from mendloop.graphs.synthesis import SynthesisContext, synthesis_graph
from mendloop.graphs.team import Team
from mendloop.records import Brief, Case, Problem, Source, Standing, Suite
from mendloop.runs.reader import Reader
from mendloop.runs.store import Store
from mendloop.specs import Loop, MemorySpec, Target
from mendloop.stagespecs import Stages
from mendloop.tools.bench import Bench
from mendloop.tools.chat.protocol import Answer, ChatRequest
from mendloop.tools.chat.scripted import ScriptedChat
from mendloop.tools.journal import Journal
from mendloop.tools.sandbox.protocol import Sandbox
from tests.graphs.stages import team

NOTHING: Container[int] = ()
ALL: Container[int] = range(10_000)


def name_of(number: int) -> str:
    return f"add_{number}"


def problem(number: int, kind: str = "snippets", concept: str = "") -> Problem:
    return Problem(
        id=f"adding-{number}",
        statement=f"Write `{name_of(number)}(n)`, which returns n and {number} more.",
        entry_point=name_of(number),
        signature=f"{name_of(number)}(n)",
        source=Source(kind=kind, package="", qualname=name_of(number)),
        cluster=name_of(number),
        concepts=(concept,) if concept else (),
    )


def suites(number: int) -> tuple[Suite, Suite]:
    def cases(prefix: str, *inputs: int) -> tuple[Case, ...]:
        calls = [(f"{name_of(number)}({n})", str(n + number)) for n in inputs]
        return tuple(Case(id=f"{prefix}{at}", call=call, expect=value) for at, (call, value) in enumerate(calls))

    shown = Suite(author="t", role="shown", cases=cases("s", 0, 1))
    return shown, Suite(author="t", role="held_out", cases=cases("h", 5, -5))


@dataclass
class Adder:
    """A model that adds right where it `knows` the number; `asked` are the questions it got, with their seeds."""

    name: str
    knows: Container[int]
    asked: list[tuple[int, int | None]] = field(default_factory=list)
    meets: Callable[[int], None] = lambda count: None

    def answer(self, request: ChatRequest) -> Answer:
        self.meets(len(self.asked))
        found = re.search(r"add_(\d+)\(n\)", request.messages[-1].content)
        assert found
        number = int(found[1])
        self.asked.append((number, request.seed))
        more = number if number in self.knows else number + 1
        code = f"```python\ndef {name_of(number)}(n):\n    return n + {more}\n```"
        return Answer(text=code, finish="stop", model=self.name)

    def writes(self) -> PromptedProgrammer:
        return PromptedProgrammer(Voice(ScriptedChat(self.answer, self.name), Prompts()), Limits(cpu_s=1, wall_s=20))


@dataclass(frozen=True)
class Endless(ScriptedProposer):
    """A source that has no known end, and needs no plan."""

    async def prepare(self, bench: Bench) -> Stock:
        return Stock(size=None)


@dataclass
class Keeping:
    """A launcher whose sessions are all solved, in order; `standings` say who had the roles of each."""

    journal: Journal
    states: Callable[[int], Problem] = problem
    too_soon: Container[int] = NOTHING
    standings: dict[int, Standing | None] = field(default_factory=dict)
    ended: int = 0

    def start(self, index: int, brief: Brief, standing: Standing | None = None) -> None:
        self.standings[index] = standing

    async def next(self) -> SessionOutcome:
        index, self.ended = self.ended, self.ended + 1
        return SessionOutcome(
            session=f"s{index:06d}",
            index=index,
            outcome="dropped" if index in self.too_soon else "kept",
            reason=TOO_SOON if index in self.too_soon else "kept",
            problem=self.journal.put(self.states(index)).sha256,
            suites=tuple(self.journal.put(suite).sha256 for suite in suites(index)),
        )

    async def stop(self) -> None:
        pass


def staged(sandbox: Sandbox, teacher: Adder, student: Adder, rules: Stages, **changes: object) -> Team:
    """Return a team with stages whose programmers are these models."""
    loop = Loop(stages=rules, memory=MemorySpec(enabled=False, window=3))
    base = team(sandbox, loop=loop, deterministic=False, models={"programmer": teacher.name}, **changes)
    base = replace(base, programmer=teacher.writes(), proposer=Endless(()))
    models = {"programmer": student.name}
    roles = Roles(base.proposer, student.writes(), base.tester, base.critic, models)
    return replace(base, student=roles)


@dataclass(frozen=True)
class Ran:
    """What a run with stages journalled, and who had the roles of its sessions."""

    splits: list[StageSplit]
    judged: list[StageJudged]
    standings: list[Standing]

    @property
    def generations(self) -> list[int]:
        return [standing.generation for standing in self.standings]


async def run(
    store: Store,
    made: Team,
    records: int,
    *,
    concurrency: int = 1,
    states: Callable[[int], Problem] = problem,
    too_soon: Container[int] = NOTHING,
    announcer: Announcer = NOBODY,
) -> Ran:
    """Run the synthesis graph until so many records are kept; an endless source, no plan."""
    journal = await store.journal(RUN_SESSION)
    goal = Target(records=records, min_tier="C", min_failed_turns=0)
    launcher = Keeping(journal, states, too_soon)
    context = SynthesisContext(replace(made, target=goal), journal, launcher, concurrency, announcer=announcer)
    try:
        await synthesis_graph().ainvoke({"run": "r"}, {"recursion_limit": 10_000}, context=context)
    finally:
        await store.flush()
    return Ran(*journalled(store), [each for each in launcher.standings.values() if each is not None])


def journalled(store: Store) -> tuple[list[StageSplit], list[StageJudged]]:
    """Return the splits of a run, and what became of them."""
    with Reader(store.path) as reader:
        events = [stored.event for stored in reader.run_events()]
    splits = [event for event in events if isinstance(event, StageSplit)]
    return splits, [event for event in events if isinstance(event, StageJudged)]
