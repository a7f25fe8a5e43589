"""What a scenario says: its parts as frozen records that refuse what they do not know."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import Field, StringConstraints, model_validator

from mendloop.executions import Limits, SandboxKind
from mendloop.fields import Count, Duration, Share, Spec, Text, misplaced
from mendloop.modelspecs import Models
from mendloop.records import Tier

View: TypeAlias = Literal["sft_multiturn"]


class Target(Spec):
    """When a run is done: `records` kept records of at least `min_tier` and `min_failed_turns` failing turns."""

    records: Count = 100
    min_tier: Tier = "B"
    min_failed_turns: int = Field(default=1, ge=0)


class PythonSource(Spec):
    """Python functions of a package that is installed ("stdlib" is the standard library's own), or of a folder.

    Programs longer than `max_lines` are left out: a small model cannot write them down again.
    """

    kind: Literal["python"]
    package: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.\-]*$")] | None = None
    path: Annotated[str, StringConstraints(min_length=1)] | None = None
    max_lines: Count | None = None

    @model_validator(mode="after")
    def _one_place(self) -> PythonSource:
        if (self.package is None) == (self.path is None):
            raise ValueError("needs exactly one of `package` and `path`")
        return self


class SnippetSource(Spec):
    """A folder or file of real code; the model takes ideas for problems from it (OSS-Instruct)."""

    kind: Literal["snippets"]
    path: Text


class InstructionSource(Spec):
    """Given instructions, one a line of a `.jsonl`, `.txt` or `.md` file; the model makes them precise."""

    kind: Literal["instructions"]
    path: Text


class GoalSource(Spec):
    """The goal in words: the model plans concepts and states problems about them, from snippets where a `path` is."""

    kind: Literal["goal"]
    path: Text | None = None


class FailureSource(Spec):
    """A model's own wrong programs, with prompts and tests, one a line of a `.jsonl` file."""

    kind: Literal["failures"]
    path: Text


SourceSpec: TypeAlias = Annotated[
    PythonSource | SnippetSource | InstructionSource | GoalSource | FailureSource, Field(discriminator="kind")
]


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
    """How lessons travel. Embeddings are MiniLM's where its packages are installed, else `embedding_model`'s at the
       endpoint, else hashed n-grams; a deterministic run takes n-grams unless one is named.
    A share `off_share` of the sessions runs without, as the control.

       With `deterministic`, session i sees what sessions up to i - `window` stored. `top` lessons come from other
       sessions, the last `recent` from the session itself.
    """

    enabled: bool = True
    embedding: Literal["auto", "minilm", "endpoint", "ngrams"] = "auto"
    embedding_model: Text | None = None
    window: Count = 64
    off_share: Share = 0.1
    top: int = Field(default=2, ge=0)
    recent: int = Field(default=3, ge=0)


class Loop(Spec):
    """One session's loop, and how many sessions run at once.

    `peers` other programs are written where a model can write them, to judge tests by. A repair is sampled up to
    `samples` times until one mends the failing case.
    """

    max_repairs: Count = 5
    peers: int = Field(default=3, ge=0)
    samples: Count = 3
    variants: Count = 6
    faults: FaultCount = FaultCount()
    held_out: bool = True
    memory: MemorySpec = MemorySpec()
    concurrency: Count = 8


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
    """One scenario. The paths of one that was loaded are absolute, and its templates are texts."""

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
        if self.models.teacher.kind == "procedural":
            return "procedural"
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
        if self.target.min_failed_turns > self.loop.max_repairs:
            raise misplaced("target.min_failed_turns", f"more than `loop.max_repairs` ({self.loop.max_repairs})")
        if len(set(self.export)) < len(self.export):
            raise misplaced("export", "a view is named twice")
        return self
