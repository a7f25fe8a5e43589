"""What models use is counted, a limit is told once, and the scripted model answers from the request alone."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mendloop.errors import BudgetError, ProviderError
from mendloop.modelspecs import Price
from mendloop.specs import BudgetSpec
from mendloop.tools.chat.metered import TOKENS_USED_UP, USD_USED_UP, Meter, MeteredChat, Spend, cost
from mendloop.tools.chat.protocol import Answer, ChatMessage, ChatRequest, Usage
from mendloop.tools.chat.scripted import ScriptedChat

DEAR = Price(input=1_000_000, output=10_000_000)
"""One dollar a prompt token, ten a token of an answer."""
ASKED = ChatRequest(messages=(ChatMessage(role="user", content="x" * 40),), max_tokens=9, temperature=None, seed=0)


@pytest.mark.parametrize(
    ("usage", "price", "usd"),
    [
        (Usage(), DEAR, 0),
        (Usage(prompt=3, completion=2), DEAR, 23),
        (Usage(prompt=3, completion=2, reasoning=2), DEAR, 23),
        (Usage(prompt=3, completion=2, cached=2), DEAR, 23),
        (Usage(prompt=3, cached=2), Price(input=1_000_000, output=0, cached=0), 1),
        (Usage(prompt=3, cached=2), Price(input=1_000_000, output=0, cached=500_000), 2),
        (Usage(prompt=10**6, completion=10**6), Price(input=0.25, output=2), 2.25),
    ],
)
def test_an_answer_costs_its_tokens(usage: Usage, price: Price, usd: float) -> None:
    assert cost(usage, price) == usd


def test_reasoning_is_part_of_the_answer_and_cached_tokens_of_the_prompt() -> None:
    assert Usage(prompt=3, completion=2, cached=3, reasoning=2).total == 5


def settled(
    usages: Sequence[Usage], budget: BudgetSpec, price: Price | None = None, tokens: int = 0
) -> tuple[Meter, list[str]]:
    """Return a meter after some answers, and what it said."""
    said: list[str] = []
    meter = Meter(budget, said.append, tokens=tokens)
    for usage in usages:
        meter.under_way += 1
        meter.settle(Spend(), Spend(usage.total, cost(usage, price) if price else 0.0))
    return meter, said


FOUR = [Usage(prompt=6, completion=4)] * 4


def test_a_limit_of_tokens_is_told_once_and_answers_after_it_still_count() -> None:
    meter, said = settled(FOUR, BudgetSpec(tokens=20))
    assert (meter.tokens, meter.reached, said) == (40, TOKENS_USED_UP, [TOKENS_USED_UP])


def test_a_limit_of_money_is_told_once() -> None:
    meter, said = settled(FOUR, BudgetSpec(usd=50), DEAR)
    assert (meter.usd, meter.reached, said) == (184, USD_USED_UP, [USD_USED_UP])


def test_below_its_limits_a_meter_says_nothing() -> None:
    meter, said = settled(FOUR, BudgetSpec(tokens=41, usd=184.5), DEAR)
    assert (meter.reached, said) == ("", [])


def test_without_limits_nothing_is_ever_reached() -> None:
    meter, said = settled(FOUR, BudgetSpec(), DEAR)
    assert (meter.tokens, meter.usd, said) == (40, 184, [])


def test_without_a_price_money_is_not_counted() -> None:
    meter, said = settled(FOUR, BudgetSpec(usd=0.01))
    assert (meter.usd, meter.reached, said) == (0, "", [])


def test_what_was_used_before_counts() -> None:
    meter, said = settled(FOUR[:1], BudgetSpec(tokens=20), tokens=10)
    assert (meter.tokens, said) == (20, [TOKENS_USED_UP])


async def test_a_metered_model_counts_each_answer_and_passes_it_on() -> None:
    meter = Meter()
    chat = MeteredChat(ScriptedChat(lambda request: "y" * 8, "tiny"), meter)
    answers = [await chat.ask(ASKED) for _ in range(2)]
    await chat.aclose()
    assert [answer.text for answer in answers] == ["y" * 8] * 2
    assert (chat.model, meter.tokens) == ("tiny", 2 * (11 + 3))
    assert (meter.under_way, meter.reserved) == (0, Spend())


async def test_an_answer_says_what_it_cost_with_its_discount() -> None:
    half = Answer(text="", finish="stop", usage=Usage(prompt=3, completion=2), price_factor=0.5)
    meter, nothing = Meter(), Price(input=0, output=0)
    dear = MeteredChat(ScriptedChat(lambda request: half), meter, DEAR)
    free = MeteredChat(ScriptedChat(lambda request: half), meter, nothing)
    unknown = MeteredChat(ScriptedChat(lambda request: half), Meter())
    assert [(await chat.ask(ASKED)).usd for chat in (dear, free, unknown)] == [11.5, 0, None]
    assert meter.usd == 11.5


async def test_a_question_that_fails_is_not_counted_and_gives_back_what_it_reserved() -> None:
    def failing(request: ChatRequest) -> str:
        raise ValueError

    meter = Meter(BudgetSpec(tokens=1))
    for _ in range(2):
        with pytest.raises(ValueError, match=r"\A\Z"):
            await MeteredChat(ScriptedChat(failing), meter).ask(ASKED)
    assert (meter.tokens, meter.under_way, meter.reserved) == (0, 0, Spend())


async def test_a_used_up_budget_lets_nothing_in_and_names_the_limit() -> None:
    asked: list[ChatRequest] = []

    def answer(request: ChatRequest) -> str:
        asked.append(request)
        return "y"

    said: list[str] = []
    chat = MeteredChat(ScriptedChat(answer), Meter(BudgetSpec(tokens=5), used_up=said.append))
    await chat.ask(ASKED)
    with pytest.raises(BudgetError, match=r"the budget of 5 tokens is used up") as caught:
        await chat.ask(ASKED)
    assert (caught.value.reason, said, len(asked)) == (TOKENS_USED_UP, [TOKENS_USED_UP], 1)


async def test_what_has_no_room_waits_until_another_has_settled() -> None:
    gate = Gate()
    meter = Meter(BudgetSpec(tokens=60))
    chat = MeteredChat(gate, meter)
    tasks = [asyncio.create_task(chat.ask(ASKED)) for _ in range(4)]
    await settle_down()
    assert len(gate.asked) == 2, "the first two reserve more than 60 tokens together"
    gate.answer(Usage(prompt=5, completion=5))
    await settle_down()
    assert len(gate.asked) == 3, "it used less than it had reserved"
    while gate.open:
        gate.answer(Usage(prompt=5, completion=5))
        await settle_down()
    await asyncio.gather(*tasks)
    assert (meter.tokens, meter.under_way) == (40, 0)


async def test_what_waits_when_the_budget_is_used_up_is_refused_and_what_is_under_way_ends_and_counts() -> None:
    gate = Gate()
    meter = Meter(BudgetSpec(tokens=60))
    chat = MeteredChat(gate, meter)
    tasks = [asyncio.create_task(chat.ask(ASKED)) for _ in range(3)]
    await settle_down()
    gate.answer(Usage(prompt=60))
    await settle_down()
    with pytest.raises(BudgetError):
        await tasks[2]
    gate.answer(Usage(prompt=7))
    assert [(await task).usage.prompt for task in tasks[:2]] == [60, 7]
    assert meter.tokens == 67


@dataclass(frozen=True)
class Caller:
    """A question of a property test: its real size, whether it fails, and after how many turns it is given up."""

    prompt: int
    completion: int
    fails: bool = False
    cancelled_after: int | None = None


CALLERS = st.lists(
    st.builds(
        Caller,
        prompt=st.integers(0, 30),
        completion=st.integers(0, 9),
        fails=st.booleans(),
        cancelled_after=st.none() | st.integers(0, 12),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(
    callers=CALLERS, limit=st.integers(1, 120), concurrency=st.integers(1, 8), order=st.randoms(use_true_random=False)
)
def test_a_budget_is_never_passed_by_more_than_what_was_under_way(
    callers: list[Caller], limit: int, concurrency: int, order: random.Random
) -> None:
    meter, outcomes, said = asyncio.run(_drawn(callers, limit, concurrency, order))
    answered = [each.usage.total for each in outcomes if isinstance(each, Answer)]
    assert not [each for each in outcomes if isinstance(each, BudgetError)] or meter.reached
    assert (meter.under_way, meter.reserved) == (0, Spend())
    assert meter.tokens == sum(answered) == round(meter.usd)
    assert meter.tokens < limit + max((c.prompt + c.completion for c in callers), default=0)
    assert len(said) == (meter.tokens >= limit)


async def _drawn(
    callers: list[Caller], limit: int, concurrency: int, order: random.Random
) -> tuple[Meter, list[Answer | BaseException], list[str]]:
    """Ask all, in random order, each answered, failed or given up at a random time; return what came of it."""
    gate, said = Gate(order), list[str]()
    meter = Meter(BudgetSpec(tokens=limit, usd=limit * 2), said.append)
    dollar = Price(input=1_000_000, output=1_000_000)
    chat, permits = MeteredChat(gate, meter, dollar), asyncio.Semaphore(concurrency)

    async def ask(caller: Caller) -> Answer:
        async with permits:
            return await chat.ask(ASKED.model_copy(update={"seed": callers.index(caller)}))

    tasks = [asyncio.create_task(ask(caller)) for caller in callers]
    for turn in range(400):
        await settle_down()
        for caller, task in zip(callers, tasks, strict=True):
            if caller.cancelled_after == turn:
                task.cancel()
        assert meter.reserved.tokens >= 0
        assert meter.under_way <= concurrency
        if gate.open:
            gate.answer_any(callers)
        if all(task.done() for task in tasks):
            break
    return meter, await asyncio.gather(*tasks, return_exceptions=True), said


class Gate:
    """A model that answers when it is told to."""

    model = "gate"

    def __init__(self, order: random.Random | None = None) -> None:
        self.asked: list[ChatRequest] = []
        self._order = order
        self._open: list[tuple[ChatRequest, asyncio.Future[Answer]]] = []

    @property
    def open(self) -> list[tuple[ChatRequest, asyncio.Future[Answer]]]:
        """The questions without an answer that somebody waits for."""
        return [each for each in self._open if not each[1].done()]

    async def ask(self, request: ChatRequest) -> Answer:
        self.asked.append(request)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._open.append((request, answer))
        return await answer

    def answer(self, usage: Usage) -> None:
        """Answer the oldest question."""
        self.open[0][1].set_result(Answer(text="", finish="stop", usage=usage))

    def answer_any(self, callers: Sequence[Caller]) -> None:
        """Answer one of the questions, or let it fail."""
        assert self._order is not None
        request, future = self._order.choice(self.open)
        caller = callers[request.seed]
        if caller.fails:
            future.set_exception(ProviderError("gone"))
        else:
            usage = Usage(prompt=caller.prompt, completion=caller.completion)
            future.set_result(Answer(text="", finish="stop", usage=usage))

    async def aclose(self) -> None:
        """Release nothing."""


async def settle_down() -> None:
    """Let everything go on that can."""
    for _ in range(8):
        await asyncio.sleep(0)


async def test_a_script_gives_a_text_or_a_whole_answer() -> None:
    whole = Answer(text="cut", finish="length", usage=Usage(prompt=1))
    chat = ScriptedChat(lambda request: whole if request.seed else request.messages[0].content[:4])
    assert await chat.ask(ASKED) == Answer(
        text="xxxx", finish="stop", model="scripted", usage=Usage(prompt=11, completion=2)
    )
    assert await chat.ask(ASKED.model_copy(update={"seed": 1})) is whole
    await chat.aclose()
