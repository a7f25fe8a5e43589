"""What a scenario says: its parts as frozen records that refuse what they do not know."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from mendloop.records import Frozen, Limits, Tier

_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*")


def seconds(value: object) -> object:
    """Return a duration such as "2h", "1h30m" or "90s" in seconds; what is not text is returned as it is.

    Raises ValueError for a text that is no duration.
    """
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    parts = _DURATION_PART.findall(text)
    if not parts or _DURATION_PART.sub("", text):
        raise ValueError(f'found the text "{value[:60]}", expected a duration such as "2h", "1h30m" or "90s"')
    return sum(float(amount) * _UNIT_SECONDS[unit] for amount, unit in parts)


Duration: TypeAlias = Annotated[
    float,
    Field(gt=0, allow_inf_nan=False),
    BeforeValidator(seconds),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "examples": ["2h"]}]}),
]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Count: TypeAlias = Annotated[int, Field(ge=1)]
Text: TypeAlias = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
View: TypeAlias = Literal["sft_multiturn"]


class Spec(Frozen):
    """Base of a scenario's parts: frozen, unknown keys refused, and no value converted to another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


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


class ProceduralModel(Spec):
    """No language model: real functions, injected faults, and diagnoses made from evidence."""

    kind: Literal["procedural"] = "procedural"


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


class Price(Spec):
    """What a million tokens cost, in US dollars; `cached` prompt tokens cost as others where it is not said."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0)


class LanguageModel(Spec):
    """What all language models have: how they are sampled, and how long one answer may be and take.

    A `temperature` of "server" leaves it to the server. `answers: json` asks for JSON objects where no code is wanted,
    if a probe shows that the server honours a schema; `sections` is what every model can do. `parallel` requests are
    under way at most.
    """

    temperature: Annotated[float, Field(ge=0, le=2)] | Literal["server"] = 0.7
    max_tokens: Count = 1024
    deadline: Duration = 300.0
    answers: Literal["sections", "json"] = "sections"


class AutoModel(LanguageModel):
    """Whatever is there: the endpoint that the environment names, else a local model, else the procedural team."""

    kind: Literal["auto"]
    parallel: Count | None = None
    price: Price | None = None


class EndpointModel(LanguageModel):
    """A model behind an OpenAI-compatible endpoint; address and key come from the environment, never from here."""

    kind: Literal["openai"]
    model: Text
    parallel: Count = 16
    price: Price | None = None


class LocalModel(LanguageModel):
    """A GGUF file that llama.cpp serves in this process: a known name whose weights are in the cache, or a file.

    `context` tokens hold one question and its answer; `threads` None takes the physical cores.
    """

    kind: Literal["local"]
    model: Text = "qwen2.5-coder-1.5b"
    parallel: Count = 4
    context: int = Field(default=4096, ge=512)
    threads: Count | None = None


class ScriptedModel(Spec):
    """The fake that tests use; its answers are handed in by the program that starts the run."""

    kind: Literal["scripted"]


ModelSpec: TypeAlias = Annotated[
    AutoModel | EndpointModel | LocalModel | ProceduralModel | ScriptedModel, Field(discriminator="kind")
]


class Models(Spec):
    """Which model plays which role. A role names the model that it takes."""

    teacher: ModelSpec = ProceduralModel()
    proposer: Literal["teacher"] = "teacher"
    programmer: Literal["teacher"] = "teacher"
    tester: Literal["teacher"] = "teacher"
    critic: Literal["teacher"] = "teacher"


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

    kind: Literal["auto", "local", "bwrap", "e2b", "unsafe-local"] = "auto"
    workers: Count | None = None
    limits: Limits = Limits()


class BudgetSpec(Spec):
    """What a run may use in all; `wall` is in seconds once read. None is no limit."""

    wall: Duration | None = None
    usd: float | None = Field(default=None, gt=0)
    tokens: Count | None = None


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
            raise _problem("target.min_tier", "the procedural team reaches tier B at most")
        if self.models.teacher.kind == "procedural" and self.source.kind != "python":
            raise _problem("models.teacher.kind", f"a source of kind `{self.source.kind}` needs a language model")
        if self.target.min_tier != "C" and not self.loop.held_out:
            raise _problem("loop.held_out", f"tier {self.target.min_tier} needs the held-out suite; ask for tier C")
        if self.target.min_failed_turns > self.loop.max_repairs:
            raise _problem("target.min_failed_turns", f"more than `loop.max_repairs` ({self.loop.max_repairs})")
        if len(set(self.export)) < len(self.export):
            raise _problem("export", "a view is named twice")
        return self


def _problem(at: str, message: str) -> PydanticCustomError:
    """Return an error about another place than the model that found it."""
    return PydanticCustomError("scenario", "{message}", {"at": at, "message": message})
