"""How often a session asks each question, by the numbers of the scenario's loop and of the graphs' own limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mendloop.agents.prompted.tester import VOTES
from mendloop.graphs.judging import MAX_SANDBOX_FAULTS
from mendloop.graphs.planning import MAX_PLANS
from mendloop.modelspecs import PlayedRole
from mendloop.policies import Explain, Policy
from mendloop.sourcespecs import GoalSource, InstructionSource, ProblemSource
from mendloop.specs import Loop, PromptName, Scenario

SIDES = 2
"""Who solves a split: the teacher and the student."""
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
    "write_both": "programmer",
    "reflect": "programmer",
    "question": "critic",
    "contract": "proposer",
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
    stops = loop.stops
    stated_by_a_model = scenario.team == "prompted" and not isinstance(scenario.source, ProblemSource)
    again = stops.restatements if stated_by_a_model else 0
    rounds = 1 + again
    repairs = rounds * loop.repairs + again
    mended = repairs * loop.samples
    if scenario.team in ("procedural", "recorded"):
        return ()
    explained = _explained(loop.rules, turns, repairs)
    if scenario.team != "prompted":
        return (*explained, Count("repair", turns, mended + stops.restarts * loop.samples))
    judged = rounds * (loop.repairs + 2) + stops.restarts + stops.fixes + stops.resamples + MAX_SANDBOX_FAULTS
    adjudicated = loop.rules.blame == "adjudicate"
    return (
        *([Count(stating_prompt(scenario), 1, 1)] if stated_by_a_model else []),
        *([Count("contract", 1, rounds)] if loop.rules.contract else []),
        *_designed(loop, rounds),
        _written(loop, rounds, repairs),
        *explained,
        Count("repair", 0 if loop.rules.mend == "resample" else turns, mended),
        Count("judge", 0, 2 * judged if adjudicated else 0),
        Count("rederive", 0, stops.fixes * VOTES if adjudicated else 0),
        Count("restate", 0, again),
    )


def _explained(rules: Policy, turns: int, repairs: int) -> tuple[Count, ...]:
    """Return how often failures are explained, and with which prompt."""
    prompts: dict[Explain, PromptName] = {"critic": "diagnose", "reflection": "reflect", "questioner": "question"}
    prompt = prompts.get(rules.explain)
    return (Count(prompt, turns, repairs),) if prompt is not None else ()


def _designed(loop: Loop, rounds: int) -> tuple[Count, ...]:
    """Return how often suites are designed; those for measuring, and one of further cases, are among them."""
    held_out = 1 if loop.held_out else 0
    if loop.rules.tests == "joint":
        return Count("write_both", 1, rounds), Count("tests", held_out, held_out + 1)
    suites = loop.rules.suites + held_out
    return (Count("tests", suites, suites * rounds + 1),)


def _written(loop: Loop, rounds: int, repairs: int) -> Count:
    """Return how often a program is written: the first, its peers, and those in place of repairs or after a restart."""
    stops, first = loop.stops, 0 if loop.rules.tests == "joint" else 1
    drawn = 0
    if loop.rules.mend == "resample":
        drawn = repairs
    elif loop.control:
        drawn = repairs * (loop.samples + 1)
    high = rounds * (first + loop.peers) + RESAMPLED * stops.resamples + stops.restarts + drawn
    return Count("write", first + min(1, loop.peers), high)


def run_counts(scenario: Scenario, records: int) -> tuple[Count, ...]:
    """Return the questions that the run itself asks until it has so many records: for its plan, and for its splits."""
    planned = scenario.team == "prompted" and isinstance(scenario.source, GoalSource)
    return (*([Count("concepts", 1, MAX_PLANS)] if planned else []), *_split(scenario.loop, records))


def _split(loop: Loop, records: int) -> tuple[Count, ...]:
    """Return how often teacher and student write a program for a split; sessions under way may make one larger."""
    if loop.stages is None:
        return ()
    every = loop.stages.every
    most = max(1, round(loop.stages.split * (every + loop.concurrency)))
    return (Count("write", SIDES * ((records - 1) // every), SIDES * (records // every) * most),)


def stating_prompt(scenario: Scenario) -> PromptName:
    """Return the prompt that states the problems of a source."""
    if isinstance(scenario.source, InstructionSource):
        return "problem_from_instruction"
    return "problem_from_snippet" if scenario.source.path else "problem"
