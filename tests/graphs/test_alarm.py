"""The alarm: a run whose accepted programs fail what nobody saw stops, and says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendloop.errors import AlarmError
from mendloop.graphs.alarm import NOBODY_MET, counted, sound
from mendloop.graphs.outcome import SessionOutcome
from mendloop.graphs.state import Met
from mendloop.judgement.shares import wilson
from mendloop.specs import Alarm


def ended(held_out: str | None) -> SessionOutcome:
    return SessionOutcome.model_validate(
        {"session": "s", "index": 0, "outcome": "dropped", "reason": "", "held_out": held_out}
    )


@given(st.lists(st.sampled_from(["passed", "failed", None]), max_size=60))
def test_only_programs_that_met_a_held_out_suite_count(ends: list[str | None]) -> None:
    counts = NOBODY_MET
    for end in ends:
        counts = counted(counts, ended(end))
    assert counts == Met(met=len(ends) - ends.count(None), failed=ends.count("failed"))


@given(st.integers(1, 200), st.integers(0, 200), st.floats(0, 1))
def test_the_alarm_sounds_where_the_failures_are_surely_above_the_limit(met: int, failed: int, above: float) -> None:
    failed = min(failed, met)
    alarm = Alarm(after=50, above=above)
    rings = met >= 50 and wilson(failed, met)[0] > above
    if not rings:
        sound(Met(met=met, failed=failed), alarm)
        return
    with pytest.raises(AlarmError, match=f"^{failed} of {met} accepted programs failed"):
        sound(Met(met=met, failed=failed), alarm)
    sound(Met(met=met, failed=failed), alarm.model_copy(update={"enabled": False}))


def test_sixteen_of_fifty_are_surely_more_than_a_fifth_and_fifteen_are_not() -> None:
    with pytest.raises(AlarmError):
        sound(Met(met=50, failed=16), Alarm())
    sound(Met(met=50, failed=15), Alarm())
