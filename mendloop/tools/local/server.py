"""A language model behind an OpenAI-compatible address on this machine, run by llama.cpp.

llama.cpp runs in a child process. Inside this one, loading would hold up every other thread, closing while an answer is
being written would wait for the client (for ever, when that client lives in this process), and a process that ended in
the middle of an answer would crash. A child can be killed at any time: it holds nothing that has to be saved.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import os
import re
import secrets
import select
import signal
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from mendloop.errors import InputError, MendloopError

LOAD_SECONDS = 300.0
"""Weights may come from a slow disk."""
ANSWER_SECONDS = 10.0
_CORES = Path("/sys/devices/system/cpu")
_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_ERRORS_ONLY = 1
_ERROR = re.compile(r"^\S+ E (.+)$", re.MULTILINE)
_MODULE = "mendloop.tools.local.server"


class LocalServer:
    """A running server: an OpenAI-compatible `base_url` on loopback, and the `api_key` without which it answers 401."""

    def __init__(self, child: subprocess.Popen[bytes], address: str, api_key: str) -> None:
        """Take over a child that answers; use `start` to get one."""
        self._child = child
        self.base_url = f"{address}/v1"
        self.api_key = api_key

    @classmethod
    def start(cls, weights_path: Path, *, parallel: int, context_per_request: int, threads: int) -> LocalServer:
        """Load weights and return when the server answers; from a coroutine, call this in a thread.

        `parallel` requests are worked on at once, each with `context_per_request` tokens for prompt and answer, by at
        most as many threads as there are cores. The model is called as its file is, without the suffix. Raises
        InputError when llama.cpp is not installed, or when the file cannot be loaded.
        """
        require_gguf(weights_path)
        if importlib.util.find_spec("xllamacpp") is None:
            raise InputError("local models need llama.cpp", remedy="pip install 'mendloop[local]'")
        api_key = secrets.token_urlsafe(24)
        order = {
            "path": str(weights_path.absolute()),
            "name": weights_path.stem,
            "api_key": api_key,
            "parallel": parallel,
            "context": parallel * context_per_request,
            "threads": max(1, min(threads, physical_cores())),
        }
        with tempfile.TemporaryFile() as log:
            child = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-P", "-m", _MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for this process: a run that drains still needs its model
            )
            try:
                address = _address(child, order, weights_path, log)
                _require_answer(address, api_key)
            except BaseException:
                _kill(child)
                raise
        return cls(child, address, api_key)

    def close(self) -> None:
        """End the server at once, and with it the answers that are being written; a second call does nothing."""
        _kill(self._child)


def physical_cores() -> int:
    """Return how many cores this process may use; llama.cpp's threads spin, so more of them only hinder each other."""
    usable = os.sched_getaffinity(0)
    topology = [_CORES / f"cpu{number}" / "topology" for number in usable]
    try:
        cores = {tuple((each / name).read_text() for name in ("physical_package_id", "core_id")) for each in topology}
    except OSError:
        return len(usable)
    return len(cores)


def require_gguf(path: Path) -> None:
    """Raise InputError unless a file begins as GGUF, in a version that llama.cpp reads."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise InputError(f"the weights cannot be read: {error.strerror}", where=str(path)) from error
    if len(head) < 8 or not head.startswith(_MAGIC):
        raise InputError("the file is no GGUF file", where=str(path), remedy="take weights in llama.cpp's format")
    (version,) = struct.unpack("<4xI", head)
    if version not in _VERSIONS:
        raise InputError(
            f"GGUF version {version} cannot be read",
            where=str(path),
            remedy=f"take weights of version {' or '.join(map(str, _VERSIONS))}, little-endian",
        )


def _address(child: subprocess.Popen[bytes], order: dict[str, Any], path: Path, log: IO[bytes]) -> str:
    """Give the child its order and return the address that it answers with, once the weights are loaded."""
    assert child.stdin
    assert child.stdout
    with contextlib.suppress(BrokenPipeError):  # how the child ended says why
        child.stdin.write(json.dumps(order).encode() + b"\n")
        child.stdin.flush()  # and stays open: its end tells the child that this process is gone
    reading = select.poll()
    reading.register(child.stdout, select.POLLIN)
    if not reading.poll(LOAD_SECONDS * 1000):
        raise InputError(f"the weights were not loaded within {LOAD_SECONDS:g} s", where=str(path))
    reply = child.stdout.readline()
    if reply:
        return str(json.loads(reply))
    code = child.wait()
    log.seek(0)
    raise InputError(_reason(code, log.read().decode(errors="replace")), where=str(path), remedy=_remedy(code))


def _reason(code: int, log: str) -> str:
    if code < 0:
        return f"llama.cpp was ended while it loaded the weights: {signal.Signals(-code).name}"
    told = _ERROR.findall(log) or log.strip().splitlines()[-1:]
    return f"llama.cpp cannot load the weights: {told[0] if told else f'exit code {code}'}"


def _remedy(code: int) -> str:
    if code == -signal.SIGKILL:
        return "memory was probably short: take a smaller model, or fewer requests at once"
    if code < 0:
        return "this build of llama.cpp may not suit the processor"
    return "take other weights, or a newer mendloop[local]"


def _require_answer(address: str, api_key: str) -> None:
    """Raise MendloopError unless the server answers somebody who has the key."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {api_key}"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise MendloopError(f"the local model does not answer: {error}", where=address) from error
    finally:
        connection.close()
    if status != http.client.OK:
        raise MendloopError(f"the local model answers with status {status}", where=address)


def _kill(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        with contextlib.suppress(BrokenPipeError):  # an order that the child never read
            if pipe:
                pipe.close()


def _serve() -> None:
    """Be the child: load what is ordered, say where, and stay until the parent is gone."""
    order = json.loads(sys.stdin.buffer.readline() or b"{}")
    reply = os.dup(1)
    os.dup2(2, 1)  # whatever prints must not reach the reply
    import xllamacpp  # type: ignore[import-untyped, import-not-found, unused-ignore]  # an extra, without types

    params = xllamacpp.CommonParams()
    params.model.path = order["path"]
    params.model_alias = {order["name"]}  # answers would name the path
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.api_keys = [order["api_key"]]
    params.n_parallel, params.n_ctx = order["parallel"], order["context"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = order["threads"]
    params.use_jinja = True
    params.ui = params.endpoint_slots = False  # the pages would be open to everybody
    params.cache_ram_mib = 0  # else up to 8 GB of old prompts
    params.verbosity = _ERRORS_ONLY
    try:
        server = xllamacpp.Server(params)
    except RuntimeError:
        sys.exit(1)  # the reason is in the log
    os.write(reply, json.dumps(server.listening_address).encode() + b"\n")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sys.stdin.buffer.read()
    os._exit(0)  # a tidy end would wait for answers that are being written


if __name__ == "__main__":
    _serve()
