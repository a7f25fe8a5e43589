"""How often a session asks each question, by the numbers of the scenario's loop and of the graphs' own limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mendloop.agents.prompted.tester import VOTES
from mendloop.graphs.judging import MAX_SANDBOX_FAULTS
from mendloop.graphs.planning import MAX_PLANS
from mendloop.graphs.routes import MAX_FIXES, MAX_RESAMPLES, MAX_RESTARTS, MAX_RESTATEMENTS
from mendloop.modelspecs import PlayedRole
from mendloop.specs import GoalSource, InstructionSource, PromptName, Scenario

RESAMPLED = 2
"""Peers that are written when nothing is decided."""
ROLE_OF: Mapping[PromptName, PlayedRole] = {
    "concepts": "proposer",
    "problem": "proposer",
    "problem_from_snippet": "proposer",
    "problem_from_instruction": "proposer",
    "restate": "proposer",
    "tests": "tester",
    "rederive": "tester",
    "write": "programmer",
    "repair": "programmer",
    "diagnose": "critic",
    "judge": "critic",
}
"""Who asks each question."""


@dataclass(frozen=True)
class Count:
    """How often a question is asked: in the cheapest session that is kept, and at most. Asking again is not counted."""

    prompt: PromptName
    low: int
    high: int


def session_counts(scenario: Scenario) -> tuple[Count, ...]:
    """Return the questions of one session, by team."""
    loop, turns = scenario.loop, scenario.target.min_failed_turns
    again = MAX_RESTATEMENTS if scenario.team == "prompted" else 0
    rounds = 1 + again
    repairs = rounds * loop.max_repairs + again
    mended = repairs * loop.samples
    if scenario.team == "procedural":
        return ()
    if scenario.team != "prompted":
        return (
            Count("diagnose", turns, repairs),
            Count("repair", turns, mended + MAX_RESTARTS * loop.samples),
        )
    suites = 2 if loop.held_out else 1
    judged = rounds * (loop.max_repairs + 2) + MAX_RESTARTS + MAX_FIXES + MAX_RESAMPLES + MAX_SANDBOX_FAULTS
    return (
        Count(stating_prompt(scenario), 1, 1),
        Count("tests", suites, suites * rounds + 1),
        Count("write", 1 + min(1, loop.peers), rounds * (1 + loop.peers) + RESAMPLED * MAX_RESAMPLES + MAX_RESTARTS),
        Count("diagnose", turns, repairs),
        Count("repair", turns, mended),
        Count("judge", 0, 2 * judged),
        Count("rederive", 0, MAX_FIXES * VOTES),
        Count("restate", 0, again),
    )


def run_counts(scenario: Scenario) -> tuple[Count, ...]:
    """Return the questions that the run itself asks."""
    planned = scenario.team == "prompted" and isinstance(scenario.source, GoalSource)
    return (Count("concepts", 1, MAX_PLANS),) if planned else ()


def stating_prompt(scenario: Scenario) -> PromptName:
    """Return the prompt that states the problems of a source."""
    if isinstance(scenario.source, InstructionSource):
        return "problem_from_instruction"
    return "problem_from_snippet" if scenario.source.path else "problem"
