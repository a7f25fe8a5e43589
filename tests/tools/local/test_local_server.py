"""A real llama.cpp answers whoever has the key, and ends when it is told to, or when its owner is gone."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mendloop.errors import InputError
from mendloop.tools.local.server import LocalServer, physical_cores
from tests.tools.local.tiny_gguf import write_tiny_gguf

PATIENCE_S = 30
CONTEXT = 256
QUESTION = {"messages": [{"role": "user", "content": "Say hi."}], "max_tokens": 4}
OWNER = """
import os, signal, sys
from pathlib import Path
from mendloop.tools.local.server import LocalServer

server = LocalServer.start(Path(sys.argv[1]), parallel=1, context_per_request=256, threads=1)
if sys.argv[2] == "interrupted":
    signal.signal(signal.SIGINT, lambda *_: None)
    os.killpg(0, signal.SIGINT)
print(server.base_url, server.api_key, flush=True)
if sys.argv[2] != "ends":
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("weights") / "tiny.gguf")


@pytest.fixture(scope="module")
def server(weights: Path) -> Iterator[LocalServer]:
    running = LocalServer.start(weights, parallel=2, context_per_request=CONTEXT, threads=1)
    yield running
    running.close()


def ask(base_url: str, key: str | None, question: dict[str, Any] = QUESTION) -> tuple[int, dict[str, Any]]:
    """Return the status and the answer to a question."""
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=PATIENCE_S)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        connection.request("POST", f"{urlsplit(base_url).path}/chat/completions", json.dumps(question), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def is_open(base_url: str) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", urlsplit(base_url).port)) == 0


def closes(base_url: str) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while is_open(base_url) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_open(base_url)


def test_a_question_with_the_key_is_answered_under_the_files_name(server: LocalServer) -> None:
    status, answer = ask(server.base_url, server.api_key)
    assert (status, answer["model"], answer["usage"]["completion_tokens"]) == (200, "tiny", 4)


@pytest.mark.parametrize("key", [None, "wrong"])
def test_a_question_without_the_key_is_not(server: LocalServer, key: str | None) -> None:
    assert ask(server.base_url, key)[0] == 401


def test_a_request_has_the_context_that_was_ordered(server: LocalServer) -> None:
    long = {"messages": [{"role": "user", "content": "x" * 2 * CONTEXT}], "max_tokens": 4}
    status, answer = ask(server.base_url, server.api_key, long)
    assert (status, answer["error"]["type"], answer["error"]["n_ctx"]) == (400, "exceed_context_size_error", CONTEXT)


def test_there_are_no_pages_for_everybody(server: LocalServer) -> None:
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=PATIENCE_S)
    connection.request("GET", "/")
    assert connection.getresponse().status == 404
    connection.close()


def test_every_server_has_a_key_of_its_own(server: LocalServer, weights: Path) -> None:
    other = LocalServer.start(weights, parallel=1, context_per_request=CONTEXT, threads=1)
    other.close()
    assert len({server.api_key, other.api_key}) == 2


def test_closing_ends_it_at_once_in_the_middle_of_an_answer(weights: Path) -> None:
    running = LocalServer.start(weights, parallel=1, context_per_request=1 << 16, threads=1)
    connection = http.client.HTTPConnection(urlsplit(running.base_url).netloc, timeout=PATIENCE_S)
    endless = json.dumps({**QUESTION, "max_tokens": 1 << 15, "ignore_eos": True, "stream": True})
    connection.request("POST", "/v1/chat/completions", endless, {"Authorization": f"Bearer {running.api_key}"})
    response = connection.getresponse()
    assert response.readline().startswith(b"data:")
    begun = time.monotonic()
    running.close()
    running.close()
    assert time.monotonic() - begun < 5
    assert not is_open(running.base_url)
    response.close()
    connection.close()


def owner(weights: Path, fate: str) -> subprocess.Popen[str]:
    """Start a process that starts a server and does not close it."""
    return subprocess.Popen(
        [sys.executable, "-c", OWNER, str(weights), fate],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_a_process_that_ends_takes_its_server_along_and_says_nothing(weights: Path) -> None:
    with owner(weights, "ends") as process:
        told, complaints = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, complaints) == (0, "")
    assert closes(told.split()[0])


def test_a_process_that_is_killed_takes_its_server_along(weights: Path) -> None:
    with owner(weights, "waits") as process:
        assert process.stdout
        base_url, key = process.stdout.readline().split()
        assert ask(base_url, key)[0] == 200
        process.kill()
    assert closes(base_url)


def test_an_interrupt_at_the_terminal_leaves_the_server_to_its_owner(weights: Path) -> None:
    with owner(weights, "interrupted") as process:
        assert process.stdout
        base_url, key = process.stdout.readline().split()
        assert ask(base_url, key)[0] == 200
        os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the file is no GGUF file"),
        (b"<html>log in here</html>", "the file is no GGUF file"),
        (b"GGUF\x01\0\0\0", "GGUF version 1 cannot be read"),
        (b"GGUF\0\0\0\x03", "GGUF version 50331648 cannot be read"),
        (b"GGUF\x03\0\0\0" + b"\0" * 16, "llama.cpp cannot load the weights: .*unknown model architecture"),
        (b"GGUF\x03\0\0\0" + b"\xff" * 64, "llama.cpp cannot load the weights: .*number of tensors"),
        ("half", "llama.cpp cannot load the weights: "),
    ],
    ids=["empty", "a page", "old", "big-endian", "nothing inside", "noise", "half of it"],
)
def test_a_file_that_cannot_be_loaded_is_an_error_of_the_input(
    weights: Path, tmp_path: Path, content: bytes | str, told: str
) -> None:
    whole = weights.read_bytes()
    path = tmp_path / "odd.gguf"
    path.write_bytes(content if isinstance(content, bytes) else whole[: len(whole) // 2])
    with pytest.raises(InputError, match=told) as caught:
        LocalServer.start(path, parallel=1, context_per_request=CONTEXT, threads=1)
    assert caught.value.where == str(path)


def test_a_file_that_is_not_there_is_an_error_of_the_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        LocalServer.start(tmp_path / "none.gguf", parallel=1, context_per_request=CONTEXT, threads=1)


def test_without_llama_cpp_the_error_says_how_to_install_it(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(InputError) as caught:
        LocalServer.start(weights, parallel=1, context_per_request=CONTEXT, threads=1)
    assert caught.value.remedy == "pip install 'mendloop[local]'"


def test_threads_are_bounded_by_the_cores_of_this_process() -> None:
    assert 1 <= physical_cores() <= len(os.sched_getaffinity(0))
