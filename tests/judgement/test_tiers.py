"""Tiers are computed from the numbers of checks that were run, and from nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from mendloop.judgement.tiers import tier_of
from mendloop.records import TierEvidence
from mendloop.specs import TierRules

STRONG: dict[str, Any] = {
    "basis": "none",
    "shown_cases": 10,
    "held_out_cases": 8,
    "held_out_passed": 8,
    "mutants_live": 10,
    "mutants_killed": 8,
    "peers_agreeing": 2,
    "peer_inputs": 40,
    "rivals": 1,
}


def tier(**changes: Any) -> str:
    return tier_of(TierEvidence(**{**STRONG, **changes}))


def test_all_checks_give_tier_a() -> None:
    assert tier() == "A"


@pytest.mark.parametrize(
    "change",
    [
        {"peers_agreeing": 1},
        {"peers_agreeing": None},
        {"peer_inputs": 39},
        {"peer_inputs": None},
        {"peer_inputs": 0, "peer_inputs_all": True},
        {"rivals": 2},
        {"contested_edges": 1},
        {"basis": "reference"},
        {"integrity": "inproc"},
    ],
)
def test_without_independent_peers_it_is_tier_b(change: dict[str, Any]) -> None:
    assert tier(**change) == "B"


@pytest.mark.parametrize(
    "change",
    [
        {"held_out_passed": 7},
        {"held_out_cases": 0, "held_out_passed": 0},
        {"held_out_cases": None, "held_out_passed": None},
        {"mutants_killed": 7},
        {"mutants_live": 4, "mutants_killed": 4},
        {"mutants_live": None, "mutants_killed": None},
        {"rivals": 3},
        {"rivals": 2, "peers_agreeing": 1},
    ],
)
def test_without_a_held_out_suite_and_strong_tests_it_is_tier_c(change: dict[str, Any]) -> None:
    assert tier(**change) == "C"


def test_all_inputs_there_are_count_as_enough() -> None:
    assert tier(peer_inputs=2, peer_inputs_all=True) == "A"


def test_a_scenario_can_ask_for_more() -> None:
    evidence = TierEvidence(**{**STRONG, "doubted_cases": 2})
    assert tier_of(evidence, TierRules(max_doubted=1)) == "B"
    assert tier_of(evidence, TierRules(max_doubted=2)) == "A"
    assert tier_of(evidence, TierRules(min_peers=3)) == "B"
    edged = evidence.model_copy(update={"contested_edges": 3})
    assert (
        tier_of(edged, TierRules(max_contested_edges=3)) == tier_of(edged, TierRules(max_contested_edges=None)) == "A"
    )
    assert tier_of(evidence, TierRules(min_mutation_score=0.9)) == "C"
