"""Tiers: how strongly a record is verified, computed from the numbers of checks that were run (METHOD: tiers)."""

from __future__ import annotations

from mendloop.records import Tier, TierEvidence
from mendloop.specs import TierRules

BY_DEFAULT = TierRules()


def tier_of(evidence: TierEvidence, rules: TierRules = BY_DEFAULT) -> Tier:
    """Return the tier that the numbers give. A check that was not run gives nothing."""
    if not is_b(evidence, rules):
        return "C"
    return "A" if peers_vouch(evidence, rules) else "B"


def is_b(evidence: TierEvidence, rules: TierRules) -> bool:
    """Tell whether the held-out suite passed whole and the suites are strong enough to mean something."""
    if not evidence.held_out_cases or evidence.held_out_passed != evidence.held_out_cases:
        return False
    live, killed = evidence.mutants_live or 0, evidence.mutants_killed or 0
    return live >= rules.min_live_mutants and killed >= rules.min_mutation_score * live


def peers_vouch(evidence: TierEvidence, rules: TierRules) -> bool:
    """Tell whether enough independent programs do the same; a reference is none, nor are values that were forgeable."""
    if evidence.basis == "reference" or evidence.integrity != "values":
        return False
    inputs = evidence.peer_inputs or 0
    enough = inputs >= rules.min_peer_inputs or (inputs > 0 and evidence.peer_inputs_all)
    doubted = rules.max_doubted is not None and evidence.doubted_cases > rules.max_doubted
    agreeing = (evidence.peers_agreeing or 0) >= rules.min_peers
    return enough and agreeing and (evidence.rivals or 0) <= rules.max_rivals and not doubted
