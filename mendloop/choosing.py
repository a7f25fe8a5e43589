"""Choosing models: what `auto` takes, where a named endpoint lies, and how that is said."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from mendloop.errors import InputError
from mendloop.modelspecs import (
    PLAYED_ROLES,
    STUDENT,
    TEACHER,
    AutoModel,
    EndpointModel,
    LanguageModel,
    LocalModel,
    ModelSpec,
    ProceduralModel,
    RecordedModel,
    SeveralModels,
)
from mendloop.settings import endpoint_variables
from mendloop.specs import Scenario

if TYPE_CHECKING:
    from mendloop.opening import OpenedModel
    from mendloop.settings import Settings
    from mendloop.tools.chat.address import Endpoint
    from mendloop.tools.chat.protocol import Chat

LOCAL_MODEL_MODULE = "xllamacpp"

REMEDY = (
    "set OPENAI_BASE_URL and OPENAI_API_KEY, or: pip install 'mendloop[local]' and "
    "`mendloop models pull qwen2.5-coder-1.5b`"
)
"""How to get a language model."""


@dataclass(frozen=True)
class Resolved:
    """A scenario in which `auto` has become what is there, and one line that says what was taken."""

    scenario: Scenario
    said: str


async def resolved(scenario: Scenario, settings: Settings) -> Resolved:
    """Decide what `auto` is: the endpoint that the environment names, a local model whose weights are here, or none.

    Nothing is downloaded. Raises InputError where a model is needed and none is there, where an endpoint offers several
    and none is named, and for an endpoint that the environment does not name.
    """
    taken = {
        name: await _taken(spec, settings)
        for name, spec in scenario.models.named.items()
        if isinstance(spec, AutoModel)
    }
    for name, spec in taken.items():
        if isinstance(spec, ProceduralModel):
            _require_none_needed(scenario, name)
    chosen = scenario.model_copy(update={"models": scenario.models.model_copy(update=taken)}) if taken else scenario
    return Resolved(chosen, said_of(chosen, settings))


def _require_none_needed(scenario: Scenario, name: str) -> None:
    """Raise InputError where a scenario cannot do without the language model that is not here."""
    if name != TEACHER or len(scenario.models.named) > 1:
        raise InputError("a language model is needed, and none is here", where=f"models.{name}", remedy=REMEDY)
    if scenario.source.kind != "python":
        raise InputError(
            f"a source of kind `{scenario.source.kind}` needs a language model, and none is here",
            where="models.teacher",
            remedy=REMEDY,
        )
    if "recorded" in scenario.export:
        raise InputError("`recorded` is what language models wrote, and none is here", where="export", remedy=REMEDY)
    if scenario.target.min_tier == "A":
        raise InputError(
            "tier A needs a language model, and none is here: the procedural team reaches tier B at most",
            where="target.min_tier",
            remedy=f"ask for tier B, or: {REMEDY}",
        )


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
    """Return the line that says who plays the roles. Raises InputError for an endpoint that nothing names."""
    models = scenario.models
    if isinstance(models.teacher, ProceduralModel):
        return "team: procedural (no language model is called)"
    played: dict[str, list[str]] = {
        name: [STUDENT] if name == STUDENT else [role for role in PLAYED_ROLES if models.name_of(role) == name]
        for name in models.named
    }
    if len(played) == 1:
        return f"team: {scenario.team}; model: {_described(models.teacher, settings)}"
    parts = [
        f"{_described(models.named[name], settings)} ({', '.join(roles)})" for name, roles in played.items() if roles
    ]
    return f"team: {scenario.team}; models: {'; '.join(parts)}"


def _described(spec: ModelSpec, settings: Settings) -> str:
    """Return a model and where it answers."""
    match spec:
        case EndpointModel():
            return f"{spec.model} at {endpoint_of(settings, spec.endpoint).shown}"
        case SeveralModels(order="fallback"):
            return ", then ".join(_placed(spec, settings))
        case SeveralModels():
            weights = [member.weight or 1.0 for member in spec.members]
            shares = [f"{weight / sum(weights):.0%}" for weight in weights]
            return " and ".join(
                f"{place} ({share})" for place, share in zip(_placed(spec, settings), shares, strict=True)
            )
        case LocalModel():
            return f"{spec.model} on this machine"
        case RecordedModel():
            return f"none (programs recorded in {PurePath(spec.programs).name})"
        case _:
            return spec.kind


def _placed(spec: SeveralModels, settings: Settings) -> list[str]:
    return [f"{member.model} at {endpoint_of(settings, member.endpoint).shown}" for member in spec.members]


def endpoint_of(settings: Settings, name: str | None = None) -> Endpoint:
    """Return an endpoint that the environment names: that of OPENAI_BASE_URL, or one by its own name.

    Raises InputError for a name that no variable gives.
    """
    from mendloop.tools.chat.address import Endpoint

    if name is None:
        return Endpoint(base_url=settings.openai_base_url, key=settings.openai_api_key)
    url_name, key_name = endpoint_variables(name)
    if name not in settings.endpoints:
        known = f"; named are: {', '.join(sorted(settings.endpoints))}" if settings.endpoints else ""
        raise InputError(
            f"no endpoint is named `{name}`", where=url_name, remedy=f"set {url_name} and {key_name}{known}"
        )
    given = settings.endpoints[name]
    return Endpoint(base_url=given.url, key=given.key, key_name=key_name, url_name=url_name)


async def settled(scenario: Scenario, model: OpenedModel | None) -> Resolved:
    """Return the scenario with the form of answers that the models' servers can do, and a remark where it is weaker.

    From then on the scenario says what holds: a resumed run is not probed again. Raises ProviderError.
    """
    plain: dict[str, LanguageModel] = {}
    for name, spec in scenario.models.named.items():
        if model is None or not isinstance(spec, LanguageModel) or spec.answers == "sections":
            continue
        if not await _honour_schema(model.named[name]):
            plain[name] = spec.model_copy(update={"answers": "sections"})
    if not plain:
        return Resolved(scenario, "")
    models = scenario.models.model_copy(update=plain)
    remark = "the server does not honour a JSON schema: answers are asked for as sections"
    if len(scenario.models.named) > 1:
        remark = f"{', '.join(plain)}: {remark}"
    return Resolved(scenario.model_copy(update={"models": models}), remark)


async def _honour_schema(chat: Chat) -> bool:
    """Tell whether a model honours a schema; of several, each has to."""
    from mendloop.agents.prompted.objects import honours_schema
    from mendloop.tools.chat.several import SeveralChat

    asked = [member.chat for member in chat.members] if isinstance(chat, SeveralChat) else [chat]
    return all([await honours_schema(each) for each in asked])
