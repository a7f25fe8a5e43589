"""One request to an OpenAI-compatible server, through langchain-openai: whatever can go wrong becomes a typed fault.

The vendors' clients for chat, and their exceptions, end in this module. Their retries are off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any, Protocol

import aiohttp
import openai
from langchain_core.exceptions import ContextOverflowError
from langchain_core.outputs import ChatResult
from langchain_openai import ChatOpenAI
from langchain_openai.chat_models.base import BaseChatOpenAI

from mendloop.tools.chat.address import Endpoint
from mendloop.tools.chat.failing import AttemptError, RefusalError
from mendloop.tools.chat.patience import Deadlines
from mendloop.tools.chat.protocol import Answer, Attempt, ChatRequest, Fault
from mendloop.tools.chat.received import answer_of, overrun_of
from mendloop.tools.chat.retry_after import asked_to_wait
from mendloop.tools.chat.texts import storable
from mendloop.tools.tracing import no_uploads

QUOTA_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
OVERLONG = "exceed_context_size_error"
"""What llama.cpp calls a request that is longer than its model reads, whatever the status."""


class _Response(Protocol):
    """A response whose headers have come."""

    @property
    def num_bytes_downloaded(self) -> int: ...


class _Watch:
    """What is seen of an attempt while it is under way, and its clock: until the first byte, then until the wall."""

    def __init__(self, deadlines: Deadlines) -> None:
        self.deadlines = deadlines
        self._time = asyncio.get_running_loop().time
        self.began = self._time()
        self.timer = asyncio.timeout_at(self.began + deadlines.first_byte_s)
        self.response: _Response | None = None

    def first_byte(self, response: _Response) -> None:
        """Note that headers have come."""
        self.response = response
        if not self.timer.expired():
            self.timer.reschedule(self.began + self.deadlines.wall_s)

    @property
    def ms(self) -> float:
        """Milliseconds since the attempt began."""
        return (self._time() - self.began) * 1000

    def failed(self, fault: Fault, detail: str, asked_s: float = 0.0) -> AttemptError:
        """Return the attempt as one that came to nothing."""
        received = self.response.num_bytes_downloaded if self.response else 0
        return AttemptError(Attempt(fault=fault, detail=detail, ms=round(self.ms, 1), bytes=received), asked_s)


_WATCHED: ContextVar[_Watch | None] = ContextVar("_WATCHED", default=None)
"""The attempt that a response belongs to: the client between here and there hands nothing through."""


async def _noticed(response: _Response) -> None:
    watch = _WATCHED.get()
    if watch is not None:
        watch.first_byte(response)


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


class OpenAIClient:
    """One model behind one endpoint, asked once at a time and never again by itself."""

    def __init__(self, model: str, endpoint: Endpoint) -> None:
        """Connect to nothing yet."""
        self._model, self._endpoint = model, endpoint
        no_uploads()
        kind = _ForeignChat if endpoint.foreign else ChatOpenAI
        self._client: BaseChatOpenAI = kind(
            model=model,
            api_key=endpoint.secret,
            base_url=endpoint.url,
            openai_proxy=None,  # else a variable of the environment
            http_async_client=openai.DefaultAioHttpClient(event_hooks={"response": [_noticed]}),
            max_retries=0,
            use_responses_api=False,
        )

    async def ask(self, request: ChatRequest, deadlines: Deadlines) -> Answer:
        """Return the answer. Raises AttemptError where another attempt may help, RefusalError where none would."""
        watch = _Watch(deadlines)
        token = _WATCHED.set(watch)
        try:
            async with watch.timer:
                message = await self._client.ainvoke(_said(request), **_options(request, deadlines))
        except TimeoutError as error:
            raise self._late(watch) from error
        except (openai.OpenAIError, aiohttp.ClientError, OSError) as error:
            if _too_long(error):
                told, body = _told(error), _body(error)
                return Answer(text="", finish="context", model=self._model, overrun=overrun_of(told, body), ms=watch.ms)
            raise self._failure(error, watch) from self._endpoint.cause(error)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            told = self._endpoint.quoted(_first_line(error))
            raise watch.failed("malformed", f"the answer is not the protocol's: {told}") from self._endpoint.cause(
                error
            )
        finally:
            _WATCHED.reset(token)
        answer, ended = answer_of(message, self._model, watch.ms)
        if not ended:
            cut = watch.failed("missing_finish", "the answer does not say why it ended")
            cut.answer = answer
            raise cut
        return answer

    async def models(self, deadlines: Deadlines) -> tuple[str, ...]:
        """Return the names of the models that the server lists; none where it does not say.

        Raises RefusalError where it refuses the key, AttemptError where nothing answers.
        """
        watch = _Watch(deadlines)
        token = _WATCHED.set(watch)
        try:
            async with watch.timer:
                page = await self._client.root_async_client.models.list(timeout=_timeout(deadlines))
                return tuple(model.id for model in page.data)
        except openai.AuthenticationError as error:
            raise self._refused_key(error.status_code) from self._endpoint.cause(error)
        except openai.APIConnectionError as error:
            raise self._unreached(error, watch) from self._endpoint.cause(error)
        except (openai.OpenAIError, aiohttp.ClientError, OSError, ValueError, AttributeError, TypeError):
            return ()
        finally:
            _WATCHED.reset(token)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.root_async_client.close()
        self._client.root_client.close()

    def _late(self, watch: _Watch) -> AttemptError:
        if watch.response is None:
            return watch.failed("first_byte", f"no answer within {watch.deadlines.first_byte_s:g} s")
        return watch.failed("wall", f"the answer was not whole within {watch.deadlines.wall_s:g} s")

    def _failure(self, error: Exception, watch: _Watch) -> Exception:
        match error:
            case openai.APIStatusError():
                return self._by_status(error, watch)
            case openai.OpenAIError() if not isinstance(error, openai.APIConnectionError):
                return watch.failed("malformed", self._endpoint.quoted(_first_line(error)))
            case _:
                return self._unreached(error, watch)

    def _unreached(self, error: Exception, watch: _Watch) -> AttemptError:
        """Return what became of a connection; the client between calls most of it a time-out, aiohttp knows."""
        for cause in _causes(error):
            match cause:
                case aiohttp.ConnectionTimeoutError():
                    return watch.failed("connect", f"no connection within {watch.deadlines.connect_s:g} s")
                case aiohttp.ClientConnectorDNSError():
                    return watch.failed("connect", f"no connection: the name `{cause.host}` is not known")
                case aiohttp.ClientConnectorCertificateError():
                    told = self._endpoint.quoted(str(cause.certificate_error))
                    return watch.failed("connect", f"no connection: the certificate is not trusted: {told}")
                case aiohttp.ClientConnectorSSLError():
                    return watch.failed("connect", f"no connection: TLS: {self._endpoint.quoted(_first_line(cause))}")
                case aiohttp.ClientConnectorError():
                    reason = cause.os_error.strerror or type(cause.os_error).__name__
                    return watch.failed("connect", f"no connection: {reason.lower()}")
                case aiohttp.ClientResponseError():
                    told = self._endpoint.quoted(cause.message.partition("\n")[0])
                    return watch.failed("malformed", f"what answers does not speak HTTP: {told}")
                case aiohttp.ClientError() if watch.response is None:
                    return watch.failed("reset", "the connection was cut before the answer")
                case aiohttp.ClientError():
                    return watch.failed("cut", "the connection was cut within the answer")
        told = self._endpoint.quoted(_first_line(cause))
        if watch.response is None:
            return watch.failed("connect", f"no connection: {told}")
        return watch.failed("malformed", f"the answer is not the protocol's: {told}")

    def _by_status(self, error: openai.APIStatusError, watch: _Watch) -> Exception:
        status, told = error.status_code, self._endpoint.quoted(_told(error))
        shown = self._endpoint.shown
        if status in (401, 403):
            return self._refused_key(status)
        if status == 404:
            what = f"{shown} knows no model `{self._model}`, or is not where the API lies: {told}"
            return RefusalError("model", what, "models", f"check the model's name and {self._endpoint.url_name}")
        if status == 402 or (status == 429 and QUOTA_CODES & {error.code, error.type}):
            return RefusalError("quota", f"quota: {told}", shown, "raise the quota, then resume")
        if status == 429:
            return watch.failed("rate_limited", f"429: {told}", asked_to_wait(error.response.headers))
        if status in (408, 409) or status >= 500:
            return watch.failed("server_error", f"{status}: {told}", asked_to_wait(error.response.headers))
        return RefusalError("request", f"the request was refused ({status}): {told}", shown)

    def _refused_key(self, status: int) -> RefusalError:
        name = self._endpoint.key_name
        what = f"{self._endpoint.shown} refuses the key ({status})"
        return RefusalError("auth", what, name, f"set {name} to a key of that server")


def _said(request: ChatRequest) -> list[tuple[str, str]]:
    return [(message.role, storable(message.content)[0]) for message in request.messages]


def _timeout(deadlines: Deadlines) -> openai.Timeout:
    """Return the client's own time-out: for the name, the connection and the handshake together."""
    return openai.Timeout(None, connect=deadlines.connect_s, pool=deadlines.connect_s)


def _options(request: ChatRequest, deadlines: Deadlines) -> dict[str, Any]:
    options: dict[str, Any] = {
        "max_tokens": request.max_tokens,
        "seed": request.seed,
        "timeout": _timeout(deadlines),
    }
    if request.temperature is not None:
        options["temperature"] = request.temperature
    if request.json_schema is not None:
        schema = {"name": "answer", "schema": request.json_schema, "strict": True}
        # As an extra part of the body: the client would otherwise parse the answer, and drop one that was cut.
        options["extra_body"] = {"response_format": {"type": "json_schema", "json_schema": schema}}
    return options


def _too_long(error: Exception) -> bool:
    """Tell whether a request was refused because the model cannot read that much; servers word it differently."""
    if isinstance(error, ContextOverflowError) or _body(error).get("type") == OVERLONG:
        return True
    if not isinstance(error, openai.BadRequestError):
        return False
    return error.code == "context_length_exceeded" or "context" in _told(error).lower()


def _body(error: Exception) -> Mapping[str, object]:
    body = getattr(error, "body", None)
    return body if isinstance(body, dict) else {}


def _told(error: Exception) -> str:
    told = _body(error).get("message")
    return told if isinstance(told, str) else _first_line(error)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, then what caused it, down to the first."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
