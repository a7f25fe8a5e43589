"""The memory of a run that has none: switched off, or not to be had."""

from __future__ import annotations

from collections.abc import Sequence

from mendloop.memory.protocol import Found, Query
from mendloop.records import Reflection


class NoMemory:
    """Keeps nothing and finds nothing; every answer says why."""

    def __init__(self, reason: str = "memory is off") -> None:
        self.reason = reason

    async def store(self, reflection: Reflection, text: str = "") -> None:
        """Forget the reflection."""

    async def query(self, query: Query) -> Found:
        """Return nothing, and the reason."""
        return Found(available=False, reason=self.reason)

    async def credit(self, ids: Sequence[str], helped: Sequence[str], index: int) -> None:
        """Forget the credit."""

    async def aclose(self) -> None:
        """Release nothing."""
