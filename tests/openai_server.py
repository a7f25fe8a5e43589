"""A server on loopback that speaks OpenAI's protocol: a test says what it answers, and every byte goes over real HTTP.

    with OpenAIServer(scripted([("factorial", "def factorial(n): ...")])) as server:
        client = AsyncOpenAI(base_url=server.base_url, api_key="any")

What is answered follows from the request alone, also the id and the date, so two equal runs see equal bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, TypeAlias, cast

Json: TypeAlias = dict[str, Any]
SocketRequest: TypeAlias = socket.socket | tuple[bytes, socket.socket]

MODEL = "scripted-model"
CREATED = 1_700_000_000
DIMENSIONS = 64
PIECE = 8
"""Characters of the text in one event of a stream."""


@dataclass(frozen=True)
class Asked:
    """One chat request. `number` counts arrivals from 0; header names are in lower case."""

    number: int
    body: Json
    headers: dict[str, str]

    @property
    def text(self) -> str:
        """All messages, each on lines of its own."""
        return "\n".join(self._said())

    @property
    def system(self) -> str:
        """The system messages (`developer` is what newer models call them)."""
        return "\n".join(self._said("system", "developer"))

    @property
    def last(self) -> str:
        """The last message of the user; empty where there is none."""
        return (self._said("user") or [""])[-1]

    def _said(self, *roles: str) -> list[str]:
        return [_text(each.get("content")) for each in self.body["messages"] if not roles or each.get("role") in roles]


@dataclass(frozen=True)
class Reply:
    """What the server answers. Without `body` and `error` it is a chat completion.

    Token counts that are None are the words of the prompt and of the text. `finish=None` is an answer that never says
    why it ended. The faults of the wire at the end go with any body.
    """

    text: str | None = ""
    finish: str | None = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    usage: bool = True
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: Sequence[Json] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    error: Json | None = None
    body: bytes | None = None
    content_type: str = "application/json"
    delay_s: float = 0
    """Before the first byte."""
    trickle_s: float = 0
    """Between the bytes of the body."""
    cut_after: int | None = None
    """Bytes of the body after which the connection is closed, though more were promised."""
    reset: bool = False
    """The connection is reset: without a byte, or after `cut_after` bytes of the body where that is set."""
    hang: bool = False
    """Nothing is sent until the server closes."""
    on_sent: Callable[[], None] | None = None
    """Called when the last byte was written, to a client that had not left."""


Answer: TypeAlias = Callable[[Asked], Reply]
Rule: TypeAlias = tuple[str, Reply | str | Answer]


def scripted(rules: Sequence[Rule]) -> Answer:
    """Answer with the first rule whose pattern is found in the prompt; a 500 quotes the prompt where none is."""

    def answer(asked: Asked) -> Reply:
        for pattern, told in rules:
            if re.search(pattern, asked.text):
                return Reply(told) if isinstance(told, str) else told if isinstance(told, Reply) else told(asked)
        return refused(500, f"no rule for the prompt: {asked.text[:200]}", kind="server_error")

    return answer


# What goes wrong, ready to hand out.


def html_page() -> Reply:
    """The page of a proxy or a portal in place of the API."""
    page = b"<!doctype html><html><title>Sign in</title><body>Please sign in.</body></html>"
    return Reply(body=page, content_type="text/html; charset=utf-8")


def not_json() -> Reply:
    """Text that calls itself JSON."""
    return Reply(body=b"upstream connect error or disconnect before headers")


def truncated_json() -> Reply:
    """A completion that ends in the middle, although all promised bytes came."""
    whole = _fault(_choice({"role": "assistant", "content": "cut"}))
    return Reply(body=whole[: len(whole) // 2])


def not_utf8() -> Reply:
    """A completion whose content is Latin-1."""
    return Reply(body=_fault(_choice({"role": "assistant", "content": "caf?"})).replace(b"caf?", b"caf\xe9"))


def choices_null() -> Reply:
    """A completion whose `choices` is null."""
    return Reply(body=_fault(None))


def choices_empty() -> Reply:
    """A completion without a choice."""
    return Reply(body=_fault([]))


def content_null() -> Reply:
    """A completion that is finished and says nothing: no content, no refusal and no tool call."""
    return Reply(text=None)


def error_in_200() -> Reply:
    """An error object with the status of a success."""
    return refused(200, "the upstream provider failed", kind="server_error", code="upstream_error")


def rate_limited(retry_after: float) -> Reply:
    """Too many requests; `retry_after` in seconds."""
    told = refused(429, "Rate limit reached", kind="requests", code="rate_limit_exceeded")
    return replace(told, headers={"Retry-After": f"{retry_after:g}"})


def quota() -> Reply:
    """No money is left: a 429 that waiting does not cure."""
    return refused(429, "You exceeded your current quota", kind="insufficient_quota", code="insufficient_quota")


def server_error(status: int = 500) -> Reply:
    """The server's own failure."""
    return refused(status, "The server had an error while processing your request", kind="server_error")


def context_exceeded() -> Reply:
    """The prompt does not fit into the model."""
    told = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
    return refused(400, told, code="context_length_exceeded", param="messages")


def content_filter() -> Reply:
    """An answer that the provider's filter withheld."""
    return Reply(finish="content_filter")


def length(text: str) -> Reply:
    """An answer that ended at the token limit."""
    return Reply(text, finish="length")


def lone_surrogate() -> Reply:
    """Valid JSON whose content is no valid Unicode: half of a pair, and NUL."""
    return Reply("half \ud83d of a pair, and \x00")


def refused(
    status: int, message: str, kind: str = "invalid_request_error", code: str | None = None, param: str | None = None
) -> Reply:
    """An error as OpenAI writes it."""
    return Reply(status=status, error={"message": message, "type": kind, "param": param, "code": code})


class OpenAIServer(ThreadingHTTPServer):
    """Serves chat completions (also as a stream), models and embeddings while the `with` block runs.

    With `key` every request needs it, and the refusal quotes the key that was sent, as careless servers do. With
    `strict_models` a model that is not listed is refused.
    """

    daemon_threads = False  # closing waits for them
    request_queue_size = 512

    def __init__(
        self,
        answer: Answer,
        *,
        key: str | None = None,
        models: Sequence[str] = (MODEL,),
        strict_models: bool = False,
    ) -> None:
        self._answer = answer
        self._key = key
        self._models = tuple(models)
        self._strict = strict_models
        self._lock = threading.Lock()
        self._requests: list[Asked] = []
        self._visits: list[str] = []
        self._open: set[socket.socket] = set()
        self.closing = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="openai-server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every connection, also those that hang, and wait for their threads. The port refuses afterwards."""
        if self.closing.is_set():
            return
        self.closing.set()
        self.shutdown()
        self._thread.join()
        with self._lock:
            for each in self._open:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        self.server_close()

    @property
    def base_url(self) -> str:
        """What `OPENAI_BASE_URL` would be."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    @property
    def requests(self) -> list[Asked]:
        """The chat requests that arrived so far, also those that were refused."""
        with self._lock:
            return list(self._requests)

    @property
    def count(self) -> int:
        """How many chat requests arrived."""
        return len(self.requests)

    @property
    def visits(self) -> list[str]:
        """Everything that was asked so far, such as `GET /v1/models`."""
        with self._lock:
            return list(self._visits)

    def reply_to(self, visit: str, headers: dict[str, str], payload: bytes) -> Reply:
        """Return the answer to one request, its body rendered."""
        with self._lock:
            self._visits.append(visit)
        if visit == "GET /v1/models":
            return _plain(self._unauthorized(headers) or self._listing())
        if visit not in ("POST /v1/chat/completions", "POST /v1/embeddings"):
            return _plain(refused(404, f"Invalid URL ({visit})"))
        try:
            body = _checked(json.loads(payload), "messages" if visit.endswith("completions") else "input")
        except ValueError as error:
            return _plain(refused(400, f"We could not parse the JSON body of your request: {error}"))
        if visit == "POST /v1/embeddings":
            return _plain(self._unauthorized(headers) or self._unknown_model(body) or _embedded(body))
        with self._lock:
            asked = Asked(len(self._requests), body, headers)
            self._requests.append(asked)
        return _rendered(asked, self._unauthorized(headers) or self._unknown_model(body) or self._told(asked))

    def process_request(self, request: SocketRequest, client_address: Any) -> None:
        """Remember a connection until it ends."""
        with self._lock:
            self._open.add(cast(socket.socket, request))
        super().process_request(request, client_address)

    def shutdown_request(self, request: SocketRequest) -> None:
        """Close a connection at once: a reset would else begin with an orderly end."""
        with self._lock:
            self._open.discard(cast(socket.socket, request))
        self.close_request(request)

    def _told(self, asked: Asked) -> Reply:
        try:
            return self._answer(asked)
        except Exception as error:  # a fault of the test: its client is told, where else a connection just ended
            return refused(500, f"the test's answer failed: {error!r}", kind="server_error")

    def _listing(self) -> Reply:
        listed = [{"id": each, "object": "model", "created": CREATED, "owned_by": "tests"} for each in self._models]
        return _document({"object": "list", "data": listed})

    def _unauthorized(self, headers: Mapping[str, str]) -> Reply | None:
        given = headers.get("authorization", "")
        if self._key is None or given == f"Bearer {self._key}":
            return None
        return refused(401, f"Incorrect API key provided: {given.removeprefix('Bearer ')}", code="invalid_api_key")

    def _unknown_model(self, body: Json) -> Reply | None:
        if not self._strict or body["model"] in self._models:
            return None
        told = f"The model `{body['model']}` does not exist or you do not have access to it."
        return refused(404, told, code="model_not_found")


class _Handler(BaseHTTPRequestHandler):
    """One connection, kept alive."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: OpenAIServer

    def handle(self) -> None:
        """Answer until one side leaves."""
        with suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        """Answer a request without a body."""
        self._respond(b"")

    def do_POST(self) -> None:
        """Answer a request with a body."""
        self._respond(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def log_message(self, format: str, *args: object) -> None:
        """Keep stderr to what is tested."""

    def _respond(self, payload: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.reply_to(f"{self.command} {self.path.partition('?')[0]}", headers, payload)
        if self.server.closing.wait(None if reply.hang else reply.delay_s):
            self.close_connection = True
            return
        there = self._client_is_there()
        sent = (not reply.reset or reply.cut_after is not None) and self._send(reply, reply.body or b"")
        if reply.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
        elif there and sent and reply.on_sent is not None:
            reply.on_sent()

    def _client_is_there(self) -> bool:
        """Tell whether the client has not closed its side."""
        try:
            return bool(self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return True

    def _send(self, reply: Reply, body: bytes) -> bool:
        """Send a reply; False where the server was closed meanwhile."""
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = self.close_connection or reply.cut_after is not None
        if not reply.trickle_s:
            self.wfile.write(body[: reply.cut_after])
            return True
        for place, byte in enumerate(body[: reply.cut_after]):
            if place and self.server.closing.wait(reply.trickle_s):
                self.close_connection = True
                return False
            self.wfile.write(bytes([byte]))
        return True


def _checked(body: object, needed: str) -> Json:
    """Return a body that has what every request has; ValueError says what is missing."""
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        raise ValueError("'model' is missing")
    given = body.get(needed)
    if not given or (
        needed == "messages" and not (isinstance(given, list) and all(isinstance(m, dict) for m in given))
    ):
        raise ValueError(f"'{needed}' is missing or malformed")
    return body


def _rendered(asked: Asked, reply: Reply) -> Reply:
    """Return the reply with its bytes."""
    if reply.body is not None or reply.error is not None or reply.status >= 400:
        return _plain(reply)
    if asked.body.get("stream"):
        lines = [*(json.dumps(each) for each in _chunks(asked, reply)), "[DONE]"]
        body = "".join(f"data: {line}\n\n" for line in lines).encode()
        return replace(reply, body=body, content_type="text/event-stream; charset=utf-8")
    whole = {**_frame(asked, "chat.completion"), "choices": _choice(_message(reply), reply.finish)}
    return replace(reply, body=json.dumps({**whole, **_usage(asked, reply)}).encode())


def _plain(reply: Reply) -> Reply:
    """Return a reply that is no completion with its bytes."""
    if reply.body is not None:
        return reply
    error = reply.error or {"message": f"status {reply.status}", "type": "server_error", "param": None, "code": None}
    return replace(reply, body=json.dumps({"error": error}).encode())


def _chunks(asked: Asked, reply: Reply) -> Iterator[Json]:
    """The events of a stream: the role, the reasoning, the text in pieces, tool calls, the finish, the usage."""
    frame = _frame(asked, "chat.completion.chunk")
    message = _message(reply)
    text = message["content"] or ""
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    deltas += [{key: message[key]} for key in ("reasoning_content", "refusal") if message.get(key)]
    deltas += [{"content": text[start : start + PIECE]} for start in range(0, len(text), PIECE)]
    deltas += [{"tool_calls": [{"index": i, **call}]} for i, call in enumerate(reply.tool_calls)]
    for delta in deltas:
        yield {**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    if reply.finish:
        yield {**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": reply.finish}]}
    if reply.usage and (asked.body.get("stream_options") or {}).get("include_usage"):
        yield {**frame, "choices": [], **_usage(asked, reply)}


def _frame(asked: Asked, kind: str) -> Json:
    identity = hashlib.sha256(json.dumps(asked.body, sort_keys=True).encode()).hexdigest()[:24]
    return {"id": f"chatcmpl-{identity}", "object": kind, "created": CREATED, "model": asked.body["model"]}


def _message(reply: Reply) -> Json:
    silent = reply.refusal is not None or (reply.tool_calls and not reply.text)
    message: Json = {"role": "assistant", "content": None if silent else reply.text, "refusal": reply.refusal}
    if reply.reasoning is not None:
        message["reasoning_content"] = reply.reasoning
    if reply.tool_calls:
        message["tool_calls"] = list(reply.tool_calls)
    return message


def _choice(message: Json, finish: str | None = "stop") -> list[Json]:
    return [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}]


def _usage(asked: Asked, reply: Reply) -> Json:
    if not reply.usage:
        return {}
    prompt = len(asked.text.split()) if reply.prompt_tokens is None else reply.prompt_tokens
    completion = len((reply.text or "").split()) if reply.completion_tokens is None else reply.completion_tokens
    return {
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": reply.cached_tokens},
            "completion_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
        }
    }


def _fault(choices: list[Json] | None) -> bytes:
    frame = {"id": "chatcmpl-fault", "object": "chat.completion", "created": CREATED, "model": MODEL}
    return json.dumps({**frame, "choices": choices}).encode()


def _embedded(body: Json) -> Reply:
    given = body["input"]
    one = isinstance(given, str) or isinstance(given[0], int)  # a text or its tokens; else a list of either
    inputs = [given] if one else given
    rows = []
    for index, each in enumerate(inputs):
        vector = unit_vector(each if isinstance(each, str) else json.dumps(each), body.get("dimensions") or DIMENSIONS)
        packed = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        shown = packed if body.get("encoding_format") == "base64" else vector
        rows.append({"object": "embedding", "index": index, "embedding": shown})
    tokens = sum(len(each.split()) if isinstance(each, str) else len(each) for each in inputs)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return _document({"object": "list", "data": rows, "model": body["model"], "usage": usage})


def unit_vector(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """Return the embedding that the server gives a text: a vector of length 1 that only the text determines."""
    drawn = hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(4 * dimensions)
    vector = [value / 2**31 - 1 for value in struct.unpack(f"<{dimensions}I", drawn)]
    norm = math.hypot(*vector)
    return [value / norm for value in vector]


def _document(value: Json) -> Reply:
    return Reply(body=json.dumps(value).encode())


def _text(content: object) -> str:
    """Return the text of a message, which is a string or a list of parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""
