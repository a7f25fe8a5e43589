"""The data set's card: short, and every number in it computed from the records."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any

import yaml

from mendloop.datasets.authorship import authorships, models_of, prompts_of
from mendloop.datasets.licences import licence_fields
from mendloop.records import TierEvidence
from mendloop.runs.counted import RunFacts
from mendloop.runs.figures import REAL_FUNCTIONS, Outline, diversity, histogram, mutation_score, spread, tally, tiers
from mendloop.tools.chat.licences import said_of_licence

MARKER = "<!-- written by `mendloop export`, which may replace this folder's export -->"
"""Stands in every card, so that the next export knows the folder for its own."""

_TEMPLATE = Path(__file__).with_name("card.md.j2")
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
SOURCES = {
    "goal": "the goal in words",
    "snippets": "pieces of given code, for ideas",
    "instructions": "given instructions",
    "failures": "given problems with wrong programs",
    "problems": "given problems",
}
"""What a source is called that is no package."""


@dataclass(frozen=True)
class Shape:
    """What was written: view, columns, format, rows and rejected sessions."""

    view: str
    columns: Mapping[str, str]
    format: str
    rows: int
    rejected: int


def render_card(shape: Shape, outlines: Sequence[Outline], facts: RunFacts) -> str:
    """Return the text of README.md. `outlines` are those of the rows; there is at least one."""
    import jinja2

    environment = jinja2.Environment(  # noqa: S701 - Markdown, not HTML; cells are escaped by `cell`
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters.update(cell=cell, counted=counted)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        front=front_matter(shape, outlines), marker=MARKER, shape=shape, facts=facts, **_figures(outlines, facts)
    )


def cell(value: object) -> str:
    """Return a value as the text of a table cell."""
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")


def counted(number: int, noun: str) -> str:
    """Return `1 row`, `2 rows`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def front_matter(shape: Shape, outlines: Sequence[Outline]) -> str:
    """Return the YAML that a hub and `datasets.load_dataset` read."""
    data = {
        "pretty_name": _pretty_name(outlines),
        **licence_fields(each.licence for each in outlines),
        "language": ["en"],
        "task_categories": ["text-generation"],
        "size_categories": [size_category(shape.rows)],
        "tags": ["code", "python", "program-repair", "multi-turn", "synthetic", "mendloop"],
        "configs": [
            {
                "config_name": shape.view,
                "default": True,
                "data_files": [{"split": "train", "path": f"{shape.view}/train-*.{shape.format}"}],
            }
        ],
        "dataset_info": [{"config_name": shape.view, "features": _features(shape.columns)}],
    }
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100).rstrip()


def _pretty_name(outlines: Sequence[Outline]) -> str:
    """Name the packages, else the models that the dialogues come from."""
    packages = tally(each.package for each in outlines if each.package)
    models = tally(name for each in outlines for name in {name for _, name in each.maker.models})
    named = ", ".join(list(packages or models)[:3])
    return f"Verified repair dialogues ({named})" if named else "Verified repair dialogues"


def size_category(rows: int) -> str:
    """Return a hub's name for a number of rows."""
    return next((name for limit, name in _SIZES if rows < limit), "n>1M")


def _features(columns: Mapping[str, str]) -> list[dict[str, Any]]:
    # JSON lines carry no types: without these, a column that is empty in every row would have none.
    turn = {"role": "string", "content": "string"}
    message = {"role": "string", "name": "string", "content": "string"}
    message |= {"train": "bool", "turn": "int64", "verdict": "string"}
    types: dict[str, dict[str, Any]] = {
        "text": {"dtype": "string"},
        "count": {"dtype": "int64"},
        "texts": {"list": "string"},
        "chat": {"list": [{"name": name, "dtype": dtype} for name, dtype in turn.items()]},
        "dialogue": {"list": [{"name": name, "dtype": dtype} for name, dtype in message.items()]},
    }
    return [{"name": name, **copy.deepcopy(types[kind])} for name, kind in columns.items()]  # YAML marks shared lists


def _figures(outlines: Sequence[Outline], facts: RunFacts) -> dict[str, Any]:
    evidence = [each.evidence for each in outlines]
    makers = list(dict.fromkeys(each.maker for each in outlines))
    kinds = tally(each.source_kind for each in outlines)
    clusters = tally(each.cluster or each.function for each in outlines)
    return {
        "authorships": authorships(outlines),
        "models": models_of(makers),
        "model_licences": [said_of_licence(model.name) for model in models_of(makers)],
        "prompts": prompts_of(makers),
        "own_prompts": sorted(_own_prompts(facts.scenario)),
        "kinds": kinds,
        "real": set(kinds) == {REAL_FUNCTIONS},
        "most_alike": max(clusters.values()),
        "diversity": diversity(outlines),
        "packages": tally(_source_named(each) for each in outlines),
        "licences": tally(each.licence for each in outlines),
        "tiers": tiers(outlines),
        "teachers": tally(each.teacher for each in outlines),
        "turns": histogram(each.failed_turns for each in outlines),
        "operators": tally(name for each in outlines for name in each.operators),
        "mutation": spread([score for each in evidence if (score := mutation_score(each)) is not None]),
        "isolation": tally(each.isolation or "not stated" for each in evidence),
        "integrity": tally(each.integrity for each in evidence),
        "basis": tally(_basis(each) for each in outlines),
        "held_out": _held_out(evidence),
        "compared": spread([each.reference_inputs for each in evidence if each.reference_inputs]),
        "unchecked": sum(1 for each in evidence if each.contamination == "not_checked"),
        "memory_on": sum(1 for each in outlines if each.memory == "on"),
        "dates": _dates(facts),
        "scenario": scenario_text(facts.scenario),
        "shortened": _shortened(facts.scenario),
    }


def _source_named(outline: Outline) -> str:
    return outline.package or SOURCES.get(outline.source_kind, outline.source_kind)


def _basis(outline: Outline) -> str:
    """Return where the expected values of a row come from."""
    return {
        "none": "generated",
        "peers": "confirmed by peers",
        "given": "given",
        "reference": "from executing the reference",
    }[outline.evidence.basis]


def _own_prompts(scenario: Mapping[str, Any]) -> Mapping[str, Any]:
    prompts = scenario.get("prompts")
    return prompts if isinstance(prompts, dict) else {}


def _held_out(evidence: Sequence[TierEvidence]) -> int:
    return sum(1 for each in evidence if each.held_out_cases and each.held_out_passed == each.held_out_cases)


def _dates(facts: RunFacts) -> str:
    stamps = [stamp for stamp in (facts.first, facts.last) if stamp is not None]
    days = list(dict.fromkeys(datetime.fromtimestamp(stamp, UTC).date().isoformat() for stamp in stamps))
    return " to ".join(days)


def scenario_text(scenario: Mapping[str, Any]) -> str:
    """Return a resolved scenario as YAML, of a path no more than its last name; empty where it is not known."""
    if not scenario:
        return ""
    plain = _without_none(copy.deepcopy(dict(scenario)))
    for place, path in _paths(scenario).items():
        part = plain
        for name in place[:-1]:
            part = part[name]
        part[place[-1]] = PurePath(path).name
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100).rstrip()


def _places(scenario: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield where a scenario may say a path: its source, a local model that is not known by name, recordings."""
    yield "source", "path"
    models = scenario.get("models")
    for name in models if isinstance(models, dict) else ():
        yield from (("models", name, key) for key in ("model", "programs", "suites"))


def _paths(scenario: Mapping[str, Any]) -> dict[tuple[str, ...], str]:
    """Return the paths of a scenario's author by their places."""
    found: dict[tuple[str, ...], str] = {}
    for place in _places(scenario):
        value: Any = scenario
        for name in place:
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, str) and (place[-1] != "model" or value.endswith(".gguf")):
            found[place] = value
    return found


def _shortened(scenario: Mapping[str, Any]) -> str:
    """Return which values of the scenario are given by the last name of a path of its author's."""
    return " and ".join(f"`{'.'.join(place)}`" for place in _paths(scenario))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value
