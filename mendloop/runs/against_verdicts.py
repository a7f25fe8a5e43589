"""What an oracle says of a run's tests and of its verdicts about who is at fault."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mendloop.records import TRUSTED_ORIGINS, Case, VerdictKind
from mendloop.runs.against_model import Blamed, Validity
from mendloop.runs.intervals import Share, clustered_share
from mendloop.runs.oracle_judging import key_of
from mendloop.runs.trials import Blame, Trial

K = TypeVar("K", bound=str)


@dataclass(frozen=True)
class Told:
    """What the oracle said: whether programs are right, by (problem, code), and cases, by problem and `key_of`."""

    rights: Mapping[tuple[str, str], bool | None]
    cases: Mapping[str, Mapping[str, bool]]

    def right(self, problem: str, code: str) -> bool | None:
        """Tell whether a program is right; None where that could not be told."""
        return self.rights.get((problem, code))

    def valid(self, problem: str, case: Case) -> bool | None:
        """Tell whether a case is right; None where no reference says so."""
        return self.cases.get(problem, {}).get(key_of(case))


def generated(cases: Iterable[Case]) -> tuple[Case, ...]:
    """Return the different cases that nobody vouches for, in their order."""
    return tuple({key_of(case): case for case in cases if case.origin not in TRUSTED_ORIGINS}.values())


def validity(matched: Sequence[Trial], told: Told) -> Validity | None:
    """Return the shares of generated cases that the reference passes; None where it could judge none."""

    def share(suites: Iterable[tuple[Trial, tuple[Case, ...]]]) -> Share | None:
        return clustered_share(
            (trial.cluster, valid)
            for trial, cases in suites
            for case in generated(cases)
            if (valid := told.valid(trial.problem.id, case)) is not None
        )

    found = Validity(
        designed=share((trial, trial.designed) for trial in matched),
        shown=share((trial, trial.shown) for trial in matched),
        held_out=share((trial, trial.held_out) for trial in matched),
    )
    return found if any(each is not None for _, each in found) else None


def adjudication(matched: Sequence[Trial], told: Told) -> tuple[dict[VerdictKind, Blamed], dict[str, Blamed]]:
    """Return how often verdicts blamed rightly, by kind and by rule."""
    found = [(blame, _blamed_rightly(blame, trial.problem.id, told)) for trial in matched for blame in trial.blames]
    by_kind = _counted((blame.kind, right) for blame, right in found)
    return by_kind, _counted((blame.rule, right) for blame, right in found)


def _blamed_rightly(blame: Blame, problem: str, told: Told) -> bool | None:
    """Tell whether a verdict blamed what is wrong; None where the oracle cannot tell.

    Code is rightly blamed where the program is wrong. A test is where a case that the verdict names is; without a
    reference, a right program that fails it shows that too, and a wrong one shows nothing.
    """
    right = told.right(problem, blame.code)
    if blame.kind == "code_fault":
        return None if right is None else not right
    known = [valid for case in blame.cases if (valid := told.valid(problem, case)) is not None]
    if known:
        return not all(known)
    return True if right else None


def _counted(found: Iterable[tuple[K, bool | None]]) -> dict[K, Blamed]:
    counts: dict[K, list[bool | None]] = {}
    for name, right in found:
        counts.setdefault(name, []).append(right)
    return {
        name: Blamed(right=each.count(True), wrong=each.count(False), unclear=each.count(None))
        for name, each in sorted(counts.items())
    }
