"""A loopback server before a model's: runs that ask the same question get the same answer, which is asked for once.

Methods that are compared on the same problems begin with the same questions. With answers in common they differ by
what the methods do and not by what was drawn, and a model works for them once. Every run counts the tokens of every
answer it got. The answers are kept in a file, so that runs which stopped go on from it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, web

ASKED_FOR = ("messages", "temperature", "max_tokens", "seed", "response_format")
"""What of a request makes a question."""


@dataclass
class Shared:
    """The answers there are, by question, and the questions that are under way at the model's server `upstream`.

    `asked` counts the questions that went to the model, `again` those that were answered without it.
    """

    upstream: str
    file: Path
    key: str = "none"
    parallel: int = 4
    answers: dict[str, Any] = field(default_factory=dict)
    under_way: dict[str, asyncio.Future[tuple[int, Any]]] = field(default_factory=dict)
    asked: int = 0
    again: int = 0

    def __post_init__(self) -> None:
        if self.file.exists():
            rows = (json.loads(line) for line in self.file.read_text(encoding="utf-8").splitlines())
            self.answers = {row["question"]: row["answer"] for row in rows}
        self._room = asyncio.Semaphore(self.parallel)

    async def answer(self, session: ClientSession, body: dict[str, Any]) -> tuple[int, Any]:
        """Return the status and the answer to a request; one that is not an answer is not kept."""
        question = question_of(body)
        if question in self.answers:
            self.again += 1
            return 200, self.answers[question]
        if question not in self.under_way:
            self.under_way[question] = asyncio.ensure_future(self._ask(session, question, body))
        return await asyncio.shield(self.under_way[question])

    async def _ask(self, session: ClientSession, question: str, body: dict[str, Any]) -> tuple[int, Any]:
        try:
            whole = {name: value for name, value in body.items() if not name.startswith("stream")}
            headers = {"Authorization": f"Bearer {self.key}"}
            async with self._room, session.post(self.upstream, json=whole, headers=headers) as reply:
                status, answer = reply.status, await reply.json(content_type=None)
        except (ClientError, ValueError) as lost:
            return 502, {"error": {"message": f"no answer from {self.upstream}: {lost}"}}
        finally:
            del self.under_way[question]
        self.asked += 1
        if status == 200:
            self.answers[question] = answer
            with self.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"question": question, "answer": answer}, ensure_ascii=False) + "\n")
        return status, answer


def question_of(body: dict[str, Any]) -> str:
    """Return the digest of what a request asks."""
    asked = [body.get(name) for name in ASKED_FOR]
    return hashlib.sha256(json.dumps(asked, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


@asynccontextmanager
async def shared_answers(shared: Shared) -> AsyncIterator[str]:
    """Serve until the end of the block; yields the address for `OPENAI_BASE_URL`."""
    async with ClientSession(timeout=ClientTimeout(total=None)) as session:

        async def chat(request: web.Request) -> web.Response:
            status, answer = await shared.answer(session, await request.json())
            return web.json_response(answer, status=status)

        async def models(_: web.Request) -> web.Response:
            address = shared.upstream.removesuffix("/chat/completions") + "/models"
            async with session.get(address, headers={"Authorization": f"Bearer {shared.key}"}) as reply:
                return web.json_response(await reply.json(content_type=None), status=reply.status)

        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/v1/chat/completions", chat)
        app.router.add_get("/v1/models", models)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        finally:
            await runner.cleanup()
