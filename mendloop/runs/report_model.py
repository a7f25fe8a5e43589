"""What a report says: typed figures."""

from __future__ import annotations

from mendloop.frozen import Frozen
from mendloop.records import Stage, Tier, VerdictKind
from mendloop.runs.figures import Diversity, Spread
from mendloop.runs.intervals import Contrast, Interval
from mendloop.runs.near_duplicates import NearDuplicates


class Funnel(Frozen):
    """Sessions that count, and what became of them."""

    sessions: int
    kept: int
    dropped: int
    by_reason: dict[str, int]


class HeldOut(Frozen):
    """Accepted programs that met their held-out suite, those that failed it, and the share's 95 % Wilson interval.

    It is the run's own estimate of how often it accepts what is wrong, clustered by problem.
    """

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


class StageRow(Frozen):
    """One comparison of teacher and student on a held-out split (METHOD: AIEV stages), and who had the roles after it.

    `p` is of McNemar's exact test. `concepts` is how many concepts gave a kept record since the split before, `lost`
    names those that gave one before it and none since.
    """

    split: int
    mode: str
    n: int
    left_out: int
    teacher_right: int
    student_right: int
    only_teacher: int
    only_student: int
    p: float
    before: Stage
    after: Stage
    generation: int
    reason: str
    kept: int
    grounded: int
    concepts: int
    lost: tuple[str, ...]


class Report(Frozen):
    """The figures of a run. One that was not measured is None, and `not_measured` says why.

    `kept_per_100k_tokens` and `kept_per_usd` are records of tier A or B with a failing turn; they and `tokens_per_kept`
    leave out `tokens_measuring`, which only measured what was accepted and are part of `tokens`. `intervals` are by the
    dotted path of their figure, clustered by problem. `verdicts` counts verdicts by kind, `adjudication` by rule.
    `memory_lift` is how many of the sessions with a failing turn were kept, memory on against off;
    `repair_against_resampling` the same for sessions whose first program failed, by what followed. `ancestry` counts
    kept records by the models they descend from. `tokens_per_model_s` are completion tokens per second of one request's
    time (one stream's speed), `tokens_per_wall_s` those of all requests together per second in which any was under way.
    `cached_share` is of the prompt tokens.
    """

    kept_per_100k_tokens: float | None
    kept_per_usd: float | None
    intervals: dict[str, Interval] = {}
    funnel: Funnel
    kept_share: float | None = None
    tiers: dict[Tier, int]
    tier_shares: dict[Tier, float] | None = None
    held_out: HeldOut | None
    compared: Compared | None
    test_validity: float | None
    mutation_score: Spread | None
    adjudication: dict[str, int]
    verdicts: dict[VerdictKind, int] = {}
    turns: dict[int, int]
    repair_against_resampling: Contrast | None
    faults: Faults | None
    operators: Operators | None
    diversity: Diversity | None
    near_duplicates: NearDuplicates | None = None
    difficulty: Difficulty | None
    memory: Memory
    memory_lift: Contrast | None = None
    peers_agreeing: Spread | None
    peers_other_family: Spread | None = None
    grounded_share: float | None
    generations: dict[int, int]
    ancestry: dict[str, int] = {}
    stages: tuple[StageRow, ...] = ()
    repaired: Repaired | None
    turns_to_repair: Spread | None
    tokens: int
    tokens_measuring: int = 0
    tokens_per_kept: float | None
    tokens_per_model_s: float | None
    tokens_per_wall_s: float | None
    cached_share: float | None
    model_use: ModelUse | None
    usd: float | None
    contamination: dict[str, int] | None
    budget: Budget | None = None
    team: str
    method: str = "mendloop"
    version: str
    seed: int | None
    finished: bool
    not_measured: dict[str, str]
