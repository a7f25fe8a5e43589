"""Choosing a model: what `auto` takes, and the chosen one opened so that it answers."""

from __future__ import annotations

import asyncio
import importlib.util
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mendloop.errors import InputError
from mendloop.specs import (
    AutoModel,
    BudgetSpec,
    EndpointModel,
    LanguageModel,
    LocalModel,
    Price,
    ProceduralModel,
    Scenario,
)
from mendloop.tools.chat.metered import Meter, MeteredChat

if TYPE_CHECKING:
    from mendloop.events import RunStarted
    from mendloop.settings import Settings
    from mendloop.tools.chat.endpoint import Endpoint
    from mendloop.tools.chat.protocol import Answer, Chat, ChatRequest
    from mendloop.tools.local.weights import Weights

LOCAL_MODEL_MODULE = "xllamacpp"

REMEDY = (
    "set OPENAI_BASE_URL and OPENAI_API_KEY, or: pip install 'mendloop[local]' and "
    "`mendloop models pull qwen2.5-coder-1.5b`"
)
"""How to get a language model."""


@dataclass(frozen=True)
class OpenedModel:
    """A language model that answers, what it has used, and the sha256 of its weights where they are on this machine."""

    chat: Chat
    meter: Meter
    weights: str = ""


@dataclass(frozen=True)
class Resolved:
    """A scenario in which `auto` has become what is there, and one line that says what was taken."""

    scenario: Scenario
    said: str


async def resolved(scenario: Scenario, settings: Settings) -> Resolved:
    """Decide what `auto` is: the endpoint that the environment names, a local model whose weights are here, or none.

    Nothing is downloaded. Raises InputError where the source needs a model and none is there, or where an endpoint
    offers several and none is named.
    """
    teacher = scenario.models.teacher
    if not isinstance(teacher, AutoModel):
        return Resolved(scenario, said_of(scenario, settings))
    taken = await _taken(teacher, settings)
    if isinstance(taken, ProceduralModel) and scenario.source.kind != "python":
        raise InputError(
            f"a source of kind `{scenario.source.kind}` needs a language model, and none is here",
            where="models.teacher",
            remedy=REMEDY,
        )
    if isinstance(taken, ProceduralModel) and scenario.target.min_tier == "A":
        raise InputError(
            "tier A needs a language model, and none is here: the procedural team reaches tier B at most",
            where="target.min_tier",
            remedy=f"ask for tier B, or: {REMEDY}",
        )
    models = scenario.models.model_copy(update={"teacher": taken})
    chosen = scenario.model_copy(update={"models": models})
    return Resolved(chosen, said_of(chosen, settings))


async def _taken(auto: AutoModel, settings: Settings) -> EndpointModel | LocalModel | ProceduralModel:
    from mendloop.tools.local.weights import weights_here

    sampling: dict[str, Any] = {name: getattr(auto, name) for name in LanguageModel.model_fields}
    if auto.parallel is not None:
        sampling["parallel"] = auto.parallel
    if settings.openai_base_url or settings.openai_api_key:
        name = settings.model or await _only_model(settings)
        return EndpointModel(kind="openai", model=name, price=auto.price, **sampling)
    here = weights_here(settings.cache_dir)
    if here and importlib.util.find_spec(LOCAL_MODEL_MODULE) is not None:
        return LocalModel(kind="local", model=here[0].name, **sampling)
    return ProceduralModel()


async def _only_model(settings: Settings) -> str:
    """Return the one model that the endpoint lists. Raises InputError where it lists none or several."""
    from mendloop.tools.chat.endpoint import EndpointChat

    endpoint = endpoint_of(settings)
    chat = EndpointChat(model="", endpoint=endpoint)
    try:
        offered = await chat.offered()
    finally:
        await chat.aclose()
    if len(offered) == 1:
        return offered[0]
    some = ", ".join(offered[:5]) + (", ..." if len(offered) > 5 else "")
    raise InputError(
        f"{endpoint.shown} offers {len(offered)} models" if offered else f"{endpoint.shown} does not list its models",
        where="models.teacher",
        remedy=f"name one in MENDLOOP_MODEL, with --model, or in the scenario{f': {some}' if some else ''}",
    )


def said_of(scenario: Scenario, settings: Settings) -> str:
    """Return the line that says who plays the roles."""
    teacher = scenario.models.teacher
    match teacher:
        case EndpointModel():
            return f"team: {scenario.team}; model: {teacher.model} at {endpoint_of(settings).shown}"
        case LocalModel():
            return f"team: {scenario.team}; model: {teacher.model} on this machine"
        case ProceduralModel():
            return "team: procedural (no language model is called)"
        case _:
            return f"team: {scenario.team}; model: {teacher.kind}"


def endpoint_of(settings: Settings) -> Endpoint:
    """Return the endpoint that the environment names."""
    from mendloop.tools.chat.endpoint import Endpoint

    return Endpoint(base_url=settings.openai_base_url, key=settings.openai_api_key)


async def opened_model(scenario: Scenario, settings: Settings, stack: AsyncExitStack) -> OpenedModel | None:
    """Return the teacher, ready to be asked, or None for a team without a language model.

    An endpoint is tried first, so that a wrong key, model or address ends here; a local one is loaded. Raises
    InputError. What was opened is closed with the stack.
    """
    teacher = scenario.models.teacher
    match teacher:
        case EndpointModel():
            return await _at_endpoint(teacher, scenario.budget, settings, stack)
        case LocalModel():
            return await _on_this_machine(teacher, scenario.budget, settings, stack)
        case _:
            return None


async def _at_endpoint(
    spec: EndpointModel, budget: BudgetSpec, settings: Settings, stack: AsyncExitStack
) -> OpenedModel:
    from mendloop.tools.chat.endpoint import EndpointChat, Patience

    if budget.usd is not None and spec.price is None:
        raise InputError(
            f"the price of `{spec.model}` is not known, so that {budget.usd:g} USD cannot be kept to",
            where="budget.usd",
            remedy="set models.teacher.price={input: X, output: Y} in USD per million tokens, or budget.tokens instead",
        )
    chat = EndpointChat(
        model=spec.model,
        endpoint=endpoint_of(settings),
        parallel=spec.parallel,
        patience=Patience(deadline_s=spec.deadline),
    )
    stack.push_async_callback(chat.aclose)
    await chat.check()
    meter = Meter(budget, spec.price)
    return OpenedModel(MeteredChat(chat, meter), meter)


async def _on_this_machine(
    spec: LocalModel, budget: BudgetSpec, settings: Settings, stack: AsyncExitStack
) -> OpenedModel:
    from pydantic import SecretStr

    from mendloop.tools.chat.endpoint import Endpoint, EndpointChat, Patience
    from mendloop.tools.local.server import LocalServer, physical_cores

    weights = await asyncio.to_thread(weights_of, spec, settings)
    server = await asyncio.to_thread(
        LocalServer.start,
        weights.path,
        parallel=spec.parallel,
        context_per_request=spec.context,
        threads=spec.threads or physical_cores(),
    )
    stack.callback(server.close)
    chat = EndpointChat(
        model=weights.name,
        endpoint=Endpoint(base_url=server.base_url, key=SecretStr(server.api_key)),
        parallel=spec.parallel,
        patience=Patience(deadline_s=spec.deadline),
    )
    stack.push_async_callback(chat.aclose)
    meter = Meter(budget, Price(input=0, output=0))
    return OpenedModel(MeteredChat(chat, meter), meter, weights=weights.sha256 or "")


def weights_of(spec: LocalModel, settings: Settings) -> Weights:
    """Return the weights that a scenario names. Raises InputError."""
    from mendloop.tools.local.weights import find_weights

    return find_weights(spec.model, settings.cache_dir)


async def settled(scenario: Scenario, model: OpenedModel | None) -> Resolved:
    """Return the scenario with the form of answers that the model's server can do, and a remark where it is weaker.

    From then on the scenario says what holds: a resumed run is not probed again. Raises ProviderError.
    """
    from mendloop.agents.prompted.objects import honours_schema

    teacher = scenario.models.teacher
    if model is None or not isinstance(teacher, LanguageModel) or teacher.answers == "sections":
        return Resolved(scenario, "")
    if await honours_schema(model.chat):
        return Resolved(scenario, "")
    plain = scenario.models.model_copy(update={"teacher": teacher.model_copy(update={"answers": "sections"})})
    remark = "the server does not honour a JSON schema: answers are asked for as sections"
    return Resolved(scenario.model_copy(update={"models": plain}), remark)


@dataclass(frozen=True)
class _Silence:
    """The model of a replay: every answer comes from the journal."""

    model: str

    async def ask(self, request: ChatRequest) -> Answer:
        raise AssertionError("a replay asked a model")

    async def aclose(self) -> None:
        pass


def silent_model(start: RunStarted) -> OpenedModel | None:
    """Return the model of a recorded run by name, for a replay, which never asks it."""
    if not start.models:
        return None
    name = next(iter(start.models.values()))
    return OpenedModel(_Silence(name), Meter(), start.weights.get(name, ""))
