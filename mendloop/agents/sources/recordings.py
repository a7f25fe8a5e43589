"""Programs and suites that models wrote earlier, by problem: what a recorded team plays back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mendloop.agents.sources.jsonl import JsonRow, RowError, Unusable, nothing_usable, plain_text, read_rows
from mendloop.frozen import Frozen

_PROGRAMS_WANTED = 'write {"task_id": "...", "model": "...", "code": "..."} on each line'
_SUITES_WANTED = 'write {"task_id": "...", "model": "...", "asserts": ["assert f(1) == 2"]} on each line'


class RecordedProgram(Frozen):
    """A program, and the model that wrote it."""

    model: str
    code: str


class RecordedSuite(Frozen):
    """A suite as a text with asserts, and the model that wrote it."""

    model: str
    asserts: str


Item = TypeVar("Item", RecordedProgram, RecordedSuite)


@dataclass(frozen=True)
class Recordings:
    """What was recorded for each problem, by its id, each once and in the order of the files.

    `skipped` counts the lines that were not used.
    """

    programs: Mapping[str, tuple[RecordedProgram, ...]]
    suites: Mapping[str, tuple[RecordedSuite, ...]]
    skipped: int = 0

    def said_for(self, problems: Sequence[str]) -> str:
        """Say for how many of some problems there is something."""
        said = [
            f"{what} for {sum(problem in found for problem in problems):,} of {len(problems):,} problems"
            for what, found in (("programs", self.programs), ("suites", self.suites))
            if found
        ]
        left_out = [f"{self.skipped:,} recorded lines skipped"] if self.skipped else []
        return f"recorded {'; '.join([*said, *left_out])}"


def read_recordings(programs: str, suites: str | None = None, model: str | None = None) -> Recordings:
    """Read `.jsonl` files of `{"task_id" or "problem", "model", "code"}` and `{..., "asserts": [...]}`.

    With a `model` only that one's rows are taken. Raises SourceError when no row of a file can be used.
    """
    written, left_out = _read(programs, model, _program, _PROGRAMS_WANTED)
    designed, also = _read(suites, model, _suite, _SUITES_WANTED) if suites else ({}, 0)
    return Recordings(written, designed, left_out + also)


def _read(
    path: str, model: str | None, item_of: Callable[[JsonRow], Item], wanted: str
) -> tuple[dict[str, tuple[Item, ...]], int]:
    found: dict[str, dict[Item, None]] = {}
    unusable: list[Unusable] = []
    for row in read_rows(Path(path)):
        if isinstance(row, Unusable):
            unusable.append(row)
            continue
        try:
            problem, item = row.text("task_id", "problem").strip(), item_of(row)
            if model is not None and item.model != model:
                raise RowError("another model wrote it than the one that is asked for")
        except RowError as reason:
            unusable.append(Unusable(line=row.line, reason=str(reason)))
            continue
        found.setdefault(problem, {})[item] = None
    if not found:
        raise nothing_usable(path, unusable, wanted)
    return {problem: tuple(_distinct(items)) for problem, items in found.items()}, len(unusable)


def _distinct(items: Mapping[Item, None]) -> list[Item]:
    """Return the items without those whose text another model wrote before."""
    texts: dict[str, Item] = {}
    for item in items:
        texts.setdefault(item.code if isinstance(item, RecordedProgram) else item.asserts, item)
    return list(texts.values())


def _program(row: JsonRow) -> RecordedProgram:
    return RecordedProgram(model=row.text("model").strip(), code=row.text("code"))


def _suite(row: JsonRow) -> RecordedSuite:
    asserts = row.values.get("asserts")
    if isinstance(asserts, list):
        return RecordedSuite(model=row.text("model").strip(), asserts="\n".join(map(plain_text, asserts)))
    return RecordedSuite(model=row.text("model").strip(), asserts=row.text("asserts"))
