"""Runs whose server fails: what passes changes nothing that is kept, what stays stops a run that can go on."""

from __future__ import annotations

import json
import resource
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mendloop.commands.texts import call_lines
from mendloop.runs.verify import verify
from tests.e2e.kills import endings
from tests.e2e.many import first_look, journalled, model, served_by, write_many
from tests.e2e.model_team import KEY
from tests.e2e.product import exported, mendloop, run_ok, tree
from tests.fault_server import SLOW, FaultServer, Ledger, at_random, from_then_on, key_of, no_faults
from tests.openai_server import MODEL, OpenAIServer

SESSIONS = 60
SHARE = 0.25
"""The share of requests that meet a fault: enough that most kinds occur."""
FEW = 12
ANSWERED = 10
"""Requests that are answered before a server fails for good."""
MAX_CPU_S = 5.0


@dataclass(frozen=True)
class Finished:
    """A run that came to its end, and its server's ledger."""

    run: Path
    done: subprocess.CompletedProcess[str]
    ledger: Ledger


def run_at(server: FaultServer, scenario: Path, run: Path, *changes: str) -> Finished:
    """Run a scenario and return it whatever became of it."""
    done = mendloop("run", scenario, "--out", run, "--json", *changes, env=served_by(server.base_url))
    return Finished(run, done, server.ledger)


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the last document that a launch printed."""
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


# Faults that pass


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_many(tmp_path_factory.mktemp("many"), SESSIONS)


@pytest.fixture(scope="module")
def undisturbed(scenario: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    with FaultServer(model(), no_faults) as server:
        return run_at(server, scenario, tmp_path_factory.mktemp("undisturbed") / "run")


@pytest.fixture(scope="module")
def hit(scenario: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The same run at a server of which every fourth answer is a fault."""
    with FaultServer(model(), at_random(SHARE, seed=1, spared=first_look)) as server:
        return run_at(server, scenario, tmp_path_factory.mktemp("hit") / "run")


def test_a_run_whose_server_fails_now_and_then_comes_to_its_end(hit: Finished) -> None:
    assert hit.done.returncode == 0, hit.done.stderr
    assert told(hit.done)["status"] == "finished"
    assert len(hit.ledger.by_fault) >= 10
    assert hit.ledger.by_fault.total() >= SESSIONS / 3


def test_every_session_ends_with_the_reason_that_it_has_without_faults(hit: Finished, undisturbed: Finished) -> None:
    ended = endings(hit.run)
    assert ended == endings(undisturbed.run)
    assert sorted(ended) == [f"s{number:06d}" for number in range(SESSIONS)]
    outcomes = Counter(outcome for ((outcome, reason),) in ended.values() if reason)
    assert outcomes.total() == SESSIONS
    assert min(outcomes["kept"], outcomes["dropped"]) >= SESSIONS / 10


def test_what_is_kept_is_the_same_to_the_byte(hit: Finished, undisturbed: Finished) -> None:
    assert exported(hit.run)
    assert exported(hit.run) == exported(undisturbed.run)


def test_no_answer_that_came_whole_is_asked_for_again(hit: Finished, undisturbed: Finished) -> None:
    assert not hit.ledger.asked_again
    assert not undisturbed.ledger.asked_again
    assert hit.ledger.whole == undisturbed.ledger.whole


def test_each_fault_costs_one_more_request(hit: Finished) -> None:
    lost = sum(count for fault, count in hit.ledger.by_fault.items() if fault not in SLOW)
    assert hit.ledger.asked.total() == len(hit.ledger.asked) + lost


def test_what_its_server_did_is_there_to_be_read(hit: Finished) -> None:
    told = [line.split(maxsplit=3)[3] for line in run_ok("tail", hit.run).splitlines() if " _control " in line]
    assert any(line.startswith(f"{MODEL}: at most ") and "(rate_limited" in line for line in told)
    sessions = [f"s{number:06d}" for number in range(SESSIONS)]
    shown = [line for name in sessions for line in call_lines(hit.run, name) if line.startswith("--- failed attempt: ")]
    assert len(shown) == sum(count for fault, count in hit.ledger.by_fault.items() if fault not in SLOW)


def test_the_journal_of_such_a_run_verifies_and_holds_each_answer_once(hit: Finished, undisturbed: Finished) -> None:
    assert verify(hit.run).ok
    assert journalled(hit.run)[0] == journalled(undisturbed.run)[0]


# Faults that stay


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_many(tmp_path_factory.mktemp("few"), FEW, concurrency=2)


@pytest.fixture(scope="module")
def whole(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    with FaultServer(model()) as server:
        return run_at(server, few, tmp_path_factory.mktemp("whole") / "run")


def resumed(stopped: Finished) -> Ledger:
    """Resume a run at a server without faults, to its end; return what that server was asked."""
    with FaultServer(model()) as server:
        done = mendloop("resume", stopped.run, "--json", env=served_by(server.base_url))
        assert done.returncode == 0, done.stderr
        return server.ledger


def tried(times: int) -> tuple[str, str]:
    """Return the options that let a request be tried so often; three times for two requests open no circuit."""
    return "--set", f"models.teacher.retry.tries={times}"


REFUSALS = {
    "401": (3, "auth", "OPENAI_API_KEY"),
    "404": (3, "model", "knows no model"),
    "402": (4, "quota", "raise the quota"),
    "insufficient_quota": (4, "quota", "raise the quota"),
    "HTML": (3, "no_answer", "does not answer"),
}


@pytest.mark.parametrize(("fault", "code", "reason", "said"), [(fault, *row) for fault, row in REFUSALS.items()])
def test_a_server_that_refuses_in_the_middle_stops_a_run_that_can_go_on(
    fault: str, code: int, reason: str, said: str, few: Path, whole: Finished, tmp_path: Path
) -> None:
    with FaultServer(model(), from_then_on(ANSWERED, fault), key=KEY) as server:
        stopped = run_at(server, few, tmp_path / "run", *tried(3))
    end = told(stopped.done)
    assert (stopped.done.returncode, end["exit"]) == (code, code), stopped.done.stderr
    assert (end["status"], end["reason"]) == ("stopped", reason)
    assert said in stopped.done.stderr
    assert f"go on with: mendloop resume {stopped.run}" in stopped.done.stderr
    assert KEY not in stopped.done.stdout + stopped.done.stderr
    goes_on_as_if_nothing_had_been(stopped, whole)


@pytest.mark.parametrize(("tries", "reason"), [(3, "no_answer"), (10_000, "circuit")])
def test_a_server_that_is_gone_for_good_stops_a_run_that_can_go_on(
    tries: int, reason: str, few: Path, whole: Finished, tmp_path: Path
) -> None:
    with FaultServer(model()) as server:
        closing = threading.Thread(target=close_after, args=(server, ANSWERED))
        closing.start()
        stopped = run_at(server, few, tmp_path / "run", *tried(tries))
        closing.join()
    end = told(stopped.done)
    assert (stopped.done.returncode, end["status"], end["reason"]) == (3, "stopped", reason), stopped.done.stderr
    assert f"go on with: mendloop resume {stopped.run}" in stopped.done.stderr
    goes_on_as_if_nothing_had_been(stopped, whole)


def close_after(server: FaultServer, answers: int) -> None:
    """Close a server as soon as it has sent so many answers."""
    while server.ledger.whole.total() < answers:
        threading.Event().wait(0.005)
    server.close()


def goes_on_as_if_nothing_had_been(stopped: Finished, whole: Finished) -> None:
    """Resume a stopped run: its end is that of a run that never stopped, and no stored answer is asked for again."""
    before = journalled(stopped.run)[0]
    assert len(before) >= ANSWERED - 1 - 2  # one was the first look, two may have been under way
    ledger = resumed(stopped)
    assert not before & set(ledger.asked)
    assert endings(stopped.run) == endings(whole.run)
    assert exported(stopped.run) == exported(whole.run) != {}
    assert verify(stopped.run).ok


# Settings that are wrong from the start


WRONG: dict[str, tuple[Callable[[], OpenAIServer], str, str]] = {
    "key": (lambda: OpenAIServer(model(), key="another key"), "OPENAI_API_KEY: ", "refuses the key (401)"),
    "model": (lambda: FaultServer(model(), from_then_on(0, "404")), "models: ", "knows no model"),
    "HTML": (lambda: FaultServer(model(), from_then_on(0, "HTML")), "OPENAI_BASE_URL: ", "no usable answer"),
}


@pytest.mark.parametrize(("serving", "where", "what"), WRONG.values(), ids=WRONG)
def test_a_wrong_setting_ends_a_run_at_once_and_before_anything_is_started(
    serving: Callable[[], OpenAIServer], where: str, what: str, few: Path, tmp_path: Path
) -> None:
    before = cpu_of_children()
    with serving() as server:
        done = mendloop("run", few, "--out", tmp_path / "run", env=served_by(server.base_url))
    assert cpu_of_children() - before < MAX_CPU_S
    assert (done.returncode, done.stdout, tree(tmp_path)) == (2, "", [])
    said = done.stderr.splitlines()[-1]
    assert said.startswith(f"mendloop: {where}")
    assert what in said
    assert KEY not in done.stderr
    assert server.count == 1


def cpu_of_children() -> float:
    """Return the seconds of processor time that ended children have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_a_first_look_that_fails_names_the_server_and_starts_nothing(few: Path, tmp_path: Path) -> None:
    with FaultServer(model(), from_then_on(0, "cut body")) as server:
        done = mendloop("run", few, "--out", tmp_path / "run", env=served_by(server.base_url))
        asked = server.ledger.asked
    assert (done.returncode, tree(tmp_path)) == (2, [])
    assert server.base_url in done.stderr
    assert set(asked) == {key_of(server.requests[0].body)}
