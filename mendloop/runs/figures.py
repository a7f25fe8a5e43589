"""Figures as pure functions of records: what the report and a data set's card both say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from statistics import mean, median
from typing import TypeVar

from mendloop.frozen import Frozen
from mendloop.records import Provenance, Record, Source, Tier, TierEvidence

K = TypeVar("K", str, int)


@dataclass(frozen=True)
class Maker:
    """Who made a record: the team, which model plays which role, the weights' sha256, and the prompts' hashes."""

    team: str
    models: tuple[tuple[str, str], ...] = ()
    weights: tuple[tuple[str, str], ...] = ()
    prompts: tuple[tuple[str, str], ...] = ()


@lru_cache(maxsize=64)
def _shared(maker: Maker) -> Maker:
    """Return the one object of equal makers: the outlines of a large run do not each hold one."""
    return maker


def maker_of(provenance: Provenance) -> Maker:
    """Return who made a record, as its provenance says."""
    models, weights, prompts = provenance.models, provenance.weights, provenance.prompts
    pairs = (tuple(sorted(each.items())) for each in (models, weights, prompts))
    return _shared(Maker(provenance.team, *pairs))


@dataclass(frozen=True)
class Outline:
    """What figures need of one kept record; small, so that a large run's outlines fit in memory."""

    function: str
    module: str
    package: str
    licence: str
    source_kind: str
    cluster: str
    concepts: tuple[str, ...]
    tier: Tier
    failed_turns: int
    operators: tuple[str, ...]
    generation: int
    memory: str
    teacher: str
    maker: Maker
    evidence: TierEvidence
    ancestry: tuple[str, ...] = ()


def outline_of(record: Record) -> Outline:
    """Return the outline of a record."""
    source = record.problem.source
    return Outline(
        function=function_of(source),
        module=module_of(source),
        package=source.package,
        licence=source.licence,
        source_kind=source.kind,
        cluster=record.problem.cluster,
        concepts=record.problem.concepts,
        tier=record.tier,
        failed_turns=failed_turns(record),
        operators=record.provenance.operators,
        generation=record.provenance.generation,
        memory=record.provenance.memory,
        teacher=record.provenance.team,
        maker=maker_of(record.provenance),
        evidence=record.evidence,
        ancestry=record.provenance.ancestry,
    )


def failed_turns(record: Record) -> int:
    """Return how many attempts of a record did not pass."""
    return sum(1 for attempt in record.attempts if attempt.verdict.kind != "passed")


REAL_FUNCTIONS = "python"
"""The kind of source whose problems are about functions that exist; of others the file is not the function's place."""


def module_of(source: Source) -> str:
    """Return the dotted module that a function comes from, led by its package (the standard library has none).

    It is empty where the function comes from no module.
    """
    if source.kind != REAL_FUNCTIONS:
        return source.package
    parts = [part for part in PurePosixPath(source.file).with_suffix("").parts if part != "/"] if source.file else []
    module = ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)
    if not module:
        return source.package
    inside = module == source.package or module.startswith(f"{source.package}.")
    return module if inside or source.package in ("", "stdlib") else f"{source.package}.{module}"


def function_of(source: Source) -> str:
    """Return `package.module.qualname` of a source."""
    return ".".join(part for part in (module_of(source), source.qualname) if part)


def mutation_score(evidence: TierEvidence) -> float | None:
    """Return the share of live mutants that the shown suite killed, or None where no mutant was live."""
    if not evidence.mutants_live or evidence.mutants_killed is None:
        return None
    return evidence.mutants_killed / evidence.mutants_live


def tally(values: Iterable[K]) -> dict[K, int]:
    """Return how often each value occurs, the most frequent first and equals in their own order."""
    return dict(sorted(Counter(values).items(), key=lambda each: (-each[1], each[0])))


def histogram(values: Iterable[int]) -> dict[int, int]:
    """Return how often each number occurs, in the order of the numbers."""
    return dict(sorted(Counter(values).items()))


def entropy(counts: Mapping[str, int]) -> float:
    """Return the Shannon entropy (bits) of a distribution given as counts."""
    total = sum(counts.values())
    return round(abs(sum(count / total * math.log2(total / count) for count in counts.values())), 6)


class Spread(Frozen):
    """Median and mean of `n` numbers."""

    median: float
    mean: float
    n: int


def spread(values: Sequence[float]) -> Spread | None:
    """Return the spread of numbers, or None when there are none."""
    if not values:
        return None
    return Spread(median=round(median(values), 6), mean=round(mean(values), 6), n=len(values))


class Diversity(Frozen):
    """How different the records are.

    `modules` counts those that functions come from, none where a model made them up. `concept_entropy` is in bits; None
    where no record names concepts.
    """

    functions: int
    modules: int
    clusters: int
    max_per_function: int
    concept_entropy: float | None


def diversity(outlines: Sequence[Outline]) -> Diversity | None:
    """Return the diversity of records, or None when there are none."""
    if not outlines:
        return None
    functions = Counter(each.function for each in outlines)
    concepts = Counter(concept for each in outlines for concept in each.concepts)
    return Diversity(
        functions=len(functions),
        modules=len({each.module for each in outlines if each.module}),
        clusters=len({each.cluster or each.function for each in outlines}),
        max_per_function=max(functions.values()),
        concept_entropy=entropy(concepts) if concepts else None,
    )


def tiers(outlines: Iterable[Outline]) -> dict[Tier, int]:
    """Return how many records reached each tier."""
    counts = Counter(each.tier for each in outlines)
    return {"A": counts["A"], "B": counts["B"], "C": counts["C"]}
