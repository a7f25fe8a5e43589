"""What a scenario says of models: which there are, how they are asked, and which of them plays which role."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from mendloop.complaints import nearest
from mendloop.fields import Count, Duration, Share, Spec, Text, misplaced


class ProceduralModel(Spec):
    """No language model: real functions, injected faults, and diagnoses made from evidence."""

    kind: Literal["procedural"] = "procedural"


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
    that the answer may have) for the beginning of its answer, and until `deadline` for all of it. A `first_byte` that
    is not named is a minute at an endpoint, and the deadline for a model on this machine.

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


class RecordedModel(Spec):
    """Programs and suites that models wrote earlier for the same problems, in `.jsonl` files, drawn as if sampled.

    With a `model` only what that one wrote is taken. Without `suites` there are no tests but the problems' examples.
    """

    kind: Literal["recorded"]
    programs: Text
    suites: Text | None = None
    model: Text | None = None


ModelSpec: TypeAlias = Annotated[
    AutoModel | EndpointModel | SeveralModels | LocalModel | ProceduralModel | RecordedModel | ScriptedModel,
    Field(discriminator="kind"),
]
TEACHER = "teacher"
STUDENT = "student"
"""The model that `loop.stages` compares with the teacher; no role names it."""


class Models(Spec):
    """The models by name, and which of them plays which role. `teacher` is the one that decides what the team is.

    Any further key is a model that a role names, or the `student` of `loop.stages`.
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
            if name not in (STUDENT, *bound.values()):
                raise _unnamed(name)
            if not isinstance(model, LanguageModel):
                raise misplaced(
                    f"models.{name}.kind", f"`{model.kind}` plays no single role; only the teacher can be it"
                )
        for role, name in bound.items():
            if name == STUDENT:
                raise misplaced(f"models.{role}", "no role names the student; `loop.stages` gives it all of them")
            if name not in self.named:
                hint = nearest(name, self.named)
                near = f"nearest: `{hint}`; " if hint else ""
                raise misplaced(
                    f"models.{role}", f"no model is named `{name}` ({near}there are: {', '.join(self.named)})"
                )
        for name, model in self.named.items():
            waiting = model.batch if isinstance(model, Batching) else ()
            elsewhere = [role for role in waiting if bound[role] != name]
            if waiting and name == STUDENT:
                raise misplaced(f"models.{name}.batch", "a student is asked one by one")
            if elsewhere:
                raise misplaced(f"models.{name}.batch", f"another model plays the {' and the '.join(elsewhere)}")
        if self.__pydantic_extra__ and not isinstance(self.teacher, LanguageModel):
            raise misplaced("models.teacher.kind", "without a language model as teacher no other model is asked")
        return self


def _unnamed(name: str) -> PydanticCustomError:
    """Return the error about a key of `models` that is no role and that no role names."""
    if get_close_matches(name, Models.model_fields, cutoff=0.75):
        return PydanticCustomError("extra_forbidden", "{name}", {"at": f"models.{name}", "name": name})
    return misplaced(f"models.{name}", f"no role names this model; give it one of {', '.join(PLAYED_ROLES)}")
