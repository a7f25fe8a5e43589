"""A model behind an endpoint: over real HTTP, every answer and every fault becomes what the protocol promises."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr

from mendloop.errors import BudgetError, InputError, MendloopError, ProviderError
from mendloop.memory.protocol import EmbeddingFailed
from mendloop.tools.chat.address import MASK, Endpoint
from mendloop.tools.chat.embedder import EndpointEmbedder
from mendloop.tools.chat.endpoint import EndpointChat
from mendloop.tools.chat.patience import Patience
from mendloop.tools.chat.protocol import Answer, ChatMessage, ChatRequest, Usage
from tests.openai_server import (
    MODEL,
    Asked,
    OpenAIServer,
    Reply,
    choices_empty,
    choices_null,
    content_filter,
    content_null,
    context_exceeded,
    error_in_200,
    html_page,
    length,
    lone_surrogate,
    not_json,
    not_utf8,
    quota,
    rate_limited,
    refused,
    server_error,
    truncated_json,
    unit_vector,
)

KEY = "sk-canary-0123456789abcdef"
PASSWORD = "pass-canary-9876543210"
BRISK = Patience(
    deadline_s=60, preflight_s=60, tries=4, first_wait_s=0.001, longest_wait_s=0.004, rate_limited_s=60, open_s=0.001
)
"""Waits of milliseconds; its deadlines only bound a test that would hang."""
ROOT = Path(__file__).parents[3]
LONG = 60
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}


def asking(text: str = "hello", **changes: Any) -> ChatRequest:
    said = (ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content=text))
    return ChatRequest(**{"messages": said, "max_tokens": 50, "temperature": 0.5, "seed": 3} | changes)


def always(reply: Reply) -> Callable[[Asked], Reply]:
    return lambda _: reply


def first_then(first: Sequence[Reply], then: Reply) -> Callable[[Asked], Reply]:
    return lambda asked: first[asked.number] if asked.number < len(first) else then


@asynccontextmanager
async def chat_with(server: OpenAIServer, **changes: Any) -> AsyncIterator[EndpointChat]:
    given: dict[str, Any] = {"model": MODEL, "endpoint": Endpoint(server.base_url, SecretStr(KEY)), "patience": BRISK}
    chat = EndpointChat(**{**given, **changes})
    try:
        yield chat
    finally:
        await chat.aclose()


async def answered(reply: Reply, request: ChatRequest | None = None) -> Answer:
    with OpenAIServer(always(reply)) as server:
        async with chat_with(server) as chat:
            return await chat.ask(request or asking())


async def sent(request: ChatRequest) -> dict[str, Any]:
    """Return the body that a request has on the wire."""
    with OpenAIServer(always(Reply("ok"))) as server:
        async with chat_with(server) as chat:
            await chat.ask(request)
        assert server.visits == ["POST /v1/chat/completions"]
        return server.requests[0].body


# What is sent


async def test_a_request_goes_out_as_every_server_understands_it() -> None:
    assert await sent(asking()) == {
        "model": MODEL,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}],
        "max_tokens": 50,
        "temperature": 0.5,
        "seed": 3,
        "stream": False,
    }


async def test_the_servers_own_temperature_is_left_to_it() -> None:
    assert "temperature" not in await sent(asking(temperature=None))


async def test_a_temperature_of_zero_is_sent() -> None:
    assert (await sent(asking(temperature=0.0)))["temperature"] == 0.0


async def test_a_schema_is_sent_as_the_form_of_the_answer() -> None:
    body = await sent(asking(json_schema=SCHEMA))
    schema = {"name": "answer", "schema": SCHEMA, "strict": True}
    assert body["response_format"] == {"type": "json_schema", "json_schema": schema}


async def test_what_no_file_could_hold_is_escaped_in_the_prompt() -> None:
    body = await sent(asking("half \ud83d of a pair, \0, and a whole \U0001f600"))
    assert body["messages"][1]["content"] == "half \\ud83d of a pair, \\u0000, and a whole \U0001f600"


async def test_the_key_goes_with_each_request() -> None:
    with OpenAIServer(always(Reply("ok")), key=KEY) as server:
        async with chat_with(server) as chat:
            assert (await chat.ask(asking())).text == "ok"


async def test_a_server_without_keys_is_asked_without_a_key() -> None:
    with OpenAIServer(always(Reply("ok"))) as server:
        async with chat_with(server, endpoint=Endpoint(server.base_url, None)) as chat:
            assert (await chat.ask(asking())).text == "ok"


async def test_variables_that_other_libraries_read_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_BASE", "OPENAI_BASE_URL", "OPENAI_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    with OpenAIServer(always(Reply("ok")), key=KEY) as server:
        async with chat_with(server) as chat:
            assert (await chat.ask(asking())).text == "ok"
        await asyncio.to_thread(EndpointEmbedder, MODEL, Endpoint(server.base_url, SecretStr(KEY)))


# What comes back


async def test_text_and_usage_arrive() -> None:
    told = Reply("four", prompt_tokens=11, completion_tokens=7, cached_tokens=5, reasoning_tokens=3)
    answer = await answered(told)
    assert answer == Answer(
        text="four",
        finish="stop",
        model=MODEL,
        usage=Usage(prompt=11, completion=7, cached=5, reasoning=3),
        ms=answer.ms,
    )
    assert answer.ms > 0


async def test_an_answer_without_usage_counts_nothing() -> None:
    assert (await answered(Reply("x", usage=False))).usage == Usage()


@pytest.mark.parametrize(
    ("reply", "text", "finish"),
    [
        (Reply("x"), "x", "stop"),
        (length("half of"), "half of", "length"),
        (content_filter(), "", "content_filter"),
        (Reply(refusal="I cannot"), "", "refusal"),
        (Reply("x", finish="tool_calls"), "x", "tool_calls"),
        (Reply("x", finish="function_call"), "x", "tool_calls"),
        (Reply("x", finish="eos_token"), "x", "stop"),
        (Reply("x", finish="model_length"), "x", "length"),
        (Reply("x", finish="abort"), "x", "missing"),
        (content_null(), "", "stop"),
        (context_exceeded(), "", "context"),
        (refused(400, "the request exceeds the available context size"), "", "context"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_why_an_answer_ended_is_told(reply: Reply, text: str, finish: str) -> None:
    answer = await answered(reply)
    assert (answer.text, answer.finish, answer.tries) == (text, finish, 1)


@pytest.mark.parametrize("reply", [length('{"a": '), content_filter(), Reply("no JSON")], ids=["cut", "filter", "not"])
async def test_an_answer_that_breaks_its_schema_is_an_answer_all_the_same(reply: Reply) -> None:
    answer = await answered(reply, asking(json_schema=SCHEMA))
    assert (answer.text, answer.finish, answer.tries) == (reply.text, reply.finish, 1)


@pytest.mark.parametrize(
    "reply",
    [
        Reply("four", reasoning="two and two"),
        Reply("<think>two and two</think>\n\nfour"),
        Reply(" <thinking>\ntwo and two\n</thinking>four"),
    ],
    ids=["reasoning_content", "think", "thinking"],
)
async def test_thoughts_are_kept_apart_from_the_text(reply: Reply) -> None:
    answer = await answered(reply)
    assert (answer.text, answer.reasoning) == ("four", "two and two")


async def test_thoughts_without_an_end_leave_no_text() -> None:
    answer = await answered(length("<think>and so on"))
    assert (answer.text, answer.reasoning, answer.finish) == ("", "and so on", "length")


async def test_what_no_file_could_hold_is_escaped_in_the_answer_and_counted() -> None:
    answer = await answered(lone_surrogate())
    assert (answer.text, answer.escaped) == ("half \\ud83d of a pair, and \\u0000", 2)
    thought = await answered(Reply("x", reasoning="\udc00"))
    assert (thought.reasoning, thought.escaped) == ("\\udc00", 0)


@pytest.mark.parametrize(("text", "degenerate"), [("and on " * 400, True), ("and on " * 20, False)])
async def test_endless_repetition_is_flagged(text: str, degenerate: bool) -> None:
    assert (await answered(Reply(text))).degenerate == degenerate


async def test_an_answer_in_parts_is_their_text() -> None:
    parts = b'[{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "fo"}, {"type": "text", "text": "ur"}]'
    body = b'{"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, '
    body += b'"finish_reason": "stop", "message": {"role": "assistant", "content": ' + parts + b"}}]}"
    assert (await answered(Reply(body=body))).text == "four"


# Faults


FAULTS = {
    "429": rate_limited(0),
    "408": refused(408, "too slow"),
    "409": refused(409, "busy"),
    "500": server_error(),
    "503 of few words": Reply(status=503),
    "529": server_error(529),
    "cut": Reply("x" * 200, cut_after=60),
    "reset": Reply(reset=True),
    "not JSON": not_json(),
    "truncated": truncated_json(),
    "not UTF-8": not_utf8(),
    "choices null": choices_null(),
    "choices empty": choices_empty(),
    "error in 200": error_in_200(),
    "HTML": html_page(),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_passing_fault_is_tried_again(fault: Reply) -> None:
    with OpenAIServer(first_then([fault, fault], Reply("fine"))) as server:
        async with chat_with(server) as chat:
            answer = await chat.ask(asking())
    assert (answer.text, answer.tries, server.count) == ("fine", 3, 3)
    assert server.requests[0].body == server.requests[2].body


LASTING = {name: fault for name, fault in FAULTS.items() if name != "429"}


@pytest.mark.parametrize("fault", LASTING.values(), ids=LASTING)
async def test_a_lasting_fault_ends_with_an_error_that_names_the_endpoint(fault: Reply) -> None:
    with OpenAIServer(always(fault)) as server:
        async with chat_with(server) as chat:
            with pytest.raises(ProviderError, match=r"does not answer: .* \(4 tries: 4 x \w+\)") as caught:
                await chat.ask(asking())
    assert caught.value.where == server.base_url
    assert caught.value.what.startswith(MODEL)
    assert server.count == BRISK.tries


@pytest.mark.parametrize(
    ("fault", "expected", "where", "what"),
    [
        (quota(), BudgetError, "{url}", "quota: You exceeded your current quota"),
        (refused(402, "pay first"), BudgetError, "{url}", "quota: pay first"),
        (refused(401, "no"), ProviderError, "OPENAI_API_KEY", "{url} refuses the key (401)"),
        (refused(403, "no"), ProviderError, "OPENAI_API_KEY", "{url} refuses the key (403)"),
        (refused(404, "gone"), ProviderError, "models", f"{{url}} knows no model `{MODEL}`, or is not where the API"),
        (refused(400, "odd"), ProviderError, "{url}", "the request was refused (400): odd"),
        (refused(422, "odd"), ProviderError, "{url}", "the request was refused (422): odd"),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Reply) else None,
)
async def test_a_refusal_is_not_tried_again(fault: Reply, expected: type[MendloopError], where: str, what: str) -> None:
    with OpenAIServer(always(fault)) as server:
        async with chat_with(server) as chat:
            with pytest.raises(expected) as caught:
                await chat.ask(asking())
        assert caught.value.where == where.format(url=server.base_url)
        assert caught.value.what.startswith(what.format(url=server.base_url))
    assert server.count == 1


async def test_nobody_listening_is_tried_again_and_then_told() -> None:
    async with chat_with(CLOSED) as chat:
        with pytest.raises(ProviderError, match=r"no connection: connect.* \(4 tries: 4 x connect\)"):
            await chat.ask(asking())


class _Closed(OpenAIServer):
    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port = found.getsockname()[1]

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


CLOSED = _Closed()
"""An address at which nobody listens."""


async def test_a_server_that_asks_to_be_left_alone_is_left_alone_that_long() -> None:
    arrived: list[float] = []

    def noted(asked: Asked) -> Reply:
        arrived.append(time.monotonic())
        return rate_limited(0.25) if asked.number == 0 else Reply("fine")

    with OpenAIServer(noted) as server:
        async with chat_with(server) as chat:
            assert (await chat.ask(asking())).tries == 2
    assert arrived[1] - arrived[0] >= 0.25


@pytest.mark.parametrize("header", ["soon", "-5", "nan", "Wed, 21 Oct 2015 07:28:00 GMT"])
async def test_a_wish_that_is_no_number_of_seconds_is_as_none(header: str) -> None:
    odd = Reply(status=429, headers={"Retry-After": header})
    with OpenAIServer(first_then([odd], Reply("fine"))) as server:
        async with chat_with(server) as chat:
            assert (await chat.ask(asking())).tries == 2


@pytest.mark.parametrize(
    "slow", [Reply("x", trickle_s=0.1), Reply(hang=True)], ids=["one byte at a time", "never a byte"]
)
async def test_a_deadline_ends_an_answer_that_never_does(slow: Reply) -> None:
    patience = Patience(deadline_s=0.2, tries=2, first_wait_s=0.001)
    with OpenAIServer(always(slow)) as server:
        async with chat_with(server, patience=patience) as chat:
            with pytest.raises(ProviderError, match=r"within 0\.2 s \(2 tries: 2 x (wall|first_byte)\)"):
                await chat.ask(asking())


async def test_a_server_never_has_more_requests_than_are_permitted() -> None:
    both, lock, here, most = threading.Barrier(2), threading.Lock(), [0], [0]

    def counted(asked: Asked) -> Reply:
        with lock:
            here[0] += 1
            most[0] = max(most[0], here[0])
        both.wait(LONG)
        with lock:
            here[0] -= 1
        return Reply(asked.last)

    with OpenAIServer(counted) as server:
        async with chat_with(server, parallel=2) as chat:
            told = await asyncio.gather(*(chat.ask(asking(f"n{number}")) for number in range(8)))
    assert [answer.text for answer in told] == [f"n{number}" for number in range(8)]
    assert most == [2]


async def test_who_waits_to_try_again_holds_no_permit() -> None:
    arrived = threading.Event()

    def one_by_one(asked: Asked) -> Reply:
        arrived.set()
        return rate_limited(LONG) if asked.last == "first" else Reply("fine")

    with OpenAIServer(one_by_one) as server:
        async with chat_with(server, parallel=1) as chat:
            first = asyncio.create_task(chat.ask(asking("first")))
            assert await asyncio.to_thread(arrived.wait, LONG)
            assert (await chat.ask(asking("second"))).text == "fine"
            first.cancel()
            with suppress(asyncio.CancelledError):
                await first


# Secrets


ECHOES = {
    **{
        f"{status}": refused(status, f"your key is {KEY}, {PASSWORD}") for status in (400, 401, 402, 403, 404, 429, 500)
    },
    "error in 200": refused(200, f"your key is {KEY}, {PASSWORD}"),
    "a long page": Reply(body=b"x" * 280 + KEY.encode() + PASSWORD.encode(), content_type="text/html"),
}


def with_password(server: OpenAIServer) -> Endpoint:
    url = server.base_url.replace("http://", f"http://somebody:{PASSWORD}@")
    return Endpoint(url, SecretStr(KEY))


def shown_of(error: BaseException) -> str:
    """Return everything that anybody could print of an error."""
    return "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))


def assert_silent(text: str) -> None:
    for secret in (KEY, PASSWORD):  # nor most of it, where a text was cut in the middle
        assert secret[:10] not in text.replace(secret[:9] + MASK, "")


@pytest.mark.parametrize("reply", ECHOES.values(), ids=ECHOES)
async def test_a_server_that_quotes_the_key_does_not_bring_it_into_an_error(reply: Reply) -> None:
    with OpenAIServer(always(reply)) as server:
        async with chat_with(server, endpoint=with_password(server)) as chat:
            with pytest.raises(MendloopError) as caught:
                await chat.ask(asking())
            with pytest.raises(MendloopError) as at_start:
                await chat.check()
            assert_silent(repr(chat) + str(chat) + repr(chat.endpoint))
    assert_silent(shown_of(caught.value) + shown_of(at_start.value))


def test_an_address_is_shown_without_what_is_secret_in_it() -> None:
    endpoint = Endpoint(f"https://somebody:{PASSWORD}@example.org:8443/v1?token={KEY}", SecretStr(KEY))
    assert endpoint.shown == "https://example.org:8443/v1"
    assert_silent(repr(endpoint))


@pytest.mark.parametrize(
    ("url", "foreign"),
    [(None, False), ("https://api.openai.com/v1", False), ("http://localhost:8000/v1", True)],
)
def test_every_server_but_openais_own_is_foreign(url: str | None, foreign: bool) -> None:
    assert Endpoint(url, None).foreign == foreign


UPLOADING = """
import asyncio, sys, langsmith
from langchain_core.messages import HumanMessage
from langchain_core.tracers.langchain import wait_for_all_tracers
from mendloop.tools.chat.address import Endpoint
from mendloop.tools.chat.endpoint import EndpointChat
from mendloop.tools.chat.protocol import ChatMessage, ChatRequest
async def main():
    chat = EndpointChat("scripted-model", Endpoint(sys.argv[1], None))
    request = ChatRequest(
        messages=(ChatMessage(role="user", content="hello"),), max_tokens=9, temperature=None, seed=0
    )
    await chat.ask(request)
    wait_for_all_tracers()
    await chat.ask(request.model_copy(update={"seed": 1}))
    if len(sys.argv) > 2:
        langsmith.configure(enabled=True)  # what would happen if nobody had turned it off
        await chat._client._client.ainvoke([HumanMessage("hello")])
    wait_for_all_tracers()
    await chat.aclose()
asyncio.run(main())
"""


@pytest.mark.parametrize("turned_on", [False, True])
def test_no_prompt_is_uploaded_whatever_the_variables_say(turned_on: bool) -> None:
    with OpenAIServer(always(Reply("ok"))) as tracer, OpenAIServer(always(Reply("ok"))) as server:
        root = tracer.base_url.removesuffix("/v1")
        tracing = dict.fromkeys(("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2"), "true")
        keys = {"LANGSMITH_API_KEY": "ls-1", "LANGSMITH_ENDPOINT": root, "LANGCHAIN_ENDPOINT": root}
        subprocess.run(
            [sys.executable, "-c", UPLOADING, server.base_url, *(["on"] if turned_on else [])],
            cwd=ROOT,
            env={**os.environ, **tracing, **keys},
            check=True,
            capture_output=True,
            timeout=LONG * 2,
        )
    assert bool(tracer.visits) == turned_on


# Looking first: which models there are, and whether one answers


async def test_the_models_that_a_server_lists_are_offered() -> None:
    with OpenAIServer(always(Reply()), models=("small", "large")) as server:
        async with chat_with(server) as chat:
            assert await chat.offered() == ("small", "large")
    assert server.visits == ["GET /v1/models"]


async def test_a_server_that_does_not_list_its_models_offers_none() -> None:
    with OpenAIServer(always(Reply())) as server:
        nowhere = Endpoint(server.base_url + "/elsewhere", None)
        async with chat_with(server, endpoint=nowhere) as chat:
            assert await chat.offered() == ()


async def test_a_key_that_is_refused_is_told_where_models_are_asked_for() -> None:
    with OpenAIServer(always(Reply()), key="another key") as server:
        async with chat_with(server) as chat:
            with pytest.raises(InputError, match="refuses the key") as caught:
                await chat.offered()
    assert caught.value.where == "OPENAI_API_KEY"
    assert_silent(shown_of(caught.value))


async def test_an_address_where_nobody_listens_is_told_where_models_are_asked_for() -> None:
    async with chat_with(CLOSED) as chat:
        with pytest.raises(InputError, match="no connection") as caught:
            await chat.offered()
    assert caught.value.where == "OPENAI_BASE_URL"


async def test_a_check_asks_once_and_little() -> None:
    with OpenAIServer(always(length("O")), key=KEY, strict_models=True) as server:
        async with chat_with(server) as chat:
            await chat.check()
    assert [asked.body["max_tokens"] for asked in server.requests] == [16]


@pytest.mark.parametrize(
    ("serving", "where", "what"),
    [
        (lambda: OpenAIServer(always(Reply("ok")), key="another key"), "OPENAI_API_KEY", "refuses the key (401)"),
        (
            lambda: OpenAIServer(always(Reply("ok")), models=("other",), strict_models=True),
            "models",
            f"no model `{MODEL}`",
        ),
        (lambda: OpenAIServer(always(html_page())), "OPENAI_BASE_URL", "no usable answer"),
        (lambda: OpenAIServer(always(not_json())), "OPENAI_BASE_URL", "no usable answer"),
    ],
    ids=["key", "model", "HTML", "not JSON"],
)
async def test_a_check_names_what_is_wrong(serving: Callable[[], OpenAIServer], where: str, what: str) -> None:
    with serving() as server:
        async with chat_with(server) as chat:
            with pytest.raises(InputError) as caught:
                await chat.check()
        assert server.base_url in caught.value.what
    assert caught.value.where == where
    assert what in caught.value.what
    assert caught.value.remedy
    assert server.count == 1


async def test_a_check_of_an_address_where_nobody_listens_names_the_variable() -> None:
    async with chat_with(CLOSED) as chat:
        with pytest.raises(InputError, match="no connection") as caught:
            await chat.check()
    assert caught.value.where == "OPENAI_BASE_URL"


async def test_a_server_without_a_quota_is_no_wrong_input() -> None:
    with OpenAIServer(always(quota())) as server:
        async with chat_with(server) as chat:
            with pytest.raises(BudgetError):
                await chat.check()


async def test_a_slow_server_passes_the_check() -> None:
    with OpenAIServer(always(Reply(hang=True))) as server:
        async with chat_with(server, patience=Patience(preflight_s=0.1)) as chat:
            await chat.check()
    assert server.count == 1


STUMBLES = {"server error": refused(503, "overloaded"), "reset": Reply(reset=True), "cut": Reply("OK", cut_after=10)}


@pytest.mark.parametrize("stumble", STUMBLES.values(), ids=STUMBLES)
async def test_a_server_that_stumbles_at_the_first_look_is_looked_at_again(stumble: Reply) -> None:
    with OpenAIServer(lambda asked: Reply("OK") if asked.number else stumble) as server:
        async with chat_with(server) as chat:
            await chat.check()
    assert server.count == 2


async def test_a_server_that_only_stumbles_is_not_usable() -> None:
    with OpenAIServer(always(refused(503, "overloaded"))) as server:
        async with chat_with(server) as chat:
            with pytest.raises(InputError, match=r"no usable answer .* 503"):
                await chat.check()
    assert server.count == BRISK.tries


async def test_a_busy_server_is_there() -> None:
    with OpenAIServer(always(refused(429, "slow down"))) as server:
        async with chat_with(server) as chat:
            await chat.check()
    assert server.count == 1


# The end


async def test_closing_leaves_nothing_open_and_does_so_twice() -> None:
    with OpenAIServer(always(Reply("ok"))) as server, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        chat = EndpointChat(MODEL, Endpoint(server.base_url, None))
        await asyncio.gather(*(chat.ask(asking()) for _ in range(3)))
        await chat.offered()
        await chat.aclose()
        await chat.aclose()
        del chat
        gc.collect()
        await asyncio.sleep(0)
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


async def test_a_closed_model_can_be_asked_again() -> None:
    with OpenAIServer(always(Reply("ok"))) as server:
        async with chat_with(server) as chat:
            await chat.ask(asking())
            await chat.aclose()
            assert (await chat.ask(asking())).text == "ok"


# Embeddings


def test_an_embedding_is_a_unit_vector_of_its_text() -> None:
    with OpenAIServer(always(Reply())) as server:
        embedder = EndpointEmbedder("vectors", Endpoint(server.base_url, None))
        vector = embedder.embed("a lost item")
        assert embedder.name == f"vectors at {server.base_url}"
    assert (embedder.dimensions, str(vector.dtype)) == (64, "float32")
    assert vector == pytest.approx(np.array(unit_vector("a lost item")), abs=1e-6)
    assert float(np.linalg.norm(vector)) == pytest.approx(1, abs=1e-6)
    assert set(server.visits) == {"POST /v1/embeddings"}


def test_a_text_without_content_is_not_asked_for_and_is_zero() -> None:
    with OpenAIServer(always(Reply())) as server:
        embedder = EndpointEmbedder("vectors", Endpoint(server.base_url, None))
        before = len(server.visits)
        assert not embedder.embed(" \n").any()
    assert len(server.visits) == before


def test_an_embedder_leaves_no_connection_open() -> None:
    with OpenAIServer(always(Reply())) as server, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        embedder = EndpointEmbedder("vectors", Endpoint(server.base_url, None))
        embedder.embed("a lost item")
        del embedder
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


def test_what_no_file_could_hold_is_escaped_before_it_is_embedded() -> None:
    with OpenAIServer(always(Reply())) as server:
        vector = EndpointEmbedder("vectors", Endpoint(server.base_url, None)).embed("\ud83d")
    assert vector == pytest.approx(np.array(unit_vector("\\ud83d")), abs=1e-6)


def test_an_embedding_that_cannot_be_had_is_told_without_the_key() -> None:
    with (
        OpenAIServer(always(Reply()), key="another key") as server,
        pytest.raises(EmbeddingFailed, match="Incorrect API key provided") as caught,
    ):
        EndpointEmbedder("vectors", with_password(server))
    assert_silent(shown_of(caught.value))
