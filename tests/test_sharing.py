"""The server that shares answers: each question reaches the model once, and its answer outlives the server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import openai
import pytest

from benchmarks.sharing import Shared, shared_answers
from tests.openai_server import Asked, OpenAIServer, Reply, server_error


def counted(asked: Asked) -> Reply:
    return Reply(f"answer {asked.number}")


async def said(address: str, text: str, seed: int = 0) -> str | None:
    async with openai.AsyncOpenAI(base_url=address, api_key="any", max_retries=0) as client:
        done = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": text}], seed=seed, max_tokens=9
        )
    return done.choices[0].message.content


async def test_equal_questions_get_one_answer_and_other_seeds_another(tmp_path: Path) -> None:
    with OpenAIServer(counted) as server:
        shared = Shared(f"{server.base_url}/chat/completions", tmp_path / "answers.jsonl")
        async with shared_answers(shared) as address:
            together = await asyncio.gather(*(said(address, "a") for _ in range(5)))
            assert set(together) == {"answer 0"}
            assert await said(address, "a") == "answer 0"
            assert await said(address, "a", seed=1) == "answer 1"
            assert await said(address, "b") == "answer 2"
        assert (len(server.requests), shared.asked, shared.again) == (3, 3, 1)


async def test_answers_outlive_the_server(tmp_path: Path) -> None:
    with OpenAIServer(counted) as server:
        first = Shared(f"{server.base_url}/chat/completions", tmp_path / "answers.jsonl")
        async with shared_answers(first) as address:
            assert await said(address, "a") == "answer 0"
    nowhere = Shared("http://127.0.0.1:9/v1/chat/completions", tmp_path / "answers.jsonl")
    async with shared_answers(nowhere) as address:
        assert await said(address, "a") == "answer 0"


async def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    async with shared_answers(Shared("http://127.0.0.1:9/v1/chat/completions", tmp_path / "answers.jsonl")) as address:
        with pytest.raises(openai.InternalServerError, match=r"no answer from http://127\.0\.0\.1:9"):
            await said(address, "a")


async def test_a_refusal_is_passed_on_and_not_kept(tmp_path: Path) -> None:
    answers = iter([server_error(503), Reply("now")])
    with OpenAIServer(lambda _: next(answers)) as server:
        shared = Shared(f"{server.base_url}/chat/completions", tmp_path / "answers.jsonl")
        async with shared_answers(shared) as address:
            with pytest.raises(openai.InternalServerError):
                await said(address, "a")
            assert await said(address, "a") == "now"
