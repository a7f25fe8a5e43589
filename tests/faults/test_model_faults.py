"""What goes wrong on the model's side, one test for each kind of it: what happens, and what can be seen of it.

Everything goes over real HTTP. Where minutes would be waited, a clock jumps over them.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from mendloop.agents.prompted.asking import Voice
from mendloop.agents.prompted.programmer import PromptedProgrammer
from mendloop.agents.prompted.templates import Prompts
from mendloop.agents.unanswered import Unanswered
from mendloop.errors import BudgetError, InputError, ProviderError
from mendloop.events import AnyEvent, CircuitChanged, PaceChanged
from mendloop.records import Solution
from mendloop.runs.answers import Asked as AskedQuestion
from mendloop.runs.answers import asked_in
from mendloop.runs.reader import Reader
from mendloop.runs.store import Store
from mendloop.tools.chat.address import Endpoint
from mendloop.tools.chat.clock import JumpingClock
from mendloop.tools.chat.endpoint import EndpointChat
from mendloop.tools.chat.lane import Lane
from mendloop.tools.chat.metered import Meter, MeteredChat
from mendloop.tools.chat.patience import Patience
from mendloop.tools.chat.protocol import Attempt, ChatMessage, ChatRequest, Fault, Usage
from mendloop.tools.sandbox.protocol import Sandbox
from tests.agents.prompted.acting import LIMITS, PROSE, bench_of, fenced, play
from tests.e2e.product import mendloop, tree
from tests.graphs.conftest import sandbox, store
from tests.graphs.stages import PROBLEM, RIGHT, team
from tests.openai_server import (
    MODEL,
    Asked,
    OpenAIServer,
    Reply,
    choices_empty,
    choices_null,
    content_filter,
    context_exceeded,
    error_in_200,
    html_page,
    length,
    lone_surrogate,
    not_utf8,
    quota,
    rate_limited,
    refused,
    server_error,
    truncated_json,
)

__all__ = ["sandbox", "store"]

KEY = "sk-canary-0123456789abcdef"
LONG = 60
BRISK = Patience(deadline_s=LONG, preflight_s=LONG, first_wait_s=0.001, longest_wait_s=0.004)
HEARD = (CircuitChanged, PaceChanged)


def asking(text: str = "hello", **changes: Any) -> ChatRequest:
    said = (ChatMessage(role="user", content=text),)
    return ChatRequest(**{"messages": said, "max_tokens": 50, "temperature": None, "seed": 3} | changes)


def always(reply: Reply) -> Callable[[Asked], Reply]:
    return lambda _: reply


def in_turn(*replies: Reply) -> Callable[[Asked], Reply]:
    """The replies one after the other, the last one again and again."""
    return lambda asked: replies[min(asked.number, len(replies) - 1)]


@dataclass
class Line:
    """A model behind a server, what is heard of it, and the clock by which it waits."""

    chat: EndpointChat
    clock: JumpingClock
    heard: list[AnyEvent] = field(default_factory=list)

    @property
    def circuit(self) -> list[tuple[str, str]]:
        """The moves of the circuit."""
        return [(event.state, event.reason) for event in self.heard if isinstance(event, CircuitChanged)]

    @property
    def limits(self) -> list[tuple[int, str, float]]:
        """The changes of pace."""
        return [(event.limit, event.reason, event.waited_s) for event in self.heard if isinstance(event, PaceChanged)]


@asynccontextmanager
async def line_to(server: OpenAIServer | str, patience: Patience = BRISK, parallel: int = 64) -> AsyncIterator[Line]:
    """A model behind a server; its pauses take no time."""
    clock = JumpingClock()
    url = server if isinstance(server, str) else server.base_url
    lane = Lane(MODEL, url, parallel, patience, clock=clock)
    chat = EndpointChat(MODEL, Endpoint(url, SecretStr(KEY)), parallel, patience, shared=lane)
    line = Line(chat, clock)
    chat.listener = line.heard.append
    try:
        yield line
    finally:
        await chat.aclose()


# 401, 403, 404 model, HTML, TLS, DNS, nobody there: at the start


@contextmanager
def wrong_url(url: str) -> Iterator[str]:
    yield url


@contextmanager
def untrusted_server() -> Iterator[str]:
    """A server with a certificate that nobody signed; it only shakes hands."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).with_name("untrusted.pem"))
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            while True:
                try:
                    plain, _ = listening.accept()
                except OSError:
                    return
                with plain, suppress(OSError), context.wrap_socket(plain, server_side=True) as talking:
                    talking.recv(1)

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}/v1"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(LONG)


@contextmanager
def serving(answer: Callable[[Asked], Reply], **settings: Any) -> Iterator[str]:
    with OpenAIServer(answer, **settings) as server:
        yield server.base_url


@contextmanager
def nobody_there() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def https_to_http() -> Iterator[str]:
    with OpenAIServer(always(Reply())) as server:
        yield server.base_url.replace("http:", "https:")


WRONG_AT_START = {
    "401": (lambda: serving(always(Reply()), key="another"), "OPENAI_API_KEY", "refuses the key (401)"),
    "403": (lambda: serving(always(refused(403, f"no: {KEY}"))), "OPENAI_API_KEY", "refuses the key (403)"),
    "404": (lambda: serving(always(Reply()), models=("b",), strict_models=True), "models", f"no model `{MODEL}`"),
    "HTML": (lambda: serving(always(html_page())), "OPENAI_BASE_URL", "no usable answer"),
    "TLS": (untrusted_server, "OPENAI_BASE_URL", "the certificate is not trusted"),
    "no TLS": (https_to_http, "OPENAI_BASE_URL", "no connection: TLS"),
    "DNS": (lambda: wrong_url("http://nobody.invalid/v1"), "OPENAI_BASE_URL", "the name `nobody.invalid` is not known"),
    "refused": (nobody_there, "OPENAI_BASE_URL", "no connection"),
}


@pytest.mark.parametrize(("opening", "where", "what"), WRONG_AT_START.values(), ids=WRONG_AT_START)
def test_what_is_wrong_at_the_start_is_said_in_a_line_and_starts_nothing(
    opening: Callable[[], Any], where: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opening() as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("MENDLOOP_MODEL", MODEL)
        done = mendloop("run", "--goal", "small functions", "--out", tmp_path / "run")
    assert (done.returncode, done.stdout, tree(tmp_path)) == (2, "", [])
    line = done.stderr.splitlines()[-1]
    assert line.startswith(f"mendloop: {where}: ")
    assert what in line
    assert url in line
    assert KEY not in done.stderr


async def test_a_server_that_never_answers_is_left_within_five_seconds_at_the_start() -> None:
    assert Patience().preflight_s == 5
    assert Patience().preflight().connect_s < 5
    with unreachable() as url:
        async with line_to(url, replace(BRISK, preflight_s=3.0)) as line:
            with pytest.raises(InputError, match=r"OPENAI_BASE_URL: .* no connection within 2\.4 s"):
                await line.chat.check()


# 401 in the middle


@pytest.mark.parametrize(("status", "reason"), [(401, "auth"), (403, "auth"), (404, "model")])
async def test_a_key_or_model_that_is_refused_in_the_middle_is_not_asked_for_again(status: int, reason: str) -> None:
    with OpenAIServer(in_turn(Reply("fine"), refused(status, f"no: {KEY}"))) as server:
        async with line_to(server) as line:
            assert (await line.chat.ask(asking())).text == "fine"
            for _ in range(3):
                with pytest.raises(ProviderError) as caught:
                    await line.chat.ask(asking())
                assert caught.value.reason == reason
                assert KEY not in str(caught.value)
            assert line.circuit == [("open", reason)]
            assert line.chat.rates().state == "open"
    assert server.count == 2


# 429


async def test_a_429_is_waited_for_and_is_no_failed_attempt() -> None:
    odd = Reply(status=429, headers={"Retry-After-Ms": "2500"})
    told = [rate_limited(7), odd, *[rate_limited(500)] * 2, *[rate_limited(0)] * 8, Reply("fine")]
    with OpenAIServer(in_turn(*told)) as server:
        async with line_to(server, Patience(first_wait_s=0.5, longest_wait_s=2)) as line:
            answer = await line.chat.ask(asking())
    waits = [attempt.waited_s for attempt in answer.attempts]
    assert waits[:4] == [7.0, 2.5, 120.0, 120.0]
    assert all(0 <= wait <= 2 for wait in waits[4:])
    assert any(wait > 0 for wait in waits[4:])
    assert waits == pytest.approx(line.clock.slept, abs=0.001)
    assert {attempt.fault for attempt in answer.attempts} == {"rate_limited"}
    assert (answer.text, len(answer.attempts), line.circuit) == ("fine", 12, [])
    assert line.limits[:2] == [(16, "rate_limited", 7.0), (12, "rate_limited", 500.0)]
    rates = line.chat.rates()
    assert (rates.answered, rates.failed, rates.rate_limited) == (1, 0, 12)


async def test_a_server_that_wants_to_be_left_alone_for_ever_is_given_up() -> None:
    with OpenAIServer(always(rate_limited(100))) as server:
        async with line_to(server) as line:
            with pytest.raises(ProviderError, match="more than 600 s of waiting") as caught:
                await line.chat.ask(asking())
    assert (line.clock.time, caught.value.reason) == (600, "rate_limited")


async def test_a_server_that_bears_few_requests_is_asked_by_few() -> None:
    lock, here = threading.Lock(), [0]

    def bearing_six(asked: Asked) -> Reply:
        with lock:
            here[0] += 1
            too_many = here[0] > 6
        threading.Event().wait(0.1)
        with lock:
            here[0] -= 1
        return rate_limited(1) if too_many else Reply(asked.last)

    patience = replace(BRISK, cool_down_s=0.5)
    with OpenAIServer(bearing_six) as server:
        async with line_to(server, patience) as line:
            told = await asyncio.gather(*(line.chat.ask(asking(f"n{number}")) for number in range(60)))
    assert [answer.text for answer in told] == [f"n{number}" for number in range(60)]
    shrunk = [limit for limit, reason, _ in line.limits if reason == "rate_limited"]
    assert shrunk[:2] == [16, 12]
    assert line.circuit == []


# No quota


@pytest.mark.parametrize(
    "reply",
    [quota(), refused(402, "pay first"), refused(429, "limit", code="billing_hard_limit_reached")],
    ids=["insufficient_quota", "402", "billing_hard_limit_reached"],
)
async def test_a_quota_that_is_used_up_is_a_budget_and_not_tried_again(reply: Reply) -> None:
    with OpenAIServer(always(reply)) as server:
        async with line_to(server) as line:
            with pytest.raises(BudgetError, match="quota: ") as caught:
                await line.chat.ask(asking())
    assert (server.count, caught.value.reason, line.clock.slept) == (1, "quota", [])


# What may pass


def size_of(reply: Reply) -> int:
    return len(reply.body or b"")


PASSING: dict[str, tuple[Reply, Fault, int | None]] = {
    "500": (server_error(), "server_error", None),
    "529": (server_error(529), "server_error", None),
    "reset": (Reply(reset=True), "reset", 0),
    "reset within the body": (Reply("x" * 500, cut_after=100, reset=True), "cut", None),
    "cut body": (Reply("x" * 500, cut_after=100), "cut", 100),
    "truncated JSON": (truncated_json(), "malformed", size_of(truncated_json())),
    "not UTF-8": (not_utf8(), "malformed", size_of(not_utf8())),
    "200 with an error": (error_in_200(), "malformed", None),
    "choices null": (choices_null(), "malformed", size_of(choices_null())),
    "choices empty": (choices_empty(), "malformed", size_of(choices_empty())),
}


@pytest.mark.parametrize(("fault", "kind", "size"), PASSING.values(), ids=PASSING)
async def test_what_may_pass_is_tried_five_times_more_and_every_attempt_is_kept(
    fault: Reply, kind: Fault, size: int | None
) -> None:
    with OpenAIServer(in_turn(*[fault] * 5, Reply("fine"))) as server:
        async with line_to(server, Patience()) as line:
            answer = await line.chat.ask(asking())
    assert (answer.text, answer.tries, server.count) == ("fine", 6, 6)
    for attempt, bound in zip(answer.attempts, (1, 2, 4, 8, 16), strict=True):
        assert attempt.fault == kind
        assert attempt.ms > 0
        assert size is None or attempt.bytes == size
        assert 0 <= attempt.waited_s <= bound
    assert [attempt.waited_s for attempt in answer.attempts] == pytest.approx(line.clock.slept, abs=0.001)


@contextmanager
def raw_server(*pieces: bytes) -> Iterator[str]:
    """A server that answers every connection with these bytes, whatever is asked, and closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            while True:
                try:
                    talking, _ = listening.accept()
                except OSError:
                    return
                with talking, suppress(OSError):
                    talking.settimeout(LONG)
                    talking.recv(65_536)
                    talking.sendall(b"".join(pieces))

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(LONG)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [
        ((b"SSH-2.0-OpenSSH_9.6\r\n",), "malformed"),
        ((), "reset"),
        ((b"HTTP/1.1 2",), "reset"),
        ((HEAD, b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"), "malformed"),
        ((HEAD, b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}"), "cut"),
        ((HEAD, b"Content-Length: 2\r\n\r\n[]"), "malformed"),
        ((HEAD, b"Content-Length: 4\r\n\r\nnull"), "malformed"),
        ((b"HTTP/1.1 204 No Content\r\n\r\n",), "malformed"),
        ((b"HTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\n\xff\xfe\xfd",), "server_error"),
    ],
    ids=[
        "no HTTP",
        "nothing",
        "half a head",
        "no gzip",
        "half a chunk",
        "[]",
        "null",
        "204",
        "500",
    ],
)
async def test_whatever_comes_over_the_wire_is_one_kind_of_fault(pieces: tuple[bytes, ...], kind: Fault) -> None:
    with raw_server(*pieces) as url:
        attempt = await last_attempt(url, BRISK)
    assert attempt.fault == kind, attempt.detail


async def test_after_the_last_try_the_error_names_the_attempts() -> None:
    faults = [server_error(503), Reply(reset=True), server_error(), server_error(), choices_null(), server_error()]
    with OpenAIServer(in_turn(*faults)) as server:
        async with line_to(server) as line:
            with pytest.raises(ProviderError) as caught:
                await line.chat.ask(asking())
    assert "(6 tries: 4 x server_error, reset, malformed)" in str(caught.value)
    assert caught.value.reason == "no_answer"
    assert server.count == 6


# Half of the last 20 calls failed


async def test_a_server_that_fails_is_left_alone_and_tried_once_in_a_while() -> None:
    up = threading.Event()
    with OpenAIServer(lambda asked: Reply("fine") if up.is_set() else server_error()) as server:
        async with line_to(server, Patience()) as line:

            def hear(event: AnyEvent) -> None:
                line.heard.append(event)
                if line.circuit.count(("probing", "probe_due")) == 3:
                    up.set()

            line.chat.listener = hear
            told = await asyncio.gather(*(line.chat.ask(asking(f"n{number}")) for number in range(10)))
    assert {each.text for each in told} == {"fine"}
    assert line.circuit == [
        ("open", "failures"),
        *[("probing", "probe_due"), ("open", "probe_failed")] * 2,
        ("probing", "probe_due"),
        ("closed", "probe_answered"),
    ]
    assert line.clock.time >= 90
    assert sum(each.tries for each in told) == server.count


async def test_a_server_that_is_gone_for_ten_minutes_stops_the_run() -> None:
    with OpenAIServer(always(server_error())) as server:
        async with line_to(server, Patience()) as line:
            ended = await asyncio.gather(*(line.chat.ask(asking()) for _ in range(10)), return_exceptions=True)
            before = server.count
            with pytest.raises(ProviderError, match=r"has not answered for 6\d\d s"):
                await line.chat.ask(asking())
    assert {end.reason for end in ended if isinstance(end, ProviderError)} == {"circuit"}
    assert [type(end) for end in ended] == [ProviderError] * 10
    assert line.circuit[-1] == ("open", "given_up")
    assert before == server.count <= 10 + 9 + 20


# Hanging, trickling, not connecting


@contextmanager
def unreachable() -> Iterator[str]:
    """An address at which somebody listens and never accepts, with no room for one more who waits."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            knocking = stack.enter_context(socket.socket())
            knocking.setblocking(False)
            with suppress(BlockingIOError):
                knocking.connect(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


async def last_attempt(url: str, patience: Patience) -> Attempt:
    """Return the attempt of a request that has no more than that one."""
    async with line_to(url, replace(patience, tries=1)) as line:
        with pytest.raises(ProviderError) as caught:
            await line.chat.ask(asking())
    failure = caught.value.__cause__
    attempt = getattr(failure, "attempt", None)
    assert isinstance(attempt, Attempt)
    return attempt


async def test_an_address_that_does_not_connect_is_told_from_one_that_hangs() -> None:
    with unreachable() as url:
        attempt = await last_attempt(url, Patience(connect_s=0.2))
    assert (attempt.fault, attempt.bytes, attempt.detail) == ("connect", 0, "no connection within 0.2 s")


async def test_a_server_that_hangs_never_sends_a_first_byte() -> None:
    with OpenAIServer(always(Reply(hang=True))) as server:
        attempt = await last_attempt(server.base_url, Patience(first_byte_s=0.2, token_s=0))
    assert (attempt.fault, attempt.bytes) == ("first_byte", 0)
    assert 200 <= attempt.ms < LONG * 1000


async def test_a_trickle_ends_at_the_wall_with_what_had_come() -> None:
    with OpenAIServer(always(Reply("x", trickle_s=0.05))) as server:
        attempt = await last_attempt(server.base_url, Patience(deadline_s=1.5, first_byte_s=1.0, token_s=0))
    assert attempt.fault == "wall"
    assert 0 < attempt.bytes < 200
    assert 1500 <= attempt.ms < LONG * 1000


def test_the_time_to_the_first_byte_grows_with_the_answer_and_ends_at_the_wall() -> None:
    assert Patience().deadlines(100).first_byte_s == 65
    assert Patience().deadlines(1024).first_byte_s == pytest.approx(111.2)
    assert Patience().deadlines(100_000).first_byte_s == Patience().deadlines(1).wall_s == 300
    assert Patience(first_byte_s=None).deadlines(10).first_byte_s == 300


async def test_waiting_for_a_permit_counts_for_no_deadline() -> None:
    arrived = threading.Event()

    def slow_at_first(asked: Asked) -> Reply:
        arrived.set()
        return Reply(asked.last, delay_s=3 if asked.last == "slow" else 0)

    with OpenAIServer(slow_at_first) as server:
        lane = Lane(MODEL, server.base_url, 1, BRISK)
        endpoint = Endpoint(server.base_url, None)
        patient = EndpointChat(MODEL, endpoint, patience=BRISK, shared=lane)
        hasty = EndpointChat(MODEL, endpoint, patience=replace(BRISK, deadline_s=2), shared=lane)
        slow = asyncio.create_task(patient.ask(asking("slow")))
        assert await asyncio.to_thread(arrived.wait, LONG)
        answer = await hasty.ask(asking("quick"))
        assert (answer.text, answer.attempts, answer.ms < 2000) == ("quick", (), True)
        assert (await slow).ms >= 3000
        await patient.aclose()
        await hasty.aclose()


# No finish


async def test_an_answer_that_never_says_why_it_ended_is_treated_as_cut() -> None:
    with OpenAIServer(always(Reply("half", finish=None, prompt_tokens=10, completion_tokens=2))) as server:
        async with line_to(server) as line:
            answer = await line.chat.ask(asking())
    assert (answer.text, answer.finish, server.count) == ("half", "missing", 6)
    assert [attempt.fault for attempt in answer.attempts] == ["missing_finish"] * 5
    assert answer.usage == Usage(prompt=60, completion=12)  # all six are paid for
    assert line.circuit == []


async def test_an_answer_that_was_cut_once_is_whole_the_next_time() -> None:
    with OpenAIServer(in_turn(Reply("half", finish=None), Reply("whole"))) as server:
        async with line_to(server) as line:
            answer = await line.chat.ask(asking())
    assert (answer.text, answer.finish, answer.tries) == ("whole", "stop", 2)


# What a role makes of it


@dataclass
class Writing:
    """A programmer behind a server, and what its journal shows."""

    line: Line
    programmer: PromptedProgrammer
    meter: Meter
    store: Store

    async def write(self) -> Solution | None:
        return await self.programmer.write(await bench_of(self.store), PROBLEM, 0)

    def asked(self) -> Sequence[AskedQuestion]:
        with Reader(self.store.path) as reader:
            return list(asked_in(reader))


@asynccontextmanager
async def writing(server: OpenAIServer, store: Store) -> AsyncIterator[Writing]:
    async with line_to(server) as line:
        meter = Meter()
        voice = Voice(MeteredChat(line.chat, meter), Prompts(), max_tokens=100)
        yield Writing(line, PromptedProgrammer(voice, LIMITS), meter, store)


async def test_an_answer_at_its_limit_is_asked_for_once_more_and_is_never_a_solution(store: Store) -> None:
    with OpenAIServer(always(length(fenced(RIGHT)))) as server:
        async with writing(server, store) as role:
            with pytest.raises(Unanswered, match=r"^write: length: "):
                await role.write()
            assert [each.longer for each in role.asked()] == [False, True]
    assert [asked.body["max_tokens"] for asked in server.requests] == [100, 200]


async def test_an_answer_that_may_be_cut_ends_the_turn_as_missing(store: Store) -> None:
    with OpenAIServer(always(Reply(fenced(RIGHT), finish=None))) as server:
        async with writing(server, store) as role:
            with pytest.raises(Unanswered, match=r"^write: missing: "):
                await role.write()
            assert [each.event.finish for each in role.asked()] == ["missing"] * 2


@pytest.mark.parametrize("reply", [content_filter(), Reply(refusal="I cannot")], ids=["filter", "refusal"])
async def test_a_refusal_ends_the_problem_and_is_its_reason(reply: Reply, store: Store, sandbox: Sandbox) -> None:
    with OpenAIServer(always(reply)) as server:
        async with writing(server, store) as role:
            played = await play(store, team(sandbox, programmer=role.programmer))
    assert (played.dropped, server.count) == ("write: refused", 1)


async def test_a_question_that_is_too_long_is_asked_once_without_its_oldest_turns(store: Store) -> None:
    def answer(asked: Asked) -> Reply:
        turns = len(asked.body["messages"])
        return context_exceeded() if turns > 2 else Reply(PROSE if asked.number == 0 else fenced(RIGHT))

    with OpenAIServer(answer) as server:
        async with writing(server, store) as role:
            written = await role.write()
            assert [each.slot for each in role.asked()] == ["write/0", "write/0/again", "write/0/again/shorter"]
    assert written is not None
    assert written.code == RIGHT


async def test_a_question_that_stays_too_long_ends_as_context_with_its_tokens(store: Store) -> None:
    with OpenAIServer(in_turn(Reply(PROSE), context_exceeded())) as server:
        async with writing(server, store) as role:
            with pytest.raises(Unanswered, match=r"^write: context: .*, 9000 tokens, 9000 without the oldest turns$"):
                await role.write()
    assert server.count == 3


async def test_an_answer_that_cannot_be_read_goes_back_at_most_twice_and_is_paid_for(store: Store) -> None:
    with OpenAIServer(always(Reply(PROSE, prompt_tokens=100, completion_tokens=10))) as server:
        async with writing(server, store) as role:
            with pytest.raises(Unanswered, match=r"^write: the answer has no program"):
                await role.write()
            assert [each.again for each in role.asked()] == [False, True, True]
            assert role.meter.tokens == 330
    assert server.count == 3


async def test_an_answer_without_end_is_bounded_flagged_and_no_solution(store: Store) -> None:
    endless = "and on and on " * 400
    with OpenAIServer(always(Reply(endless))) as server:
        async with writing(server, store) as role:
            with pytest.raises(Unanswered, match=r"^write: the answer repeats itself without end$"):
                await role.write()
            assert [each.event.degenerate for each in role.asked()] == [True]
    assert [asked.body["max_tokens"] for asked in server.requests] == [100]


async def test_characters_that_no_file_could_hold_are_escaped_at_the_edge_and_counted() -> None:
    with OpenAIServer(always(lone_surrogate())) as server:
        async with line_to(server) as line:
            answer = await line.chat.ask(asking("\ud83d and \0"))
    assert (answer.text, answer.escaped) == ("half \\ud83d of a pair, and \\u0000", 2)
    assert server.requests[0].last == "\\ud83d and \\u0000"
