"""What models use is counted, a limit is told once, and the scripted model answers from the request alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mendloop.specs import BudgetSpec, Price
from mendloop.tools.chat.metered import TOKENS_USED_UP, USD_USED_UP, Meter, MeteredChat, cost
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


def metered(
    usages: Sequence[Usage], budget: BudgetSpec, price: Price | None = None, tokens: int = 0
) -> tuple[Meter, list[str]]:
    """Return a meter after some answers, and what it said."""
    said: list[str] = []
    meter = Meter(budget, price, said.append, tokens=tokens)
    for usage in usages:
        meter.count(usage)
    return meter, said


FOUR = [Usage(prompt=6, completion=4)] * 4


def test_a_limit_of_tokens_is_told_once_and_answers_after_it_still_count() -> None:
    meter, said = metered(FOUR, BudgetSpec(tokens=20))
    assert (meter.tokens, meter.reached, said) == (40, TOKENS_USED_UP, [TOKENS_USED_UP])


def test_a_limit_of_money_is_told_once() -> None:
    meter, said = metered(FOUR, BudgetSpec(usd=50), DEAR)
    assert (meter.usd, meter.reached, said) == (184, USD_USED_UP, [USD_USED_UP])


def test_below_its_limits_a_meter_says_nothing() -> None:
    meter, said = metered(FOUR, BudgetSpec(tokens=41, usd=184.5), DEAR)
    assert (meter.reached, said) == ("", [])


def test_without_limits_nothing_is_ever_reached() -> None:
    meter, said = metered(FOUR, BudgetSpec(), DEAR)
    assert (meter.tokens, meter.usd, said) == (40, 184, [])


def test_without_a_price_money_is_not_counted() -> None:
    meter, said = metered(FOUR, BudgetSpec(usd=0.01))
    assert (meter.usd, meter.reached, said) == (0, "", [])


def test_what_was_used_before_counts() -> None:
    meter, said = metered(FOUR[:1], BudgetSpec(tokens=20), tokens=10)
    assert (meter.tokens, said) == (20, [TOKENS_USED_UP])


async def test_a_metered_model_counts_each_answer_and_passes_it_on() -> None:
    meter = Meter()
    chat = MeteredChat(ScriptedChat(lambda request: "y" * 8, "tiny"), meter)
    answers = [await chat.ask(ASKED) for _ in range(2)]
    await chat.aclose()
    assert [answer.text for answer in answers] == ["y" * 8] * 2
    assert (chat.model, meter.tokens) == ("tiny", 2 * (11 + 3))


async def test_a_question_that_fails_is_not_counted() -> None:
    def failing(request: ChatRequest) -> str:
        raise ValueError

    meter = Meter()
    with pytest.raises(ValueError, match=r"\A\Z"):
        await MeteredChat(ScriptedChat(failing), meter).ask(ASKED)
    assert meter.tokens == 0


async def test_a_script_gives_a_text_or_a_whole_answer() -> None:
    whole = Answer(text="cut", finish="length", usage=Usage(prompt=1))
    chat = ScriptedChat(lambda request: whole if request.seed else request.messages[0].content[:4])
    assert await chat.ask(ASKED) == Answer(
        text="xxxx", finish="stop", model="scripted", usage=Usage(prompt=11, completion=2)
    )
    assert await chat.ask(ASKED.model_copy(update={"seed": 1})) is whole
    await chat.aclose()
