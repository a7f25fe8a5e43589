"""A scripted model that remembers what it was asked, and a session that is played with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mendloop.agents.programmer import RepairAsk
from mendloop.agents.prompted.asking import Voice
from mendloop.agents.prompted.programmer import PromptedProgrammer
from mendloop.agents.prompted.templates import Prompts
from mendloop.agents.scripted import ScriptedProgrammer
from mendloop.events import RecordDropped, RecordKept
from mendloop.executions import Execution, Limits, Probe, Request
from mendloop.graphs.outcome import SessionOutcome
from mendloop.graphs.team import Team
from mendloop.records import Brief, Problem, Record, Solution
from mendloop.runs.reader import Reader
from mendloop.runs.replay import Unreachable
from mendloop.runs.sessions import SessionRunner
from mendloop.runs.store import Store
from mendloop.tools.bench import Bench
from mendloop.tools.chat.protocol import Answer, ChatRequest, Finish
from mendloop.tools.chat.scripted import ScriptedChat
from mendloop.tools.sandbox.protocol import Sandbox

LIMITS = Limits(cpu_s=1, wall_s=5)
PROSE = "I would multiply the number by two."


@dataclass
class Model:
    """Answers as `says` does, and keeps the requests."""

    says: Callable[[ChatRequest], str | Answer]
    asked: list[ChatRequest] = field(default_factory=list)

    def voice(self, prompts: Prompts | None = None, temperature: float | None = 0.7) -> Voice:
        return Voice(ScriptedChat(self._answer), prompts or Prompts(), max_tokens=100, temperature=temperature)

    def _answer(self, request: ChatRequest) -> str | Answer:
        self.asked.append(request)
        return self.says(request)

    @property
    def prompts(self) -> list[str]:
        """What was asked, each question as one text."""
        return ["\n".join(message.content for message in request.messages) for request in self.asked]


def saying(*answers: str | Answer) -> Model:
    """A model that gives these answers one after the other, the last one again and again."""
    model = Model(lambda request: answers[min(len(model.asked), len(answers)) - 1])
    return model


def cut(text: str, finish: Finish = "length") -> Answer:
    return Answer(text=text, finish=finish)


def fenced(code: str, after: str = "") -> str:
    return f"```python\n{code}```\n{after}"


@dataclass
class Watched:
    """A sandbox that remembers what it ran."""

    inner: Sandbox
    ran: list[Request] = field(default_factory=list)

    async def probe(self) -> tuple[Probe, ...]:
        return await self.inner.probe()

    async def run(self, request: Request) -> Execution:
        self.ran.append(request)
        return await self.inner.run(request)

    async def aclose(self) -> None:
        await self.inner.aclose()


@dataclass(frozen=True)
class Repairing(ScriptedProgrammer):
    """The first program is written down, the repairs are the model's."""

    model: PromptedProgrammer | None = None

    async def repair(self, bench: Bench, problem: Problem, ask: RepairAsk) -> Solution:
        assert self.model is not None
        return await self.model.repair(bench, problem, ask)


async def bench_of(
    store: Store, sandbox: Sandbox | None = None, node: str = "node", role: str = "role", session: str = "s000000"
) -> Bench:
    return Bench(await store.journal(session), sandbox or Unreachable(), 0, session, node, 0, role)


@dataclass(frozen=True)
class Played:
    """A session that was played: how it ended, and its record or the reason it was dropped."""

    outcome: SessionOutcome
    record: Record | None
    dropped: str | None


async def play(store: Store, team: Team, index: int = 0, brief: Brief | None = None) -> Played:
    """Run session `index` through the repair graph."""
    session = f"s{index:06d}"
    journal = await store.journal(session)
    outcome = await SessionRunner(team).run(index, journal, brief or Brief())
    journal.end()
    await store.flush()
    with Reader(store.path) as reader:
        events = [stored.event for stored in reader.events(session)]
        kept = [reader.load(event.record, Record) for event in events if isinstance(event, RecordKept)]
    dropped = [event.reason for event in events if isinstance(event, RecordDropped)]
    return Played(outcome, kept[0] if kept else None, dropped[0] if dropped else None)
