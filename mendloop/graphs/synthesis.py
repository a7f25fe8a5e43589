"""The synthesis graph: from a goal to many sessions, until the target is met or the source ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from mendloop.agents.unanswered import Unanswered
from mendloop.events import RUN_SESSION, NodeEntered, NodeExited, Ref, RunFinished, SessionCollected
from mendloop.graphs.alarm import NOBODY_MET, counted, sound
from mendloop.graphs.comparing import NOBODY, Announcer, held_since, judge, standing_at, undecided
from mendloop.graphs.outcome import SessionOutcome
from mendloop.graphs.planning import MAX_PLANS, brief_for, ended, next_concept, planned, started, wants_concepts
from mendloop.graphs.stages import cast
from mendloop.graphs.state import SynthesisInput, SynthesisState, SynthesisUpdate
from mendloop.graphs.team import InProcess, Team
from mendloop.records import Brief, Standing
from mendloop.tools.bench import Bench
from mendloop.tools.journal import Journal


class Launcher(Protocol):
    """Runs sessions side by side."""

    def start(self, index: int, brief: Brief, standing: Standing | None = None) -> None:
        """Begin session `index` as the brief asks, unless its outcome is journalled or the run is being stopped.

        In a run with stages `standing` says who plays its roles.
        """
        ...

    async def next(self) -> SessionOutcome:
        """Return the next outcome: in session order when deterministic, else of whichever session ends first."""
        ...

    async def stop(self) -> None:
        """Abandon the sessions that are still running; the target was met without them."""
        ...


@dataclass(frozen=True)
class SynthesisContext(InProcess):
    """What the synthesis graph is run with. `sessions` fixes the number of sessions and overrides the target.

    `announcer` hears of stages.
    """

    team: Team
    journal: Journal
    launcher: Launcher
    concurrency: int
    sessions: int | None = None
    announcer: Announcer = NOBODY


SPARE = 2
"""Sessions under way for each record that is still missing: some of them will be lost."""

Verb = Callable[[SynthesisState, SynthesisContext, Bench], Awaitable[SynthesisUpdate]]


async def survey(state: SynthesisState, context: SynthesisContext, bench: Bench) -> SynthesisUpdate:
    """Look at the source once."""
    stock = await context.team.proposer.prepare(bench.as_role("proposer"))
    begun: SynthesisUpdate = {"stock": stock.size, "admitted": 0, "collected": 0, "kept": 0, "plans": 0, "concepts": {}}
    if context.team.loop.stages is None:
        return begun
    return {**begun, "held": [held_since(0, Standing(), context.journal)], "fresh": [], "splits": 0, "grounded": 0}


async def plan(state: SynthesisState, context: SynthesisContext, bench: Bench) -> SynthesisUpdate:
    """Plan concepts with quotas, and plan anew when some of them give nothing. A source may need no plan."""
    have = state["concepts"]
    target = context.sessions or context.team.target.records
    team = cast(context.team, standing_at(state.get("held", []), state["admitted"], context.journal))
    try:
        named = await team.proposer.concepts(bench.as_role("proposer"), tuple(have))
    except Unanswered as reason:
        return {"plans": state["plans"] + 1, **({} if have else {"reason": f"no_plan: {reason}"})}
    return {"plans": state["plans"] + 1, "concepts": planned(have, named, target) if have or named else {}}


async def admit(state: SynthesisState, context: SynthesisContext, bench: Bench) -> SynthesisUpdate:
    """Start as many sessions as may run side by side."""
    admitted = state["admitted"]
    room = state["collected"] + _side_by_side(context)
    ends = [end for end in (state["stock"], context.sessions, _enough(state, context)) if end is not None]
    limit = min([room, *ends])
    if state.get("reason") or state.get("spent"):
        return {"admitted": admitted}
    concepts = state["concepts"]
    for index in range(admitted, limit):
        concept = next_concept(concepts) if concepts else ""
        if concept is None:
            waiting = index > state["collected"]  # a session under way that is kept opens its concept again
            return {"admitted": index, "concepts": concepts, **({} if waiting else {"reason": "plan_exhausted"})}
        standing = standing_at(state.get("held", []), index, context.journal)
        context.launcher.start(index, brief_for(concepts, concept) if concept else Brief(), standing)
        concepts = started(concepts, concept) if concept else concepts
    return {"admitted": max(admitted, limit), "concepts": concepts}


def _side_by_side(context: SynthesisContext) -> int:
    """Return how many sessions may run at once: with stages in session order, none for which they are not decided."""
    if context.team.loop.stages is None or not context.team.deterministic:
        return context.concurrency
    return min(context.concurrency, context.team.loop.memory.window)


def _enough(state: SynthesisState, context: SynthesisContext) -> int | None:
    """Return how many sessions may have been started, None where the target does not say.

    Sessions cost model calls: near the target no more run side by side than twice the records that are missing. A
    deterministic run cancels its surplus instead, so that the sessions that count never depend on it.
    """
    if context.sessions is not None or context.team.deterministic:
        return None
    return state["collected"] + SPARE * max(0, context.team.target.records - state["kept"])


async def collect(state: SynthesisState, context: SynthesisContext, bench: Bench) -> SynthesisUpdate:
    """Take the next outcome into account. Raises AlarmError where the held-out suites say not to go on."""
    outcome = await context.journal.effect(
        bench.key("outcome"), state["collected"], context.launcher.next, SessionOutcome, _collected
    )
    kept = state["kept"] + (outcome.outcome == "kept")
    concepts = ended(state["concepts"], outcome)
    update: SynthesisUpdate = {"collected": state["collected"] + 1, "kept": kept, "concepts": concepts}
    update["met"] = counted(state.get("met", NOBODY_MET), outcome)
    sound(update["met"], context.team.loop.alarm)
    if outcome.spent:
        update["spent"] = True
    if outcome.problem and undecided(context.team.loop.stages, state.get("held", [])):
        update["fresh"] = [*state["fresh"], context.journal.put(outcome).sha256]
    if context.sessions is None and kept >= context.team.target.records and not state.get("reason"):
        update["reason"] = "target"
    return update


def _collected(request: str, ref: Ref, outcome: SessionOutcome) -> SessionCollected:
    return SessionCollected(request=request, result=ref)


async def judge_stage(state: SynthesisState, context: SynthesisContext, bench: Bench) -> SynthesisUpdate:
    """Let teacher and student solve a split of the newest records, and decide who plays the roles from now on."""
    return await judge(state, context.team, bench, context.announcer)


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


def route_collected(
    state: SynthesisState, runtime: Runtime[SynthesisContext]
) -> Literal["judge_stage", "plan", "admit", "finish"]:
    """Are there enough new records to compare teacher and student again?"""
    rules = runtime.context.team.loop.stages
    if rules is not None and state["kept"] >= (state["splits"] + 1) * rules.every and undecided(rules, state["held"]):
        return "judge_stage"
    return route_target(state, runtime)


def route_target(state: SynthesisState, runtime: Runtime[SynthesisContext]) -> Literal["plan", "admit", "finish"]:
    """Is the target met, and does the plan still lead there? A deterministic run ends at its target; another lets its
    running sessions end first.
    """
    if state.get("reason"):
        return "finish" if runtime.context.team.deterministic else "admit"
    return "plan" if wants_concepts(state["concepts"]) and state["plans"] < MAX_PLANS else "admit"


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
    for verb in (survey, plan, admit, collect, judge_stage, finish):
        graph.add_node(verb.__name__, _as_node(verb.__name__, verb))
    graph.add_edge(START, "survey")
    graph.add_edge("survey", "plan")
    graph.add_edge("plan", "admit")
    graph.add_conditional_edges("admit", route_admitted)
    graph.add_conditional_edges("collect", route_collected)
    graph.add_conditional_edges("judge_stage", route_target)
    graph.add_edge("finish", END)
    return graph


def synthesis_graph() -> SynthesisGraph:
    """Return the compiled synthesis graph (also the entry that langgraph.json names)."""
    return build_synthesis_graph().compile(name="synthesis")
