"""What a role may ask of a language model, and what it gets: frozen records and the seam between them."""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import Field, JsonValue

from mendloop.records import Frozen

Finish = Literal["stop", "length", "content_filter", "refusal", "tool_calls", "context", "missing"]
"""Why an answer ended. `context`: the request is longer than the model reads, and nothing came back. `missing`: the
server did not say, so that the text may be cut."""


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


class Answer(Frozen):
    """One answer. `reasoning` is kept apart from the text; `ms` is the model's time, without waiting for a permit.

    `tries` counts the requests that it took. `degenerate` marks text that repeats itself without end. `escaped` counts
    characters that no file could hold and that were written as escapes.
    """

    text: str
    finish: Finish
    model: str = ""
    reasoning: str = ""
    usage: Usage = Usage()
    tries: int = 1
    ms: float = 0.0
    degenerate: bool = False
    escaped: int = 0


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
