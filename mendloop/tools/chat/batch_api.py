"""What is asked of a provider's batch API: the seam between waiting for batches and the client that makes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mendloop.frozen import Frozen
from mendloop.tools.chat.batch_lines import Results
from mendloop.tools.chat.protocol import ChatRequest


class BatchError(Exception):
    """A batch cannot be had; its questions are asked singly."""


class BatchUnseenError(BatchError):
    """The provider did not answer now; what was asked of it may have happened."""


class Batch(Frozen):
    """A batch at the provider. `files` hold its answers and refusals, as soon as it has any."""

    id: str
    status: str
    ended: bool
    input_file: str
    questions: int = 0
    files: tuple[str, ...] = ()
    reason: str = ""


class BatchService(Protocol):
    """A provider's batch API for one model. What it raises is a BatchError."""

    @property
    def endpoint(self) -> str:
        """The address, as people may see it."""
        ...

    def id_of(self, request: ChatRequest) -> str:
        """Return the id of a question in every batch."""
        ...

    def line_of(self, request: ChatRequest) -> bytes:
        """Return the line of a question."""
        ...

    async def send(self, run: str, lines: Sequence[bytes]) -> Batch:
        """Make one batch of these lines, in the name of a run."""
        ...

    async def look(self, batch: Batch) -> Batch:
        """Return the batch as it is now."""
        ...

    async def sent_by(self, run: str) -> list[Batch]:
        """Return all batches that were made in the name of a run."""
        ...

    async def results(self, batch: Batch) -> Results:
        """Return what a batch came to."""
        ...

    async def cancel(self, batch: Batch) -> None:
        """Ask for a batch to end."""
        ...

    async def aclose(self) -> None:
        """Release the connection."""
        ...
