"""Judging a stage: the newest records give a split, teacher and student solve it, and who is better plays on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mendloop.events import StageJudged, StageSplit
from mendloop.graphs.outcome import SessionOutcome
from mendloop.graphs.solving import solved
from mendloop.graphs.splits import Paired, Split, SplitProblem, StageDetail, freeze, tally_of
from mendloop.graphs.stages import decide, is_grounded, models_of, turned
from mendloop.graphs.state import StageHeld, SynthesisState, SynthesisUpdate
from mendloop.graphs.team import Team
from mendloop.records import Problem, Stage, Standing
from mendloop.stagespecs import Stages
from mendloop.tools.bench import Bench
from mendloop.tools.journal import Journal


class Announcer(Protocol):
    """Hears of stages as they come; a resumed run says again what it said before."""

    def frozen(self, split: Split, problems: Sequence[Problem]) -> None:
        """Take a split that was frozen, and its problems in its order. Nobody has solved it yet."""
        ...

    def judged(self, judged: StageJudged) -> None:
        """Take what became of a split."""
        ...


class _Nobody:
    """An announcer whom nobody hears."""

    def frozen(self, split: Split, problems: Sequence[Problem]) -> None:
        """Say nothing."""

    def judged(self, judged: StageJudged) -> None:
        """Say nothing."""


NOBODY: Announcer = _Nobody()


@dataclass(frozen=True)
class News:
    """What a run solved since its last split, in the order in which it was collected; who had the roles until now.

    `problems` are by session. Of the `kept` records of the whole run, `grounded` stand on real code.
    """

    outcomes: tuple[SessionOutcome, ...]
    problems: Mapping[str, Problem]
    concepts: dict[Stage, dict[str, int]]
    held: tuple[Standing, ...]
    kept: int
    grounded: int


async def judge(state: SynthesisState, team: Team, bench: Bench, announcer: Announcer) -> SynthesisUpdate:
    """Freeze a split of the newest records, let both sides solve it, and say who plays the roles from now on.

    Sessions under way go on with whom they began. A deterministic run decides in session order: what it decides holds
    from `loop.memory.window` sessions later, which have not been started, however many run side by side.
    """
    assert team.loop.stages is not None, "a stage is judged in a run with stages"
    assert team.student is not None, "stages compare a student"
    journal, news = bench.journal, _news(state, bench.journal)
    split = await _frozen(state["splits"] + 1, news, team.loop.stages.split, bench)
    announcer.frozen(split, [news.problems[one.session] for one in split.problems])
    rows = await solved(split, team.programmer, team.student.programmer, bench, team.limits)
    event, standing = _decided(team.loop.stages, split, rows, news, team, journal)
    await journal.emit(bench.key("judged"), event)
    announcer.judged(event)
    update: SynthesisUpdate = {"splits": split.number, "fresh": [], "grounded": news.grounded}
    if standing == news.held[-1]:
        return update
    since = state["collected"] + team.loop.memory.window if team.deterministic else state["admitted"]
    return {**update, "held": [*state["held"], held_since(since, standing, journal)]}


def _news(state: SynthesisState, journal: Journal) -> News:
    outcomes = tuple(journal.get(each, SessionOutcome) for each in state["fresh"])
    problems = {outcome.session: journal.get(outcome.problem, Problem) for outcome in outcomes}
    return News(
        outcomes=outcomes,
        problems=problems,
        concepts=_concepts(outcomes, problems, state["held"]),
        held=tuple(journal.get(each["standing"], Standing) for each in state["held"]),
        kept=state["kept"],
        grounded=state["grounded"] + sum(is_grounded(problems[each.session]) for each in outcomes if was_kept(each)),
    )


async def _frozen(number: int, news: News, share: float, bench: Bench) -> Split:
    solved = [
        SplitProblem(
            id=news.problems[outcome.session].id,
            session=outcome.session,
            kept=was_kept(outcome),
            cluster=news.problems[outcome.session].cluster,
            problem=outcome.problem,
            suites=outcome.suites,
        )
        for outcome in news.outcomes
    ]
    split = freeze(number, solved, share, bench.random(f"split {number}"))
    event = StageSplit(split=number, drawn=len(split.problems), of=len(solved), frozen=bench.journal.put(split))
    await bench.journal.emit(bench.key("split"), event)
    return split


def _decided(
    rules: Stages, split: Split, rows: tuple[Paired, ...], news: News, team: Team, journal: Journal
) -> tuple[StageJudged, Standing]:
    """Return what is journalled about a split that was solved, and who is in force after it."""
    tally, before = tally_of(rows), news.held[-1].stage
    after, reason = decide(rules, before, tally, news.grounded / news.kept)
    standing = turned(news.held, after, split.number, team)
    event = StageJudged(
        split=split.number,
        frozen=journal.put(split).sha256,
        mode=rules.mode,
        teacher=models_of(team, "teaching"),
        student=models_of(team, "learning"),
        **tally.model_dump(),
        p=tally.p,
        significance=rules.significance,
        before=before,
        after=after,
        generation=standing.generation,
        reason=reason,
        kept=news.kept,
        grounded=news.grounded,
        detail=journal.put(StageDetail(problems=rows, concepts=news.concepts)),
    )
    return event, standing


def was_kept(outcome: SessionOutcome) -> bool:
    """Tell whether a session gave a record."""
    return outcome.outcome == "kept"


def held_since(since: int, standing: Standing, journal: Journal) -> StageHeld:
    """Return the state of who plays the roles of the sessions from `since` on."""
    return StageHeld(since=since, stage=standing.stage, standing=journal.put(standing).sha256)


def held_at(held: Sequence[StageHeld], index: int) -> StageHeld | None:
    """Return who plays the roles of session `index`; None in a run without stages."""
    in_force = [each for each in held if each["since"] <= index]
    return in_force[-1] if in_force else None


def standing_at(held: Sequence[StageHeld], index: int, journal: Journal) -> Standing | None:
    """Return the standing of session `index`; None in a run without stages."""
    found = held_at(held, index)
    return journal.get(found["standing"], Standing) if found else None


def undecided(rules: Stages | None, held: Sequence[StageHeld]) -> bool:
    """Tell whether a run compares teacher and student again: by the paper's rule the student keeps the roles."""
    return rules is not None and not (rules.mode == "paper" and held[-1]["stage"] == "learning")


def _concepts(
    outcomes: Sequence[SessionOutcome], problems: Mapping[str, Problem], held: Sequence[StageHeld]
) -> dict[Stage, dict[str, int]]:
    """Return how often each concept was kept since the last split, by the stage of the sessions."""
    counts: dict[Stage, Counter[str]] = {}
    for outcome in outcomes:
        if was_kept(outcome) and (found := held_at(held, outcome.index)) is not None:
            counts.setdefault(found["stage"], Counter()).update(problems[outcome.session].concepts)
    return {stage: dict(count) for stage, count in counts.items()}
