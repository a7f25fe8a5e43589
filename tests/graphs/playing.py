"""A session that is played in the real sandbox and the real journal, and the path that it took."""

from __future__ import annotations

from dataclasses import dataclass

from mendloop.events import NodeEntered, RecordDropped, RecordKept
from mendloop.graphs.outcome import SessionOutcome
from mendloop.graphs.team import Team
from mendloop.records import Brief, Record
from mendloop.runs.reader import Reader
from mendloop.runs.sessions import SessionRunner
from mendloop.runs.store import Store

OPENING = ["propose", "screen", "design_tests", "program", "execute", "vet_tests", "adjudicate"]
INVITING = ["write_peers", "adjudicate"]
CHECKING = ["strengthen", "hold_out", "compare_peers", "keep", "remember"]
CLOSING = ["corroborate", *CHECKING]
MENDING = ["diagnose", "recall", "repair", "execute", "adjudicate"]


@dataclass(frozen=True)
class Played:
    """A session that was run: its outcome, the nodes it went through, its record or the reason it was dropped."""

    outcome: SessionOutcome
    path: list[str]
    record: Record | None
    dropped: str | None


async def play(store: Store, team: Team) -> Played:
    journal = await store.journal("s000000")
    outcome = await SessionRunner(team).run(0, journal, Brief())
    journal.end()
    await store.flush()
    with Reader(store.path) as reader:
        events = [stored.event for stored in reader.events("s000000")]
        kept = [reader.load(event.record, Record) for event in events if isinstance(event, RecordKept)]
    dropped = [event.reason for event in events if isinstance(event, RecordDropped)]
    path = [event.node for event in events if isinstance(event, NodeEntered)]
    return Played(outcome, path, kept[0] if kept else None, dropped[0] if dropped else None)
