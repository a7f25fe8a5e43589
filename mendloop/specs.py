"""What a scenario says: its parts as frozen records that refuse what they do not know."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from pydantic import Field, model_validator

from mendloop.executions import Limits, SandboxKind
from mendloop.fields import Count, Duration, Share, Spec, Text, misplaced
from mendloop.modelspecs import PLAYED_ROLES, STUDENT, TEACHER, Models
from mendloop.policies import PRESETS, Method, Policy, PolicyChanges, policy_of
from mendloop.records import Tier
from mendloop.sourcespecs import ProblemSource, SourceSpec
from mendloop.stagespecs import GROUNDED_SOURCES, Stages

View: TypeAlias = Literal["sft_multiturn", "recorded"]
TRAINING_VIEWS: tuple[View, ...] = ("sft_multiturn",)
"""The views whose rows are to be trained on."""


class Target(Spec):
    """When a run is done: `records` kept records of at least `min_tier` and `min_failed_turns` failing turns."""

    records: Count = 100
    min_tier: Tier = "B"
    min_failed_turns: int = Field(default=1, ge=0)


class FaultCount(Spec):
    """How many faults are injected into one program, drawn between `min` and `max`."""

    min: Count = 1
    max: Count = 3

    @model_validator(mode="after")
    def _ordered(self) -> FaultCount:
        if self.min > self.max:
            raise ValueError(f"`min` ({self.min}) is larger than `max` ({self.max})")
        return self


class MemorySpec(Spec):
    """How lessons travel: the last `recent` of a session to its own repairs, always; `top` from other sessions where
    this is `enabled`. It is not unless a scenario says so: measured with a small model, it changed nothing that can be
    told from chance.

    A share `off_share` of the sessions runs without, as the control. With `deterministic`, session i sees what sessions
    up to i - `window` stored. Embeddings are MiniLM's where its packages are installed, else `embedding_model`'s at the
    endpoint, else hashed n-grams; a deterministic run takes n-grams unless one is named.
    """

    enabled: bool = False
    embedding: Literal["auto", "minilm", "endpoint", "ngrams"] = "auto"
    embedding_model: Text | None = None
    window: Count = 64
    off_share: Share = 0.1
    top: int = Field(default=2, ge=0)
    recent: int = Field(default=3, ge=0)

    @model_validator(mode="after")
    def _no_idle_words(self) -> MemorySpec:
        idle = sorted(self.model_fields_set & {"embedding", "embedding_model", "off_share", "top"})
        if idle and "enabled" not in self.model_fields_set:
            raise ValueError(f"`{idle[0]}` is about lessons of other sessions: say `enabled` beside it")
        return self


class TierRules(Spec):
    """What the tiers ask for (METHOD: tiers).

    B: a mutation score of `min_mutation_score` over at least `min_live_mutants`. A: `min_peers` programs of other
    syntax agree on at least `min_peer_inputs` valid inputs, or on all there are, but for a share `slack` of them; at
    most `max_rivals` agree with each other on something else; on at most `max_contested_edges` inputs at the edge of
    the valid ones the program stands against more peers than with it; and at most `max_doubted` cases of the suites
    were taken out as wrong. None sets no limit.
    """

    min_mutation_score: Share = 0.8
    min_live_mutants: Count = 5
    min_peers: Count = 2
    min_peer_inputs: Count = 40
    slack: Share = 0.0
    max_rivals: int = Field(default=1, ge=0)
    max_contested_edges: int | None = Field(default=0, ge=0)
    max_doubted: int | None = Field(default=None, ge=0)


class Stops(Spec):
    """When a session gives up: how often a test is doubted, the task restated, the program begun anew, peers asked."""

    fixes_per_case: int = Field(default=2, ge=0)
    fixes: int = Field(default=4, ge=0)
    restatements: int = Field(default=1, ge=0)
    restarts: int = Field(default=1, ge=0)
    resamples: int = Field(default=1, ge=0)


class Alarm(Spec):
    """When a run stops because its models fool themselves, where it is `enabled`.

    Once `after` accepted programs met a held-out suite: when the share of them that failed it is surely `above` that.
    """

    enabled: bool = True
    after: Count = 50
    above: Share = 0.2


class Loop(Spec):
    """One session's loop, and how many sessions run at once.

    `method` names a preset of mendloop.policies; `policy` changes rules of it. After the first attempt come up to
    `max_repairs` repairs, None for as many as the method has.
    `peers` other programs are written where a model can write them, to judge tests by. They and the held-out suite are
    made once something rests on them, or with `ahead` for every problem at its start. A repair is sampled up to
    `samples` times until one mends the failing case. A share `control` of the sessions spends the calls of a repair on
    fresh programs instead, for comparison at equal cost.
    """

    method: Method = "mendloop"
    policy: PolicyChanges = PolicyChanges()
    max_repairs: Count | None = None
    stops: Stops = Stops()
    alarm: Alarm = Alarm()
    control: Share = 0.0
    peers: int = Field(default=3, ge=0)
    ahead: bool = False
    samples: Count = 3
    variants: Count = 6
    faults: FaultCount = FaultCount()
    held_out: bool = True
    memory: MemorySpec = MemorySpec()
    tiers: TierRules = TierRules()
    stages: Stages | None = None
    concurrency: Count = 8

    @property
    def rules(self) -> Policy:
        """The method's policy with the scenario's changes."""
        return policy_of(self.method, self.policy)

    @property
    def repairs(self) -> int:
        """How many repairs may follow the first attempt."""
        return PRESETS[self.method].repairs if self.max_repairs is None else self.max_repairs


class SandboxSpec(Spec):
    """Where programs run. `workers` None means one per processor.

    `auto` is `local`, or `bwrap` where that cannot isolate; "e2b" rents machines, and "unsafe-local" protects nothing.
    """

    kind: SandboxKind = "auto"
    workers: Count | None = None
    limits: Limits = Limits()


class SessionBudget(Spec):
    """What one session may use: tokens, US dollars, and `wall` seconds of its models and of the sandbox together.

    When it is used up, the session's next question ends the session, never the run. None is no limit.
    """

    wall: Duration | None = None
    usd: float | None = Field(default=None, gt=0)
    tokens: Count | None = None


class BudgetSpec(Spec):
    """What a run may use in all; `wall` is in seconds once read. At `records` kept records it stops, to be resumed.

    None is no limit. `session` is what each session may use.
    """

    wall: Duration | None = None
    usd: float | None = Field(default=None, gt=0)
    tokens: Count | None = None
    records: Count | None = None
    session: SessionBudget = SessionBudget()


class ScreeningSpec(Spec):
    """What becomes of secrets and personal data in the texts of a source, and which licences it may have.

    `drop` leaves an item out, `mask` puts a placeholder where that changes no behaviour and leaves the item out where
    it would, `keep` lets it through. `licences` are SPDX identifiers; `permissive` stands for the usual permissive
    ones, `any` for all.
    """

    secrets: Literal["drop", "mask", "keep"] = "drop"
    personal: Literal["mask", "drop", "keep"] = "mask"
    licences: tuple[Text, ...] = ("permissive",)


PromptName = Literal[
    "concepts",
    "problem",
    "problem_from_snippet",
    "problem_from_instruction",
    "restate",
    "tests",
    "rederive",
    "write",
    "repair",
    "diagnose",
    "judge",
    "again",
    "write_both",
    "reflect",
    "question",
    "contract",
]
PROMPT_NAMES: tuple[PromptName, ...] = get_args(PromptName)


class Template(Spec):
    """A prompt of the scenario's own: a Jinja file with the blocks `system` and `user`, or its text."""

    file: Text | None = None
    text: Text | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Template:
        if (self.file is None) == (self.text is None):
            raise ValueError("needs exactly one of `file` and `text`")
        return self


class Scenario(Spec):
    """One scenario. The paths of one that was loaded are absolute, and its templates are texts.

    One that names no `export` exports its records for training, unless its source is for evaluation.
    """

    goal: Text
    target: Target = Target()
    seed: int = Field(default=0, ge=0)
    deterministic: bool = False
    source: SourceSpec
    models: Models = Models()
    loop: Loop = Loop()
    sandbox: SandboxSpec = SandboxSpec()
    budget: BudgetSpec = BudgetSpec()
    screening: ScreeningSpec = ScreeningSpec()
    prompts: dict[PromptName, Template] = {}
    export: tuple[View, ...] = ("sft_multiturn",)

    @property
    def team(self) -> str:
        """What the team is called in records: which part of it a language model plays."""
        if self.models.teacher.kind in ("procedural", "recorded"):
            return self.models.teacher.kind
        return {"python": "injected", "failures": "given"}.get(self.source.kind, "prompted")

    @model_validator(mode="after")
    def _reachable(self) -> Scenario:
        """Refuse a target that no session can meet: such a run would use up its source and keep nothing."""
        if self.target.min_tier == "A" and self.models.teacher.kind == "procedural":
            raise misplaced("target.min_tier", "the procedural team reaches tier B at most")
        if self.models.teacher.kind == "procedural" and self.source.kind != "python":
            raise misplaced("models.teacher.kind", f"a source of kind `{self.source.kind}` needs a language model")
        if self.target.min_tier != "C" and not self.loop.held_out:
            raise misplaced("loop.held_out", f"tier {self.target.min_tier} needs the held-out suite; ask for tier C")
        if (where := self._unplayable) is not None:
            team = f"the team `{self.team}` from a source of kind `{self.source.kind}`"
            raise misplaced(where, f"{team} cannot play `{self.loop.method}`: `{where}` needs a model that programs")
        if self.loop.rules.accept == "dual_agreement" and self.target.min_failed_turns:
            raise misplaced("target.min_failed_turns", "`dual_agreement` repairs nothing; ask for 0")
        if self.target.min_failed_turns > self.loop.repairs:
            raise misplaced("target.min_failed_turns", f"more than `loop.max_repairs` ({self.loop.repairs})")
        if len(set(self.export)) < len(self.export):
            raise misplaced("export", "a view is named twice")
        return self

    @property
    def _unplayable(self) -> str | None:
        """Return the setting of a loop that asks for programs which nobody here can write; None where there is none."""
        rules, alone = self.loop.rules, self.models.teacher.kind == "procedural"
        given, recorded = self.source.kind in ("python", "failures"), self.models.teacher.kind == "recorded"
        if (rules.tests != "blind" and (alone or given)) or (rules.tests == "joint" and recorded):
            return "loop.policy.tests"
        if rules.programmer_sees_tests and (alone or given or recorded):
            return "loop.policy.programmer_sees_tests"
        if rules.explain in ("reflection", "questioner") and recorded:
            return "loop.policy.explain"
        if rules.mend == "resample" and alone:
            return "loop.policy.mend"
        return "loop.control" if self.loop.control and alone else None

    @model_validator(mode="after")
    def _for_what_it_is(self) -> Scenario:
        """Refuse recorded programs for problems that they do not answer, and training data made of an evaluation."""
        if self.models.teacher.kind == "recorded" and self.source.kind != "problems":
            raise misplaced("models.teacher.kind", "recorded programs answer given problems: a source `kind: problems`")
        if "recorded" in self.export and self.models.teacher.kind == "procedural":
            raise misplaced("export", "`recorded` is what language models wrote, and the procedural team asks none")
        for_evaluation = isinstance(self.source, ProblemSource) and self.source.purpose == "eval"
        if for_evaluation and "export" not in self.model_fields_set:
            object.__setattr__(self, "export", ())  # a default that follows from another field; nobody has seen it yet
        if for_evaluation and set(self.export) & set(TRAINING_VIEWS):
            raise misplaced("export", "a source with `purpose: eval` is never exported as training data")
        return self

    @model_validator(mode="after")
    def _staged(self) -> Scenario:
        """Refuse stages that cannot work, and a student whom nothing asks."""
        stages, models = self.loop.stages, self.models
        if stages is None:
            if STUDENT in models.named:
                raise misplaced("models.student", "only `loop.stages` asks a student; say when, or leave it out")
            return self
        if STUDENT not in models.named:
            raise misplaced("loop.stages", "`models.student` is missing: the model that is compared with the teacher")
        if models.named[STUDENT] == models.teacher:
            raise misplaced("models.student", "is the teacher itself; name another model, or another endpoint")
        if self.team != "prompted":
            raise misplaced("loop.stages", f"with a source of kind `{self.source.kind}` no model plays every role")
        for role in PLAYED_ROLES:
            if models.name_of(role) != TEACHER:
                raise misplaced(f"models.{role}", "with `loop.stages` the teacher plays every role, then the student")
        if stages.min_grounded and not GROUNDED_SOURCES & {self.source.kind, "snippets" if self.source.path else ""}:
            raise misplaced("loop.stages.min_grounded", f"a source of kind `{self.source.kind}` has no real code")
        return self
