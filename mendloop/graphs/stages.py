"""Stages: who plays the roles of a run, the teacher or its student, and what decides it.

AutoCoder (arXiv 2405.14906) lets the student take the roles for good once it solves more of a held-out split
of the newest entries than the teacher. Here the two are paired on the same problems, chance is ruled out by an exact
test, and a later split can give the roles back; the paper's rule is there for comparison. Everything here is a pure
function, so that a resumed or replayed run decides the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from mendloop.graphs.splits import Tally
from mendloop.graphs.team import Team
from mendloop.records import Problem, Stage, Standing
from mendloop.stagespecs import GROUNDED_SOURCES, Stages

Reason: TypeAlias = Literal["student_better", "teacher_better", "no_difference", "not_grounded"]


def decide(rules: Stages, before: Stage, tally: Tally, grounded: float) -> tuple[Stage, Reason]:
    """Return the stage after a split, and why. `grounded` is the share of the kept records about real code."""
    reason = _compared(rules, tally)
    after: Stage = before
    if reason == "student_better":
        after = "learning"
    elif reason == "teacher_better" and rules.mode == "paired":
        after = "teaching"
    if after == "learning" and grounded < rules.min_grounded:
        return "teaching", "not_grounded"
    return after, reason


def _compared(rules: Stages, tally: Tally) -> Reason:
    ahead = tally.student_right - tally.teacher_right
    told_apart = tally.p < rules.significance if rules.mode == "paired" else ahead != 0
    if not told_apart:
        return "no_difference"
    return "student_better" if ahead > 0 else "teacher_better"


def turned(held: Sequence[Standing], stage: Stage, split: int, team: Team) -> Standing:
    """Return who is in force after a split; `held` are all that were so far, the last of them now."""
    now = held[-1]
    if stage == now.stage:
        return now
    told = now.ancestry or (_named("start", "teaching", team),)
    generation = max(each.generation for each in held) + 1 if stage == "learning" else 0
    return Standing(stage=stage, generation=generation, ancestry=(*told, _named(f"split {split}", stage, team)))


def _named(when: str, stage: Stage, team: Team) -> str:
    model = models_of(team, stage)
    weights = team.weights.get(model)
    return f"{when}: {'student' if stage == 'learning' else 'teacher'} {model}" + (
        f", weights sha256 {weights}" if weights else ""
    )


def models_of(team: Team, stage: Stage) -> str:
    """Return the name of the model that writes the programs of a stage."""
    models: Mapping[str, str] = team.student.models if stage == "learning" and team.student else team.models
    return models.get("programmer", "")


def cast(team: Team, standing: Standing | None) -> Team:
    """Return the team with the roles given to whom they are due. Without stages it is the team as it is."""
    if standing is None:
        return team
    roles = team.student if standing.stage == "learning" else None
    models = dict(roles.models) if roles else team.models
    weights = {model: sha256 for model, sha256 in team.weights.items() if model in models.values()}
    staged = replace(team, standing=standing, weights=weights)
    if roles is None:
        return staged
    return replace(
        staged,
        proposer=roles.proposer,
        programmer=roles.programmer,
        tester=roles.tester,
        critic=roles.critic,
        author=roles.author,
        models=models,
        prompts=dict(roles.prompts),
    )


def is_grounded(problem: Problem) -> bool:
    """Tell whether a problem stands on real code."""
    return problem.source.kind in GROUNDED_SOURCES
