"""What the children of one request have given, within its caps, and the reply that is made of it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

MAX_VERDICT_BYTES = 32 << 20


class Answer(NamedTuple):
    """What is known of one call: JSON of the program's process where it is `answered`, else only the status."""

    status: str
    body: bytes = b""
    ms: float = 0.0
    printed: str | None = None


class Findings:
    """Answers by the index of their call, reports of tests, output, use. `event` is what went wrong first."""

    def __init__(self, output_mb: float) -> None:
        self.event = ""
        self.answers: dict[int, Answer] = {}
        self.tests: list[bytes] = []
        self.stdout, self.stderr = bytearray(), bytearray()
        self.cpu_s = 0.0
        self.peak = 0
        self._output_left = int(output_mb * (1 << 20))
        self._verdict_left = MAX_VERDICT_BYTES

    @property
    def room(self) -> tuple[int, int]:
        """The bytes that verdicts and output may still have."""
        return self._verdict_left, self._output_left

    def note(self, event: str) -> None:
        """Keep the first thing that went wrong: it is the program's status."""
        self.event = self.event or event

    def take_output(self, into: bytearray, data: bytes) -> bool:
        """Keep what the cap leaves of a piece of output; False where that is not all of it."""
        kept = data[: self._output_left]
        self._output_left -= len(kept)
        into.extend(kept)
        return len(kept) == len(data)

    def take_verdict(self, size: int) -> bool:
        """Count bytes of the verdict channel; False where they are too many."""
        self._verdict_left -= size
        return self._verdict_left >= 0

    def reply(self, calls: int, wall_s: float) -> bytes:
        """Return a JSON header line, one line for each of the `calls`, one for each report of a test."""
        answers = [(index, self.answers.get(index, Answer("missing"))) for index in range(calls)]
        header = {
            "status": self.event or "ok",
            "stdout": text_of(self.stdout),
            "stderr": text_of(self.stderr),
            "cpu_s": round(self.cpu_s, 4),
            "wall_s": round(wall_s, 4),
            "peak_rss_mb": round(self.peak / (1 << 20), 1),
            "outcomes": [(index, answer.status, answer.ms, answer.printed) for index, answer in answers],
            "tests": len(self.tests),
        }
        lines = [answer.body for _, answer in answers]
        return b"\n".join([json.dumps(header).encode(), *lines, *self.tests])


def text_of(output: bytearray) -> str:
    """Return output as text; bytes that are none are escaped."""
    return output.decode("utf-8", "backslashreplace")


def status_of(reason: str) -> str:
    """Return the status of a call that was not answered because its child was ended for a reason."""
    return reason if reason in ("timeout", "memory") else "missing"


def returned(ms: float) -> Answer:
    """Return the answer of a program that ended well, where no interpreter of ours could say so."""
    return _told({"status": "returned"}, ms)


def raised(kind: str, message: str, ms: float) -> Answer:
    """Return an exception as mendloop.executions.Raised has it, for what no interpreter of ours has raised."""
    error = {"type": kind, "base": "Exception", "builtin": False, "message": message, "line": None}
    return _told({"status": "raised", "error": error}, ms)


def _told(what: dict[str, Any], ms: float) -> Answer:
    return Answer("answered", json.dumps({**what, "ms": ms}).encode(), ms)
