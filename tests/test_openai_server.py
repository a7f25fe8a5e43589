"""The server that tests ask, seen through the clients that the product uses and, for what they hide, on the wire."""

from __future__ import annotations

import asyncio
import http.client
import json
import math
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import openai
import pytest
from langchain_openai import ChatOpenAI
from openai.types.chat import ChatCompletion

from tests.openai_server import (
    MODEL,
    Answer,
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
    scripted,
    server_error,
    truncated_json,
    unit_vector,
)

PATIENCE_S = 60
"""Nothing here takes so long; it only bounds a test that would hang."""

PROMPT = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
KEY = "sk-canary-0123456789"


def always(reply: Reply) -> Answer:
    return lambda _: reply


def echo(asked: Asked) -> Reply:
    return Reply(asked.last)


@contextmanager
def connected(server: OpenAIServer) -> Iterator[http.client.HTTPConnection]:
    with closing(http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=PATIENCE_S)) as connection:
        yield connection


def sent(
    connection: http.client.HTTPConnection, body: object = PROMPT, path: str = "/v1/chat/completions"
) -> tuple[int, bytes]:
    """Post a body, and return the status and the bytes of the answer."""
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, response.read()


def on_the_wire(reply: Reply) -> tuple[int, bytes]:
    with OpenAIServer(always(reply)) as server, connected(server) as connection:
        return sent(connection)


@pytest.fixture(params=[openai.DefaultAioHttpClient, openai.DefaultAsyncHttpxClient], ids=["aiohttp", "httpx"])
async def sdk(request: pytest.FixtureRequest) -> AsyncIterator[Callable[..., openai.AsyncOpenAI]]:
    """Make clients of a server, over either transport; they are closed when the test ends."""
    async with request.param() as transport:

        def client_of(server: OpenAIServer, key: str = "any") -> openai.AsyncOpenAI:
            return openai.AsyncOpenAI(
                base_url=server.base_url, api_key=key, max_retries=0, timeout=PATIENCE_S, http_client=transport
            )

        yield client_of


Sdk = Callable[..., openai.AsyncOpenAI]


async def completion(client: openai.AsyncOpenAI, text: str = "hello", model: str = MODEL) -> ChatCompletion:
    return await client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}])


def langchain(server: OpenAIServer, transport: object) -> ChatOpenAI:
    return ChatOpenAI(
        model=MODEL,
        base_url=server.base_url,
        api_key=lambda: "any",
        max_retries=0,
        timeout=PATIENCE_S,
        use_responses_api=False,
        http_async_client=transport,
    )


# Answers


async def test_the_text_the_reason_and_the_reasoning_arrive(sdk: Sdk) -> None:
    with OpenAIServer(always(Reply("four", reasoning="two and two"))) as server:
        choice = (await completion(sdk(server))).choices[0]
    assert (choice.message.content, choice.finish_reason) == ("four", "stop")
    assert choice.message.model_extra == {"reasoning_content": "two and two"}


async def test_the_usage_arrives(sdk: Sdk) -> None:
    told = Reply("x", prompt_tokens=11, completion_tokens=7, cached_tokens=5, reasoning_tokens=3)
    with OpenAIServer(always(told)) as server:
        usage = (await completion(sdk(server))).usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert usage.completion_tokens_details is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (11, 7, 18)
    assert usage.prompt_tokens_details.cached_tokens == 5
    assert usage.completion_tokens_details.reasoning_tokens == 3


async def test_words_are_tokens_where_nothing_else_is_said(sdk: Sdk) -> None:
    with OpenAIServer(always(Reply("one two three"))) as server:
        usage = (await completion(sdk(server), "four words are here")).usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (4, 3)


async def test_a_server_may_keep_the_usage_to_itself(sdk: Sdk) -> None:
    with OpenAIServer(always(Reply("x", usage=False))) as server:
        assert (await completion(sdk(server))).usage is None


async def test_langchain_gets_text_reason_and_usage() -> None:
    told = Reply("four", finish="length", prompt_tokens=11, completion_tokens=7, cached_tokens=5, reasoning_tokens=3)
    with OpenAIServer(always(told)) as server:
        async with openai.DefaultAioHttpClient() as transport:
            message = await langchain(server, transport).ainvoke("hello")
    assert (message.content, message.response_metadata["finish_reason"]) == ("four", "length")
    assert message.usage_metadata == {
        "input_tokens": 11,
        "output_tokens": 7,
        "total_tokens": 18,
        "input_token_details": {"cache_read": 5},
        "output_token_details": {"reasoning": 3},
    }


async def test_a_refusal_and_tool_calls_come_without_content(sdk: Sdk) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "run", "arguments": "{}"}}
    answers = {"no": Reply(refusal="I cannot"), "call": Reply(tool_calls=[call], finish="tool_calls")}
    with OpenAIServer(lambda asked: answers[asked.last]) as server:
        client = sdk(server)
        refusal = (await completion(client, "no")).choices[0].message
        calling = (await completion(client, "call")).choices[0].message
    assert (refusal.content, refusal.refusal) == (None, "I cannot")
    assert calling.content is None
    assert calling.tool_calls is not None
    assert [each.model_dump() for each in calling.tool_calls] == [call]


def test_equal_requests_are_answered_with_equal_bytes() -> None:
    with OpenAIServer(echo) as server, connected(server) as connection:
        assert sent(connection) == sent(connection)


# Streams


async def test_a_stream_brings_the_text_in_pieces_then_the_reason_then_the_usage(sdk: Sdk) -> None:
    with OpenAIServer(always(Reply("a text of several pieces", reasoning="why", completion_tokens=9))) as server:
        stream = await sdk(server).chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "hello"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    pieces = [delta.content for delta in deltas if delta.content]
    assert ("".join(pieces), len(pieces)) == ("a text of several pieces", 3)
    assert {"reasoning_content": "why"} in [delta.model_extra for delta in deltas]
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-2:] == [None, "stop"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 9


async def test_langchain_reads_a_stream() -> None:
    with OpenAIServer(always(Reply("a text of several pieces"))) as server:
        async with openai.DefaultAioHttpClient() as transport:
            chunks = [chunk async for chunk in langchain(server, transport).astream("hello")]
    assert "".join(chunk.text for chunk in chunks) == "a text of several pieces"


def test_a_stream_may_end_without_a_reason() -> None:
    with OpenAIServer(always(Reply("x", finish=None))) as server, connected(server) as connection:
        _, body = sent(connection, {**PROMPT, "stream": True})
    assert body.endswith(b"data: [DONE]\n\n")
    assert b'"finish_reason": "' not in body


# What the server notes


def test_a_request_is_noted_with_its_messages_and_headers() -> None:
    parts = [{"type": "text", "text": "part one"}, {"type": "text", "text": ", part two"}]
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": None},
        {"role": "user", "content": parts},
    ]
    body = {"model": MODEL, "messages": messages, "temperature": 0.5}
    with OpenAIServer(echo) as server, connected(server) as connection:
        sent(connection, PROMPT)
        _, answer = sent(connection, body)
        first, second = server.requests
    assert (first.number, second.number, server.count) == (0, 1, 2)
    assert (second.system, second.last) == ("be brief", "part one, part two")
    assert second.text == "be brief\nfirst\n\npart one, part two"
    assert (second.body, second.headers["content-type"]) == (body, "application/json")
    assert json.loads(answer)["choices"][0]["message"]["content"] == "part one, part two"


def test_a_connection_serves_many_requests() -> None:
    with OpenAIServer(echo) as server, connected(server) as connection:
        sent(connection)
        socket = connection.sock
        sent(connection)
        assert connection.sock is socket


# Rules


def test_the_first_rule_that_is_found_answers() -> None:
    rules = scripted([("sum|total", "by sum"), ("hello", Reply("by hello", finish="length")), ("h", echo)])
    with OpenAIServer(rules) as server, connected(server) as connection:
        answers = [
            json.loads(sent(connection, {**PROMPT, "messages": [{"role": "user", "content": text}]})[1])["choices"][0]
            for text in ("hello total", "hello", "oh")
        ]
    assert [each["message"]["content"] for each in answers] == ["by sum", "by hello", "oh"]
    assert [each["finish_reason"] for each in answers] == ["stop", "length", "stop"]


def test_a_prompt_without_a_rule_is_a_server_error_that_quotes_it() -> None:
    with OpenAIServer(scripted([])) as server, connected(server) as connection:
        status, body = sent(connection, {**PROMPT, "messages": [{"role": "user", "content": "q" * 300}]})
    assert (status, json.loads(body)["error"]["message"]) == (500, f"no rule for the prompt: {'q' * 200}")


def test_a_fault_of_the_answer_function_is_told() -> None:
    def broken(_: Asked) -> Reply:
        raise KeyError("missing")

    with OpenAIServer(broken) as server, connected(server) as connection:
        status, body = sent(connection)
    assert (status, json.loads(body)["error"]["message"]) == (500, "the test's answer failed: KeyError('missing')")


# Faults


def test_a_page_arrives_as_a_page() -> None:
    with OpenAIServer(always(html_page())) as server, connected(server) as connection:
        connection.request("POST", "/v1/chat/completions", json.dumps(PROMPT))
        response = connection.getresponse()
        assert (response.status, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert response.read().startswith(b"<!doctype html>")


@pytest.mark.parametrize("reply", [not_json(), truncated_json()], ids=["not_json", "truncated_json"])
def test_what_is_no_json_arrives_whole_and_as_a_success(reply: Reply) -> None:
    status, body = on_the_wire(reply)
    assert (status, body) == (200, reply.body)
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


def test_what_is_no_utf8_would_else_be_a_completion() -> None:
    _, body = on_the_wire(not_utf8())
    with pytest.raises(UnicodeDecodeError):
        json.loads(body)
    assert json.loads(body.decode("latin-1"))["choices"][0]["message"]["content"] == "café"


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        (choices_null(), {"choices": None}),
        (choices_empty(), {"choices": []}),
        (error_in_200(), {"error": error_in_200().error}),
    ],
    ids=["choices_null", "choices_empty", "error_in_200"],
)
def test_a_success_may_lack_what_matters(reply: Reply, part: dict[str, object]) -> None:
    status, body = on_the_wire(reply)
    assert (status, json.loads(body) | part) == (200, json.loads(body))


@pytest.mark.parametrize(
    ("reply", "content", "finish"),
    [
        (content_null(), None, "stop"),
        (content_filter(), "", "content_filter"),
        (length("half of"), "half of", "length"),
        (lone_surrogate(), "half \ud83d of a pair, and \x00", "stop"),
        (Reply("x", finish=None), "x", None),
    ],
    ids=["content_null", "content_filter", "length", "lone_surrogate", "no_reason"],
)
async def test_a_completion_may_be_of_no_use(reply: Reply, content: str | None, finish: str | None, sdk: Sdk) -> None:
    with OpenAIServer(always(reply)) as server:
        choice = (await completion(sdk(server))).choices[0]
    assert (choice.message.content, choice.finish_reason) == (content, finish)


@pytest.mark.parametrize(
    ("reply", "expected", "status", "code"),
    [
        (rate_limited(2.5), openai.RateLimitError, 429, "rate_limit_exceeded"),
        (quota(), openai.RateLimitError, 429, "insufficient_quota"),
        (server_error(), openai.InternalServerError, 500, None),
        (server_error(529), openai.InternalServerError, 529, None),
        (Reply(status=503), openai.InternalServerError, 503, None),
        (context_exceeded(), openai.BadRequestError, 400, "context_length_exceeded"),
    ],
    ids=["rate_limited", "quota", "500", "529", "503 of few words", "context_exceeded"],
)
async def test_a_refusal_arrives_as_the_error_it_is(
    reply: Reply, expected: type[openai.APIStatusError], status: int, code: str | None, sdk: Sdk
) -> None:
    with OpenAIServer(always(reply)) as server, pytest.raises(expected) as caught:
        await completion(sdk(server))
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert caught.value.response.headers.get("retry-after") == reply.headers.get("Retry-After")


def test_a_cut_body_ends_before_what_was_promised() -> None:
    with pytest.raises(http.client.IncompleteRead) as caught:
        on_the_wire(Reply("x" * 100, cut_after=40))
    assert len(caught.value.partial) == 40


def test_a_reset_sends_nothing() -> None:
    with pytest.raises(ConnectionResetError):
        on_the_wire(Reply(reset=True))


@pytest.mark.parametrize(
    "reply", [Reply(body=b"slowly", delay_s=0.01), Reply(body=b"slowly", trickle_s=0.001)], ids=["delay", "trickle"]
)
def test_a_slow_answer_arrives_whole(reply: Reply) -> None:
    assert on_the_wire(reply) == (200, b"slowly")


async def test_a_hanging_answer_is_a_timeout(sdk: Sdk) -> None:
    with OpenAIServer(always(Reply(hang=True))) as server, pytest.raises(openai.APITimeoutError):
        await completion(sdk(server).with_options(timeout=0.1))


# Keys, models, embeddings


async def test_a_wrong_key_is_refused_and_quoted_everywhere(sdk: Sdk) -> None:
    with OpenAIServer(echo, key=KEY) as server:
        wrong, right = sdk(server, "sk-wrong"), sdk(server, KEY)
        with pytest.raises(openai.AuthenticationError, match="sk-wrong") as caught:
            await completion(wrong)
        with pytest.raises(openai.AuthenticationError):
            await wrong.models.list()
        with pytest.raises(openai.AuthenticationError):
            await wrong.embeddings.create(model=MODEL, input="x")
        assert (await completion(right)).choices[0].message.content == "hello"
    assert (caught.value.code, server.count) == ("invalid_api_key", 2)


async def test_only_listed_models_answer_a_strict_server(sdk: Sdk) -> None:
    with OpenAIServer(echo, models=("small", "large"), strict_models=True) as server:
        client = sdk(server)
        listed = [model.id async for model in client.models.list()]
        with pytest.raises(openai.NotFoundError) as caught:
            await completion(client, model="other")
        assert (await completion(client, model="large")).model == "large"
    assert (listed, caught.value.code) == (["small", "large"], "model_not_found")
    assert server.visits == ["GET /v1/models", *["POST /v1/chat/completions"] * 2]


@pytest.mark.parametrize("encoding", ["float", openai.omit], ids=["float", "base64 by default"])
async def test_an_embedding_is_a_unit_vector_of_its_text(encoding: Any, sdk: Sdk) -> None:
    with OpenAIServer(echo) as server:
        told = await sdk(server).embeddings.create(
            model=MODEL, input=["a", "b", "a"], dimensions=16, encoding_format=encoding
        )
    first, second, third = (each.embedding for each in told.data)
    assert first == third == pytest.approx(unit_vector("a", 16), abs=1e-6)
    assert second == pytest.approx(unit_vector("b", 16), abs=1e-6)
    assert math.hypot(*second) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/v1/nowhere", PROMPT, 404, "Invalid URL (POST /v1/nowhere)"),
        ("/v1/chat/completions", [], 400, "'model' is missing"),
        ("/v1/chat/completions", {"model": MODEL, "messages": ["hi"]}, 400, "'messages' is missing or malformed"),
        ("/v1/embeddings", {"model": MODEL}, 400, "'input' is missing or malformed"),
    ],
)
def test_a_request_without_sense_is_refused(path: str, body: object, status: int, message: str) -> None:
    with OpenAIServer(echo) as server, connected(server) as connection:
        got, answer = sent(connection, body, path)
    assert got == status
    assert message in json.loads(answer)["error"]["message"]
    assert server.count == 0


# Many at once, and the end


async def test_fifty_requests_are_in_flight_at_once(sdk: Sdk) -> None:
    all_here = threading.Barrier(50)

    def together(asked: Asked) -> Reply:
        all_here.wait(PATIENCE_S)
        return Reply(asked.last)

    with OpenAIServer(together) as server:
        client = sdk(server)
        told = await asyncio.gather(*(completion(client, f"n{number}") for number in range(50)))
    assert [each.choices[0].message.content for each in told] == [f"n{number}" for number in range(50)]
    assert [each.number for each in server.requests] == list(range(50))
    assert sorted(each.last for each in server.requests) == sorted(f"n{number}" for number in range(50))


@pytest.mark.parametrize(
    "reply",
    [Reply(hang=True), Reply("x", delay_s=PATIENCE_S), Reply("x", trickle_s=PATIENCE_S), Reply("x" * 50_000_000)],
    ids=["hang", "delay", "trickle", "nobody reads"],
)
def test_closing_does_not_wait_for_an_answer_under_way(reply: Reply) -> None:
    before = set(threading.enumerate())
    arrived = threading.Event()

    def noted(_: Asked) -> Reply:
        arrived.set()
        return reply

    with OpenAIServer(noted) as server, connected(server) as connection:
        connection.request("POST", "/v1/chat/completions", json.dumps(PROMPT))
        assert arrived.wait(PATIENCE_S)
        ending = threading.Thread(target=server.close)
        ending.start()
        ending.join(PATIENCE_S / 2)
        assert not ending.is_alive()
    assert set(threading.enumerate()) <= before


def test_a_closed_server_refuses_connections() -> None:
    with OpenAIServer(echo) as server:
        pass
    with connected(server) as connection, pytest.raises(ConnectionRefusedError):
        connection.connect()
