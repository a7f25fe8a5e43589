"""Our acceptance on recorded programs: the loop's own rules, with another recorded program where it would repair.

Nothing is asked of a model here: a suspected test is taken out without being derived anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.acceptance_rows.matrix import Matrix, Seen
from mendloop.agents.shapes import shape
from mendloop.executions import CaseResult, ProgramResult
from mendloop.judgement.adjudication import refuted
from mendloop.judgement.standing import standing
from mendloop.judgement.tiers import tier_of
from mendloop.judgement.vouching import vouched
from mendloop.records import Case, Tier, TierEvidence
from mendloop.specs import TierRules

FEW = 40
"""With fewer fuzzed inputs there were no more."""


@dataclass(frozen=True)
class Accepted:
    """The program that the loop ends with, and how strongly it is verified."""

    program: int
    tier: Tier
    evidence: TierEvidence


@dataclass
class Judge:
    """Our acceptance on one set of problems. What does not depend on thresholds is worked out once."""

    anchored: bool = True
    _known: dict[tuple[str, int, float], TierEvidence | None] = field(default_factory=dict)
    _tiers: dict[tuple[str, int, TierRules], Tier] = field(default_factory=dict)

    def accept(self, matrix: Matrix, order: Sequence[int], rules: TierRules) -> Accepted | None:
        """Return what the loop accepts: the first program in `order` that no rule finds at fault.

        A program that reaches less than tier A gives way to a later one that reaches more.
        """
        best: Accepted | None = None
        for program in order:
            evidence = self.evidence(matrix, program, rules.slack)
            if evidence is None:
                continue
            tier = self._tier(matrix, program, evidence, rules)
            if best is None or "CBA".index(tier) > "CBA".index(best.tier):
                best = Accepted(program, tier, evidence)
            if tier == "A":
                break
        return best

    def _tier(self, matrix: Matrix, program: int, evidence: TierEvidence, rules: TierRules) -> Tier:
        key = matrix.name, program, rules
        if key not in self._tiers:
            self._tiers[key] = tier_of(evidence, rules)
        return self._tiers[key]

    def evidence(self, matrix: Matrix, program: int, slack: float) -> TierEvidence | None:
        """Return the numbers behind one program; None where the rules find it at fault or leave it open."""
        key = matrix.name, program, slack
        if key not in self._known:
            self._known[key] = evidence_of(matrix, program, slack, anchored=self.anchored)
        return self._known[key]


def evidence_of(matrix: Matrix, program: int, slack: float, *, anchored: bool) -> TierEvidence | None:
    """Return the numbers behind the tier of one program; None where it is found at fault or left open."""
    if not matrix.suites or not (matrix.suites[0] or (anchored and matrix.anchors)):
        return None
    peers = [
        each
        for each, seen in enumerate(matrix.programs)
        if each != program and not (anchored and refuted(matrix.anchors, seen.anchors))
    ]
    shown = vetted(matrix, program, peers, 0, anchored=anchored)
    if shown is None:
        return None
    held = vetted(matrix, program, peers, 1, anchored=False) if len(matrix.suites) > 1 else None
    return strength(matrix, program, peers, slack, shown=shown, held=held)


def vetted(matrix: Matrix, program: int, peers: Sequence[int], suite: int, *, anchored: bool) -> frozenset[str] | None:
    """Return the cases of a suite that were taken out; None where the program is at fault, or nobody can tell."""
    cases = (*(matrix.anchors if anchored else ()), *matrix.suites[suite])
    found = standing(
        cases,
        _on(matrix.programs[program], suite, cases, anchored),
        [_on(matrix.programs[peer], suite, cases, anchored) for peer in peers],
    )
    return found.doubted if found.passed else None


def _on(seen: Seen, suite: int, cases: Sequence[Case], anchored: bool) -> ProgramResult:
    """Return a program's result on some cases of the anchors and of one suite."""
    results: dict[str, CaseResult] = {case.id: case for case in seen.suites[suite].cases}
    if anchored:
        results |= {case.id: case for case in seen.anchors.cases}
    return seen.suites[suite].model_copy(update={"cases": tuple(results[case.id] for case in cases), "status": "ok"})


def strength(
    matrix: Matrix,
    program: int,
    peers: Sequence[int],
    slack: float,
    *,
    shown: frozenset[str],
    held: frozenset[str] | None,
) -> TierEvidence:
    """Return the numbers behind the tier of an accepted program."""
    mine = matrix.programs[program]
    live, killed = 0, 0
    for mutant in mine.mutants:
        caught = not all(mutant.anchors) or _fails(matrix, 0, mutant.suites, shown)
        told = (
            caught or mutant.told or (len(matrix.suites) > 1 and _fails(matrix, 1, mutant.suites, held or frozenset()))
        )
        live, killed = live + told, killed + caught
    others = [peer for peer in peers if shape(matrix.programs[peer].code) != shape(mine.code)]
    numbers = [program, *others]
    found = vouched(
        mine.fuzzed,
        [matrix.programs[peer].fuzzed for peer in others],
        [matrix.edges[number] for number in numbers],
        slack=slack,
        unordered=matrix.unordered,
    )
    held_out = len(matrix.suites[1]) - len(held or ()) if len(matrix.suites) > 1 else 0
    return TierEvidence(
        basis="none",
        shown_cases=len(matrix.suites[0]) - len(shown),
        held_out_cases=held_out,
        held_out_passed=held_out if held is not None else 0,
        mutants_live=live,
        mutants_killed=killed,
        peers_agreeing=len(found.agreeing),
        peer_inputs=found.inputs,
        peer_inputs_all=len(matrix.inputs) < FEW and found.inputs > 0,
        rivals=found.rivals,
        contested_edges=found.contested_edges,
        doubted_cases=len(shown) + len(held or ()),
    )


def _fails(matrix: Matrix, suite: int, passes: Sequence[Sequence[bool]], doubted: frozenset[str]) -> bool:
    cases = matrix.suites[suite]
    return any(not passed for case, passed in zip(cases, passes[suite], strict=True) if case.id not in doubted)
