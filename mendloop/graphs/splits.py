"""Splits: some of the newest records, held out, and how teacher and student did on them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence

from mendloop.frozen import Frozen
from mendloop.graphs.paired import mcnemar
from mendloop.records import Stage


class SplitProblem(Frozen):
    """One problem of a split: whose it is, whether there is a record of it, and the sha256 of it and of its suites."""

    id: str
    session: str
    kept: bool
    cluster: str
    problem: str
    suites: tuple[str, ...]


class Split(Frozen):
    """Problems that are held out: whoever trains the student leaves them out until the split is judged."""

    number: int
    problems: tuple[SplitProblem, ...]


class Paired(Frozen):
    """What became of one problem of a split: whether each program passed, None where the sandbox failed."""

    id: str
    session: str
    teacher: bool | None
    student: bool | None


class StageDetail(Frozen):
    """The problems of a judged split, and how many of the records kept since the last one each concept gave, by stage.

    A concept that goes missing after a swap is the first sign of a collapse.
    """

    problems: tuple[Paired, ...]
    concepts: dict[Stage, dict[str, int]]


class Tally(Frozen):
    """A split in numbers. `n` problems were judged for both sides; the others are `left_out`."""

    n: int
    left_out: int
    teacher_right: int
    student_right: int
    only_teacher: int
    only_student: int

    @property
    def p(self) -> float:
        """The exact two-sided p of the problems that only one side solved."""
        return mcnemar(self.only_teacher, self.only_student)


def freeze(number: int, solved: Sequence[SplitProblem], share: float, draw: random.Random) -> Split:
    """Return a split of solved problems, in their order: as many as a share of those that were kept, one at least.

    It is drawn of all, also of those that were solved too soon to be kept: a target that asks for failed turns keeps
    what the side in force fails at first, and would make the other look better than it is. No two are of one cluster:
    near-duplicates would count the same success twice. Where the clusters are too few, the split is smaller.
    """
    size = max(1, round(share * sum(each.kept for each in solved)))
    chosen: dict[str, int] = {}
    for place in draw.sample(range(len(solved)), len(solved)):
        chosen.setdefault(solved[place].cluster, place)
    return Split(number=number, problems=tuple(solved[place] for place in sorted(list(chosen.values())[:size])))


def tally_of(rows: Iterable[Paired]) -> Tally:
    """Return a judged split in numbers."""
    every = list(rows)
    both = Counter((row.teacher, row.student) for row in every if None not in (row.teacher, row.student))
    n = both.total()
    return Tally(
        n=n,
        left_out=len(every) - n,
        teacher_right=both[True, True] + both[True, False],
        student_right=both[True, True] + both[False, True],
        only_teacher=both[True, False],
        only_student=both[False, True],
    )
