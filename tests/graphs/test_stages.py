"""Stages: the better one of teacher and student has the roles, and what decides it repeats, resumes and replays."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import comb
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mendloop.errors import ProviderError
from mendloop.events import LlmAnswered
from mendloop.executions import Execution, Probe, Request
from mendloop.graphs.paired import mcnemar
from mendloop.graphs.splits import Paired, Split, SplitProblem, StageDetail, Tally, freeze, tally_of
from mendloop.graphs.stages import cast, decide, turned
from mendloop.records import Problem, Stage, Standing
from mendloop.runs.reader import Reader
from mendloop.runs.replay import Unreachable
from mendloop.runs.store import Store, create_run, open_run
from mendloop.stagespecs import Stages
from mendloop.tools.sandbox.protocol import Sandbox
from tests.graphs.adding import ALL, NOTHING, Adder, problem, run, staged

WHOLE = Stages(swap_every=6, split=1.0)
"""Every record is in the split: six to none is the least that the exact test calls better."""


# --- the test --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("only_teacher", "only_student", "p"),
    [(0, 0, 1.0), (0, 5, 0.0625), (0, 6, 0.03125), (1, 9, 0.021484375), (5, 5, 1.0), (8, 2, 0.109375)],
)
def test_the_exact_test_gives_known_values(only_teacher: int, only_student: int, p: float) -> None:
    assert mcnemar(only_teacher, only_student) == p


@given(st.integers(0, 6), st.integers(0, 6))
@settings(max_examples=49, deadline=None)
def test_the_exact_test_counts_the_outcomes_that_are_at_least_as_uneven(first: int, second: int) -> None:
    told, gap = first + second, abs(first - second)
    falls = list(product((-1, 1), repeat=told))
    uneven = sum(abs(sum(fall)) >= gap for fall in falls)
    assert mcnemar(first, second) == pytest.approx(uneven / len(falls))


# --- splits ----------------------------------------------------------------------------------------------------------


def solved(clusters: Sequence[str]) -> list[SplitProblem]:
    return [
        SplitProblem(id=f"p{at}", session=f"s{at:06d}", kept=at % 2 == 0, cluster=cluster, problem="", suites=())
        for at, cluster in enumerate(clusters)
    ]


@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40),
    st.floats(0.01, 1.0),
    st.integers(0, 5),
)
@settings(max_examples=200, deadline=None)
def test_a_split_is_a_share_of_the_records_in_their_order_without_near_duplicates(
    clusters: list[str], share: float, seed: int
) -> None:
    every = solved(clusters)
    split = freeze(1, every, share, random.Random(seed))
    assert split == freeze(1, every, share, random.Random(seed))
    assert len(split.problems) == min(len(set(clusters)), max(1, round(share * len(clusters[::2]))))
    assert [each for each in every if each in split.problems] == list(split.problems)
    assert len({each.cluster for each in split.problems}) == len(split.problems)


def test_a_problem_that_the_sandbox_did_not_judge_for_both_counts_for_neither() -> None:
    sides = [(True, True), (True, False), (False, True), (False, True), (False, False), (None, True), (False, None)]
    rows = [Paired(id="p", session="s", teacher=teacher, student=student) for teacher, student in sides]
    assert tally_of(rows) == Tally(n=5, left_out=2, teacher_right=2, student_right=3, only_teacher=1, only_student=2)


# --- deciding --------------------------------------------------------------------------------------------------------


def tally(both: int, only_teacher: int, only_student: int) -> Tally:
    return Tally(
        n=both + only_teacher + only_student,
        left_out=0,
        teacher_right=both + only_teacher,
        student_right=both + only_student,
        only_teacher=only_teacher,
        only_student=only_student,
    )


PAIRED, PAPER = Stages(), Stages(mode="paper")


@pytest.mark.parametrize(
    ("rules", "before", "seen", "after"),
    [
        (PAIRED, "teaching", tally(0, 0, 6), ("learning", "student_better")),
        (PAIRED, "teaching", tally(9, 0, 5), ("teaching", "no_difference")),
        (PAIRED, "teaching", tally(0, 6, 0), ("teaching", "teacher_better")),
        (PAIRED, "learning", tally(0, 6, 0), ("teaching", "teacher_better")),
        (PAIRED, "learning", tally(9, 5, 0), ("learning", "no_difference")),
        (PAIRED, "learning", tally(0, 0, 6), ("learning", "student_better")),
        (PAPER, "teaching", tally(9, 0, 1), ("learning", "student_better")),
        (PAPER, "teaching", tally(9, 1, 1), ("teaching", "no_difference")),
        (PAPER, "learning", tally(0, 9, 0), ("learning", "teacher_better")),
    ],
)
def test_a_stage_ends_when_the_rule_says_so(
    rules: Stages, before: Stage, seen: Tally, after: tuple[Stage, str]
) -> None:
    assert decide(rules, before, seen, grounded=1.0) == after


@pytest.mark.parametrize("before", ["teaching", "learning"])
@pytest.mark.parametrize("mode", ["paired", "paper"])
def test_the_student_has_no_roles_where_too_little_stands_on_real_code(before: Stage, mode: str) -> None:
    rules = Stages.model_validate({"mode": mode, "min_grounded": 0.5})
    assert decide(rules, before, tally(0, 0, 9), grounded=0.49) == ("teaching", "not_grounded")
    assert decide(rules, before, tally(0, 0, 9), grounded=0.5) == ("learning", "student_better")


@pytest.mark.parametrize(
    ("problems", "teacher", "student", "paired", "paper"),
    [(50, 0.125, 0.125, 0.012, 0.443), (50, 0.05, 0.2, 0.478, 0.983), (200, 0.05, 0.2, 0.992, 1.0)],
)
def test_chance_seldom_swaps_by_the_paired_rule_and_often_by_the_papers(
    problems: int, teacher: float, student: float, paired: float, paper: float
) -> None:
    """What the page says: how often the student takes the roles, where so many are solved by one side alone."""

    def swaps(rules: Stages) -> float:
        return sum(
            comb(problems, first)
            * comb(problems - first, second)
            * (teacher**first * student**second * (1 - teacher - student) ** (problems - first - second))
            for first in range(problems + 1)
            for second in range(problems + 1 - first)
            if decide(rules, "teaching", tally(problems - first - second, first, second), 1.0)[0] == "learning"
        )

    assert (round(swaps(PAIRED), 3), round(swaps(PAPER), 3)) == (paired, paper)


# --- who has the roles -----------------------------------------------------------------------------------------------


def test_a_generation_counts_the_swaps_to_the_student_and_keeps_its_ancestry() -> None:
    team = staged(Unreachable(), Adder("big", ALL), Adder("small", ALL), WHOLE, weights={"small": "ab12"})
    held = [Standing()]
    stages: tuple[Stage, ...] = ("teaching", "learning", "learning", "teaching", "learning")
    for split, stage in enumerate(stages, 1):
        held.append(turned(held, stage, split, team))
    assert [(each.stage, each.generation) for each in held[1:]] == [
        ("teaching", 0),
        ("learning", 1),
        ("learning", 1),
        ("teaching", 0),
        ("learning", 2),
    ]
    student = "student small, weights sha256 ab12"
    assert held[-1].ancestry == (
        "start: teacher big",
        f"split 2: {student}",
        "split 4: teacher big",
        f"split 5: {student}",
    )
    assert held[1] == Standing()


def test_the_team_of_a_stage_has_the_models_of_that_stage_alone() -> None:
    teacher, student = Adder("big", ALL), Adder("small", ALL)
    team = staged(Unreachable(), teacher, student, WHOLE, weights={"small": "ab12", "big": "cd34"})
    learning = Standing(stage="learning", generation=1)
    assert team.student is not None
    assert cast(team, None) is team
    assert cast(team, Standing()).programmer is team.programmer
    assert cast(team, Standing()).weights == {"big": "cd34"}
    assert cast(team, learning).programmer is team.student.programmer
    assert (cast(team, learning).models, cast(team, learning).weights) == ({"programmer": "small"}, {"small": "ab12"})
    assert cast(team, learning).standing == learning


# --- a run -----------------------------------------------------------------------------------------------------------

FIRST, SECOND = range(6), range(6, 12)


async def test_the_student_takes_the_roles_and_gives_them_back(store: Store, sandbox: Sandbox) -> None:
    teacher, student = Adder("big", SECOND), Adder("small", FIRST)
    ran = await run(store, staged(sandbox, teacher, student, WHOLE), records=14)
    assert [(each.before, each.after, each.generation, each.reason) for each in ran.judged] == [
        ("teaching", "learning", 1, "student_better"),
        ("learning", "teaching", 0, "teacher_better"),
    ]
    assert [(each.n, each.teacher_right, each.student_right, each.p) for each in ran.judged] == [
        (6, 0, 6, 0.03125),
        (6, 6, 0, 0.03125),
    ]
    assert ran.generations == [0] * 6 + [1] * 6 + [0] * 2
    assert [(each.drawn, each.of) for each in ran.splits] == [(6, 6), (6, 6)]


async def test_both_are_asked_once_with_the_same_seeds(store: Store, sandbox: Sandbox) -> None:
    teacher, student = Adder("big", ALL), Adder("small", NOTHING)
    await run(store, staged(sandbox, teacher, student, WHOLE), records=6)
    assert sorted(teacher.asked) == sorted(student.asked)
    assert sorted(number for number, _ in teacher.asked) == list(FIRST)
    assert len({seed for _, seed in teacher.asked}) == 6


async def test_a_tie_breaker_swaps_by_the_papers_rule_and_not_by_the_paired_one(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    teacher, student = Adder("big", range(5)), Adder("small", range(6))
    found = {}
    for mode in ("paired", "paper"):
        rules = Stages.model_validate({"swap_every": 6, "split": 1.0, "mode": mode})
        with create_run(tmp_path / mode) as store:
            found[mode] = (await run(store, staged(sandbox, teacher, student, rules), records=13)).generations
    assert found["paired"] == [0] * 13
    assert found["paper"] == [0] * 6 + [1] * 7


async def test_by_the_papers_rule_nothing_is_compared_after_the_swap(store: Store, sandbox: Sandbox) -> None:
    rules = Stages(swap_every=2, split=1.0, mode="paper")
    ran = await run(store, staged(sandbox, Adder("big", NOTHING), Adder("small", ALL), rules), records=7)
    assert [each.split for each in ran.judged] == [1]
    assert ran.generations == [0, 0, 1, 1, 1, 1, 1]


async def test_a_student_without_ground_does_not_take_the_roles(store: Store, sandbox: Sandbox) -> None:
    rules = WHOLE.model_copy(update={"min_grounded": 0.6})

    def half(number: int) -> Problem:
        return problem(number, "snippets" if number % 2 else "goal")

    made = staged(sandbox, Adder("big", NOTHING), Adder("small", ALL), rules)
    ran = await run(store, made, records=7, states=half)
    assert [(each.reason, each.after, each.grounded, each.kept) for each in ran.judged] == [
        ("not_grounded", "teaching", 3, 6)
    ]
    assert ran.generations == [0] * 7


async def test_a_judged_split_names_its_problems_and_the_concepts_of_each_stage(store: Store, sandbox: Sandbox) -> None:
    def stated(number: int) -> Problem:
        return problem(number, concept="rare" if number == 0 else "common")

    made = staged(sandbox, Adder("big", [3]), Adder("small", ALL), Stages(swap_every=6, split=0.5))
    ran = await run(store, made, records=12, states=stated)
    with Reader(store.path) as reader:
        frozen = reader.load(ran.splits[0].frozen, Split)
        details = [reader.load(each.detail, StageDetail) for each in ran.judged]
    assert ran.judged[0].frozen == ran.splits[0].frozen.sha256
    assert len(frozen.problems) == 3
    assert [(row.id, row.session) for row in details[0].problems] == [
        (each.id, each.session) for each in frozen.problems
    ]
    assert {row.id: row.teacher for row in details[0].problems} == {
        each.id: each.id == "adding-3" for each in frozen.problems
    }
    assert [detail.concepts for detail in details] == [
        {"teaching": {"rare": 1, "common": 5}},
        {"teaching": {"common": 6}},
    ]


async def test_what_was_solved_too_soon_to_be_kept_is_in_a_split_too(store: Store, sandbox: Sandbox) -> None:
    made = staged(sandbox, Adder("big", NOTHING), Adder("small", ALL), WHOLE)
    ran = await run(store, made, records=6, too_soon=range(0, 100, 2))
    with Reader(store.path) as reader:
        frozen = reader.load(ran.splits[0].frozen, Split)
    assert [(each.drawn, each.of) for each in ran.splits] == [(6, 12)]
    assert {each.kept for each in frozen.problems} == {True, False}
    assert {each.kept == (int(each.id.removeprefix("adding-")) % 2 == 1) for each in frozen.problems} == {True}
    assert [(each.kept, each.grounded) for each in ran.judged] == [(6, 6)]


class Failing:
    """A sandbox that cannot run what a number's program is."""

    def __init__(self, inner: Sandbox, number: int) -> None:
        self.inner, self.mark = inner, f"add_{number}("

    async def probe(self) -> tuple[Probe, ...]:
        return await self.inner.probe()

    async def run(self, request: Request) -> Execution:
        if self.mark in request.code:
            return Execution(status="sandbox_error", isolation="none", integrity="values", outcomes=())
        return await self.inner.run(request)

    async def aclose(self) -> None:
        await self.inner.aclose()


async def test_a_fault_of_the_sandbox_is_no_failure_of_a_program(store: Store, sandbox: Sandbox) -> None:
    made = staged(Failing(sandbox, 2), Adder("big", NOTHING), Adder("small", ALL), WHOLE)
    ran = await run(store, made, records=6)
    assert [(each.n, each.left_out, each.student_right) for each in ran.judged] == [(5, 1, 5)]


# --- order, resuming, replaying --------------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", [1, 2, 8])
async def test_a_deterministic_run_swaps_at_the_same_session_however_many_run_at_once(
    store: Store, sandbox: Sandbox, concurrency: int
) -> None:
    made = staged(sandbox, Adder("big", NOTHING), Adder("small", ALL), WHOLE)
    ran = await run(store, replace(made, deterministic=True), records=14, concurrency=concurrency)
    assert ran.generations[:14] == [0] * 9 + [1] * 5  # decided after six, it holds from a window of three later


async def test_sessions_under_way_go_on_with_whom_they_began(store: Store, sandbox: Sandbox) -> None:
    made = staged(sandbox, Adder("big", NOTHING), Adder("small", ALL), WHOLE)
    ran = await run(store, made, records=12, concurrency=4)
    assert ran.generations[:12] == [0] * 9 + [1] * 3  # six are collected, and three more had begun


async def test_an_evaluation_that_was_cut_repays_nothing_when_it_is_resumed(tmp_path: Path, sandbox: Sandbox) -> None:
    def dies(count: int) -> None:
        if count == 4:
            raise ProviderError("nobody answers")

    cut, whole = Adder("small", FIRST, meets=dies), Adder("small", FIRST)
    teacher = Adder("big", SECOND)
    with create_run(tmp_path / "run") as store, pytest.raises(ProviderError):
        await run(store, staged(sandbox, teacher, cut, WHOLE), records=8)
    with Reader(tmp_path / "run") as reader:
        answered = sum(isinstance(stored.event, LlmAnswered) for stored in reader.run_events())
    assert answered == len(teacher.asked) + len(cut.asked) == 6 + 4
    with open_run(tmp_path / "run") as store:
        ran = await run(store, staged(sandbox, teacher, whole, WHOLE), records=8)
    assert len(teacher.asked) == 6
    assert sorted(cut.asked + whole.asked) == sorted(teacher.asked)
    assert [each.after for each in ran.judged] == ["learning"]
    assert ran.generations == [0] * 6 + [1] * 2
