"""All who ask one model at one endpoint share a lane: its permits, its circuit, its counts, its listener."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from mendloop.errors import ProviderError
from mendloop.events import AnyEvent, CircuitChanged, PaceChanged
from mendloop.modelspecs import EndpointModel, LocalModel, Retry
from mendloop.tools.chat.address import Endpoint
from mendloop.tools.chat.clock import JumpingClock
from mendloop.tools.chat.endpoint import EndpointChat
from mendloop.tools.chat.failing import AttemptError, RefusalError, summary
from mendloop.tools.chat.lane import Lane
from mendloop.tools.chat.patience import Patience, patience_of
from mendloop.tools.chat.protocol import Answer, Attempt, ChatMessage, ChatRequest, Fault, Rates
from mendloop.tools.chat.received import overrun_of
from tests.openai_server import MODEL, OpenAIServer, Reply, refused

FINE = Answer(text="fine", finish="stop")
HELLO = ChatRequest(messages=(ChatMessage(role="user", content="hello"),), max_tokens=9, temperature=None, seed=0)


def lane_of(ceiling: int = 3) -> tuple[Lane, list[AnyEvent]]:
    heard: list[AnyEvent] = []
    return Lane("m", "http://x/v1", ceiling, listener=heard.append, clock=JumpingClock()), heard


async def fine() -> Answer:
    return FINE


async def failing(lane: Lane, fault: Fault, times: int = 1) -> None:
    async def call() -> Answer:
        raise AttemptError(Attempt(fault=fault), asked_s=2.0)

    for _ in range(times):
        with suppress(AttemptError):
            await lane.attempt(call)


async def test_rates_say_how_a_model_is_doing() -> None:
    lane, _ = lane_of(2)
    gate = asyncio.Event()

    async def held() -> Answer:
        await gate.wait()
        return FINE

    calls = [asyncio.create_task(lane.attempt(held)) for _ in range(5)]
    await asyncio.sleep(0)
    assert lane.rates() == Rates(model="m", endpoint="http://x/v1", limit=2, under_way=2, waiting=3)
    gate.set()
    assert await asyncio.gather(*calls) == [FINE] * 5
    await failing(lane, "reset")
    await failing(lane, "rate_limited")
    assert lane.rates() == Rates(model="m", endpoint="http://x/v1", limit=1, answered=5, failed=1, rate_limited=1)


async def test_what_changes_is_told_to_whoever_listens() -> None:
    lane, heard = lane_of(20)
    await failing(lane, "rate_limited")
    await failing(lane, "server_error", 10)
    assert heard == [
        PaceChanged(endpoint="http://x/v1", model="m", limit=16, reason="rate_limited", waited_s=2.0),
        CircuitChanged(endpoint="http://x/v1", model="m", state="open", reason="failures"),
    ]


async def test_too_many_requests_open_no_circuit_and_answers_without_finish_neither() -> None:
    lane, heard = lane_of(1)
    await failing(lane, "rate_limited", 30)
    await failing(lane, "missing_finish", 30)
    assert heard == []


async def test_a_call_that_got_its_permit_after_the_circuit_opened_waits_and_holds_none() -> None:
    lane, _ = lane_of(1)
    gate = asyncio.Event()

    async def held() -> Answer:
        await gate.wait()
        raise AttemptError(Attempt(fault="reset"))

    await failing(lane, "reset", 9)
    first = asyncio.create_task(lane.attempt(held))
    await asyncio.sleep(0)
    second = asyncio.create_task(lane.attempt(fine))
    await asyncio.sleep(0)
    gate.set()
    with pytest.raises(AttemptError):
        await first
    assert lane.circuit.state == "open"
    assert await second == FINE
    assert (lane.circuit.state, lane.clock.now(), lane.pace.under_way) == ("closed", 30, 0)


async def test_a_cancelled_call_gives_back_its_permit_and_counts_for_nothing() -> None:
    lane, heard = lane_of(1)
    call = asyncio.create_task(lane.attempt(asyncio.Event().wait))  # type: ignore[arg-type]  # it never returns
    await asyncio.sleep(0)
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call
    assert await lane.attempt(fine) == FINE
    assert (lane.rates().failed, heard) == (0, [])


async def test_a_request_that_is_refused_says_that_the_server_is_there() -> None:
    lane, _ = lane_of()

    async def refusing() -> Answer:
        raise RefusalError("request", "odd", "here")

    await failing(lane, "reset", 9)
    for _ in range(11):
        with suppress(RefusalError):
            await lane.attempt(refusing)
    await failing(lane, "reset", 5)
    assert lane.circuit.state == "closed"


async def test_two_users_of_one_lane_share_its_end() -> None:
    with OpenAIServer(lambda asked: refused(401, "no")) as server:
        endpoint = Endpoint(server.base_url, None)
        one = EndpointChat(MODEL, endpoint)
        other = EndpointChat(MODEL, endpoint, shared=one.lane)
        heard: list[AnyEvent] = []
        one.listener = heard.append
        with pytest.raises(ProviderError):
            await one.ask(HELLO)
        with pytest.raises(ProviderError, match="refuses the key"):
            await other.ask(HELLO)
        assert other.listener == heard.append
        await one.aclose()
        await other.aclose()
    assert (server.count, len(heard), other.rates() == one.rates()) == (1, 1, True)


async def test_a_steady_model_keeps_to_its_slots() -> None:
    with OpenAIServer(lambda asked: Reply("fine")) as server:
        chat = EndpointChat(MODEL, Endpoint(server.base_url, None), 2, steady=True)
        await asyncio.gather(*(chat.ask(HELLO) for _ in range(9)))
        assert (chat.rates().limit, chat.rates().answered) == (2, 9)
        await chat.aclose()


def test_attempts_are_summed_up_in_the_order_of_their_faults() -> None:
    faults: list[Fault] = ["reset", "wall", "reset"]
    assert summary(Attempt(fault=fault) for fault in faults) == "2 x reset, wall"


@pytest.mark.parametrize(
    ("told", "body", "asked", "window"),
    [
        (
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
            {},
            9000,
            8192,
        ),
        (
            "This model's maximum context length is 2048 tokens. However, you requested 2500 tokens (1500 in the ...",
            {},
            2500,
            2048,
        ),
        (
            "the request exceeds the available context size. try increasing the context size",
            {"n_prompt_tokens": 1407, "n_ctx": 256},
            1407,
            256,
        ),
        ("request (5,400 tokens) exceeds the available context size (4,096 tokens), try", {}, 5400, 4096),
        ("Your input exceeds the context window of this model.", {}, None, None),
    ],
)
def test_how_long_a_question_was_is_read_from_what_a_server_says(
    told: str, body: dict[str, object], asked: int | None, window: int | None
) -> None:
    overrun = overrun_of(told, body)
    assert (overrun.asked, overrun.window) == (asked, window)


def test_a_scenario_sets_every_delay() -> None:
    spec = EndpointModel(
        kind="openai",
        model="m",
        deadline=9.0,
        connect=1.0,
        first_byte=2.0,
        retry=Retry(
            tries=2,
            first_wait=0.1,
            longest_wait=0.2,
            longest_asked=0.3,
            rate_limited=0.4,
            cool_down=0.5,
            open=0.6,
            give_up=0.7,
        ),
    )
    assert patience_of(spec) == Patience(9.0, 1.0, 2.0, 0.05, 5.0, 2, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


def test_a_model_on_this_machine_has_until_its_wall_for_the_first_byte() -> None:
    assert patience_of(LocalModel(kind="local")).deadlines(10).first_byte_s == 300
    assert patience_of(LocalModel(kind="local", first_byte=20.0)).deadlines(10).first_byte_s == 20.5
    assert patience_of(EndpointModel(kind="openai", model="m")) == Patience()
