"""What a scenario says: its parts as frozen records that refuse what they do not know."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from mendloop.complaints import nearest
from mendloop.records import Frozen, Limits, SandboxKind, Tier

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


class Retry(Spec):
    """What is done when a model's server fails: how often a request is tried, and how long is waited (durations).

    Pauses are drawn below a bound that doubles from `first_wait` to `longest_wait`. A server that asks to be left alone
    is, for at most `longest_asked` at a time and `rate_limited` in all; fewer requests at once go out, less once in a
    `cool_down`. Where half of the last 20 calls failed, none is made for `open`, then one as a probe; after `give_up`
    of that the run stops.
    """

    tries: Count = 6
    first_wait: Duration = 1.0
    longest_wait: Duration = 60.0
    longest_asked: Duration = 120.0
    rate_limited: Duration = 600.0
    cool_down: Duration = 15.0
    open: Duration = 30.0
    give_up: Duration = 600.0


class LanguageModel(Spec):
    """What all language models have: how they are sampled, and how long one answer may be and take.

    One attempt has until `connect` for its connection, until `first_byte` (and a twentieth of a second for each token
    that the answer may have) for the beginning of its answer, and until `deadline` for all of it. A `first_byte` that is
    not named is a minute at an endpoint, and the deadline for a model on this machine.

    A `temperature` of "server" leaves it to the server. `answers: json` asks for JSON objects where no code is wanted,
    if a probe shows that the server honours a schema; `sections` is what every model can do. `parallel` requests are
    under way at most.
    """

    temperature: Annotated[float, Field(ge=0, le=2)] | Literal["server"] = 0.7
    max_tokens: Count = 1024
    deadline: Duration = 300.0
    connect: Duration = 10.0
    first_byte: Duration | None = None
    retry: Retry = Retry()
    answers: Literal["sections", "json"] = "sections"


PlayedRole: TypeAlias = Literal["proposer", "programmer", "tester", "critic"]
PLAYED_ROLES: tuple[PlayedRole, ...] = get_args(PlayedRole)
"""The roles that a model can play."""

_ENDPOINT_NAME = re.compile(r"[a-z][a-z0-9_]*")


def _endpoint_name(value: str) -> str:
    """Return the name of an endpoint. An address is refused without quoting it: it may hold a password."""
    if _ENDPOINT_NAME.fullmatch(value):
        return value
    raise ValueError(
        "expected a name in lower case, such as west; the address stands in MENDLOOP_ENDPOINT_WEST_URL, "
        "the key in MENDLOOP_ENDPOINT_WEST_KEY"
    )


EndpointName: TypeAlias = Annotated[str, AfterValidator(_endpoint_name)]
"""Which endpoint of the environment answers. None is the one of `OPENAI_BASE_URL`."""


class Batching(Spec):
    """Which roles' questions may wait for the provider's batch API, which answers within a day for less.

    Questions are gathered for `batch_gather` seconds, or until there are `batch_most`. The batch is looked at after
    `batch_poll` seconds and then ever more rarely; after `batch_deadline` seconds what has no answer is asked singly.
    `batch_discount` is the share that a batch's tokens cost less.
    """

    batch: tuple[PlayedRole, ...] = ()
    batch_gather: Duration = 30.0
    batch_most: int = Field(default=1_000, ge=1, le=50_000)
    batch_poll: Duration = 5.0
    batch_deadline: Duration = 86_400.0
    batch_discount: Share = 0.5


class AutoModel(LanguageModel):
    """Whatever is there: the endpoint that the environment names, else a local model, else the procedural team."""

    kind: Literal["auto"]
    parallel: Count | None = None
    price: Price | None = None


class EndpointModel(Batching, LanguageModel):
    """A model behind an OpenAI-compatible endpoint; address and key come from the environment, never from here.

    `endpoint` names one besides that of `OPENAI_BASE_URL`. `parallel` is the most that a pace may grow to. `context`
    tokens hold one question and its answer, where that is known.
    """

    kind: Literal["openai"]
    model: Text
    endpoint: EndpointName | None = None
    parallel: Count = 64
    context: int | None = Field(default=None, ge=512)
    price: Price | None = None


class Member(Spec):
    """One of several models: `weight` is its part of the questions where they are shared out."""

    model: Text
    endpoint: EndpointName | None = None
    weight: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    parallel: Count = 64
    context: int | None = Field(default=None, ge=512)
    price: Price | None = None


class SeveralModels(LanguageModel):
    """Several models, or one at several endpoints, for the same role; one that gives up is followed by the next.

    `order: fallback` asks them as they are listed. `weighted` lets the question decide, in proportion to the weights,
    so that the same question has the same order again. One that has not answered for a minute is given up sooner than
    a single model is.
    """

    retry: Retry = Retry(give_up=60.0)
    kind: Literal["several"]
    order: Literal["fallback", "weighted"] = "fallback"
    members: tuple[Member, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What the members are called in records: their models, with the endpoint where two have the same one."""
        models = [member.model for member in self.members]
        return tuple(
            f"{member.model} at {member.endpoint}"
            if member.endpoint and models.count(member.model) > 1
            else member.model
            for member in self.members
        )

    @property
    def context(self) -> int | None:
        """The tokens that hold a question and its answer with every member, as far as they are known."""
        return min((member.context for member in self.members if member.context is not None), default=None)

    @model_validator(mode="after")
    def _different(self) -> SeveralModels:
        if len(self.members) < 2:
            raise ValueError("needs at least two `members`")
        if len(set(self.names)) < len(self.names):
            raise ValueError("two of the `members` are the same model at the same endpoint")
        if self.order == "fallback" and any(member.weight is not None for member in self.members):
            raise ValueError("a `weight` counts with `order: weighted` only")
        return self


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
    AutoModel | EndpointModel | SeveralModels | LocalModel | ProceduralModel | ScriptedModel,
    Field(discriminator="kind"),
]
TEACHER = "teacher"
RESERVED = frozenset({"student"})
"""Names that a later version gives a meaning."""


class Models(Spec):
    """The models by name, and which of them plays which role. `teacher` is the one that decides what the team is.

    Any further key is a model that a role names.
    """

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)
    __pydantic_extra__: dict[str, ModelSpec]

    teacher: ModelSpec = ProceduralModel()
    proposer: Text = TEACHER
    programmer: Text = TEACHER
    tester: Text = TEACHER
    critic: Text = TEACHER

    def name_of(self, role: PlayedRole) -> str:
        """Return the name of the model that plays a role."""
        name: str = getattr(self, role)
        return name

    @property
    def named(self) -> dict[str, ModelSpec]:
        """The teacher and the further models, by name."""
        return {TEACHER: self.teacher, **self.__pydantic_extra__}

    @model_validator(mode="after")
    def _names_fit(self) -> Models:
        """Refuse a role whose model is nowhere, a model that no role names, and a further one that cannot play."""
        bound = {role: self.name_of(role) for role in PLAYED_ROLES}
        for name, model in self.__pydantic_extra__.items():
            if name in RESERVED or name not in bound.values():
                raise _unnamed(name)
            if not isinstance(model, LanguageModel):
                raise _problem(
                    f"models.{name}.kind", f"`{model.kind}` plays no single role; only the teacher can be it"
                )
        for role, name in bound.items():
            if name not in self.named:
                hint = nearest(name, self.named)
                near = f"nearest: `{hint}`; " if hint else ""
                raise _problem(
                    f"models.{role}", f"no model is named `{name}` ({near}there are: {', '.join(self.named)})"
                )
        for name, model in self.named.items():
            waiting = model.batch if isinstance(model, Batching) else ()
            elsewhere = [role for role in waiting if bound[role] != name]
            if elsewhere:
                raise _problem(f"models.{name}.batch", f"another model plays the {' and the '.join(elsewhere)}")
        if self.__pydantic_extra__ and not isinstance(self.teacher, LanguageModel):
            raise _problem("models.teacher.kind", "without a language model as teacher no other model is asked")
        return self


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
    """What a run may use in all; `wall` is in seconds once read. At `records` kept records it stops, and can be resumed.

    None is no limit. `session` is what each session may use.
    """

    wall: Duration | None = None
    usd: float | None = Field(default=None, gt=0)
    tokens: Count | None = None
    records: Count | None = None
    session: SessionBudget = SessionBudget()


class ScreeningSpec(Spec):
    """What becomes of secrets and personal data in the texts of a source, and which licences it may have.

    `drop` leaves an item out, `mask` puts a placeholder where that changes no behaviour and leaves the item out where it
    would, `keep` lets it through. `licences` are SPDX identifiers; `permissive` stands for the usual permissive ones,
    `any` for all.
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


def _unnamed(name: str) -> PydanticCustomError:
    """Return the error about a key of `models` that is no role and that no role names."""
    if name in RESERVED or get_close_matches(name, Models.model_fields, cutoff=0.75):
        return PydanticCustomError("extra_forbidden", "{name}", {"at": f"models.{name}", "name": name})
    return _problem(f"models.{name}", f"no role names this model; give it one of {', '.join(PLAYED_ROLES)}")


def _problem(at: str, message: str) -> PydanticCustomError:
    """Return an error about another place than the model that found it."""
    return PydanticCustomError("scenario", "{message}", {"at": at, "message": message})
