"""The fault server fails as planned, over real HTTP, and its ledger tells what was answered whole."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.kills import server_process
from tests.e2e.many import KINDS, first_look, model
from tests.fault_server import (
    ENDLESS,
    FAULTS,
    PASSING,
    SLOW,
    TERMINAL,
    TRANSIENT,
    FaultServer,
    LedgerFile,
    Plan,
    at_random,
    from_then_on,
    key_of,
    no_faults,
)
from tests.openai_server import MODEL, Asked, Json, Reply

PATIENCE_S = 60
SAID = "a text that is longer than what arrives of a body that is cut"


def echo(asked: Asked) -> Reply:
    return Reply(f"{SAID}: {asked.last}")


def body_of(text: str, seed: int = 0) -> Json:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], "seed": seed}


def connect(base_url: str, timeout_s: float = PATIENCE_S) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(base_url.removeprefix("http://").removesuffix("/v1"), timeout=timeout_s)


def ask(base_url: str, body: Json, timeout_s: float = PATIENCE_S) -> tuple[int, Mapping[str, str], bytes]:
    """Return status, headers in lower case and body of one request on a connection of its own."""
    connection = connect(base_url, timeout_s)
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def is_whole(base_url: str, body: Json) -> bool:
    """Tell whether a request is answered as it should be."""
    try:
        status, _, payload = ask(base_url, body)
        choice = json.loads(payload)["choices"][0]
        said = str(choice["message"]["content"]).startswith(SAID)
        return status == 200 and said and choice["finish_reason"] == "stop"
    except (http.client.HTTPException, ConnectionError, ValueError, LookupError, TypeError):
        return False


def until_whole(base_url: str, body: Json) -> int:
    """Ask until the answer is whole; return how often that was."""
    return next(tries for tries in range(1, 100) if is_whole(base_url, body))


def always(fault: str) -> Plan:
    return lambda asked, before: fault


# Faults


@pytest.mark.parametrize("fault", TRANSIENT)
def test_a_transient_fault_is_no_answer(fault: str) -> None:
    with FaultServer(echo, always(fault)) as server:
        assert not is_whole(server.base_url, body_of("a"))
        found = server.ledger
    assert found.by_fault == {fault: 1}
    assert (found.asked.total(), found.whole.total()) == (1, 0)


@pytest.mark.parametrize("fault", SLOW)
def test_a_slow_answer_is_whole(fault: str) -> None:
    with FaultServer(echo, always(fault)) as server:
        assert is_whole(server.base_url, body_of("a"))
        server.close()
        found = server.ledger
    assert (found.by_fault, found.whole.total()) == ({fault: 1}, 1)


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        ("401", 401, b"invalid_api_key"),
        ("402", 402, b"payment_required"),
        ("404", 404, b"model_not_found"),
        ("insufficient_quota", 429, b"insufficient_quota"),
        ("HTML", 200, b"<!doctype html>"),
        ("429", 429, b"rate_limit_exceeded"),
        ("503", 503, b"server_error"),
    ],
)
def test_a_refusal_has_its_status_and_its_reason(fault: str, status: int, said: bytes) -> None:
    with FaultServer(echo, always(fault)) as server:
        found, _, payload = ask(server.base_url, body_of("a"))
    assert found == status
    assert said in payload


def test_only_one_of_the_two_429_says_how_long_to_wait() -> None:
    for fault, told in (("429", None), ("429 with Retry-After", "0.01")):
        with FaultServer(echo, always(fault)) as server:
            status, headers, _ = ask(server.base_url, body_of("a"))
        assert (status, headers.get("retry-after")) == (429, told)


def test_a_reset_within_the_body_comes_after_its_beginning() -> None:
    with FaultServer(echo, always("reset within the body")) as server:
        connection = connect(server.base_url)
        connection.request("POST", "/v1/chat/completions", json.dumps(body_of("a")))
        answer = connection.getresponse()
        assert answer.status == 200
        with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
            answer.read()
        connection.close()


def test_a_finish_is_missing_and_the_text_is_there() -> None:
    with FaultServer(echo, always("finish missing")) as server:
        _, _, payload = ask(server.base_url, body_of("a"))
        assert not server.ledger.whole
    (choice,) = json.loads(payload)["choices"]
    assert choice["finish_reason"] is None
    assert choice["message"]["content"] == f"{SAID}: a"


def test_a_hanging_answer_never_begins() -> None:
    with FaultServer(echo, always("hang")) as server:
        with pytest.raises(TimeoutError):
            ask(server.base_url, body_of("a"), timeout_s=0.2)
        assert server.ledger.whole.total() == 0


def test_an_answer_to_a_client_that_has_left_is_not_whole() -> None:
    with FaultServer(lambda asked: Reply(SAID, delay_s=0.3)) as server:
        connection = connect(server.base_url)
        connection.request("POST", "/v1/chat/completions", json.dumps(body_of("a")))
        assert isinstance(connection.sock, socket.socket)
        while not server.count:
            pass
        connection.close()
        assert is_whole(server.base_url, body_of("b"))  # later, so that the first one was answered
        server.close()
        found = server.ledger
    assert found.whole == {key_of(body_of("b")): 1}
    assert found.asked.total() == 2


# Plans


def test_a_retry_gets_through_however_many_requests_are_hit() -> None:
    with FaultServer(echo, at_random(1.0, seed=1, most=3)) as server:
        tries = [until_whole(server.base_url, body_of(f"question {n}")) for n in range(20)]
        found = server.ledger
    assert max(tries) <= 4
    assert sum(tries) == found.asked.total()
    assert not found.asked_again


def test_faults_follow_from_the_seed_and_the_request_and_not_from_the_order() -> None:
    bodies = [body_of(f"question {n}") for n in range(40)]

    def faults(seed: int, asked: list[Json]) -> dict[str, dict[str, int]]:
        with FaultServer(echo, at_random(0.5, seed)) as server:
            for body in asked:
                until_whole(server.base_url, body)
            return {key: dict(met) for key, met in server.ledger.faults.items()}

    assert faults(1, bodies) == faults(1, bodies[::-1])
    assert faults(1, bodies) != faults(2, bodies)


def test_about_the_share_that_was_asked_for_is_hit() -> None:
    plan = at_random(0.1, seed=3)
    asked = [Asked(n, body_of(f"question {n}"), {}) for n in range(3_000)]
    hit = [plan(each, 0) for each in asked]
    assert 200 < sum(fault is not None for fault in hit) < 400
    assert {fault for fault in hit if fault} == set(PASSING)


def test_spared_requests_meet_no_fault() -> None:
    plan = at_random(1.0, seed=0, spared=first_look)
    assert plan(Asked(0, body_of("Say OK."), {}), 0) is None


def test_from_a_request_on_every_answer_is_a_refusal() -> None:
    with FaultServer(echo, from_then_on(2, "401")) as server:
        statuses = [ask(server.base_url, body_of(f"{n}"))[0] for n in range(4)]
    assert statuses == [200, 200, 401, 401]


def test_every_fault_has_one_place() -> None:
    assert len(FAULTS) == sum(map(len, (SLOW, TRANSIENT, ENDLESS, TERMINAL)))


# The ledger


def test_a_question_that_comes_again_after_a_whole_answer_is_told() -> None:
    with FaultServer(echo, no_faults) as server:
        for text in ("a", "b", "a"):
            assert is_whole(server.base_url, body_of(text))
            while server.ledger.whole.total() < server.count:
                pass
        found = server.ledger
    assert found.asked_again == {key_of(body_of("a"))}
    assert (found.asked[key_of(body_of("a"))], found.asked[key_of(body_of("b"))]) == (2, 1)


def test_another_seed_or_another_text_is_another_request() -> None:
    bodies = [body_of("a"), body_of("b"), body_of("a", seed=1), {**body_of("a"), "max_tokens": 7}]
    assert len({key_of(body) for body in bodies}) == len(bodies)
    assert key_of(body_of("a")) == key_of({**body_of("a"), "user": "somebody"})


def test_the_ledger_in_the_file_is_the_ledger_of_the_server_also_with_many_clients(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    with (
        FaultServer(echo, at_random(0.5, seed=5), file=path) as server,
        ThreadPoolExecutor(16) as clients,
    ):
        list(clients.map(lambda n: until_whole(server.base_url, body_of(f"question {n}")), range(200)))
        server.close()
        file = LedgerFile(path)
        file.more()
        assert file.ledger.whole.total() == len(file.ledger.whole) == 200
        assert (file.ledger.asked, file.ledger.whole, file.ledger.faults) == (
            server.ledger.asked,
            server.ledger.whole,
            server.ledger.faults,
        )
        assert not file.ledger.asked_again


def test_a_file_that_grows_is_read_on_from_where_it_was_left(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.write_text("k\tasked\nk\twh")
    file = LedgerFile(path)
    assert file.more() == [("k", "asked")]
    with path.open("a") as more:
        more.write("ole\nk\tasked\n")
    assert file.more() == [("k", "whole"), ("k", "asked")]
    assert (file.more(), file.ledger.asked_again) == ([], {"k"})


# As a process


def test_as_a_process_it_plays_the_model_of_many_sessions_and_ends_with_its_input(tmp_path: Path) -> None:
    kind = KINDS[0]
    repair = {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": "You repair Python functions."},
            {"role": "user", "content": kind.program(kind.wrong, 7)},
        ],
        "temperature": 0.7,
    }
    with server_process(tmp_path / "ledger", "--faults", 1.0, "--seed", 2) as base_url:
        payloads = [payload for payload in (answered(base_url, repair) for _ in range(4)) if payload is not None]
    assert kind.program(kind.right, 7).strip() in json.loads(payloads[-1])["choices"][0]["message"]["content"]
    file = LedgerFile(tmp_path / "ledger")
    file.more()
    assert (file.ledger.asked.total(), file.ledger.by_fault.total()) == (4, 3)
    with pytest.raises(ConnectionRefusedError):
        ask(base_url, repair)


def answered(base_url: str, body: Json) -> bytes | None:
    try:
        return ask(base_url, body)[2]
    except (http.client.HTTPException, ConnectionError):
        return None


def test_the_command_line_says_what_it_takes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fault_server", "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert {"--faults", "--seed", "--ledger"} <= set(done.stdout.replace("]", " ").replace("[", " ").split())


def test_the_model_answers_by_the_request_alone() -> None:
    play = model()
    asked = Asked(0, body_of("Say OK."), {})
    assert play(asked) == play(Asked(7, body_of("Say OK."), {}))
