"""Questions that wait for the batch API: sent together, answered once, and never paid for twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from mendloop.errors import DamageError, ProviderError
from mendloop.events import AnyEvent, BatchChanged
from mendloop.tools.chat.address import Endpoint
from mendloop.tools.chat.batch import BatchingChat, BatchPlan
from mendloop.tools.chat.batch_lines import body_of, line_of, results_in
from mendloop.tools.chat.batch_run import FILE, BatchRun, batch_run
from mendloop.tools.chat.batch_service import OpenAIBatches
from mendloop.tools.chat.clock import JumpingClock
from mendloop.tools.chat.endpoint import EndpointChat
from mendloop.tools.chat.patience import Patience
from mendloop.tools.chat.protocol import Answer, ChatMessage, ChatRequest, Usage
from tests.batch_server import BATCHES, BatchServer
from tests.openai_server import MODEL, Asked, Reply, refused, server_error

KEY = "sk-canary-batch-0123456789"
BRISK = Patience(tries=2, first_wait_s=0.001, longest_wait_s=0.001)
SOON = BatchPlan(gather_s=0.05, poll_s=0.01)
NEW, KNOWN = BatchRun("a-run"), BatchRun("a-run", known=True)


def asking(text: str, seed: int = 3, **changes: Any) -> ChatRequest:
    message = ChatMessage(role="user", content=text)
    return ChatRequest(**{"messages": (message,), "max_tokens": 50, "temperature": 0.5, "seed": seed} | changes)


def echo(asked: Asked) -> Reply:
    return Reply(f"{asked.last}!", prompt_tokens=7, completion_tokens=2)


class Heard(list[BatchChanged]):
    def hear(self, event: AnyEvent) -> None:
        assert isinstance(event, BatchChanged)
        self.append(event)

    @property
    def states(self) -> list[str]:
        return [event.state for event in self]


@asynccontextmanager
async def batching(
    server: BatchServer, run: BatchRun | None = NEW, plan: BatchPlan = SOON, heard: Heard | None = None
) -> AsyncIterator[BatchingChat]:
    endpoint = Endpoint(server.base_url, SecretStr(KEY))
    single = EndpointChat(MODEL, endpoint, patience=BRISK)
    hear = (heard if heard is not None else Heard()).hear
    chat = BatchingChat(single, OpenAIBatches(MODEL, endpoint), plan, run, hear, JumpingClock())
    try:
        yield chat
    finally:
        await chat.aclose()


async def sent(server: BatchServer) -> None:
    """Return when a batch is under way."""
    await asyncio.to_thread(server.made.wait)


async def all_of(chat: BatchingChat, requests: Sequence[ChatRequest]) -> list[Answer]:
    return await asyncio.gather(*(chat.ask(request) for request in requests))


THREE = [asking(text) for text in ("one", "two", "three")]


async def test_questions_are_sent_together_and_each_gets_its_own_answer() -> None:
    heard = Heard()
    with BatchServer(echo, looks=3) as server:
        async with batching(server, heard=heard) as chat:
            answers = await all_of(chat, THREE)
    assert [answer.text for answer in answers] == ["one!", "two!", "three!"]
    assert (len(server.jobs), len(server.batched), server.count) == (1, 3, 0)
    assert heard.states == ["sent", "ended"]
    assert (heard[1].batch, heard[1].questions, heard[1].answered, heard[1].reason) == ("batch_0", 3, 3, "")


async def test_an_answer_of_a_batch_costs_less_and_no_time_of_the_model() -> None:
    with BatchServer(echo) as server:
        async with batching(server) as chat:
            answer = await chat.ask(THREE[0])
    assert answer == Answer(
        text="one!", finish="stop", model=MODEL, usage=Usage(prompt=7, completion=2), price_factor=0.5, ms=0.0
    )


async def test_a_batch_carries_the_name_of_its_run_and_lines_as_the_api_reads_them() -> None:
    with BatchServer(echo, key=KEY) as server:
        async with batching(server) as chat:
            await chat.ask(THREE[0])
    (job,) = server.jobs
    assert job.metadata == {"mendloop_run": "a-run", "model": MODEL}
    line = json.loads(job.asked[0])
    assert (line["method"], line["url"], len(line["custom_id"])) == ("POST", "/v1/chat/completions", 64)
    assert line["body"] == {
        "model": MODEL,
        "messages": [{"role": "user", "content": "one"}],
        "max_tokens": 50,
        "seed": 3,
        "temperature": 0.5,
    }


async def test_a_batch_that_is_full_does_not_wait() -> None:
    plan = BatchPlan(gather_s=3600, most=3, poll_s=0.01)
    with BatchServer(echo) as server:
        async with batching(server, plan=plan) as chat:
            await all_of(chat, [*THREE, *(asking(text) for text in ("four", "five", "six"))])
    assert [len(job.asked) for job in server.jobs] == [3, 3]


async def test_the_same_question_is_sent_and_paid_for_once() -> None:
    with BatchServer(echo) as server:
        async with batching(server) as chat:
            answers = await all_of(chat, [THREE[0], THREE[0], asking("one", seed=4)])
    assert len(server.batched) == 2
    assert [answer.text for answer in answers] == ["one!"] * 3
    assert sorted(answer.usage.total for answer in answers) == [0, 9, 9]


# What goes wrong


def failing_for(text: str) -> Callable[[Asked], Reply]:
    """Refuse one question where it stands in a batch, whose lines have no headers."""
    return lambda asked: (
        refused(400, "no", code="bad_line") if asked.last == text and not asked.headers else echo(asked)
    )


async def test_a_line_that_failed_is_asked_singly() -> None:
    heard = Heard()
    with BatchServer(failing_for("two")) as server:
        async with batching(server, heard=heard) as chat:
            answers = await all_of(chat, THREE)
    assert [answer.text for answer in answers] == ["one!", "two!", "three!"]
    assert [answer.price_factor for answer in answers] == [0.5, 1.0, 0.5]
    assert [asked.last for asked in server.requests] == ["two"]
    assert (heard[-1].answered, heard[-1].reason) == (2, "bad_line")


@pytest.mark.parametrize(
    ("status", "answered", "reason"),
    [
        ("failed", 0, "failed; Enqueued token limit reached"),
        ("expired", 1, "expired; batch_expired"),
        ("cancelled", 1, "cancelled; batch_expired"),
    ],
)
async def test_what_a_batch_leaves_open_is_asked_singly(status: str, answered: int, reason: str) -> None:
    heard = Heard()
    with BatchServer(echo, ending=lambda number: status) as server:
        async with batching(server, heard=heard) as chat:
            answers = await all_of(chat, THREE)
    assert [answer.text for answer in answers] == ["one!", "two!", "three!"]
    assert (len(server.batched), server.count) == (answered, 3 - answered)
    assert (heard[-1].state, heard[-1].answered, heard[-1].reason) == ("ended", answered, reason)


@pytest.mark.parametrize("visit", ["POST /v1/files", "POST /v1/batches"])
async def test_a_batch_that_cannot_be_made_is_said_and_its_questions_are_asked_singly(visit: str) -> None:
    heard = Heard()
    told = refused(400, f"no batches for the key {KEY}")
    with BatchServer(echo, fault=lambda asked: told if asked == visit else None) as server:
        async with batching(server, heard=heard) as chat:
            answers = await all_of(chat, THREE)
    assert [answer.text for answer in answers] == ["one!", "two!", "three!"]
    assert (server.jobs, server.count, heard.states) == ([], 3, ["given_up"])
    assert "no batches for the key ***" in heard[0].reason


async def test_a_batch_whose_making_was_not_seen_is_looked_for_and_not_made_twice() -> None:
    with BatchServer(echo, lost=lambda asked: server_error() if asked == f"POST {BATCHES}" else None) as server:
        async with batching(server) as chat:
            answers = await all_of(chat, THREE)
    assert [answer.text for answer in answers] == ["one!", "two!", "three!"]
    assert (len(server.jobs), len(server.batched), server.count) == (1, 3, 0)


async def test_a_provider_that_is_away_for_a_while_loses_no_batch() -> None:
    looked: list[str] = []

    def away(visit: str) -> Reply | None:
        looked.append(visit) if visit.startswith(f"GET {BATCHES}/") else None
        return server_error(503) if 0 < len(looked) < 6 else None

    with BatchServer(echo, fault=away) as server:
        async with batching(server) as chat:
            answers = await all_of(chat, THREE)
    assert [answer.price_factor for answer in answers] == [0.5] * 3
    assert (len(server.jobs), server.count) == (1, 0)


async def test_after_the_deadline_a_batch_is_cancelled_and_what_it_has_is_taken() -> None:
    with BatchServer(echo, looks=10**9) as server:
        async with batching(server, plan=BatchPlan(gather_s=0.05, poll_s=1, deadline_s=600)) as chat:
            answers = await all_of(chat, THREE)
    assert [answer.text for answer in answers] == ["one!", "two!", "three!"]
    assert (server.jobs[0].status, len(server.batched), server.count) == ("cancelled", 1, 2)
    assert server.jobs[0].looks < 30  # ever more rarely


async def test_a_question_that_nobody_waits_for_is_not_sent() -> None:
    with BatchServer(echo) as server:
        async with batching(server, plan=BatchPlan(gather_s=3600, most=2, poll_s=0.01)) as chat:
            left = asyncio.create_task(chat.ask(THREE[0]))
            for _ in range(20):  # until it is gathered: nothing outside the loop is waited for
                await asyncio.sleep(0)
            left.cancel()
            assert (await chat.ask(THREE[1])).text == "two!"
    assert [asked.last for asked in server.batched] == ["two"]


async def test_an_answer_that_nobody_waited_for_is_there_when_it_is_asked_for_again() -> None:
    with BatchServer(echo, looks=20) as server:
        async with batching(server) as chat:
            left, stays = (asyncio.create_task(chat.ask(request)) for request in THREE[:2])
            await sent(server)
            left.cancel()
            assert (await stays).text == "two!"
            assert (await chat.ask(THREE[0])).text == "one!"
    assert (len(server.jobs), server.count) == (1, 0)


async def test_when_nothing_answers_the_models_own_error_rises() -> None:
    def gone(visit: str) -> Reply:
        return refused(403, "no access")

    def nothing(asked: Asked) -> Reply:
        return refused(403, "no access")

    with BatchServer(nothing, fault=gone) as server:
        async with batching(server) as chat:
            with pytest.raises(ProviderError, match="refuses the key"):
                await chat.ask(THREE[0])


# A launch that ended before its batches did


async def interrupted(server: BatchServer, requests: Sequence[ChatRequest]) -> None:
    """Ask, and leave while the batch is under way."""
    async with batching(server) as chat:
        tasks = [asyncio.create_task(chat.ask(request)) for request in requests]
        await sent(server)
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)


async def test_a_later_launch_finds_its_batches_and_pays_for_nothing_twice() -> None:
    heard = Heard()
    with BatchServer(echo, looks=10**9) as server:
        await interrupted(server, THREE)
        server.looks = 2
        async with batching(server, KNOWN, heard=heard) as chat:
            answers = await all_of(chat, [*THREE, asking("four")])
    assert [answer.text for answer in answers] == ["one!", "two!", "three!", "four!"]
    assert [answer.price_factor for answer in answers] == [0.5] * 4
    assert [len(job.asked) for job in server.jobs] == [3, 1]
    assert (len(server.batched), server.count, heard.states) == (4, 0, ["found", "ended", "sent", "ended"])


async def test_batches_of_other_runs_and_models_are_left_alone() -> None:
    with BatchServer(echo) as server:
        async with batching(server, BatchRun("another-run")) as chat:
            await chat.ask(THREE[0])
        async with batching(server, KNOWN) as chat:
            await chat.ask(THREE[0])
    assert [job.metadata["mendloop_run"] for job in server.jobs] == ["another-run", "a-run"]


async def test_a_new_run_looks_for_no_batches() -> None:
    with BatchServer(echo) as server:
        async with batching(server, NEW) as chat:
            await chat.ask(THREE[0])
    assert f"GET {BATCHES}" not in server.visits


async def test_without_knowing_what_is_paid_for_nothing_is_asked() -> None:
    with BatchServer(echo, fault=lambda visit: refused(403, "no") if visit == f"GET {BATCHES}" else None) as server:
        async with batching(server, KNOWN) as chat:
            with pytest.raises(ProviderError, match="cannot be listed: 403"):
                await chat.ask(THREE[0])
    assert (server.jobs, server.count) == ([], 0)


def test_the_name_of_a_runs_batches_stays(tmp_path: Path) -> None:
    first, again, other = batch_run(tmp_path), batch_run(tmp_path), batch_run_in(tmp_path / "other")
    assert (again.name, first.known, again.known) == (first.name, False, True)
    assert other.name != first.name
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [FILE]


def batch_run_in(folder: Path) -> BatchRun:
    folder.mkdir()
    return batch_run(folder)


def test_a_damaged_name_is_no_new_run(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    with pytest.raises(DamageError, match="cannot be read"):
        batch_run(tmp_path)


# Lines


def test_openai_is_told_the_limit_by_its_own_name() -> None:
    body = body_of(asking("x", temperature=None, json_schema={"type": "object"}), "m", foreign=False)
    assert (body["max_completion_tokens"], "max_tokens" in body, "temperature" in body) == (50, False, False)
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}


def test_a_line_holds_no_raw_line_break() -> None:
    line = line_of(body_of(asking("a\nb\u2028c \ud83d \x00"), "m", foreign=True))
    assert line.count(b"\n") == 1
    assert json.loads(line)["body"]["messages"][0]["content"] == "a\nb\u2028c \\ud83d \\u0000"


def row(**changes: Any) -> str:
    choice = {"finish_reason": "stop", "message": {"content": "<think>so</think>text", **changes.pop("message", {})}}
    body = {"model": "org/m-1", "choices": [choice], "usage": None, **changes.pop("body", {})}
    return json.dumps({"custom_id": "k", "response": {"status_code": 200, "body": body}, "error": None, **changes})


def test_an_answer_is_read_as_any_other() -> None:
    answer = results_in(row()).answers["k"]
    assert (answer.text, answer.reasoning, answer.model, answer.finish) == ("text", "so", "m-1", "stop")
    assert results_in(row(message={"refusal": "I will not"})).answers["k"].finish == "refusal"
    assert results_in(row(message={"content": "half \ud83d"})).answers["k"].text == "half \\ud83d"


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "null", '{"custom_id": 1}', row(body={"choices": []}), row(body={"choices": None}), "[" * 10**5],
)
def test_a_line_that_cannot_be_read_is_nobodys(line: str) -> None:
    found = results_in(f"{line}\n{row()}\n")
    assert set(found.answers) == {"k"}


def test_a_refusal_is_told_shortly() -> None:
    late = row(response=None, error={"code": "batch_expired", "message": "x"})
    cut = row(body={"choices": [{"finish_reason": None, "message": {"content": "x"}}]})
    assert results_in(late).refusals == {"k": "batch_expired"}
    assert (results_in(cut).answers, results_in(cut).refusals) == ({}, {"k": "status 200"})
