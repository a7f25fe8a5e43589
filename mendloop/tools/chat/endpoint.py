"""A model behind any OpenAI-compatible endpoint: asked, and asked again, until there is an answer or no hope of one.

One loop decides what is tried again. How many requests are under way, and whether the server is asked at all, its lane
decides, which all users of the same model at the same endpoint share.
"""

from __future__ import annotations

import random
from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING

from mendloop.errors import InputError, ProviderError
from mendloop.tools.chat.address import Endpoint
from mendloop.tools.chat.failing import AttemptError, RefusalError, summary
from mendloop.tools.chat.lane import Lane
from mendloop.tools.chat.patience import STANDARD, Patience
from mendloop.tools.chat.protocol import Answer, Attempt, ChatMessage, ChatRequest, Listener, Rates, Usage
from mendloop.tools.chat.retrying import Tries

if TYPE_CHECKING:
    from mendloop.tools.chat.client import OpenAIClient

PARALLEL = 64
_THERE = frozenset({"first_byte", "wall", "missing_finish", "rate_limited"})
_STUMBLES = frozenset({"server_error", "reset", "cut"})
"""What the first look at a server may meet: signs that it is there, and faults that may pass in a moment."""
_HELLO = ChatRequest(messages=(ChatMessage(role="user", content="Say OK."),), max_tokens=16, temperature=None, seed=0)


@dataclass
class EndpointChat:
    """One model behind an endpoint; at most `parallel` requests are under way, fewer where the server wants it.

    Without a `shared` lane it has one of its own; a `steady` one keeps to `parallel`.
    """

    model: str
    endpoint: Endpoint
    parallel: int = PARALLEL
    patience: Patience = STANDARD
    steady: bool = False
    shared: InitVar[Lane | None] = None
    lane: Lane = field(init=False, repr=False)
    _client: OpenAIClient | None = field(default=None, init=False, repr=False)
    _jitter: random.Random = field(default_factory=random.Random, init=False, repr=False)

    def __post_init__(self, shared: Lane | None) -> None:
        """Take the lane that is shared, or make one."""
        self.lane = shared or Lane(self.model, self.endpoint.shown, self.parallel, self.patience, self.steady)

    @property
    def listener(self) -> Listener:
        """Who hears of changes of pace and circuit; may be set at any time."""
        return self.lane.listener

    @listener.setter
    def listener(self, listener: Listener) -> None:
        self.lane.listener = listener

    def rates(self) -> Rates:
        """Return how the model is doing now."""
        return self.lane.rates()

    async def ask(self, request: ChatRequest) -> Answer:
        """Return the answer, with every attempt before it.

        Raises ProviderError when there is none after the retries or when the server refuses, BudgetError when no quota
        is left.
        """
        deadlines = self.patience.deadlines(request.max_tokens)
        tries = Tries(self.patience, self._jitter)
        attempts: tuple[Attempt, ...] = ()
        paid = Usage()
        while True:
            try:
                answer = await self.lane.attempt(lambda: self._ready().ask(request, deadlines))
                return answer.model_copy(update={"attempts": attempts, "usage": answer.usage + paid})
            except RefusalError as refusal:
                raise refusal.in_a_run() from refusal.__cause__
            except AttemptError as failure:
                cut = failure.answer
                pause = tries.pause(failure)
                if pause is None and cut is not None:
                    return cut.model_copy(update={"attempts": attempts, "usage": cut.usage + paid})
                paid += cut.usage if cut is not None else Usage()
                attempts = (*attempts, failure.attempt.model_copy(update={"waited_s": round(pause or 0.0, 3)}))
                if pause is None:
                    raise self._given_up(attempts) from failure
            await self.lane.clock.sleep(pause)

    async def check(self) -> None:
        """See that URL, key and model are right, in a few seconds. Raises InputError naming what is not.

        A server that stumbles is looked at again within those seconds; one that is slow or busy is there.
        """
        began, tries = self.lane.clock.now(), Tries(self.patience, self._jitter)
        while True:
            try:
                await self._ready().ask(_HELLO, self.patience.preflight())
            except AttemptError as failure:
                if failure.attempt.fault in _THERE:
                    return
                pause = tries.pause(failure) if failure.attempt.fault in _STUMBLES else None
                left = self.patience.preflight_s - (self.lane.clock.now() - began)
                if pause is None or left <= 0:
                    raise self._unusable(failure) from failure
                await self.lane.clock.sleep(min(pause, left))
            except RefusalError as refusal:
                raise refusal.at_start() from refusal.__cause__
            else:
                return

    async def offered(self) -> tuple[str, ...]:
        """Return the names of the models that the server lists; none where it does not say.

        Raises InputError where it refuses the key, or where nothing answers.
        """
        try:
            return await self._ready().models(self.patience.preflight())
        except AttemptError as failure:
            raise self._unusable(failure) from failure
        except RefusalError as refusal:
            raise refusal.at_start() from refusal.__cause__

    async def aclose(self) -> None:
        """Close the connections. It can be asked again, and then opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _ready(self) -> OpenAIClient:
        if self._client is None:
            from mendloop.tools.chat.client import OpenAIClient

            self._client = OpenAIClient(self.model, self.endpoint)
        return self._client

    def _unusable(self, failure: AttemptError) -> InputError:
        return InputError(
            f"no usable answer from {self.endpoint.shown}: {failure.attempt.detail}",
            where=self.endpoint.url_name,
            remedy=f"is {self.endpoint.url_name} the address of an OpenAI-compatible server, with its /v1?",
        )

    def _given_up(self, attempts: tuple[Attempt, ...]) -> ProviderError:
        last = attempts[-1]
        spent = f"{len(attempts)} tries: {summary(attempts)}"
        limited = last.fault == "rate_limited"
        if limited:
            what = f"{self.model} is asked too often: it wants more than {self.patience.rate_limited_s:g} s of waiting"
        else:
            what = f"{self.model} does not answer: {last.detail}"
        remedy, reason = "resume when it does", "rate_limited" if limited else "no_answer"
        return ProviderError(f"{what} ({spent})", where=self.endpoint.shown, remedy=remedy, reason=reason)
