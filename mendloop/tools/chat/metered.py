"""The budget of a run: each question reserves what it may cost before it is asked, and settles for what it did cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from mendloop.errors import BudgetError
from mendloop.modelspecs import Price
from mendloop.specs import BudgetSpec
from mendloop.tools.chat.protocol import Answer, Chat, ChatRequest, Usage
from mendloop.tools.chat.tokens import prompt_at_most

TOKENS_USED_UP, USD_USED_UP = "budget_tokens", "budget_usd"


def cost(usage: Usage, price: Price) -> float:
    """Return what an answer costs in US dollars."""
    cached = price.input if price.cached is None else price.cached
    fresh = usage.prompt - usage.cached
    return (fresh * price.input + usage.cached * cached + usage.completion * price.output) / 1_000_000


def most_cost(prompt: int, completion: int, price: Price) -> float:
    """Return what these tokens cost at most, in US dollars, cached or not."""
    dearest = max(price.input, price.cached or 0.0)
    return (prompt * dearest + completion * price.output) / 1_000_000


@dataclass(frozen=True)
class Spend:
    """Tokens and US dollars: what a question may cost, or what it did cost."""

    tokens: int = 0
    usd: float = 0.0


@dataclass
class Meter:
    """What all models of a run have used together, and what is reserved for the questions that are under way.

    A question is let in while what is used and reserved lies below the limits: a run passes a limit by its largest
    question at most, as long as no answer is larger than was reserved. One that is not let in waits until another has
    settled. When a limit is used up nothing is let in any more: `used_up` is told once, and what is under way ends and
    counts.
    """

    budget: BudgetSpec = field(default_factory=BudgetSpec)
    used_up: Callable[[str], None] = lambda reason: None
    tokens: int = 0
    usd: float = 0.0
    reserved: Spend = Spend()
    under_way: int = 0
    _waiting: list[asyncio.Future[None]] = field(default_factory=list, repr=False)

    async def reserve(self, most: Spend) -> None:
        """Wait until a question may be asked, and reserve what it may cost. Raises BudgetError where nothing is left.

        Whoever reserves must `settle` or `give_back` the same amount.
        """
        while True:
            if self.reached:
                raise self._error(self.reached)
            if self._has_room():
                break
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        self.reserved = Spend(self.reserved.tokens + most.tokens, self.reserved.usd + most.usd)
        self.under_way += 1

    def settle(self, most: Spend, spent: Spend) -> None:
        """Count what an answer did cost, in place of what was reserved for it."""
        before = self.reached
        self.tokens += spent.tokens
        self.usd += spent.usd
        self.give_back(most)
        if self.reached and not before:
            self.used_up(self.reached)

    def give_back(self, most: Spend) -> None:
        """Free what was reserved for a question that got no answer."""
        self.under_way -= 1
        none = not self.under_way  # sums of dollars leave a rest
        usd = 0.0 if none else self.reserved.usd - most.usd
        self.reserved = Spend(self.reserved.tokens - most.tokens, usd)
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)

    @property
    def reached(self) -> str:
        """The limit that is used up, or an empty text."""
        if self.budget.tokens is not None and self.tokens >= self.budget.tokens:
            return TOKENS_USED_UP
        if self.budget.usd is not None and self.usd >= self.budget.usd:
            return USD_USED_UP
        return ""

    def _has_room(self) -> bool:
        tokens, usd = self.tokens + self.reserved.tokens, self.usd + self.reserved.usd
        if self.budget.tokens is not None and tokens >= self.budget.tokens:
            return False
        return self.budget.usd is None or usd < self.budget.usd

    def _error(self, reason: str) -> BudgetError:
        key, of = ("tokens", f"{self.budget.tokens} tokens") if reason == TOKENS_USED_UP else ("usd", self._usd())
        remedy = f"go on with: mendloop resume RUN --set budget.{key}=N"
        return BudgetError(f"the budget of {of} is used up", where=f"budget.{key}", remedy=remedy, reason=reason)

    def _usd(self) -> str:
        return f"{self.budget.usd:g} USD"


@dataclass(frozen=True)
class MeteredChat:
    """A model whose questions are paid from a meter. Without a `price` no dollars are counted."""

    chat: Chat
    meter: Meter
    price: Price | None = None

    @property
    def model(self) -> str:
        """The model's name."""
        return self.chat.model

    async def ask(self, request: ChatRequest) -> Answer:
        """Ask the model once the budget has room; the answer says what it cost. Raises BudgetError where none is left.

        A question that failed, or that nobody waits for any more, gives back what was reserved.
        """
        prompt = prompt_at_most(request)
        usd = 0.0 if self.price is None else most_cost(prompt, request.max_tokens, self.price)
        most = Spend(prompt + request.max_tokens, usd)
        await self.meter.reserve(most)
        try:
            answer = await self.chat.ask(request)
        except BaseException:
            self.meter.give_back(most)
            raise
        paid = None if self.price is None else cost(answer.usage, self.price) * answer.price_factor
        self.meter.settle(most, Spend(answer.usage.total, paid or 0.0))
        return answer.model_copy(update={"usd": paid})

    async def aclose(self) -> None:
        """Release the model."""
        await self.chat.aclose()
