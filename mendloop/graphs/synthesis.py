"""The synthesis graph: from a goal to many sessions, until the target is met or the source ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from mendloop.events import RUN_SESSION, NodeEntered, NodeExited, Ref, RunFinished, SessionCollected
from mendloop.graphs.outcome import SessionOutcome
from mendloop.graphs.state import SynthesisInput, SynthesisState, SynthesisUpdate
from mendloop.graphs.team import InProcess, Team
from mendloop.tools.bench import Bench
from mendloop.tools.journal import Journal


class Launcher(Protocol):
    """Runs sessions side by side."""

    def start(self, index: int) -> None:
        """Begin session `index`, unless its outcome is already journalled or the run is being stopped."""
        ...

    async def next(self) -> SessionOutcome:
        """Return the next outcome: in session order when deterministic, else of whichever session ends first."""
        ...

    async def stop(self) -> None:
        """Abandon the sessions that are still running; the target was met without them."""
        ...


@dataclass(frozen=True)
class SynthesisContext(InProcess):
    """What the synthesis graph is run with. `sessions` fixes the number of sessions and overrides the target."""

    team: Team
    journal: Journal
    launcher: Launcher
    concurrency: int
    sessions: int | None = None


Verb = Callable[[SynthesisState, SynthesisContext, Bench], Awaitable[SynthesisUpdate]]


async def survey(state: SynthesisState, context: SynthesisContext, bench: Bench) -> SynthesisUpdate:
    """Look at the source once."""
    stock = await context.team.proposer.prepare(bench.as_role("proposer"))
    return {"stock": stock.size, "admitted": 0, "collected": 0, "kept": 0}


async def admit(state: SynthesisState, context: SynthesisContext, bench: Bench) -> SynthesisUpdate:
    """Start as many sessions as may run side by side."""
    admitted = state["admitted"]
    room = state["collected"] + context.concurrency
    ends = [end for end in (state["stock"], context.sessions) if end is not None]
    limit = min([room, *ends])
    if not state.get("reason") and not state.get("spent"):
        for index in range(admitted, limit):
            context.launcher.start(index)
        admitted = max(admitted, limit)
    return {"admitted": admitted}


async def collect(state: SynthesisState, context: SynthesisContext, bench: Bench) -> SynthesisUpdate:
    """Take the next outcome into account."""
    outcome = await context.journal.effect(
        bench.key("outcome"), state["collected"], context.launcher.next, SessionOutcome, _collected
    )
    kept = state["kept"] + (outcome.outcome == "kept")
    update: SynthesisUpdate = {"collected": state["collected"] + 1, "kept": kept}
    if outcome.spent:
        update["spent"] = True
    if context.sessions is None and kept >= context.team.target.records and not state.get("reason"):
        update["reason"] = "target"
    return update


def _collected(request: str, ref: Ref, outcome: SessionOutcome) -> SessionCollected:
    return SessionCollected(request=request, result=ref)


async def finish(state: SynthesisState, context: SynthesisContext, bench: Bench) -> SynthesisUpdate:
    """End the run with its reason; sessions past the last one collected do not count."""
    await context.launcher.stop()
    all_asked = context.sessions is not None and state["collected"] >= context.sessions
    reason = state.get("reason") or ("sessions" if all_asked else "source_exhausted")
    finished = RunFinished(reason=reason, counted=state["collected"], kept=state["kept"])
    await context.journal.emit(bench.key("finished"), finished)
    return {"reason": reason}


def route_admitted(state: SynthesisState) -> Literal["collect", "finish"]:
    """Is any session under way?"""
    return "collect" if state["admitted"] > state["collected"] else "finish"


def route_target(state: SynthesisState, runtime: Runtime[SynthesisContext]) -> Literal["admit", "finish"]:
    """Is the target met? A deterministic run ends there; another lets its running sessions end first."""
    return "finish" if state.get("reason") and runtime.context.team.deterministic else "admit"


class Node(Protocol):
    """A node as LangGraph calls it."""

    async def __call__(self, state: SynthesisState, *, runtime: Runtime[SynthesisContext]) -> dict[str, Any]:
        """Return the update of a visit."""
        ...


def _as_node(name: str, verb: Verb) -> Node:
    async def node(state: SynthesisState, *, runtime: Runtime[SynthesisContext]) -> dict[str, Any]:
        context = runtime.context
        visit = state.get("visits", {}).get(name, 0)
        bench = Bench(context.journal, context.team.sandbox, context.team.seed, RUN_SESSION, name, visit, "executor")
        await context.journal.emit(f"{name}#{visit}/in", NodeEntered(node=name, visit=visit))
        update = await verb(state, context, bench)
        await context.journal.emit(f"{name}#{visit}/out", NodeExited(node=name, visit=visit))
        return {**update, "visits": {name: visit + 1}}

    node.__name__ = name
    return node


SynthesisGraph = CompiledStateGraph[SynthesisState, SynthesisContext, SynthesisInput, SynthesisState]


def build_synthesis_graph() -> StateGraph[SynthesisState, SynthesisContext, SynthesisInput, SynthesisState]:
    """Return the state machine of a run, not yet compiled."""
    graph = StateGraph(
        SynthesisState, context_schema=SynthesisContext, input_schema=SynthesisInput, output_schema=SynthesisState
    )
    for verb in (survey, admit, collect, finish):
        graph.add_node(verb.__name__, _as_node(verb.__name__, verb))
    graph.add_edge(START, "survey")
    graph.add_edge("survey", "admit")
    graph.add_conditional_edges("admit", route_admitted)
    graph.add_conditional_edges("collect", route_target)
    graph.add_edge("finish", END)
    return graph


def synthesis_graph() -> SynthesisGraph:
    """Return the compiled synthesis graph (also the entry that langgraph.json names)."""
    return build_synthesis_graph().compile(name="synthesis")
