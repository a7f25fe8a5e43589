"""What an oracle says of a run: typed figures."""

from __future__ import annotations

from typing import Literal

from mendloop.frozen import Frozen
from mendloop.records import Tier, VerdictKind
from mendloop.runs.intervals import Share


class Rejects(Frozen):
    """Dropped sessions whose last program was judged, and those of them in which it is right, by reason of the loss.

    `accepted` are those of `n` whose program the loop had accepted before it dropped them.
    """

    n: int
    right: int
    accepted: int
    accepted_right: int
    by_reason: dict[str, int]


class Validity(Frozen):
    """The share of generated cases that the oracle's reference passes.

    `designed`: of the first shown suites as they were written. `shown`: of those that judged in the end. `held_out`: of
    the suites that nobody saw.
    """

    designed: Share | None
    shown: Share | None
    held_out: Share | None


class Blamed(Frozen):
    """Verdicts of one kind, or by one rule, that the oracle found right, wrong, or could not tell."""

    right: int
    wrong: int
    unclear: int


class JudgedSession(Frozen):
    """One session and what the oracle says of its last program; `right` is None where it could not tell."""

    session: str
    problem: str
    outcome: Literal["kept", "dropped"]
    reason: str
    tier: Tier | None
    accepted: bool
    right: bool | None


class Against(Frozen):
    """A run against an oracle. Shares have 95 % intervals, clustered by problem.

    `precision` is how many of the kept programs are right: of all, and by tier. `yield_kept` is the share of the
    sessions about the oracle's problems that were kept, `yield_right` that of kept ones that are right. `solved` of
    `problems` in the file have a kept program that is right. `unmatched` sessions are about no problem of the file;
    `untold` programs could not be judged. `unusable` names lines of the file, and those whose own reference fails.
    """

    oracle: str
    problems: int
    solved: int
    sessions: int
    unmatched: int
    untold: int
    precision: dict[str, Share]
    yield_kept: Share | None
    yield_right: Share | None
    rejects: Rejects
    test_validity: Validity | None
    adjudication: dict[VerdictKind, Blamed]
    adjudication_by_rule: dict[str, Blamed]
    judged: tuple[JudgedSession, ...]
    unusable: dict[str, str]
    not_measured: dict[str, str]
