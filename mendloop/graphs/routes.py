"""Routers: each asks one question of the state and only routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mendloop.graphs.state import RepairState

MAX_RESTARTS = 1
MAX_RESTATEMENTS = 1
MAX_RESAMPLES = 1
MAX_FIXES_PER_CASE = 2
MAX_FIXES = 4


def route_proposed(state: RepairState) -> Literal["screen", "drop"]:
    """Is there a problem?"""
    return "drop" if state.get("reason") else "screen"


def route_screened(state: RepairState) -> Sequence[Literal["design_tests", "program", "drop"]]:
    """Is the problem worth working on? Then tests and program are made side by side."""
    return ["drop"] if state.get("reason") else ["design_tests", "program"]


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
    state: RepairState,
) -> Literal["strengthen", "diagnose", "quarantine", "restate", "resample", "execute", "drop"]:
    """Who is at fault?"""
    if state.get("reason"):
        return "drop"
    match state["reached"]:
        case "passed":
            return "strengthen"
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


def route_stops(state: RepairState) -> Literal["recall", "restart", "drop"]:
    """Repair again, start over, or give up?"""
    if state.get("reason"):
        return "drop"
    return "restart" if state.get("conflict") == "no_progress" else "recall"


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
