"""Tiers: how strongly a record is verified, computed from the numbers of checks that were run (METHOD: tiers)."""

from __future__ import annotations

from mendloop.records import Tier, TierEvidence
from mendloop.specs import TierRules

BY_DEFAULT = TierRules()
MIN_RIVALS = 2
"""Peers that must agree with each other to outvote a program."""


def tier_of(evidence: TierEvidence, rules: TierRules = BY_DEFAULT) -> Tier:
    """Return the tier that the numbers give. A check that was not run gives nothing."""
    if not is_b(evidence, rules):
        return "C"
    return "A" if peers_vouch(evidence, rules) else "B"


def is_b(evidence: TierEvidence, rules: TierRules) -> bool:
    """Tell whether the held-out suite passed whole, the suites are strong, and no group of peers outvotes the program.

    Measured on recorded programs, the last of these lifts the precision of tiers A and B together from .88 to .94.
    """
    if outvoted(evidence):
        return False
    if not evidence.held_out_cases or evidence.held_out_passed != evidence.held_out_cases:
        return False
    live, killed = evidence.mutants_live or 0, evidence.mutants_killed or 0
    return live >= rules.min_live_mutants and killed >= rules.min_mutation_score * live


def outvoted(evidence: TierEvidence) -> bool:
    """Tell whether peers agree with each other on something else, and outnumber those that agree with the program."""
    rivals = evidence.rivals or 0
    return rivals >= MIN_RIVALS and rivals > (evidence.peers_agreeing or 0)


def peers_vouch(evidence: TierEvidence, rules: TierRules) -> bool:
    """Tell whether enough independent programs do the same; a reference is none, nor are values that were forgeable."""
    if evidence.basis == "reference" or evidence.integrity != "values":
        return False
    inputs = evidence.peer_inputs or 0
    enough = inputs >= rules.min_peer_inputs or (inputs > 0 and evidence.peer_inputs_all)
    doubted = rules.max_doubted is not None and evidence.doubted_cases > rules.max_doubted
    edges, most = evidence.contested_edges or 0, rules.max_contested_edges
    alone = most is not None and edges > most
    agreeing = (evidence.peers_agreeing or 0) >= rules.min_peers
    return enough and agreeing and (evidence.rivals or 0) <= rules.max_rivals and not doubted and not alone
