"""What a role may ask of a language model, and what it gets: frozen records and the seam between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from pydantic import Field, JsonValue

from mendloop.events import AnyEvent
from mendloop.frozen import Frozen

Finish = Literal["stop", "length", "content_filter", "refusal", "tool_calls", "context", "missing", "budget"]
"""Why an answer ended. `context`: the request is longer than the model reads, and nothing came back. `missing`: the
server did not say, so that the text may be cut. `budget`: the session's own budget is used up, and nothing was asked;
the text says of what."""


class ChatMessage(Frozen):
    """One message of a request."""

    role: Literal["system", "user", "assistant"]
    content: str


class ChatRequest(Frozen):
    """One question to a model. `max_tokens` is always set: an endless answer must end.

    Without a `temperature` the server's own is used. `seed` makes a sample repeatable where the server can.
    `json_schema` asks for one JSON object of that form, and is only used where a probe has shown that the server
    honours it.
    """

    messages: tuple[ChatMessage, ...]
    max_tokens: int = Field(ge=1)
    temperature: float | None = Field(ge=0)
    seed: int
    json_schema: dict[str, JsonValue] | None = None


class Usage(Frozen):
    """Tokens as the server counts them: `cached` are among `prompt`, `reasoning` among `completion`."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0

    @property
    def total(self) -> int:
        """Prompt and completion together."""
        return self.prompt + self.completion

    def __add__(self, other: Usage) -> Usage:
        """Return what two answers took together."""
        return Usage(
            prompt=self.prompt + other.prompt,
            completion=self.completion + other.completion,
            cached=self.cached + other.cached,
            reasoning=self.reasoning + other.reasoning,
        )


Fault = Literal[
    "connect", "first_byte", "wall", "reset", "cut", "malformed", "rate_limited", "server_error", "missing_finish"
]
"""What went wrong with one attempt: no connection, nothing within the time to the first byte, not whole within the wall
deadline, a connection that ended before or within the body, a body that is not the protocol's, 429, 5xx (also 408 and
409), no finish."""


class Attempt(Frozen):
    """One request that did not give an answer. `ms` from its permit to its end; `bytes` of the body that had come.

    `waited_s` is how long was waited after it, before a permit was asked for again.
    """

    fault: Fault
    detail: str = ""
    ms: float = 0.0
    bytes: int = 0
    waited_s: float = 0.0


class Rates(Frozen):
    """How a model behind an endpoint is doing now; `limit` is how many requests may be under way at once."""

    model: str
    endpoint: str
    state: Literal["closed", "open", "probing"] = "closed"
    limit: int = 1
    under_way: int = 0
    waiting: int = 0
    answered: int = 0
    failed: int = 0
    rate_limited: int = 0


Listener = Callable[[AnyEvent], None]
"""Hears of changes that are journalled beside the sessions: see `PaceChanged` and `CircuitChanged`."""


class Overrun(Frozen):
    """By how much a request is longer than its model reads, in tokens, as far as the server says it.

    `asked` may count the room for the answer too: servers differ.
    """

    asked: int | None = None
    window: int | None = None


class Answer(Frozen):
    """One answer. `reasoning` is kept apart from the text; `ms` is the model's time, without waiting for a permit.

    `attempts` are the requests before it that gave none; `usage` counts what the server counted for them too.
    `degenerate` marks text that repeats itself without end. `escaped` counts characters that no file could hold and
    that were written as escapes. `overrun` is there where the finish is `context`. `price_factor` is the share of the
    ordinary price that it costs, below 1 where a provider gives a discount; `usd` is what it did cost, None where no
    price is known.
    """

    text: str
    finish: Finish
    model: str = ""
    reasoning: str = ""
    usage: Usage = Usage()
    attempts: tuple[Attempt, ...] = ()
    ms: float = 0.0
    degenerate: bool = False
    escaped: int = 0
    overrun: Overrun | None = None
    price_factor: float = Field(default=1.0, ge=0)
    usd: float | None = Field(default=None, ge=0)

    @property
    def tries(self) -> int:
        """How many requests it took."""
        return len(self.attempts) + 1


class Chat(Protocol):
    """A language model behind an endpoint."""

    @property
    def model(self) -> str:
        """The model's name, as it stands in records."""
        ...

    async def ask(self, request: ChatRequest) -> Answer:
        """Return the model's answer. Raises ProviderError when there is none after the retries."""
        ...

    async def aclose(self) -> None:
        """Release the connection. Closing twice is harmless."""
        ...
