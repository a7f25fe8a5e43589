"""What every command prints through: tables and JSON on stdout, progress and remarks on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import BaseModel

from mendloop import api
from mendloop.agents.proposer import Stock
from mendloop.graphs.outcome import SessionOutcome
from mendloop.runs.pulse import Pulse
from mendloop.tools.chat.protocol import Rates

_SAFE = {"\n", "\t"}
QUIET_S = 30.0
"""Seconds after which plain lines tell where a run stands, though no session has ended."""
MOST_REASONS = 5
"""Reasons, or files, that one line names."""


def clean(text: str) -> str:
    """Return text without control characters: a program's output must not drive the terminal."""
    return "".join(
        char if char in _SAFE or (char.isprintable() or char == " ") else f"\\x{ord(char):02x}" for char in text
    )


def say(text: str) -> None:
    """Print a remark for people, on stderr."""
    print(clean(text), file=sys.stderr, flush=True)  # noqa: T201


def hint(text: str) -> None:
    """Print a sign of life on stderr where somebody watches a terminal; logs and scripts have no use for it."""
    if sys.stderr.isatty():
        say(text)


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


Telling: TypeAlias = Callable[[Path, SessionOutcome], None]
"""Prints something of a session that was taken into account; the run's folder comes first."""


class LineProgress:
    """Progress as plain lines, at most one a second, for logs and pipes."""

    def __init__(
        self,
        goal: int,
        announce: Callable[[Path], None],
        telling: Telling | None = None,
        quiet_s: float = QUIET_S,
    ) -> None:
        """Count towards `goal` records; `announce` is called once the run folder is there, `telling` per session."""
        self._telling, self._quiet_s = telling, quiet_s
        self.goal, self.kept, self.done = goal, 0, 0
        self._pulse = Pulse()
        self.path: Path | None = None
        self._closed = False
        self._announce = announce
        self._last = time.monotonic()

    def started(self, path: Path) -> None:
        """Announce the run."""
        self.path = path
        self._announce(path)

    def team(self, text: str) -> None:
        """Say who plays the roles."""
        say(text)

    def stage(self, text: str) -> None:
        """Say what begins now."""
        say(f"{text} ...")

    def note(self, text: str) -> None:
        """Say something that holds from now on."""
        say(text)

    def surveyed(self, stock: Stock) -> None:
        """Say what the survey found and what it left out, most frequent reasons first."""
        if not stock.functions:  # a goal in words has nothing to count
            return
        say(f"found {count(stock.functions, stock.what)} in {count(stock.modules, stock.where)}")
        for note in stock.notes:
            say(note)
        reasons = sorted(stock.left_out.items(), key=lambda each: (-each[1], each[0]))
        if reasons:
            told = [f"{number} {reason}" for reason, number in reasons[:MOST_REASONS]]
            told += [f"and {len(reasons) - MOST_REASONS} more reasons"] if len(reasons) > MOST_REASONS else []
            left_out = count(sum(stock.left_out.values()), "function")
            say(f"left out {left_out}: {', '.join(told)}")
        files = api.open_run(self.path).skipped_files() if self.path else ()
        if files:
            shown = "; ".join(f"{each.file}: {each.reason}" for each in files[:MOST_REASONS])
            say(f"skipped {count(len(files), 'file')}: {shown}{'; ...' if len(files) > MOST_REASONS else ''}")

    def collected(self, outcome: SessionOutcome) -> None:
        """Count a session and say so now and then."""
        self.add(outcome)
        if time.monotonic() - self._last >= 1:
            self._last = time.monotonic()
            say(self.line())

    def pulse(self, pulse: Pulse) -> None:
        """Take in where the run stands, and say so where nothing has been said for long."""
        self._pulse = pulse
        if pulse.tokens and time.monotonic() - self._last >= self._quiet_s:
            self._last = time.monotonic()
            say(self.line())

    def add(self, outcome: SessionOutcome) -> None:
        """Count a session, and print what is to be printed of it."""
        if self._telling is not None and self.path is not None:
            self._telling(self.path, outcome)
        self.done += 1
        self.kept += outcome.outcome == "kept"

    def line(self) -> str:
        """Return the counts in one line, and what the models have used."""
        counts = f"{count(self.done, 'session')}, {self.kept} of {count(self.goal, 'record')} kept"
        return "; ".join([counts, *used_parts(self._pulse)])

    def close(self, *, quietly: bool = False) -> None:
        """Say the last counts, when there is anything to count; a second call does nothing."""
        if self.done and not (self._closed or quietly):
            say(self.line())
        self._closed = True


class BarProgress(LineProgress):
    """Progress as a bar on a terminal."""

    def __init__(self, goal: int, announce: Callable[[Path], None], telling: Telling | None = None) -> None:
        """Show nothing yet: before the run is there, only errors are printed."""
        super().__init__(goal, announce, telling)
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

    def started(self, path: Path) -> None:
        """Announce the run and show the bar."""
        super().started(path)
        self._bar.start()

    def stage(self, text: str) -> None:
        """Say what begins now."""
        self._bar.update(self._task, description=text)

    def collected(self, outcome: SessionOutcome) -> None:
        """Count a session and move the bar."""
        self.add(outcome)
        self._bar.update(self._task, completed=self.kept, description=self._described())

    def pulse(self, pulse: Pulse) -> None:
        """Take in where the run stands, and show it."""
        self._pulse = pulse
        if self.done or pulse.tokens:
            self._bar.update(self._task, description=self._described())

    def _described(self) -> str:
        return "; ".join([count(self.done, "session"), *used_parts(self._pulse)])

    def close(self, *, quietly: bool = False) -> None:
        """Take the bar away and say the last counts."""
        self._bar.stop()
        super().close(quietly=quietly)


def used_parts(pulse: Pulse) -> Iterator[str]:
    """Yield what the models have used of the limits, what the goal takes at that rate, and how the models are doing."""
    if not pulse.tokens:
        return
    tokens = (
        f"{pulse.tokens:,}"
        + (f" of {pulse.tokens_limit:,}" if pulse.tokens_limit else "")
        + (" token" if pulse.tokens == 1 else " tokens")
    )
    usd = "" if pulse.usd is None else f", {pulse.usd:.4g}"
    usd += f" of {pulse.usd_limit:g}" if usd and pulse.usd_limit else ""
    share = "" if pulse.share is None else f" ({100 * pulse.share:.0f} % of the budget)"
    yield tokens + (f"{usd} USD" if usd else "") + share
    if pulse.projected_tokens is not None and pulse.kept < pulse.goal:
        whole = "" if pulse.projected_usd is None else f", {pulse.projected_usd:.4g} USD"
        yield f"at this rate {pulse.projected_tokens:,} tokens{whole} for {count(pulse.goal, 'record')}"
    for rates in pulse.rates:
        yield rate_line(rates)


def rate_line(rates: Rates) -> str:
    """Return how a model is doing: what is under way, what waits, and what went wrong."""
    odd = {"waiting": rates.waiting, "failed": rates.failed, "rate-limited": rates.rate_limited}
    told = [f"{rates.under_way} of {rates.limit} under way", *(f"{n} {what}" for what, n in odd.items() if n)]
    state = "" if rates.state == "closed" else f" [circuit {rates.state}]"
    return f"{rates.model}{state}: {', '.join(told)}"


def count(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where there is not just one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def progress_for(goal: int, announce: Callable[[Path], None], telling: Telling | None = None) -> LineProgress:
    """Return a bar on a terminal, plain lines elsewhere and where dialogues are printed between them."""
    if sys.stderr.isatty() and telling is None:
        return BarProgress(goal, announce)
    return LineProgress(goal, announce, telling)
