"""Opening the models of a scenario: each is tried first, so that a wrong key, model or address starts nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mendloop.choosing import endpoint_of
from mendloop.errors import BudgetError, InputError
from mendloop.modelspecs import (
    PLAYED_ROLES,
    STUDENT,
    TEACHER,
    EndpointModel,
    LanguageModel,
    LocalModel,
    Member,
    ModelSpec,
    PlayedRole,
    Price,
    SeveralModels,
)
from mendloop.specs import BudgetSpec, Scenario
from mendloop.tools.chat.metered import Meter, MeteredChat

if TYPE_CHECKING:
    from pathlib import Path

    from mendloop.events import RunStarted
    from mendloop.settings import Settings
    from mendloop.tools.chat.batch import BatchingChat
    from mendloop.tools.chat.endpoint import EndpointChat
    from mendloop.tools.chat.lane import Lane
    from mendloop.tools.chat.pricing import Prices
    from mendloop.tools.chat.protocol import Answer, Chat, ChatRequest, Listener, Rates
    from mendloop.tools.chat.several import SeveralChat
    from mendloop.tools.local.weights import Weights


@dataclass(frozen=True)
class OpenedModel:
    """The language models of a scenario, by name, which answer, and what they have used together.

    `roles` are the roles that ask another model than the teacher, or that ask in batches; `weights` holds the sha256 of
    the weights that lie on this machine, by model.
    """

    named: Mapping[str, Chat]
    meter: Meter
    weights: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[PlayedRole, Chat] = field(default_factory=dict)
    endpoints: Sequence[EndpointChat] = ()
    several: Sequence[SeveralChat] = ()
    batching: Sequence[BatchingChat] = ()

    @property
    def chat(self) -> Chat:
        """The teacher."""
        return self.named[TEACHER]

    def begin(self, folder: Path) -> None:
        """Name the run whose batches these are: that of a run folder. Raises StorageError, DamageError."""
        from mendloop.tools.chat.batch_run import batch_run

        run = batch_run(folder) if self.batching else None
        for chat in self.batching:
            chat.run = run

    def listen(self, listener: Listener) -> None:
        """Tell of changes of pace and circuits, of members that are left out, and of batches."""
        told: list[EndpointChat | SeveralChat | BatchingChat] = [*self.endpoints, *self.several, *self.batching]
        for chat in told:
            chat.listener = listener

    def rates(self) -> tuple[Rates, ...]:
        """Return how each model behind an endpoint is doing now."""
        return tuple(dict.fromkeys(chat.rates() for chat in self.endpoints))


async def opened_model(
    scenario: Scenario, settings: Settings, stack: AsyncExitStack, *, loaded: bool = True
) -> OpenedModel | None:
    """Return the models of a scenario, ready to be asked, or None for a team without a language model.

    An endpoint is tried first, every member of several too, so that a wrong key, model or address ends here; a local
    one is loaded, or only looked for without `loaded`. Raises InputError, or BudgetError where no quota is left. What
    was opened is closed with the stack.
    """
    from mendloop.tools.chat.pricing import load_prices

    if not isinstance(scenario.models.teacher, EndpointModel | SeveralModels | LocalModel):
        return None
    opening = _Opening(settings, scenario.budget, load_prices(settings.prices), stack, loaded)
    named = {name: await opening.opened(spec) for name, spec in scenario.models.named.items()}
    roles = {}
    for role in PLAYED_ROLES:
        name = scenario.models.name_of(role)
        spec = scenario.models.named[name]
        if isinstance(spec, EndpointModel) and role in spec.batch:
            roles[role] = await opening.batched(name, spec)
        elif name != TEACHER:
            roles[role] = named[name]
    return OpenedModel(
        named=named,
        meter=opening.meter,
        weights=opening.weights,
        roles=roles,
        endpoints=opening.endpoints,
        several=opening.several,
        batching=list(opening.batching.values()),
    )


class _Opening:
    """What is open so far. A model at an endpoint has one lane, whoever asks it."""

    def __init__(
        self, settings: Settings, budget: BudgetSpec, prices: Prices, stack: AsyncExitStack, loaded: bool
    ) -> None:
        self._settings, self._budget, self._prices, self._stack = settings, budget, prices, stack
        self._loaded = loaded
        self.meter = Meter(budget)
        self.weights: dict[str, str] = {}
        self.endpoints: list[EndpointChat] = []
        self.several: list[SeveralChat] = []
        self.batching: dict[str, BatchingChat] = {}
        self._lanes: dict[tuple[str, str], Lane] = {}

    async def opened(self, spec: ModelSpec) -> Chat:
        """Return a model that answers. Raises InputError or BudgetError."""
        match spec:
            case EndpointModel():
                price = self._price(spec)
                chat = self._endpoint(spec, spec)
                await chat.check()
                return MeteredChat(chat, self.meter, price)
            case SeveralModels():
                return await self._several(spec)
            case LocalModel():
                return await self._on_this_machine(spec)
            case _:
                raise AssertionError(f"`{spec.kind}` is no model that can be opened")

    async def batched(self, name: str, spec: EndpointModel) -> Chat:
        """Return the model of this name for roles that can wait. Raises InputError where there is no batch API."""
        from mendloop.tools.chat.batch import BatchingChat, BatchPlan
        from mendloop.tools.chat.batch_api import BatchError
        from mendloop.tools.chat.batch_service import OpenAIBatches

        if name not in self.batching:
            chat = self._endpoint(spec, spec)
            service = OpenAIBatches(spec.model, chat.endpoint)
            plan = BatchPlan(
                spec.batch_gather, spec.batch_most, spec.batch_poll, spec.batch_deadline, spec.batch_discount
            )
            batching = BatchingChat(chat, service, plan)
            self._stack.push_async_callback(batching.aclose)
            try:
                await service.check(chat.patience.preflight_s)
            except BatchError as error:
                raise InputError(
                    f"no batch API at {service.endpoint}: {error}",
                    where=f"models.{name}.batch",
                    remedy="leave `batch` out: the roles then ask one by one",
                ) from error
            self.batching[name] = batching
        return MeteredChat(self.batching[name], self.meter, self._price(spec))

    async def _several(self, spec: SeveralModels) -> Chat:
        from mendloop.tools.chat.several import MemberChat, SeveralChat

        prices = [self._price(member) for member in spec.members]
        chats = [self._endpoint(member, spec) for member in spec.members]
        tried = await asyncio.gather(*(chat.check() for chat in chats), return_exceptions=True)
        spare = any(found is None for found in tried)
        for name, found in zip(spec.names, tried, strict=True):
            if isinstance(found, BudgetError) and spare:  # it is left out when it says so in the run
                continue
            if isinstance(found, InputError):
                what = f"the member `{name}` cannot be used: {found.what}"
                raise InputError(what, where=found.where, remedy=found.remedy) from found
            if found is not None:
                raise found
        members = [
            MemberChat(name, chat.endpoint.shown, MeteredChat(chat, self.meter, price), member.weight or 1.0)
            for name, chat, price, member in zip(spec.names, chats, prices, spec.members, strict=True)
        ]
        several = SeveralChat(members, spec.order)
        self.several.append(several)
        return several

    async def _on_this_machine(self, spec: LocalModel) -> Chat:
        from pydantic import SecretStr

        from mendloop.tools.chat.address import Endpoint
        from mendloop.tools.chat.endpoint import EndpointChat
        from mendloop.tools.chat.patience import patience_of
        from mendloop.tools.chat.pricing import LOCAL
        from mendloop.tools.local.server import LocalServer, physical_cores

        weights = await asyncio.to_thread(weights_of, spec, self._settings)
        if not self._loaded:
            return MeteredChat(_Silence(weights.name), self.meter, LOCAL)
        server = await asyncio.to_thread(
            LocalServer.start,
            weights.path,
            parallel=spec.parallel,
            context_per_request=spec.context,
            threads=spec.threads or physical_cores(),
        )
        self._stack.callback(server.close)
        if weights.sha256:
            self.weights[weights.name] = weights.sha256
        endpoint = Endpoint(base_url=server.base_url, key=SecretStr(server.api_key))
        chat = EndpointChat(weights.name, endpoint, spec.parallel, patience_of(spec), steady=True)
        self._keep(chat)
        return MeteredChat(chat, self.meter, LOCAL)

    def _endpoint(self, model: EndpointModel | Member, spec: LanguageModel) -> EndpointChat:
        """Return a model behind an endpoint, asked as `spec` says. Raises InputError for an endpoint nobody names."""
        from mendloop.tools.chat.endpoint import EndpointChat
        from mendloop.tools.chat.patience import patience_of

        endpoint = endpoint_of(self._settings, model.endpoint)
        key = endpoint.url, model.model
        chat = EndpointChat(model.model, endpoint, model.parallel, patience_of(spec), shared=self._lanes.get(key))
        self._lanes[key] = chat.lane
        self._keep(chat)
        return chat

    def _keep(self, chat: EndpointChat) -> None:
        self.endpoints.append(chat)
        self._stack.push_async_callback(chat.aclose)

    def _price(self, model: EndpointModel | Member) -> Price | None:
        """Return what a model costs. Raises InputError where a budget in dollars needs to know."""
        from mendloop.tools.chat.pricing import require_price

        priced = self._prices.of(model.model, model.price)
        require_price(model.model, priced, self._budget)
        return priced.price if priced else None


def weights_of(spec: LocalModel, settings: Settings) -> Weights:
    """Return the weights that a scenario names. Raises InputError."""
    from mendloop.tools.local.weights import find_weights

    return find_weights(spec.model, settings.cache_dir)


@dataclass(frozen=True)
class _Silence:
    """A model that is never asked: in a replay every answer comes from the journal, and a check only looks."""

    model: str

    async def ask(self, request: ChatRequest) -> Answer:
        raise AssertionError(f"`{self.model}` was asked, and is only a name here")

    async def aclose(self) -> None:
        pass


def silent_model(start: RunStarted) -> OpenedModel | None:
    """Return the models of a recorded run by name, for a replay, which never asks them."""
    if not start.models:
        return None
    roles: dict[PlayedRole, Chat] = {
        role: _Silence(start.models[role]) for role in PLAYED_ROLES if role in start.models
    }
    first = next(iter(start.models.values()))
    named: dict[str, Chat] = {TEACHER: _Silence(first)}
    if STUDENT in start.models:
        named[STUDENT] = _Silence(start.models[STUDENT])
    return OpenedModel(named, Meter(), weights=start.weights, roles=roles)
