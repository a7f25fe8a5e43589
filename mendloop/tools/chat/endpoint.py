"""Any OpenAI-compatible endpoint, through langchain-openai. The vendors' clients and exceptions end in this module.

The SDK's retries are off: one loop here decides what is tried again. A request has one wall deadline that counts from
the moment it gets its permit.
"""

from __future__ import annotations

import asyncio
import random
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import numpy as np
import openai
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatResult
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_openai.chat_models.base import BaseChatOpenAI
from pydantic import SecretStr

from mendloop.errors import BudgetError, InputError, ProviderError
from mendloop.memory.protocol import EmbeddingFailed, Vector
from mendloop.settings import MIN_SECRET
from mendloop.tools.chat.protocol import Answer, ChatMessage, ChatRequest, Finish, Usage
from mendloop.tools.chat.texts import is_degenerate, storable, without_thoughts
from mendloop.tools.tracing import no_uploads

OPENAI_HOST = "api.openai.com"
OPENAI_URL = f"https://{OPENAI_HOST}/v1"
NO_KEY = "none"
"""What a server without keys is given, because the client insists on one."""
FINISHES: Mapping[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
MASK = "***"
MAX_QUOTED = 300
MAX_WAIT_S = 120.0
NO_CONNECTION = "no connection, or it was cut"


@dataclass(frozen=True)
class Endpoint:
    """Where a model answers. `base_url` None is OpenAI's own."""

    base_url: str | None = field(repr=False)
    key: SecretStr | None
    key_name: str = "OPENAI_API_KEY"
    url_name: str = "OPENAI_BASE_URL"

    @property
    def foreign(self) -> bool:
        """True for every server but OpenAI's own."""
        return self.base_url is not None and urlsplit(self.base_url).hostname != OPENAI_HOST

    @property
    def shown(self) -> str:
        """The address for people: no user, password or query."""
        if self.base_url is None:
            return OPENAI_URL
        parts = urlsplit(self.base_url)
        host = parts.hostname or ""
        return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"

    def masked(self, text: str) -> str:
        """Return a text without the key and the address's password, which careless servers and clients quote."""
        password = urlsplit(self.base_url).password if self.base_url else None
        for secret in (self.key.get_secret_value() if self.key else "", password or ""):
            text = text.replace(secret, MASK) if len(secret) >= MIN_SECRET else text
        return text

    def quoted(self, text: str) -> str:
        """Return what a server or a client says, fit for an error of ours."""
        return self.masked(text)[:MAX_QUOTED]

    def cause(self, error: BaseException) -> BaseException | None:
        """Return an error as the cause that an error of ours names; none where its traceback would tell a secret."""
        told = "".join(traceback.format_exception(error))
        return error if self.masked(told) == told else None


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds, and how often to try again. `preflight_s` is for the first look at a server."""

    deadline_s: float = 300.0
    preflight_s: float = 5.0
    tries: int = 6
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0


class _ForeignChat(BaseChatOpenAI):
    """A server that is not OpenAI's: it is told `max_tokens` by that name, and may think in `reasoning_content`."""

    def _create_chat_result(
        self, response: dict[str, Any] | openai.BaseModel, generation_info: dict[str, Any] | None = None
    ) -> ChatResult:
        result = super()._create_chat_result(response, generation_info)
        plain = response if isinstance(response, dict) else response.model_dump(warnings=False)
        for choice, generation in zip(plain["choices"], result.generations, strict=True):
            said = choice.get("message") or {}
            thoughts = said.get("reasoning_content") or said.get("reasoning")
            if isinstance(thoughts, str):
                generation.message.additional_kwargs["reasoning_content"] = thoughts
        return result


class _TransientError(Exception):
    """The request may succeed when it is sent again; `wait_s` is what the server asks for. `slow`: it took too long."""

    def __init__(self, what: str, wait_s: float = 0.0, *, slow: bool = False) -> None:
        super().__init__(what)
        self.wait_s, self.slow = wait_s, slow


@dataclass
class EndpointChat:
    """One model behind an endpoint; at most `parallel` requests are under way."""

    model: str
    endpoint: Endpoint
    parallel: int = 16
    patience: Patience = Patience()
    _client: BaseChatOpenAI | None = field(default=None, repr=False)
    _permits: asyncio.Semaphore | None = field(default=None, repr=False)
    _jitter: random.Random = field(default_factory=random.Random, repr=False)

    async def ask(self, request: ChatRequest) -> Answer:
        """Return the answer. Raises ProviderError, or BudgetError when no quota is left."""
        if self._permits is None:
            self._permits = asyncio.Semaphore(self.parallel)
        tries, wait = 0, self.patience.first_wait_s
        while True:
            tries += 1
            try:
                async with self._permits:
                    answer = await self._once(request, self.patience.deadline_s)
                return answer.model_copy(update={"tries": tries})
            except _TransientError as fault:
                if tries >= self.patience.tries:
                    raise self._given_up(f"{fault} ({tries} tries)") from fault
                pause = max(fault.wait_s, self._jitter.uniform(0, wait))
                wait = min(wait * 2, self.patience.longest_wait_s)
            await asyncio.sleep(min(pause, MAX_WAIT_S))

    async def check(self) -> None:
        """See that URL, key and model are right, in a few seconds. Raises InputError naming what is not."""
        try:
            await self._once(_HELLO, self.patience.preflight_s)
        except _TransientError as fault:
            if not fault.slow:  # slow, but it is there
                raise self._unusable(str(fault)) from fault
        except ProviderError as error:
            raise InputError(error.what, where=error.where, remedy=error.remedy) from error

    async def offered(self) -> tuple[str, ...]:
        """Return the names of the models that the server lists; none where it does not say.

        Raises InputError where it refuses the key, or where nothing answers.
        """
        client = self._ready().root_async_client
        try:
            async with asyncio.timeout(self.patience.preflight_s):
                page = await client.models.list()
                return tuple(model.id for model in page.data)
        except openai.AuthenticationError as error:
            refused = self._refused_key(error.status_code)
            raise InputError(refused.what, where=refused.where, remedy=refused.remedy) from self.endpoint.cause(error)
        except openai.APIConnectionError as error:
            if not isinstance(error, openai.APITimeoutError) or _unconnected(error):
                raise self._unusable(NO_CONNECTION) from self.endpoint.cause(error)
            return ()
        except (openai.OpenAIError, TimeoutError, ValueError, AttributeError, TypeError):
            return ()

    async def aclose(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.root_async_client.close()
            client.root_client.close()

    def _ready(self) -> BaseChatOpenAI:
        if self._client is None:
            no_uploads()
            kind = _ForeignChat if self.endpoint.foreign else ChatOpenAI
            self._client = kind(
                model=self.model,
                api_key=self.endpoint.key or SecretStr(NO_KEY),
                base_url=self.endpoint.base_url or OPENAI_URL,
                openai_proxy=None,  # else a variable of the environment
                http_async_client=openai.DefaultAioHttpClient(),
                max_retries=0,
                timeout=self.patience.deadline_s,
                use_responses_api=False,
            )
        return self._client

    async def _once(self, request: ChatRequest, deadline_s: float) -> Answer:
        """Ask once, and turn whatever can go wrong into one of three errors."""
        client = self._ready()
        began = time.monotonic()
        try:
            async with asyncio.timeout(deadline_s):
                message = await client.ainvoke(_said(request), **_options(request))
        except TimeoutError as error:
            raise _TransientError(f"no answer within {deadline_s:g} s", slow=True) from error
        except openai.OpenAIError as error:
            if _too_long(error):
                return Answer(text="", finish="context", model=self.model)
            raise self._failure(error) from self.endpoint.cause(error)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            told = self.endpoint.quoted(_first_line(error))
            raise _TransientError(f"the answer is not the protocol's: {told}") from self.endpoint.cause(error)
        return _answer(message, self.model, (time.monotonic() - began) * 1000)

    def _failure(self, error: openai.OpenAIError) -> Exception:
        match error:
            case openai.APITimeoutError() if not _unconnected(error):
                return _TransientError(f"no answer within {self.patience.deadline_s:g} s", slow=True)
            case openai.APIConnectionError():
                return _TransientError(NO_CONNECTION)
            case openai.APIStatusError():
                return self._by_status(error)
            case _:
                return _TransientError(self.endpoint.quoted(_first_line(error)))

    def _by_status(self, error: openai.APIStatusError) -> Exception:
        status, told = error.status_code, self.endpoint.quoted(_told(error))
        if status in (401, 403):
            return self._refused_key(status)
        if status == 404:
            return ProviderError(
                f"{self.endpoint.shown} knows no model `{self.model}`, or is not where the API lies: {told}",
                where="models",
                remedy=f"check the model's name and {self.endpoint.url_name}",
            )
        if status == 402 or (status == 429 and error.code == "insufficient_quota"):
            return BudgetError(f"quota: {told}", where=self.endpoint.shown, remedy="raise the quota, then resume")
        if status == 429 or status in (408, 409) or status >= 500:
            return _TransientError(f"{status}: {told}", _asked_to_wait(error))
        return ProviderError(f"the request was refused ({status}): {told}", where=self.endpoint.shown)

    def _refused_key(self, status: int) -> ProviderError:
        return ProviderError(
            f"{self.endpoint.shown} refuses the key ({status})",
            where=self.endpoint.key_name,
            remedy=f"set {self.endpoint.key_name} to a key of that server",
        )

    def _unusable(self, what: str) -> InputError:
        return InputError(
            f"no usable answer from {self.endpoint.shown}: {what}",
            where=self.endpoint.url_name,
            remedy=f"is {self.endpoint.url_name} the address of an OpenAI-compatible server, with its /v1?",
        )

    def _given_up(self, what: str) -> ProviderError:
        return ProviderError(
            f"{self.model} does not answer: {what}", where=self.endpoint.shown, remedy="resume when it does"
        )


_HELLO = ChatRequest(messages=(ChatMessage(role="user", content="Say OK."),), max_tokens=16, temperature=None, seed=0)


def _said(request: ChatRequest) -> list[tuple[str, str]]:
    return [(message.role, storable(message.content)[0]) for message in request.messages]


def _options(request: ChatRequest) -> dict[str, Any]:
    options: dict[str, Any] = {"max_tokens": request.max_tokens, "seed": request.seed}
    if request.temperature is not None:
        options["temperature"] = request.temperature
    if request.json_schema is not None:
        schema = {"name": "answer", "schema": request.json_schema, "strict": True}
        # As an extra part of the body: the client would otherwise parse the answer, and drop one that was cut.
        options["extra_body"] = {"response_format": {"type": "json_schema", "json_schema": schema}}
    return options


def _answer(message: AIMessage, model: str, ms: float) -> Answer:
    spoken = message.content if isinstance(message.content, str) else "".join(map(_part, message.content))
    reasoning = str(message.additional_kwargs.get("reasoning_content") or "")
    text, thoughts = without_thoughts(spoken)
    (text, odd), (reasoning, _) = storable(text), storable(reasoning or thoughts)
    refused = message.additional_kwargs.get("refusal")
    finish: Finish = FINISHES.get(str(message.response_metadata.get("finish_reason")), "missing")
    counted = cast("dict[str, Any]", message.usage_metadata or {})
    return Answer(
        text=text,
        finish="refusal" if refused else finish,
        model=str(message.response_metadata.get("model_name") or model).rpartition("/")[2],
        reasoning=reasoning,
        usage=Usage(
            prompt=counted.get("input_tokens") or 0,
            completion=counted.get("output_tokens") or 0,
            cached=(counted.get("input_token_details") or {}).get("cache_read") or 0,
            reasoning=(counted.get("output_token_details") or {}).get("reasoning") or 0,
        ),
        ms=round(ms, 1),
        degenerate=is_degenerate(text),
        escaped=odd,
    )


def _part(part: str | dict[str, Any]) -> str:
    """Return the text of one part of a message; a part of another kind has none."""
    return part if isinstance(part, str) else str(part.get("text") or "")


def _unconnected(error: BaseException | None) -> bool:
    """Tell whether a time-out is none: the aiohttp transport calls a refused or reset connection one."""
    while error is not None:
        if type(error).__name__ == "ConnectTimeout":
            return True
        error = error.__cause__
    return False


def _too_long(error: openai.OpenAIError) -> bool:
    """Tell whether a request was refused because the model cannot read that much; servers word it differently."""
    if not isinstance(error, openai.BadRequestError):
        return False
    return error.code == "context_length_exceeded" or "context" in _told(error).lower()


def _told(error: openai.APIStatusError) -> str:
    body = error.body if isinstance(error.body, dict) else {}
    told = body.get("message")
    return told if isinstance(told, str) else _first_line(error)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _asked_to_wait(error: openai.APIStatusError) -> float:
    try:
        return max(0.0, float(error.response.headers.get("retry-after", 0)))
    except ValueError:
        return 0.0


UNKEPT: Mapping[str, str] = {"Connection": "close"}
"""No connection stays open, because nobody closes an embedder."""


class EndpointEmbedder:
    """Embeddings from an OpenAI-compatible endpoint, as unit vectors. Blocks: the memory's own thread calls it."""

    def __init__(self, model: str, endpoint: Endpoint, timeout_s: float = 30.0) -> None:
        """Ask once, for the number of dimensions. Raises EmbeddingFailed."""
        no_uploads()
        self._client = OpenAIEmbeddings(
            model=model,
            openai_api_key=endpoint.key or SecretStr(NO_KEY),
            openai_api_base=endpoint.base_url or OPENAI_URL,
            openai_proxy=None,
            default_headers=UNKEPT,
            check_embedding_ctx_length=not endpoint.foreign,
            max_retries=2,
            request_timeout=timeout_s,
        )
        self._endpoint = endpoint
        self.name = f"{model} at {endpoint.shown}"
        self.dimensions = len(self._asked("dimensions"))

    def embed(self, text: str) -> Vector:
        """Return the unit vector of a text, zero for one without content. Raises EmbeddingFailed."""
        if not text.strip():
            return np.zeros(self.dimensions, dtype=np.float32)
        vector = np.asarray(self._asked(storable(text)[0]), dtype=np.float32)
        length = float(np.linalg.norm(vector))
        return vector / np.float32(length) if length else vector

    def _asked(self, text: str) -> list[float]:
        try:
            return self._client.embed_query(text)
        except (openai.OpenAIError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise EmbeddingFailed(self._endpoint.quoted(_first_line(error))) from self._endpoint.cause(error)
