"""Routers: each asks one question of the state and only routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from langgraph.runtime import Runtime

from mendloop.graphs.mending import resamples
from mendloop.graphs.state import RepairState
from mendloop.graphs.team import RepairContext


def route_proposed(state: RepairState) -> Literal["screen", "drop"]:
    """Is there a problem?"""
    return "drop" if state.get("reason") else "screen"


def route_screened(
    state: RepairState, runtime: Runtime[RepairContext]
) -> Sequence[Literal["limit_inputs", "design_tests", "program", "drop"]]:
    """Is the problem worth working on? Then tests and program are made side by side, or the tests first."""
    if state.get("reason"):
        return ["drop"]
    return ["limit_inputs"] if runtime.context.team.contractor is not None else route_limited(state, runtime)


def route_limited(
    state: RepairState, runtime: Runtime[RepairContext]
) -> Sequence[Literal["design_tests", "program", "drop"]]:
    """Are tests and program made side by side, or the tests first?"""
    if state.get("reason"):
        return ["drop"]
    first_tests = runtime.context.team.loop.rules.programmer_sees_tests
    return ["design_tests"] if first_tests else ["design_tests", "program"]


def route_designed(state: RepairState, runtime: Runtime[RepairContext]) -> Sequence[Literal["program", "drop"]]:
    """Does the programmer wait for the tests? Else it is at work beside the tester."""
    if not runtime.context.team.loop.rules.programmer_sees_tests:
        return []
    return ["drop"] if state.get("reason") else ["program"]


def route_executed(state: RepairState) -> Literal["vet_tests", "adjudicate", "drop"]:
    """Is there something to judge, and have the tests been vetted?"""
    if state.get("reason"):
        return "drop"
    return "adjudicate" if state.get("vetted") else "vet_tests"


def route_vetted(state: RepairState) -> Literal["adjudicate", "execute", "drop"]:
    """Are the tests fit to judge by? A suite that lost cases is run again."""
    if state.get("reason"):
        return "drop"
    return "adjudicate" if state.get("vetted") else "execute"


def route_verdict(
    state: RepairState, runtime: Runtime[RepairContext]
) -> Literal[
    "write_peers",
    "rederive",
    "measure",
    "corroborate",
    "diagnose",
    "quarantine",
    "restate",
    "resample",
    "execute",
    "drop",
]:
    """Who is at fault? Nothing is concluded without peers where it takes them, and a suspected test is derived anew."""
    if state.get("reason"):
        return "drop"
    if state.get("wanting"):
        return "write_peers"
    if state.get("suspicion"):
        return "rederive"
    match state["reached"]:
        case "passed":
            return "measure" if runtime.context.team.loop.rules.measured else "corroborate"
        case "code_fault":
            return "diagnose"
        case "test_fault":
            return "quarantine"
        case "spec_fault":
            return "restate"
        case "sandbox_fault":
            return "execute"
        case "undecided":
            return "resample"


def route_invited(state: RepairState) -> Literal["adjudicate", "drop"]:
    """Did the programmer answer?"""
    return "drop" if state.get("reason") else "adjudicate"


def route_corroborated(state: RepairState) -> Literal["strengthen", "drop"]:
    """Did tester and programmer answer?"""
    return "drop" if state.get("reason") else "strengthen"


def route_rederived(state: RepairState) -> Literal["diagnose", "quarantine", "drop"]:
    """Does the doubted case stand?"""
    if state.get("reason"):
        return "drop"
    return "diagnose" if state["reached"] == "code_fault" else "quarantine"


def route_stops(
    state: RepairState, runtime: Runtime[RepairContext]
) -> Literal["recall", "redraw", "choose_branch", "restart", "drop"]:
    """Repair again, write another program instead, look which program to repair, start over, or give up?"""
    if state.get("reason"):
        return "drop"
    if state.get("conflict") == "no_progress":
        return "restart"
    if resamples(state, runtime.context.team.loop):
        return "redraw"
    return "choose_branch" if runtime.context.team.loop.rules.branches > 1 else "recall"


def route_chosen(state: RepairState) -> Literal["recall", "drop"]:
    """Is there a program left to repair?"""
    return "drop" if state.get("reason") else "recall"


def route_repaired(state: RepairState) -> Literal["execute", "restart", "drop"]:
    """Is there a program that is not the one before?"""
    if state.get("conflict") == "no_progress":
        return "restart"
    return route_changed(state)


def route_changed(state: RepairState) -> Literal["execute", "drop"]:
    """Did the change give something to run?"""
    return "drop" if state.get("reason") else "execute"


def route_restated(state: RepairState) -> Literal["screen", "drop"]:
    """Is there a new statement to start over from?"""
    return "drop" if state.get("reason") else "screen"


def route_held_out(state: RepairState) -> Literal["compare_peers", "drop"]:
    """Did the accepted program survive the suite that nobody saw?"""
    return "drop" if state.get("reason") else "compare_peers"


def route_compared(state: RepairState) -> Literal["keep", "drop"]:
    """Does the program do what its reference does?"""
    return "drop" if state.get("reason") else "keep"


def route_kept(state: RepairState) -> Literal["remember", "drop"]:
    """Does the record meet the target?"""
    return "drop" if state.get("reason") else "remember"
