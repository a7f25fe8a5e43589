"""Several models asked as one: in order or by weight, the next where one gives up, and none asked in vain."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from mendloop.errors import BudgetError, ProviderError
from mendloop.events import AnyEvent, CircuitChanged
from mendloop.modelspecs import Price
from mendloop.specs import BudgetSpec
from mendloop.tools.chat.address import Endpoint
from mendloop.tools.chat.endpoint import EndpointChat
from mendloop.tools.chat.metered import TOKENS_USED_UP, Meter, MeteredChat
from mendloop.tools.chat.patience import Patience
from mendloop.tools.chat.protocol import ChatMessage, ChatRequest
from mendloop.tools.chat.scripted import ScriptedChat
from mendloop.tools.chat.several import MemberChat, Order, SeveralChat
from tests.openai_server import Answer, OpenAIServer, Reply, quota, refused, server_error

KEYS = ("sk-canary-first-0123456789", "sk-canary-second-9876543210")
BRISK = Patience(tries=2, first_wait_s=0.001, longest_wait_s=0.001, open_s=0.001, give_up_s=0.002)


def asking(text: str = "hello", seed: int = 0) -> ChatRequest:
    message = ChatMessage(role="user", content=text)
    return ChatRequest(messages=(message,), max_tokens=50, temperature=0.5, seed=seed)


def says(text: str) -> Answer:
    return lambda asked: Reply(text, prompt_tokens=6, completion_tokens=4)


def after(good: int, then: Reply, text: str = "first") -> Answer:
    """Answer so many questions, and then something else."""
    return lambda asked: says(text)(asked) if asked.number < good else then


class Pair:
    """Two servers, a model that has both as members, and what was heard of them."""

    def __init__(self, servers: Sequence[OpenAIServer], order: Order, meter: Meter) -> None:
        self.servers, self.meter = servers, meter
        self.heard: list[AnyEvent] = []
        self.chats = [
            EndpointChat(name, Endpoint(server.base_url, SecretStr(key)), patience=BRISK)
            for name, server, key in zip("ab", servers, KEYS, strict=True)
        ]
        members = [
            MemberChat(chat.model, chat.endpoint.shown, MeteredChat(chat, meter, Price(input=number, output=number)))
            for number, chat in enumerate(self.chats, 1)
        ]
        self.model = SeveralChat(members, order, self.heard.append)
        for chat in self.chats:
            chat.listener = self.heard.append

    @property
    def asked(self) -> list[int]:
        return [server.count for server in self.servers]

    @property
    def refused(self) -> list[tuple[str, str, str]]:
        circuits = [event for event in self.heard if isinstance(event, CircuitChanged)]
        return [(event.model, event.state, event.reason) for event in circuits]


@asynccontextmanager
async def pair(
    first: Answer, second: Answer, order: Order = "fallback", meter: Meter | None = None
) -> AsyncIterator[Pair]:
    with ExitStack() as stack:
        servers = [stack.enter_context(OpenAIServer(answer)) for answer in (first, second)]
        both = Pair(servers, order, meter or Meter())
        yield both
        await both.model.aclose()


async def test_the_first_is_asked_while_it_answers() -> None:
    async with pair(says("first"), says("second")) as both:
        answers = [await both.model.ask(asking(seed=seed)) for seed in range(3)]
    assert [(answer.text, answer.model) for answer in answers] == [("first", "a")] * 3
    assert (both.model.model, both.asked, both.heard) == ("a, b", [3, 0], [])


async def test_each_server_sees_its_own_key_and_model() -> None:
    async with pair(after(1, server_error()), says("second")) as both:
        await both.model.ask(asking())
        await both.model.ask(asking(seed=1))
    for server, key, model in zip(both.servers, KEYS, "ab", strict=True):
        assert {asked.headers["authorization"] for asked in server.requests} == {f"Bearer {key}"}
        assert {asked.body["model"] for asked in server.requests} == {model}


async def test_the_next_answers_where_one_gives_up_and_the_first_is_asked_again_afterwards() -> None:
    async with pair(after(2, server_error()), says("second")) as both:
        texts = [(await both.model.ask(asking(seed=seed))).text for seed in range(4)]
    assert texts == ["first", "first", "second", "second"]
    assert both.asked == [2 + 2 * BRISK.tries, 2]


async def test_one_without_quota_is_left_out_and_said_once() -> None:
    async with pair(after(1, quota()), says("second")) as both:
        answers = [await both.model.ask(asking(seed=seed)) for seed in range(5)]
    assert [answer.model for answer in answers] == ["a", "b", "b", "b", "b"]
    assert (both.asked, both.refused) == ([2, 4], [("a", "open", "quota")])


async def test_one_that_refuses_the_key_is_not_asked_again_and_said_once() -> None:
    told = refused(401, f"Incorrect API key provided: {KEYS[0]}")
    async with pair(after(1, told), says("second")) as both:
        answers = [await both.model.ask(asking(seed=seed)) for seed in range(5)]
    assert [answer.model for answer in answers] == ["a", "b", "b", "b", "b"]
    assert (both.asked, both.refused) == ([2, 4], [("a", "open", "auth")])


async def test_one_that_is_away_for_long_is_not_asked_again_and_said_once() -> None:
    async with pair(lambda asked: server_error(), says("second")) as both:
        answers = [await both.model.ask(asking(seed=seed)) for seed in range(20)]
        tried = both.asked[0]
        answers += [await both.model.ask(asking(seed=seed)) for seed in range(20, 25)]
    assert {answer.model for answer in answers} == {"b"}
    assert both.asked == [tried, 25]
    assert ("a", "open", "given_up") in both.refused
    assert both.refused.count(("a", "open", "given_up")) == 1


async def test_questions_that_are_under_way_together_leave_one_out_once() -> None:
    async with pair(lambda asked: quota(), says("second")) as both:
        answers = await asyncio.gather(*(both.model.ask(asking(seed=seed)) for seed in range(8)))
    assert [answer.model for answer in answers] == ["b"] * 8
    assert both.refused == [("a", "open", "quota")]


async def test_when_all_are_without_quota_the_last_error_rises() -> None:
    async with pair(lambda asked: quota(), lambda asked: quota()) as both:
        for _ in range(2):
            with pytest.raises(BudgetError, match="quota") as caught:
                await both.model.ask(asking())
            assert caught.value.where == both.servers[1].base_url
    assert both.asked == [1, 1]


async def test_when_all_have_given_up_the_last_error_rises() -> None:
    async with pair(lambda asked: quota(), lambda asked: server_error()) as both:
        with pytest.raises(ProviderError, match="b does not answer"):
            await both.model.ask(asking())


async def test_the_budget_of_the_run_is_no_members_refusal() -> None:
    meter = Meter(BudgetSpec(tokens=10))
    async with pair(says("first"), says("second"), meter=meter) as both:
        await both.model.ask(asking())
        with pytest.raises(BudgetError) as caught:
            await both.model.ask(asking(seed=1))
    assert caught.value.reason == TOKENS_USED_UP
    assert (both.asked, both.heard) == ([1, 0], [])


async def test_each_answer_costs_what_its_member_costs() -> None:
    async with pair(after(1, quota()), says("second")) as both:
        answers = [await both.model.ask(asking(seed=seed)) for seed in range(3)]
    assert [answer.usd for answer in answers] == pytest.approx([10e-6, 20e-6, 20e-6])
    assert both.meter.usd == pytest.approx(50e-6)


# By weight


def weighted(*weights: float) -> SeveralChat:
    members = [
        MemberChat(f"m{number}", "", ScriptedChat(lambda request: "x"), weight) for number, weight in enumerate(weights)
    ]
    return SeveralChat(members, "weighted")


def first_of(model: SeveralChat, seed: int) -> str:
    return model.turns(asking(seed=seed))[0].name


def test_members_are_asked_in_proportion_to_their_weights() -> None:
    model = weighted(3, 1)
    counted = Counter(first_of(model, seed) for seed in range(4000))
    assert counted["m0"] / 4000 == pytest.approx(0.75, abs=0.03)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=5), st.integers(0, 2**31))
def test_a_question_always_has_the_same_order_and_every_member_is_in_it(weights: list[float], seed: int) -> None:
    names = [[member.name for member in weighted(*weights).turns(asking(seed=seed))] for _ in range(2)]
    assert names[0] == names[1]
    assert sorted(names[0]) == [f"m{number}" for number in range(len(weights))]


def test_without_one_member_the_others_keep_their_order() -> None:
    whole, rest = weighted(1, 2, 3), weighted(1, 2)
    for seed in range(50):
        names = [member.name for member in whole.turns(asking(seed=seed))]
        assert [name for name in names if name != "m2"] == [member.name for member in rest.turns(asking(seed=seed))]


async def test_by_weight_the_others_stand_in_for_one_that_gives_up() -> None:
    async with pair(lambda asked: quota(), says("second"), "weighted") as both:
        answers = [await both.model.ask(asking(seed=seed)) for seed in range(12)]
    assert {answer.model for answer in answers} == {"b"}
    assert both.asked == [1, 12]
