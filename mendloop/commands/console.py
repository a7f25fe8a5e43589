"""What every command prints through: tables and JSON on stdout, progress and remarks on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from mendloop.graphs.outcome import SessionOutcome

_SAFE = {"\n", "\t"}


def clean(text: str) -> str:
    """Return text without control characters: a program's output must not drive the terminal."""
    return "".join(
        char if char in _SAFE or (char.isprintable() or char == " ") else f"\\x{ord(char):02x}" for char in text
    )


def say(text: str) -> None:
    """Print a remark for people, on stderr."""
    print(clean(text), file=sys.stderr, flush=True)  # noqa: T201


def show(text: str) -> None:
    """Print a result, on stdout."""
    print(clean(text), flush=True)  # noqa: T201


def show_json(value: object) -> None:
    """Print one JSON document on one line, on stdout."""
    print(json.dumps(_plain(value), ensure_ascii=True), flush=True)  # noqa: T201


def _plain(value: object) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def show_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under heads, columns aligned, wide texts cut to the terminal by the reader's own means."""
    texts = [[clean(str(cell)).replace("\n", " ") for cell in row] for row in rows]
    widths = [
        max(len(head), *(len(row[place]) for row in texts)) if texts else len(head) for place, head in enumerate(heads)
    ]
    for row in ([*heads], *texts):
        show("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


class LineProgress:
    """Progress as plain lines, at most one a second, for logs and pipes."""

    def __init__(self, goal: int) -> None:
        self.goal, self.kept, self.done = goal, 0, 0
        self._last = time.monotonic()

    def stage(self, text: str) -> None:
        """Say what begins now."""
        say(f"{text} ...")

    def collected(self, outcome: SessionOutcome) -> None:
        """Count a session and say so now and then."""
        self.count(outcome)
        if time.monotonic() - self._last >= 1:
            self._last = time.monotonic()
            say(self.line())

    def count(self, outcome: SessionOutcome) -> None:
        """Count a session."""
        self.done += 1
        self.kept += outcome.outcome == "kept"

    def line(self) -> str:
        """Return the counts in one line."""
        return f"{self.done} sessions, {self.kept} of {self.goal} records kept"

    def close(self) -> None:
        """Say the last counts."""
        say(self.line())


class BarProgress(LineProgress):
    """Progress as a bar on a terminal."""

    def __init__(self, goal: int) -> None:
        super().__init__(goal)
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("kept"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("starting", total=goal)
        self._bar.start()

    def stage(self, text: str) -> None:
        """Say what begins now."""
        self._bar.update(self._task, description=text)

    def collected(self, outcome: SessionOutcome) -> None:
        """Count a session and move the bar."""
        self.count(outcome)
        self._bar.update(self._task, completed=self.kept, description=f"{self.done} sessions")

    def close(self) -> None:
        """Take the bar away and say the last counts."""
        self._bar.stop()
        super().close()


def progress_for(goal: int) -> LineProgress:
    """Return a bar on a terminal, plain lines elsewhere."""
    return BarProgress(goal) if sys.stderr.isatty() else LineProgress(goal)
