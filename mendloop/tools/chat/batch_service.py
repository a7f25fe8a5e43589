"""The batch API of an OpenAI-compatible endpoint, through the openai client, whose exceptions end in this module."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import openai
from openai.types import Batch as Sent

from mendloop.tools.chat.address import Endpoint
from mendloop.tools.chat.batch_api import Batch, BatchError, BatchUnseenError
from mendloop.tools.chat.batch_lines import COMPLETIONS, Results, body_of, id_of, line_of, results_in
from mendloop.tools.chat.protocol import ChatRequest

RUN, MODEL = "mendloop_run", "model"
"""The metadata of a batch: whose it is."""
WINDOW: Final = "24h"
ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
PAGE = 100
TIMEOUT_S = 120.0
"""For a file of a hundred megabytes."""
RETRIES = 4
"""Of what may happen twice without harm: a second upload is a file that nobody uses."""


class OpenAIBatches:
    """Batches of one model behind one endpoint."""

    def __init__(self, model: str, endpoint: Endpoint) -> None:
        """Connect to nothing yet."""
        self._model, self._endpoint = model, endpoint
        self._client = openai.AsyncOpenAI(
            api_key=endpoint.secret.get_secret_value(),
            base_url=endpoint.url,
            http_client=openai.DefaultAioHttpClient(),
            max_retries=RETRIES,
            timeout=TIMEOUT_S,
        )

    @property
    def endpoint(self) -> str:
        """The address, as people may see it."""
        return self._endpoint.shown

    def id_of(self, request: ChatRequest) -> str:
        """Return the id of a question in every batch."""
        return id_of(self._body(request))

    def line_of(self, request: ChatRequest) -> bytes:
        """Return the line of a question."""
        return line_of(self._body(request))

    async def check(self, timeout_s: float) -> None:
        """See that the endpoint has a batch API. Raises BatchError."""
        async with self._told():
            await self._once.batches.list(limit=1, timeout=timeout_s)

    async def send(self, run: str, lines: Sequence[bytes]) -> Batch:
        """Upload the lines and make one batch of them, once: one whose making was not seen is looked for.

        Raises BatchError.
        """
        async with self._told():
            file = await self._client.files.create(file=("questions.jsonl", b"".join(lines)), purpose="batch")
        ours = self._metadata(run)
        try:
            async with self._told():
                sent = await self._once.batches.create(
                    completion_window=WINDOW, endpoint=COMPLETIONS, input_file_id=file.id, metadata=ours
                )
                return _batch(sent, self._endpoint)
        except BatchUnseenError:
            found = [batch for batch in await self.sent_by(run) if batch.input_file == file.id]
            if not found:
                raise
            return found[0]

    async def look(self, batch: Batch) -> Batch:
        """Return the batch as it is now. Raises BatchUnseenError, and BatchError for one that is not there."""
        async with self._told():
            return _batch(await self._once.batches.retrieve(batch.id), self._endpoint)

    async def sent_by(self, run: str) -> list[Batch]:
        """Return all batches that were made in the name of a run. Raises BatchError."""
        async with self._told():
            pages = self._client.batches.list(limit=PAGE)
            ours = self._metadata(run).items()
            return [_batch(each, self._endpoint) async for each in pages if ours <= (each.metadata or {}).items()]

    async def results(self, batch: Batch) -> Results:
        """Return what stands in a batch's files. Raises BatchError."""
        answers: dict[str, Any] = {}
        refusals: dict[str, str] = {}
        for file in batch.files:
            async with self._told():
                content = await self._client.files.content(file)
                found = results_in(content.content.decode("utf-8", "replace"))
            answers |= found.answers
            refusals |= {key: self._endpoint.quoted(reason) for key, reason in found.refusals.items()}
        return Results(answers, refusals)

    async def cancel(self, batch: Batch) -> None:
        """Ask for a batch to end. Raises BatchError."""
        async with self._told():
            await self._client.batches.cancel(batch.id)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    @property
    def _once(self) -> openai.AsyncOpenAI:
        """The client without retries."""
        return self._client.with_options(max_retries=0)

    def _metadata(self, run: str) -> dict[str, str]:
        return {RUN: run, MODEL: self._model}

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        return body_of(request, self._model, foreign=self._endpoint.foreign)

    @asynccontextmanager
    async def _told(self) -> AsyncIterator[None]:
        """Turn whatever the client raises into a BatchError that tells no secret."""
        try:
            yield
        except openai.APIStatusError as error:
            kind = BatchUnseenError if error.status_code in (408, 409, 429) or error.status_code >= 500 else BatchError
            told = self._endpoint.quoted(f"{error.status_code}: {error.message}")
            raise kind(told) from self._endpoint.cause(error)
        except (openai.OpenAIError, ValueError, TypeError, KeyError, AttributeError) as error:
            told = self._endpoint.quoted(str(error).strip().partition("\n")[0] or type(error).__name__)
            raise BatchUnseenError(told) from self._endpoint.cause(error)


def _batch(sent: Sent, endpoint: Endpoint) -> Batch:
    errors = (sent.errors.data if sent.errors else None) or []
    reason = "; ".join(dict.fromkeys(each.message or each.code or "" for each in errors))
    return Batch(
        id=sent.id,
        status=sent.status,
        ended=sent.status in ENDED,
        input_file=sent.input_file_id,
        questions=sent.request_counts.total if sent.request_counts else 0,
        files=tuple(file for file in (sent.output_file_id, sent.error_file_id) if file),
        reason=endpoint.quoted(reason),
    )
