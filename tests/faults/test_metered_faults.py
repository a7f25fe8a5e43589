"""The budget among faults: what is paid for over real HTTP stays within it, whatever fails meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
from itertools import count

import pytest
from pydantic import SecretStr

from mendloop.errors import BudgetError, ProviderError
from mendloop.modelspecs import Price
from mendloop.specs import BudgetSpec
from mendloop.tools.chat.address import Endpoint
from mendloop.tools.chat.endpoint import EndpointChat
from mendloop.tools.chat.metered import TOKENS_USED_UP, USD_USED_UP, Meter, MeteredChat, Spend
from mendloop.tools.chat.patience import Patience
from mendloop.tools.chat.protocol import Answer, ChatMessage, ChatRequest
from tests.openai_server import MODEL, Asked, OpenAIServer, Reply, server_error

CONCURRENCY = 8
LARGEST = 90
DOLLAR = Price(input=1_000_000, output=1_000_000)
QUICK = Patience(tries=3, first_wait_s=0.001, longest_wait_s=0.002, give_up_s=60.0)


def uneven(asked: Asked) -> Reply:
    """Answer with a size that the question decides; every seventh arrival fails, so that a retry gets through."""
    if asked.number % 7 == 3:
        return server_error(503) if asked.number % 2 else Reply(reset=True)
    drawn = hashlib.sha256(asked.last.encode()).digest()[0]
    return Reply("y", prompt_tokens=10 + drawn % 20, completion_tokens=1 + drawn % 60, delay_s=drawn % 5 / 1000)


@pytest.mark.parametrize(
    ("budget", "reason"),
    [(BudgetSpec(tokens=3_000), TOKENS_USED_UP), (BudgetSpec(usd=3_000), USD_USED_UP)],
    ids=["tokens", "usd"],
)
async def test_a_budget_admits_nothing_at_its_end_and_what_is_under_way_counts(budget: BudgetSpec, reason: str) -> None:
    said: list[str] = []
    answers: list[Answer] = []
    numbers = count()
    meter = Meter(budget, said.append)

    async def go_on(chat: MeteredChat) -> str:
        while True:
            message = ChatMessage(role="user", content=f"question {next(numbers)}")
            request = ChatRequest(messages=(message,), max_tokens=60, temperature=None, seed=0)
            try:
                answers.append(await chat.ask(request))
            except BudgetError as error:
                return error.reason
            except ProviderError:
                continue

    with OpenAIServer(uneven) as server:
        endpoint = Endpoint(base_url=server.base_url, key=SecretStr("none"))
        behind = EndpointChat(MODEL, endpoint, CONCURRENCY, QUICK)
        chat = MeteredChat(behind, meter, DOLLAR)
        ended = await asyncio.gather(*(go_on(chat) for _ in range(CONCURRENCY)))
        asked = server.count
        with pytest.raises(BudgetError):
            await chat.ask(ChatRequest(messages=(), max_tokens=1, temperature=None, seed=0))
        assert server.count == asked, "nothing is asked at 100 %"
        await chat.aclose()
    assert (set(ended), said) == ({reason}, [reason])
    paid = [answer.usage.total for answer in answers]
    assert meter.tokens == sum(paid) == round(meter.usd)
    assert 3_000 <= sum(paid) < 3_000 + CONCURRENCY * max(paid)
    assert max(paid) <= LARGEST
    assert (meter.under_way, meter.reserved) == (0, Spend())
