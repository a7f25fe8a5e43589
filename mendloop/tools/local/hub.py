"""Fetching weights from the Hugging Face hub, or from any server that speaks its protocol."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from mendloop import __version__
from mendloop.errors import InputError, StorageError
from mendloop.tools.local.catalogue import KnownModel
from mendloop.tools.local.weights import stamp, verify, weights_path

if TYPE_CHECKING:
    import httpx

Progress: TypeAlias = Callable[[int, int], None]
"""Is told how many bytes are here, and how many there will be."""

ENDPOINT = "https://huggingface.co"
DELAYS = (1.0, 5.0)
"""Seconds before the second and the third try; a try that brought bytes does not count."""
CONNECT_SECONDS, SILENCE_SECONDS = 10.0, 30.0
SPARE_BYTES = 64 << 20
"""Stay free on the disk."""
_MOST_RENAMES = 3


class _TryAgain(Exception):  # noqa: N818 - not a failure yet
    """The hub cannot answer now."""


def url_of(model: KnownModel, endpoint: str = ENDPOINT) -> str:
    """Return where a model's weights are published."""
    return f"{endpoint.rstrip('/')}/{model.repository}/resolve/main/{model.file}"


def pull(
    model: KnownModel,
    cache_dir: Path,
    endpoint: str,
    progress: Progress,
    *,
    token: str | None = None,
    delays: Sequence[float] = DELAYS,
) -> Path:
    """Fetch a model's weights unless they are here, and return their path: whole and checked, or not there at all.

    What came before an interruption stays beside it as `.part`, and the next call goes on from there. `token` is for a
    server that asks for one. Raises InputError when the hub does not have the weights or cannot be reached, and
    StorageError when the disk is full or another process is fetching them.
    """
    target = weights_path(model, cache_dir)
    with _alone(target):
        if target.exists():
            verify(model, target)
            return target
        wanted = Wanted(model, url_of(model, endpoint), Part(target))
        try:
            _fetch_patiently(wanted, progress, token, delays)
            wanted.part.file.replace(target)
        except OSError as error:
            raise _unwritable(target, error) from error
        stamp(target, model.sha256)
        wanted.part.forget_origin()
    return target


class Part:
    """The file that grows until it is whole, and the tag of the bytes that it is made of."""

    def __init__(self, target: Path) -> None:
        """Look beside the target; nothing needs to be there."""
        self.target = target
        self.file = target.with_name(f"{target.name}.part")
        self._tag = target.with_name(f"{target.name}.part.etag")

    def size(self) -> int:
        """Return how many bytes are here."""
        return self.file.stat().st_size if self.file.exists() else 0

    def hashed(self) -> hashlib._Hash:
        """Return the hash of what is here, to go on with."""
        if not self.file.exists():
            return hashlib.sha256()
        with self.file.open("rb") as file:
            return hashlib.file_digest(file, "sha256")

    def origin(self) -> str | None:
        """Return the tag that the server gave the whole, when it gave one."""
        return self._tag.read_text("utf-8") if self._tag.exists() else None

    def begin(self, tag: str | None) -> None:
        """Start over, with bytes of this tag."""
        self.discard()
        if tag and not tag.startswith("W/"):  # a weak tag does not promise equal bytes
            self._tag.write_text(tag, "utf-8")

    def forget_origin(self) -> None:
        """Remove the tag."""
        self._tag.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove what is here."""
        self.file.unlink(missing_ok=True)
        self.forget_origin()


@dataclass(frozen=True)
class Wanted:
    """What is fetched, from where, into what."""

    model: KnownModel
    url: str
    part: Part

    def failed(self, why: str) -> InputError:
        """Return the error that says why it is not here, and what a person can do."""
        return InputError(
            f"`{self.model.name}` was not fetched: {why}",
            where=self.url,
            remedy=f"try again, or put the file at {self.part.target} yourself: "
            f"{self.model.bytes} bytes, sha256 {self.model.sha256}",
        )


def _fetch_patiently(wanted: Wanted, progress: Progress, token: str | None, delays: Sequence[float]) -> None:
    """Try until the part is whole and right, or until a try more than there are delays brought nothing."""
    import httpx

    headers = {"User-Agent": f"mendloop/{__version__}", "Accept-Encoding": "identity"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    patience = httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
    failures = 0
    while True:
        before = wanted.part.size()
        try:
            with httpx.Client(headers=headers, timeout=patience) as client:
                _require_offered(client, wanted)
                _require_room(wanted)
                return _fetch(client, wanted, progress)
        except (httpx.TransportError, _TryAgain) as error:
            failures = 0 if wanted.part.size() > before else failures
            if failures == len(delays):
                raise wanted.failed(str(error) or type(error).__name__) from error
            time.sleep(delays[failures])
            failures += 1
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise wanted.failed(str(error)) from error


def _require_offered(client: httpx.Client, wanted: Wanted) -> None:
    """Ask what the hub would send, and raise InputError when that cannot be the weights.

    A repository that was renamed is followed. The storage behind the hub is not: its addresses are for one GET.
    """
    import httpx

    response = client.head(wanted.url)
    for _ in range(_MOST_RENAMES):
        if not response.next_request or response.next_request.url.netloc != response.url.netloc:
            break
        if "x-linked-size" in response.headers:
            break
        response = client.send(response.next_request)
    if response.status_code in (httpx.codes.METHOD_NOT_ALLOWED, httpx.codes.NOT_IMPLEMENTED):
        return
    _require_ok(response, wanted)
    headers = response.headers
    size = headers.get("x-linked-size") or ("" if response.is_redirect else headers.get("content-length", ""))
    if size.isdecimal() and int(size) != wanted.model.bytes:
        raise wanted.failed(f"the file there has {size} bytes, expected {wanted.model.bytes}")
    tag = headers.get("x-linked-etag", "").strip('"')
    if len(tag) == len(wanted.model.sha256) and tag != wanted.model.sha256:
        raise wanted.failed(f"the file there has sha256 {tag}, expected {wanted.model.sha256}")


def _require_ok(response: httpx.Response, wanted: Wanted) -> None:
    """Raise unless a response is, or leads to, a file."""
    status = response.status_code
    if status >= 500 or status in (408, 429):
        raise _TryAgain(f"the server answered {status}")
    if status in (401, 403):
        raise wanted.failed(f"the server refused to give the file ({status})")
    if status in (404, 410):
        raise wanted.failed(f"the server has no such file ({status})")
    if status >= 400:
        raise wanted.failed(f"the server answered {status}")
    if response.headers.get("content-type", "").startswith("text/html") and not response.is_redirect:
        raise wanted.failed("a web page came instead of the file: does this network ask for a login?")


def _require_room(wanted: Wanted) -> None:
    folder = wanted.part.target.parent
    needed, free = wanted.model.bytes - wanted.part.size() + SPARE_BYTES, shutil.disk_usage(folder).free
    if free < needed:
        raise StorageError(
            f"{needed >> 20} MB are needed, {free >> 20} MB are free", where=str(folder), remedy="make room"
        )


def _fetch(client: httpx.Client, wanted: Wanted, progress: Progress) -> None:
    """Bring the part to its full size and check it. Raises InputError, and removes it, when it is something else."""
    model, part = wanted.model, wanted.part
    if part.size() > model.bytes:
        part.discard()
    hashed = part.hashed()
    if part.size() < model.bytes:
        headers = _range(part)
        with client.stream("GET", wanted.url, headers=headers, follow_redirects=True) as response:
            if not _goes_on(response, wanted):
                part.begin(response.headers.get("etag"))
                hashed = hashlib.sha256()
            _append(response, wanted, hashed, progress)
    have = part.size()
    if have < model.bytes:
        raise _TryAgain(f"the connection ended after {have} of {model.bytes} bytes")
    if have > model.bytes or hashed.hexdigest() != model.sha256:
        part.discard()
        found = f"more than {model.bytes} bytes" if have > model.bytes else f"sha256 {hashed.hexdigest()}"
        raise wanted.failed(f"what came is not the file ({found}) and was removed")


def _range(part: Part) -> dict[str, str]:
    """Return the headers that ask for what is missing, as long as the server still has the same file."""
    have, tag = part.size(), part.origin()
    ranged = {"Range": f"bytes={have}-"} if have else {}
    return {**ranged, "If-Range": tag} if have and tag else ranged


def _goes_on(response: httpx.Response, wanted: Wanted) -> bool:
    """Say whether a response goes on where the part ends; otherwise it begins at the beginning."""
    import httpx

    have = wanted.part.size()
    if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        wanted.part.discard()
        raise _TryAgain("the server has another file now")
    _require_ok(response, wanted)
    if response.status_code != httpx.codes.PARTIAL_CONTENT:
        return False
    if not str(response.headers.get("content-range", "")).startswith(f"bytes {have}-"):
        wanted.part.discard()
        raise _TryAgain("the server sent another range than it was asked for")
    return True


def _append(response: httpx.Response, wanted: Wanted, hashed: hashlib._Hash, progress: Progress) -> None:
    """Append what comes, until it is too much."""
    have, total = wanted.part.size(), wanted.model.bytes
    with wanted.part.file.open("ab") as file:
        for chunk in response.iter_raw():
            file.write(chunk)
            hashed.update(chunk)
            have += len(chunk)
            progress(min(have, total), total)
            if have > total:
                break
        file.flush()
        os.fsync(file.fileno())


def _unwritable(path: Path, error: OSError) -> StorageError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    remedy = "make room; the same command goes on where it stopped" if full else "is the folder yours?"
    return StorageError(f"the weights cannot be written: {error.strerror}", where=str(path), remedy=remedy)


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Hold the lock of a file that is fetched. Raises StorageError when somebody else has it."""
    path = target.with_name(f"{target.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        _lock(descriptor, target)
        yield
        path.unlink(missing_ok=True)  # whoever had opened it finds the weights there
    finally:
        os.close(descriptor)


def _lock(descriptor: int, target: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StorageError(
            "another process is fetching these weights", where=str(target), remedy="wait for it, or stop it"
        ) from error
    except OSError as error:
        raise _unwritable(target, error) from error
