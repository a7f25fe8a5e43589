"""Controls within a run: memory on against off, and repair against fresh programs for as many calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from mendloop.errors import RedactedError
from mendloop.events import MemoryQueried, MemoryStored, SolutionWritten
from mendloop.records import Solution
from mendloop.runs.counted import Told
from mendloop.runs.intervals import Contrast, Interval, Share, clustered_mean, clustered_share, contrast
from mendloop.runs.observed import Observed, Sight
from mendloop.runs.reader import Reader
from mendloop.runs.report_group import Group
from mendloop.runs.report_model import Memory, MemorySide


def contrasts(reader: Reader, sight: Sight) -> Group:
    """Return the figures of a run's controls."""
    sessions = sight.sessions
    on, trials_on = _memory_side(reader, sessions, "on")
    off, trials_off = _memory_side(reader, sessions, "off")
    memory = Memory(
        on=on,
        off=off,
        retrieved=sum(event.found for each in sessions for event in each.told.of(MemoryQueried)),
        helped=sum(len(event.helped) for each in sessions for event in each.told.of(MemoryStored)),
    )
    return Group(
        {
            "memory": memory,
            "memory_lift": contrast(_repaired(sessions, "on"), _repaired(sessions, "off")),
            "repair_against_resampling": _repair_against_resampling(sessions),
        },
        {"memory.on.trials_per_repair": trials_on, "memory.off.trials_per_repair": trials_off},
    )


def _repaired(sessions: Sequence[Observed], memory: Literal["on", "off"]) -> Share | None:
    """Return the share of kept sessions among those with a failing turn, for one side of the memory's control."""
    return clustered_share(
        (each.cluster, each.is_kept) for each in sessions if each.told.start.memory == memory and each.failed_a_turn
    )


def _repair_against_resampling(sessions: Sequence[Observed]) -> Contrast | None:
    """Compare what became of sessions whose first program failed, by what followed in them."""
    failing = [each for each in sessions if each.first_verdict == "code_fault"]
    repair, resample = (
        clustered_share((each.cluster, each.is_kept) for each in failing if each.told.start.arm == arm)
        for arm in ("repair", "resample")
    )
    return contrast(repair, resample)


def _memory_side(
    reader: Reader, sessions: Sequence[Observed], memory: Literal["on", "off"]
) -> tuple[MemorySide, Interval | None]:
    side = [each for each in sessions if each.told.start.memory == memory]
    trials = [(each.cluster, n) for each in side for n in _trials(reader, each.told)]
    mean = round(sum(n for _, n in trials) / len(trials), 6) if trials else None
    return MemorySide(sessions=len(side), repairs=len(trials), trials_per_repair=mean), clustered_mean(trials)


def _trials(reader: Reader, told: Told) -> Iterator[int]:
    for written in told.of(SolutionWritten):
        if written.turn > 0 and written.peer == 0:
            try:
                yield reader.load(written.solution, Solution).trials
            except RedactedError:
                continue
