"""The SDK of e2b: the only module that imports it, and where its exceptions end."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from mendloop.errors import InputError, MendloopError
from mendloop.tools.sandbox.e2b.faults import BusyError, MachineError
from mendloop.tools.sandbox.e2b.plan import Account, Plan

if TYPE_CHECKING:
    import e2b

TAG = "mendloop"
"""The key in a machine's metadata that says whose it is; the value names the run."""

USER = "root"  # of a machine that is ours alone; programs get a user of their own
_MAX_SAID = 64_000
_MAX_TEXT = 300
_HOPELESS = (400, 402, 404, 422)
_KEY_REMEDY = "set E2B_API_KEY to a key of your team: https://e2b.dev/dashboard?tab=keys"


class Cloud:
    """Makes, lists and ends machines. Nothing is taken from the environment; the key is in no message and no repr."""

    def __init__(self, account: Account, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        if not account.api_key.get_secret_value().strip():
            raise InputError("there is no key for e2b", where="E2B_API_KEY", remedy=_KEY_REMEDY)
        self._account, self._plan, self._clock = account, plan, clock

    async def create(self, tag: str) -> Machine:
        """Make a machine that has no network and ends itself after the plan's lifetime.

        Raises InputError when the cloud refuses the key or the template, BusyError when it has no machine now.
        """
        sdk, born = _load(), self._clock()
        async with self._translated(_about_the_cloud):
            made = await sdk.AsyncSandbox.create(
                template=self._plan.template,
                timeout=self._plan.lifetime_s,
                metadata={TAG: tag},
                allow_internet_access=False,
                idempotency_key=str(uuid.uuid4()),
                **self._options(),
            )
        return Machine(made, born, self)

    async def kill(self, name: str) -> None:
        """End a machine; one that is gone already is well ended. Raises InputError or BusyError."""
        sdk = _load()
        async with self._translated(_about_the_cloud):
            await sdk.AsyncSandbox.kill(name, **self._options())

    async def tagged(self, tag: str | None = None) -> tuple[str, ...]:
        """Return the machines of a run, or of every run. Raises InputError or BusyError."""
        sdk = _load()
        query = sdk.SandboxQuery(metadata={TAG: tag}) if tag else None
        found: list[str] = []
        async with self._translated(_about_the_cloud):
            pages = sdk.AsyncSandbox.list(query=query, **self._options())
            while pages.has_next:
                found += [one.sandbox_id for one in await pages.next_items() if TAG in (one.metadata or {})]
        return tuple(found)

    def _options(self) -> dict[str, Any]:
        return {
            "api_key": self._account.api_key.get_secret_value(),
            "domain": self._account.domain,
            "api_url": self._account.api_url or f"https://api.{self._account.domain}",
            "sandbox_url": self._account.sandbox_url,
            "debug": False,
            "request_timeout": self._plan.request_s,
            "retries": self._plan.repeats,
        }

    @asynccontextmanager
    async def _translated(self, meaning: Callable[[Exception, str], MendloopError]) -> AsyncIterator[None]:
        """Turn whatever the SDK raises into one of ours: it raises its own, the transport's, and plain Exception."""
        try:
            yield
        except MendloopError:
            raise
        except Exception as error:
            # Not chained: a vendor's message may repeat the key.
            raise meaning(error, self._said(error)) from None

    def _said(self, error: Exception) -> str:
        text = f"{type(error).__name__}: {error}".replace(self._account.api_key.get_secret_value(), "[key]")
        return text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "..."


@dataclass(eq=False, repr=False)
class Machine:
    """One rented machine; `born` is the clock's reading before it was asked for. After a MachineError it must go."""

    _sandbox: e2b.AsyncSandbox
    born: float
    _cloud: Cloud
    executions: int = 0

    @property
    def id(self) -> str:
        """The cloud's name for it."""
        return self._sandbox.sandbox_id

    async def write(self, path: str, data: bytes) -> None:
        """Put a file there. Raises MachineError, also for a full disk."""
        async with self._cloud._translated(_about_the_machine):
            await self._sandbox.files.write(path, data, user=USER)

    async def read(self, path: str, most: int) -> bytes:
        """Fetch a file of at most so many bytes. Raises MachineError."""
        taken = bytearray()
        async with self._cloud._translated(_about_the_machine):
            stream = await self._sandbox.files.read(
                path, format="stream", user=USER, request_timeout=self._cloud._plan.request_s
            )
            async with stream:
                async for chunk in stream:
                    taken += chunk
                    if len(taken) > most:
                        raise MachineError(f"a reply of more than {most} bytes")
        return bytes(taken)

    async def execute(self, command: str, most_s: float) -> Ended:
        """Run a shell command to its end. Raises MachineError; then what it started may still run there.

        The SDK's own deadline is left out: it cancels the task that began to read, which may be the caller's.
        """
        sdk, said = _load(), _Said()
        async with self._cloud._translated(_about_the_machine):
            handle = await self._sandbox.commands.run(
                command,
                background=True,
                user=USER,
                on_stdout=said.take,
                on_stderr=said.take,
                timeout=0,
                retain_output=False,
            )
            waiting = asyncio.ensure_future(handle.wait())
            try:
                await asyncio.wait({waiting}, timeout=most_s)
                if not waiting.done():
                    raise MachineError(f"no end within {most_s:.0f} seconds")
                waiting.result()
            except sdk.CommandExitException as error:
                return Ended(error.exit_code, said.text)
            finally:
                waiting.add_done_callback(noticed)
                with contextlib.suppress(Exception):
                    await handle.disconnect()
        return Ended(0, said.text)


def noticed(task: asyncio.Future[Any]) -> None:
    """Look at how abandoned work ended, so that the loop does not complain that nobody did."""
    if not task.cancelled():
        task.exception()


class Ended(NamedTuple):
    """How a command ended, and the beginning of what it printed."""

    code: int
    said: str


class _Said:
    """What a command prints, bounded: nothing is expected of the runner, unless it fails."""

    def __init__(self) -> None:
        self.text, self._count = "", 0

    def take(self, text: str) -> None:
        """Keep the beginning; what goes on without end is ended."""
        self._count += len(text)
        if self._count > _MAX_SAID:
            raise MachineError("the runner printed without end")
        self.text = (self.text + text)[:_MAX_TEXT]


def _about_the_cloud(error: Exception, text: str) -> MendloopError:
    """Say what a failed call to the cloud's own interface means."""
    sdk = _load()
    status = getattr(error, "status_code", None)
    if isinstance(error, sdk.AuthenticationException):
        return InputError("e2b refuses the key", where="E2B_API_KEY", remedy=_KEY_REMEDY)
    if status == 403:
        return InputError(f"e2b does not allow it with this key: {text}", where="E2B_API_KEY", remedy=_KEY_REMEDY)
    if status in _HOPELESS:
        return InputError(f"e2b cannot do what is asked: {text}", where="e2b", remedy="check the template and the plan")
    refused = isinstance(error, sdk.RateLimitException | sdk.ServiceBusyException)
    return BusyError(text, unsure=not refused)


def _about_the_machine(error: Exception, text: str) -> MachineError:
    """Whatever fails in talking to one machine is about that machine: the key was good when it was made."""
    return MachineError(text)


def _load() -> ModuleType:
    try:
        import e2b
    except ImportError as error:
        raise InputError(
            "the sandbox `e2b` needs a package that is not installed", remedy="pip install 'mendloop[e2b]'"
        ) from error
    return e2b
