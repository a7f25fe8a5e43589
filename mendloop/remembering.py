"""Opening a run's memory: the index is made from the journal, which is the truth."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from mendloop.composition import chosen_embedder
from mendloop.events import MemoryStored
from mendloop.memory.none import NoMemory
from mendloop.memory.opening import open_memory
from mendloop.memory.protocol import Credit, Entry
from mendloop.records import Reflection
from mendloop.runs.reader import Reader
from mendloop.runs.schema import MEMORY

if TYPE_CHECKING:
    from mendloop.memory.protocol import ReflectionStore
    from mendloop.runs.progress import Progress
    from mendloop.scenario import Scenario
    from mendloop.settings import Settings


async def opened_memory(run: Path, scenario: Scenario, settings: Settings, progress: Progress) -> ReflectionStore:
    """Open the reflection store of a run and fill it from the journal; none where the scenario wants none."""
    if not scenario.loop.memory.enabled:
        return NoMemory()
    entries, credits = _remembered(run)
    chosen = await asyncio.to_thread(chosen_embedder, scenario, settings)
    if scenario.models.teacher.kind != "procedural":
        progress.note(chosen.said)
    memory = await open_memory(run / MEMORY, entries, credits, chosen.embedder)
    if isinstance(memory, NoMemory):
        progress.note(f"the run goes on without memory: {memory.reason}")
    return memory


def _remembered(run: Path) -> tuple[list[Entry], list[Credit]]:
    """Return the lessons of a journal that were not erased, and what was credited to those that were retrieved."""
    entries, credits = [], []
    with Reader(run) as reader:
        erased = reader.redacted()
        for row in reader.sessions():
            for stored in reader.events(row.session):
                if isinstance(stored.event, MemoryStored) and stored.event.reflection.sha256 not in erased:
                    lesson = reader.load(stored.event.reflection, Reflection)
                    entries.append(Entry(reflection=lesson, text=f"{lesson.symptom} {lesson.lesson}"))
                    if stored.event.retrieved:
                        given = Credit(ids=stored.event.retrieved, helped=stored.event.helped, index=lesson.index)
                        credits.append(given)
    return entries, credits
