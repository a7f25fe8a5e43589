"""What models have used of the budget: every answer that was paid for is counted once, the journalled ones too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mendloop.specs import BudgetSpec, Price
from mendloop.tools.chat.protocol import Answer, Chat, ChatRequest, Usage

TOKENS_USED_UP, USD_USED_UP = "budget_tokens", "budget_usd"


def cost(usage: Usage, price: Price) -> float:
    """Return what an answer costs in US dollars."""
    cached = price.input if price.cached is None else price.cached
    fresh = usage.prompt - usage.cached
    return (fresh * price.input + usage.cached * cached + usage.completion * price.output) / 1_000_000


@dataclass
class Meter:
    """Counts tokens and money, and says once when a limit is reached. Answers that are under way then still count."""

    budget: BudgetSpec = field(default_factory=BudgetSpec)
    price: Price | None = None
    used_up: Callable[[str], None] = lambda reason: None
    tokens: int = 0
    usd: float = 0.0

    def count(self, usage: Usage) -> None:
        """Count an answer."""
        before = self.reached
        self.tokens += usage.total
        if self.price is not None:
            self.usd += cost(usage, self.price)
        if self.reached and not before:
            self.used_up(self.reached)

    @property
    def reached(self) -> str:
        """The limit that is reached, or an empty text."""
        if self.budget.tokens is not None and self.tokens >= self.budget.tokens:
            return TOKENS_USED_UP
        if self.budget.usd is not None and self.price is not None and self.usd >= self.budget.usd:
            return USD_USED_UP
        return ""


@dataclass(frozen=True)
class MeteredChat:
    """A model whose answers are counted."""

    chat: Chat
    meter: Meter

    @property
    def model(self) -> str:
        """The model's name."""
        return self.chat.model

    async def ask(self, request: ChatRequest) -> Answer:
        """Ask the model and count its answer."""
        answer = await self.chat.ask(request)
        self.meter.count(answer.usage)
        return answer

    async def aclose(self) -> None:
        """Release the model."""
        await self.chat.aclose()
