"""The team: the frozen set of seams that a graph runs with, and the desk that a node works at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from langgraph.runtime import Runtime
from pydantic_core.core_schema import CoreSchema, any_schema

from mendloop.agents.author import Author
from mendloop.agents.contractor import Contractor
from mendloop.agents.critic import Critic
from mendloop.agents.mutants import MutantMaker
from mendloop.agents.programmer import Programmer
from mendloop.agents.proposer import Proposer
from mendloop.agents.roles import Roles
from mendloop.agents.tester import Tester
from mendloop.agents.unanswered import Unanswered
from mendloop.events import NodeEntered, NodeExited
from mendloop.executions import Limits
from mendloop.graphs.state import RepairState, RepairUpdate
from mendloop.memory.protocol import ReflectionStore
from mendloop.records import Standing
from mendloop.specs import Loop, SessionBudget, Target
from mendloop.tools.allowance import Allowance, OverBudget
from mendloop.tools.bench import Bench
from mendloop.tools.journal import Journal
from mendloop.tools.sandbox.protocol import Sandbox


@dataclass(frozen=True)
class Team:
    """Roles, sandbox, memory and the rules of the loop; shared by all sessions of a run.

    In a run with stages `student` are the same roles played by the student, and `standing` says whose turn it is.
    """

    name: str
    proposer: Proposer
    programmer: Programmer
    tester: Tester
    critic: Critic
    mutants: MutantMaker
    sandbox: Sandbox
    memory: ReflectionStore
    loop: Loop
    target: Target
    limits: Limits
    seed: int
    deterministic: bool
    peers: int = 0
    models: dict[str, str] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    prompts: dict[str, str] = field(default_factory=dict)
    session_budget: SessionBudget = field(default_factory=SessionBudget)
    author: Author | None = None
    contractor: Contractor | None = None
    student: Roles | None = None
    standing: Standing | None = None


class InProcess:
    """A context: parts of the process that runs a graph, which no schema describes; LangGraph's tools are told so."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> CoreSchema:
        """Return the schema that accepts everything."""
        return any_schema()


@dataclass(frozen=True)
class RepairContext(InProcess):
    """What the repair graph is run with: the team, this session's journal, and what it has used of its own budget."""

    team: Team
    journal: Journal
    allowance: Allowance = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "allowance", Allowance(self.team.session_budget))


@dataclass(frozen=True)
class Desk:
    """What one node visit works with."""

    team: Team
    journal: Journal
    bench: Bench


Verb = Callable[[RepairState, Desk], Awaitable[RepairUpdate]]


class Node(Protocol):
    """A node as LangGraph calls it."""

    async def __call__(self, state: RepairState, *, runtime: Runtime[RepairContext]) -> dict[str, Any]:
        """Return the update of a visit."""
        ...


def as_node(name: str, verb: Verb) -> Node:
    """Return the graph node of a verb: it journals its visit and gives the verb its desk."""

    async def node(state: RepairState, *, runtime: Runtime[RepairContext]) -> dict[str, Any]:
        team, journal = runtime.context.team, runtime.context.journal
        visit = state.get("visits", {}).get(name, 0)
        allowance = runtime.context.allowance
        bench = Bench(journal, team.sandbox, team.seed, state["session"], name, visit, "executor", allowance)
        await journal.emit(f"{name}#{visit}/in", NodeEntered(node=name, visit=visit))
        update = await _done(verb, state, Desk(team, journal, bench))
        await journal.emit(f"{name}#{visit}/out", NodeExited(node=name, visit=visit))
        return {**update, "visits": {name: visit + 1}}

    node.__name__ = name
    return node


async def _done(verb: Verb, state: RepairState, desk: Desk) -> RepairUpdate:
    """Do the node's work. A role that gave nothing usable, or may use no more, ends the session with its reason."""
    try:
        return await verb(state, desk)
    except (Unanswered, OverBudget) as reason:
        return {"reason": str(reason)}
