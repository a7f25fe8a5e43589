"""Consensus sets: programs grouped by the tests that they pass (CodeT, arXiv 2207.10397, section 2)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mendloop.frozen import Frozen


class ConsensusSet(Frozen):
    """Programs that pass exactly the same tests, by number, those tests, and the score sqrt(programs) x tests."""

    programs: tuple[int, ...]
    tests: tuple[int, ...]

    @property
    def score(self) -> float:
        """The dual agreement of the set."""
        return math.sqrt(len(self.programs)) * len(self.tests)


def consensus_sets(passed: Sequence[Sequence[bool]]) -> tuple[ConsensusSet, ...]:
    """Return the consensus sets, the highest score first; `passed[p][t]` says whether program p passes test t.

    Equal scores go to the set with more programs, then to the one that holds the earlier program.
    """
    groups: dict[tuple[bool, ...], list[int]] = {}
    for number, row in enumerate(passed):
        groups.setdefault(tuple(row), []).append(number)
    sets = [
        ConsensusSet(programs=tuple(programs), tests=tuple(test for test, passes in enumerate(row) if passes))
        for row, programs in groups.items()
    ]
    return tuple(sorted(sets, key=lambda each: (-each.score, -len(each.programs), each.programs[0])))
