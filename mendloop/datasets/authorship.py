"""Who wrote what in a data set: real code, the run's author, injected faults, templates, or a language model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mendloop.records import Role
from mendloop.runs.figures import Maker, Outline

PROCEDURAL = "procedural"

Part: TypeAlias = tuple[str, str]
"""A part of the rows, and its author; `{role}` stands for the model that plays a role."""

STATEMENTS = {
    "goal": "{proposer}, from the goal of the run",
    "snippets": "{proposer}, with an idea from pieces of given code that it was shown",
    "instructions": "{proposer}, which made given instructions precise",
    "problems": "given, in a file of the run's author, with the tests that are its examples",
}
REPORTS: Part = ("Reports of failing tests", "templates filled with what was executed; no model")
DIAGNOSES: Part = (
    "Diagnoses and lessons",
    "{critic}; where it gave no lesson, a fixed sentence about the fault that it named",
)
REPAIRS: Part = ("Repaired programs, and the words with them", "{programmer}")

PARTS: dict[str, tuple[Part, ...]] = {
    "injected": (
        ("Problem statements", "templates around the documentation of real functions; no model"),
        (
            "Tests",
            "inputs drawn from the functions' contracts, expected values from executing the functions themselves, and "
            "the source's own tests and doctests; no model",
        ),
        ("First programs", "the real functions with faults injected by operators (column `operators`); no model"),
        REPORTS,
        DIAGNOSES,
        REPAIRS,
    ),
    "given": (
        ("Problem statements and tests", "given, in a file of the run's author"),
        ("First programs", "given, in the same file; it does not say who or what wrote them"),
        REPORTS,
        DIAGNOSES,
        REPAIRS,
    ),
    "prompted": (
        ("Problem statements, in a fixed frame", "{statements}"),
        ("Tests", "{tester}, from the statement alone; it worked the expected values out, no reference was executed"),
        ("All programs, and the words with them", "{programmer}"),
        REPORTS,
        DIAGNOSES,
    ),
    "recorded": (
        ("Problem statements", "given, in a file of the run's author"),
        ("Tests", "{tester}, recorded earlier; the statements' examples, given"),
        ("All programs", "{programmer}, recorded earlier; none was written as a repair of the one before"),
        REPORTS,
        ("Diagnoses", "what was executed; no model"),
    ),
}
"""The parts of a team's rows in which a language model has a part."""


@dataclass(frozen=True)
class Authorship:
    """Who wrote the rows of one team from one kind of source."""

    team: str
    source_kind: str
    rows: int
    parts: tuple[Part, ...]


def authorships(outlines: Sequence[Outline]) -> tuple[Authorship, ...]:
    """Return who wrote what. Rows of the procedural team, in which no model has a part, are left out."""
    makers = Counter(
        (each.teacher, each.source_kind, each.maker.models) for each in outlines if each.teacher != PROCEDURAL
    )
    return tuple(
        Authorship(team, kind, rows, tuple(_filled(part, kind, dict(models)) for part in PARTS.get(team, ())))
        for (team, kind, models), rows in sorted(makers.items())
    )


def _filled(part: Part, source_kind: str, models: dict[str, str]) -> Part:
    what, author = part
    author = author.replace("{statements}", STATEMENTS.get(source_kind, "{proposer}"))
    for role in ("proposer", "programmer", "tester", "critic"):
        author = author.replace(f"{{{role}}}", model_named(models, role))
    return what, author


def model_named(models: dict[str, str], role: Role) -> str:
    """Return the model that plays a role, as code."""
    return f"`{models[role]}`" if role in models else "a language model whose name was not recorded"


@dataclass(frozen=True)
class ModelRow:
    """A model of the data set: the roles that it plays, and the sha256 of its weights where they were at hand."""

    name: str
    roles: tuple[str, ...]
    weights: str


def models_of(makers: Sequence[Maker]) -> tuple[ModelRow, ...]:
    """Return the models by name, also those of several that play a role together."""
    roles: dict[str, dict[str, None]] = {}
    weights: dict[str, str] = {}
    for maker in makers:
        weights |= dict(maker.weights)
        for role, names in maker.models:
            for name in names.split(", "):
                roles.setdefault(name, {})[role] = None
    return tuple(ModelRow(name, tuple(roles[name]), weights.get(name, "")) for name in sorted(roles))


def prompts_of(makers: Sequence[Maker]) -> tuple[tuple[str, str], ...]:
    """Return the prompts with the hash of their template; a name comes again where its template changed."""
    return tuple(sorted({pair for maker in makers for pair in maker.prompts}))
