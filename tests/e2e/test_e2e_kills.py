"""A run that is killed at any moment and resumed, many times over, is the run that nobody disturbed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from mendloop.runs.verify import verify
from tests.e2e.kills import (
    ENDING,
    Killed,
    endings,
    faults_of,
    kept,
    planned,
    run_with_kills,
    server_process,
    undisturbed_run,
)
from tests.e2e.many import CONCURRENCY, write_many
from tests.e2e.product import exported
from tests.fault_server import LedgerFile

SESSIONS = 100
KILLS = 20
ANSWER_S = 0.05
"""How long the server takes for an answer, so that some are under way whenever the process is killed."""


@dataclass(frozen=True)
class Both:
    """A run that was killed, and one that was not."""

    run: Path
    killed: Killed
    undisturbed: Path


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = tmp_path_factory.mktemp("kills")
    scenario, undisturbed, run = write_many(folder, SESSIONS), folder / "undisturbed", folder / "run"
    with server_process(folder / "first", "--delay", ANSWER_S) as base_url:
        undisturbed_run(scenario, undisturbed, base_url)
    requests = asked_in(folder / "first")
    with server_process(folder / "second", "--delay", ANSWER_S) as base_url:
        killed = run_with_kills(scenario, run, base_url, folder / "second", planned(KILLS + ENDING, requests, seed=7))
    return Both(run, killed, undisturbed)


def asked_in(ledger: Path) -> int:
    """Return how many different requests of sessions a server was asked."""
    file = LedgerFile(ledger)
    file.more()
    return len(file.ledger.asked) - 1  # one is the first look


def test_it_was_killed_all_along(both: Both) -> None:
    assert both.killed.kills >= KILLS
    assert both.killed.launches > KILLS
    assert max(both.killed.in_flight) > 0


def test_no_session_is_lost_and_each_ends_once_and_as_it_would_have(both: Both) -> None:
    ended = endings(both.run)
    assert sorted(ended) == [f"s{number:06d}" for number in range(SESSIONS)]
    assert ended == endings(both.undisturbed)


def test_nothing_is_kept_twice(both: Both) -> None:
    assert set(kept(both.run).values()) == {1}
    assert kept(both.run) == kept(both.undisturbed)


def test_no_journalled_answer_is_lost_or_asked_for_again(both: Both) -> None:
    assert both.killed.lost == set()
    assert both.killed.asked_again == set()
    assert both.killed.requests == asked_in(both.undisturbed.with_name("first"))


def test_what_is_repaid_was_under_way_at_a_kill(both: Both) -> None:
    assert max(both.killed.in_flight) <= CONCURRENCY
    assert both.killed.repaid <= both.killed.kills * CONCURRENCY


def test_the_export_is_the_same_to_the_byte(both: Both) -> None:
    assert exported(both.run)
    assert exported(both.run) == exported(both.undisturbed)


def test_the_journal_verifies(both: Both) -> None:
    assert verify(both.run).ok


def test_the_slow_proof_finds_nothing_wrong_either(both: Both) -> None:
    assert faults_of(both.killed, both.run, both.undisturbed, CONCURRENCY) == []


def test_the_slow_proof_tells_what_is_wrong(both: Both) -> None:
    wrong = Killed(kills=1, asked_again={"a"}, lost={"b", "c"}, in_flight=[CONCURRENCY + 1], repaid=CONCURRENCY + 1)
    assert faults_of(wrong, both.run, both.undisturbed, CONCURRENCY) == [
        "1 journalled answers were asked for again",
        "2 journalled answers are lost",
        f"{CONCURRENCY + 1} calls in flight at a kill",
        f"{CONCURRENCY + 1} calls repaid",
    ]


def test_kills_are_spread_over_the_run_over_starts_and_over_the_export() -> None:
    plan = planned(500, 4_000, seed=3)
    places = [kill.requests for kill in plan if kill.after == "requests"]
    assert len(plan) == 500
    assert places == sorted(places)
    assert [sum(lower <= place < lower + 1_000 for place in places) > 80 for lower in (0, 1_000, 2_000, 3_000)] == [
        True
    ] * 4
    assert sum(kill.after == "launch" for kill in plan) == 50
    assert [kill.after for kill in plan[-ENDING:]] == ["sessions"] * ENDING
    assert planned(500, 4_000, seed=3) == plan != planned(500, 4_000, seed=4)
