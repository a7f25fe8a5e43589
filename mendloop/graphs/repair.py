"""The repair graph: one problem from its statement to a kept record or a reasoned drop (METHOD: the loop)."""

from __future__ import annotations

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from mendloop.graphs import (
    accepting,
    checking,
    corroborating,
    judging,
    measuring,
    mending,
    opening,
    renewing,
    routes,
    searching,
    strengthening,
    vetting,
)
from mendloop.graphs.state import RepairInput, RepairState
from mendloop.graphs.team import RepairContext, Verb, as_node

RepairGraph = CompiledStateGraph[RepairState, RepairContext, RepairInput, RepairState]

VERBS: tuple[Verb, ...] = (
    opening.propose,
    opening.screen,
    opening.limit_inputs,
    opening.design_tests,
    opening.program,
    judging.execute,
    vetting.vet_tests,
    judging.adjudicate,
    corroborating.write_peers,
    judging.rederive,
    mending.diagnose,
    searching.choose_branch,
    mending.recall,
    mending.repair,
    mending.redraw,
    renewing.restart,
    renewing.quarantine,
    renewing.restate,
    renewing.resample,
    measuring.measure,
    corroborating.corroborate,
    strengthening.strengthen,
    checking.hold_out,
    checking.compare_peers,
    accepting.keep,
    accepting.drop,
    accepting.remember,
)


def build_repair_graph() -> StateGraph[RepairState, RepairContext, RepairInput, RepairState]:
    """Return the state machine of one problem, not yet compiled."""
    graph = StateGraph(RepairState, context_schema=RepairContext, input_schema=RepairInput, output_schema=RepairState)
    for verb in VERBS:
        name = getattr(verb, "__name__")  # noqa: B009 - a Verb is any callable; ours are functions
        graph.add_node(name, as_node(name, verb))
    graph.add_edge(START, "propose")
    graph.add_conditional_edges("propose", routes.route_proposed)
    made = ["design_tests", "program", "drop"]
    graph.add_conditional_edges("screen", routes.route_screened, ["limit_inputs", *made])
    graph.add_conditional_edges("limit_inputs", routes.route_limited, made)
    graph.add_conditional_edges("design_tests", routes.route_designed, ["program", "drop"])
    graph.add_edge(["design_tests", "program"], "execute")
    graph.add_conditional_edges("execute", routes.route_executed)
    graph.add_conditional_edges("vet_tests", routes.route_vetted)
    graph.add_conditional_edges("adjudicate", routes.route_verdict)
    graph.add_conditional_edges("rederive", routes.route_rederived)
    graph.add_conditional_edges("diagnose", routes.route_stops)
    graph.add_conditional_edges("choose_branch", routes.route_chosen)
    graph.add_edge("recall", "repair")
    graph.add_conditional_edges("repair", routes.route_repaired)
    graph.add_conditional_edges("write_peers", routes.route_invited)
    graph.add_edge("measure", "strengthen")
    graph.add_conditional_edges("corroborate", routes.route_corroborated)
    for change in ("redraw", "restart", "quarantine", "resample"):
        graph.add_conditional_edges(change, routes.route_changed)
    graph.add_conditional_edges("restate", routes.route_restated)
    graph.add_edge("strengthen", "hold_out")
    graph.add_conditional_edges("hold_out", routes.route_held_out)
    graph.add_conditional_edges("compare_peers", routes.route_compared)
    graph.add_conditional_edges("keep", routes.route_kept)
    graph.add_edge("drop", "remember")
    graph.add_edge("remember", END)
    return graph


def repair_graph() -> RepairGraph:
    """Return the compiled repair graph (also the entry that langgraph.json names)."""
    return build_repair_graph().compile(name="repair")
