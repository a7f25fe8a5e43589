"""Acceptance rules as published systems have them (METHOD, section 2). Each returns the accepted program's number."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.acceptance_rows.matrix import Matrix
from mendloop.agents.shapes import shape
from mendloop.judgement.behaviour import agreement, telling
from mendloop.judgement.consensus import consensus_sets

Rule = Callable[[Matrix, Sequence[int]], int | None]
"""Given a problem and the order in which its programs are drawn, which program is accepted; None for none."""

MIN_SUITES = 3
MIN_PROGRAMS, MIN_TESTS = 3, 0.9
MIN_PEERS, MIN_INPUTS = 2, 40


def whole(matrix: Matrix, program: int, suite: int) -> bool:
    """Tell whether a program passes a whole suite that has a case."""
    return bool(matrix.suites[suite]) and matrix.programs[program].suites[suite].passed


def one_pair(matrix: Matrix, order: Sequence[int]) -> int | None:
    """One program and one suite: the first try of AIEV-Instruct."""
    return order[0] if order and matrix.suites and whole(matrix, order[0], 0) else None


def first_pair(matrix: Matrix, order: Sequence[int]) -> int | None:
    """The first of the (program, suite) pairs that passes: KodCode's shape."""
    for place, program in enumerate(order):
        if matrix.suites and whole(matrix, program, place % len(matrix.suites)):
            return program
    return None


def several_suites(matrix: Matrix, order: Sequence[int]) -> int | None:
    """The first program, when it passes at least three whole suites: AgentCoder's executor, by several designers."""
    if not order:
        return None
    passed = sum(whole(matrix, order[0], suite) for suite in range(len(matrix.suites)))
    return order[0] if passed >= MIN_SUITES else None


def dual_agreement(matrix: Matrix, order: Sequence[int]) -> int | None:
    """CodeT: the first program of the best consensus set, whatever it is."""
    found = _best(matrix, order)
    return found[0] if found else None


def strict_dual_agreement(matrix: Matrix, order: Sequence[int]) -> int | None:
    """CodeT, accepting only a set of at least three programs that pass at least 90 % of the tests."""
    found = _best(matrix, order)
    if not found or found[1] < MIN_PROGRAMS or found[2] < MIN_TESTS:
        return None
    return found[0]


def _best(matrix: Matrix, order: Sequence[int]) -> tuple[int, int, float] | None:
    """Return the top set's first program, how many programs it has, and the share of the tests that they pass."""
    passed = [
        [case.status == "pass" for result in matrix.programs[each].suites for case in result.cases] for each in order
    ]
    if not passed or not passed[0]:
        return None
    best = consensus_sets(passed)[0]
    return order[best.programs[0]], len(best.programs), len(best.tests) / len(passed[0])


def peers_agree(matrix: Matrix, order: Sequence[int]) -> int | None:
    """The first pair that passes, when at least two other programs agree with it on the fuzzed inputs."""
    found = first_pair(matrix, order)
    return found if found is not None and agreeing(matrix, found) >= MIN_PEERS else None


_AGREEING: dict[tuple[str, int], int] = {}


def agreeing(matrix: Matrix, program: int) -> int:
    """Count the other programs, of other syntax, that agree with one on the inputs that count."""
    if (matrix.name, program) not in _AGREEING:
        _AGREEING[matrix.name, program] = _agreeing(matrix, program)
    return _AGREEING[matrix.name, program]


def _agreeing(matrix: Matrix, program: int) -> int:
    order = range(len(matrix.programs))
    behaviours = [matrix.programs[each].fuzzed for each in order]
    places = telling(behaviours)
    mine = matrix.programs[program]
    return sum(
        agreement(mine.fuzzed, matrix.programs[each].fuzzed, places, unordered=matrix.unordered).whole
        for each in order
        if shape(matrix.programs[each].code) != shape(mine.code)
    )


PUBLISHED: dict[str, Rule] = {
    "one program, one suite (AIEV-Instruct, first try)": one_pair,
    "first (program, suite) pair that passes (KodCode)": first_pair,
    "three whole suites (AgentCoder)": several_suites,
    "top consensus set (CodeT)": dual_agreement,
    "consensus set of >= 3 programs, >= 90 % of tests (CodeT)": strict_dual_agreement,
    "first pair, and two peers agree on fuzzed inputs": peers_agree,
}
