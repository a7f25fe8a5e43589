"""The benchmark of the journal measures what it says: ten turns, one commit for many sessions, the same rows below."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import journal
from mendloop.runs.verify import verify


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of the sessions whose size is measured."""
    return journal.ten_turns(tmp_path_factory.mktemp("ten"))


def test_a_session_of_ten_turns_stays_below_its_goal(ten: Path) -> None:
    assert journal.turns_in(ten) == journal.TURNS
    assert journal.bytes_a_session(ten) < journal.BYTES_GOAL


def test_many_sessions_share_commits_and_the_floor_writes_the_same_rows(ten: Path, tmp_path: Path) -> None:
    texts = journal.Texts(journal.sizes_in(ten))
    ours = journal.journal_rate(tmp_path / "run", texts)
    assert ours.events == journal.SESSIONS * (2 + 8 * journal.TURNS)
    assert ours.group > journal.SESSIONS / 2
    assert verify(tmp_path / "run").ok
    assert journal.floor_rate(tmp_path / "run", tmp_path / "bare.db", round(ours.group)).events == ours.events
