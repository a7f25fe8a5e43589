"""Which machines of ours may be alive, so that none is left behind: not by a failure, nor at the interpreter's exit."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import sys
import time

from mendloop.errors import InputError, MendloopError
from mendloop.tools.sandbox.e2b.faults import BusyError
from mendloop.tools.sandbox.e2b.sdk import Cloud, Machine

_AT_EXIT_S = 20.0
_SDK_THREADS = "pyqwest"
_QUIET_S = 0.2
"""The SDK's transport has threads that give Python objects back a moment after a request. One that does so while the
interpreter is being torn down aborts the process, whose exit code is then lost."""


class Ledger:
    """Every machine is made and ended through here. One that cannot be ended now is tried again by `settle`."""

    def __init__(self, cloud: Cloud, tag: str) -> None:
        self._cloud, self._tag = cloud, tag
        self._alive: set[str] = set()
        self._unsure = False

    @property
    def settled(self) -> bool:
        """True when nothing of ours can be alive."""
        return not self._alive and not self._unsure

    async def create(self) -> Machine:
        """Make a machine and note it. Raises InputError or BusyError."""
        _open.add(self)
        try:
            machine = await self._cloud.create(self._tag)
        except InputError:
            raise
        except BusyError as error:
            self._unsure = self._unsure or error.unsure
            raise
        except BaseException:
            self._unsure = True
            raise
        self._alive.add(machine.id)
        return machine

    async def kill(self, name: str) -> None:
        """End a machine; one that resists stays noted."""
        if name not in self._alive:
            return
        with contextlib.suppress(MendloopError):
            await self._cloud.kill(name)
            self._alive.discard(name)

    async def settle(self) -> None:
        """End all that is noted and, where a making may have gone unnoticed, all that has our tag."""
        if self._unsure:
            with contextlib.suppress(MendloopError):
                self._alive.update(await self._cloud.tagged(self._tag))
                self._unsure = False
        await asyncio.gather(*(self.kill(name) for name in tuple(self._alive)))
        if self.settled:
            _open.discard(self)


_open: set[Ledger] = set()
_owner = os.getpid()


def _settle_all() -> None:
    """At the interpreter's exit: what nobody closed is ended now, within bounds. A forked copy has no say."""
    if os.getpid() != _owner:
        return
    if _open:
        _settle_now()
    if _SDK_THREADS in sys.modules:
        time.sleep(_QUIET_S)


def _settle_now() -> None:

    async def settle() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_AT_EXIT_S):
                await asyncio.gather(*(ledger.settle() for ledger in _open))

    with contextlib.suppress(Exception):
        asyncio.run(settle())


atexit.register(_settle_all)
