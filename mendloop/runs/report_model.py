"""What a report says: typed figures, and how two reports differ."""

from __future__ import annotations

from typing import Any, TypeAlias

from mendloop.frozen import Frozen
from mendloop.records import Tier
from mendloop.runs.figures import Diversity, Spread


class Funnel(Frozen):
    """Sessions that count, and what became of them."""

    sessions: int
    kept: int
    dropped: int
    by_reason: dict[str, int]


class HeldOut(Frozen):
    """Accepted programs that met their held-out suite, those that failed it, and the 95 % Wilson interval."""

    n: int
    failed: int
    low: float
    high: float


class Compared(Frozen):
    """Accepted programs that were run beside their reference on further inputs, and those that parted from it there.

    The latter are dropped; they show how often the suites alone would have been wrong.
    """

    n: int
    parted: int


class Faults(Frozen):
    """Kept records by injected faults and failing turns; the known answer is as many turns as faults.

    Where a model repairs there is no known answer (None): it may take out several faults at once, or need more turns.
    """

    by_count: dict[int, dict[int, int]]
    known_answer_ok: bool | None


class Operators(Frozen):
    """How often each fault operator, and each family of them, stands in a kept record."""

    by_operator: dict[str, int]
    by_family: dict[str, int]


class Difficulty(Frozen):
    """The share of judged problems whose first program passed."""

    first_try_rate: float
    n: int


class MemorySide(Frozen):
    """Sessions with memory on, or off. `trials_per_repair` is None where nothing was repaired."""

    sessions: int
    repairs: int
    trials_per_repair: float | None


class Memory(Frozen):
    """Memory on against off, and how many lessons were retrieved and were credited with a fix."""

    on: MemorySide
    off: MemorySide
    retrieved: int
    helped: int


class Repaired(Frozen):
    """Sessions with at least one turn whose program was at fault, and those of them that ended kept."""

    sessions: int
    kept: int
    share: float


class Calls(Frozen):
    """Answered calls of a language model, and their tokens.

    `again`: calls that sent an answer back with what was wrong with it. `longer`: calls that asked once more for an
    answer that came to its limit. `unusable`: answers that were sent back, cut short or refused.
    """

    calls: int
    prompt_tokens: int
    completion_tokens: int
    again: int
    longer: int
    unusable: int


class ModelUse(Frozen):
    """What the whole run asked of language models, surplus sessions too.

    `models` counts calls by the name that the answer gave, `roles` those of each role. `model_s` is the sum of the
    calls' times, `busy_s` the time in which at least one of them was under way: the wall clock without pauses between
    launches. `by_prompt` is by `role/question`.
    """

    models: dict[str, int]
    roles: dict[str, dict[str, int]] = {}
    every: Calls
    by_prompt: dict[str, Calls]
    cached_tokens: int
    reasoning_tokens: int
    model_s: float
    busy_s: float


class Used(Frozen):
    """A limit and what was used of it; `used` and `share` are None where it is not known."""

    used: float | None
    limit: float
    share: float | None


class Budget(Frozen):
    """The scenario's limits, what the whole run used of them, and how often each limit stopped a launch."""

    tokens: Used | None = None
    usd: Used | None = None
    stops: dict[str, int] = {}


class Report(Frozen):
    """The figures of a run. One that was not measured is None, and `not_measured` says why.

    `tokens_per_model_s` are completion tokens per second of one request's time (one stream's speed),
    `tokens_per_wall_s` those of all requests together per second in which any was under way. `cached_share` is of the
    prompt tokens.
    """

    kept_per_100k_tokens: float | None
    kept_per_usd: float | None
    funnel: Funnel
    tiers: dict[Tier, int]
    held_out: HeldOut | None
    compared: Compared | None
    test_validity: float | None
    mutation_score: Spread | None
    adjudication: dict[str, int]
    turns: dict[int, int]
    repair_against_resampling: float | None
    faults: Faults | None
    operators: Operators | None
    diversity: Diversity | None
    difficulty: Difficulty | None
    memory: Memory
    peers_agreeing: Spread | None
    grounded_share: float | None
    generations: dict[int, int]
    repaired: Repaired | None
    turns_to_repair: Spread | None
    tokens: int
    tokens_per_kept: float | None
    tokens_per_model_s: float | None
    tokens_per_wall_s: float | None
    cached_share: float | None
    model_use: ModelUse | None
    usd: float | None
    contamination: dict[str, int] | None
    budget: Budget | None = None
    team: str
    version: str
    seed: int | None
    finished: bool
    not_measured: dict[str, str]


Scalar: TypeAlias = Any
"""A figure by itself: float, int, str, bool, or None where a report does not have it."""


def differences(before: Report, after: Report) -> dict[str, tuple[Scalar, Scalar]]:
    """Return the figures that differ, by dotted path in the order of the report: their values before and after."""
    old, new = _leaves(before.model_dump(mode="json")), _leaves(after.model_dump(mode="json"))
    paths = [path for path in dict.fromkeys([*new, *old]) if not path.startswith("not_measured.")]
    return {path: (old.get(path), new.get(path)) for path in paths if old.get(path) != new.get(path)}


def _leaves(value: Any, path: str = "") -> dict[str, Scalar]:
    if not isinstance(value, dict):
        return {path: value}
    return {
        inner: leaf
        for key, item in value.items()
        for inner, leaf in _leaves(item, f"{path}.{key}" if path else str(key)).items()
    }
