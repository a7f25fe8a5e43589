"""Runs with several models, as a person starts them: a spare that goes on, roles of their own, and a batch API."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from mendloop import api
from mendloop.events import CONTROL_SESSION, AnyEvent, BatchChanged, CircuitChanged, LlmAnswered
from mendloop.records import Record
from mendloop.runs.answers import asked_in
from mendloop.runs.reader import Reader
from tests.batch_server import BatchServer
from tests.e2e.model_team import KEY, question, role_of, team
from tests.e2e.product import PATIENCE_S, mendloop, started
from tests.openai_server import Asked, OpenAIServer, Reply, quota
from tests.runs.stored import holding

WEST_KEY = "sk-canary-west-0123456789abcdef"
QUICK = "loop: {peers: 1, memory: {enabled: false}}\nsandbox: {limits: {wall_s: 600}}\n"
"""On a busy machine no program is called slow."""
ROLES = ("proposer", "programmer", "tester", "critic")
TWO = "teacher: {kind: several, members: [{model: first-model}, {model: second-model, endpoint: west}]}"
BATCHED = "teacher: {kind: openai, model: m, batch: [tester], batch_gather: 200ms, batch_poll: 10ms}"


@contextmanager
def named_by_the_environment(
    default: OpenAIServer, west: OpenAIServer | None = None, key: str = WEST_KEY
) -> Iterator[None]:
    """Let processes that are started find these servers, and no other."""
    variables = {"OPENAI_BASE_URL": default.base_url, "OPENAI_API_KEY": KEY, "MENDLOOP_MODEL": ""}
    if west is not None:
        variables |= {"MENDLOOP_ENDPOINT_WEST_URL": west.base_url, "MENDLOOP_ENDPOINT_WEST_KEY": key}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


def written(folder: Path, models: str, more: str = "") -> Path:
    """Write a scenario with these models; return its file."""
    file = folder / "made.yaml"
    goal = "goal: small functions about lists of numbers\nsource: {kind: goal}\nexport: [sft_multiturn]\n"
    file.write_text(f"{goal}models: {{{models}}}\n{QUICK}{more}")
    return file


def records_of(run: Path) -> list[Record]:
    return list(api.open_run(run).records())


def answers_of(run: Path) -> list[LlmAnswered]:
    with Reader(run) as reader:
        return [asked.event for asked in asked_in(reader)]


def heard_of(run: Path) -> list[AnyEvent]:
    """Return what is journalled beside the sessions."""
    with Reader(run) as reader:
        return [stored.event for stored in reader.events(CONTROL_SESSION)]


def once_each(requests: Sequence[Asked]) -> bool:
    return max(Counter(question(asked) for asked in requests).values()) == 1


# Two servers


def quota_after(good: int) -> OpenAIServer:
    """Return a server whose quota is used up after so many questions."""
    play = team()

    def answer(asked: Asked) -> Reply:
        return play(asked) if asked.number < good else quota()

    return OpenAIServer(answer, key=KEY)


def test_a_second_server_goes_on_when_the_quota_of_the_first_is_used_up(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with (
        quota_after(8) as first,
        OpenAIServer(team(), key=WEST_KEY) as second,
        named_by_the_environment(first, second),
    ):
        done = mendloop("run", written(tmp_path, TWO), "--out", run, "--sessions", 3, "--json")
    assert done.returncode == 0, done.stderr
    assert f"first-model at {first.base_url}, then second-model at {second.base_url}" in done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["kept"] == 3
    counted = Counter(event.model for event in answers_of(run))
    assert counted["first-model"] == 7  # and the first look
    assert counted["second-model"] == second.count - 1
    assert first.count <= 8 + 8  # those that were under way when it refused, and none after them
    assert once_each(second.requests)
    left_out = [event for event in heard_of(run) if isinstance(event, CircuitChanged)]
    assert [(event.model, event.endpoint, event.reason) for event in left_out] == [
        ("first-model", first.base_url, "quota")
    ]
    for record in records_of(run):
        assert record.provenance.models == dict.fromkeys(ROLES, "first-model, second-model")
    assert holding(run, WEST_KEY) == []
    assert WEST_KEY not in done.stdout + done.stderr
    assert api.open_run(run).verify().ok
    found = api.open_run(run).replay()
    assert (found.ok, found.sessions) == (True, 3)


def test_a_run_whose_servers_all_refuse_stops_and_goes_on_when_one_answers(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with (
        quota_after(8) as first,
        quota_after(1) as second,
        named_by_the_environment(first, second, key=KEY),
    ):
        done = mendloop("run", written(tmp_path, TWO), "--out", run, "--sessions", 2, "--json")
    assert done.returncode == 4, done.stderr
    stopped = json.loads(done.stdout.splitlines()[-1])
    assert (stopped["status"], stopped["reason"]) == ("stopped", "quota")
    known = len(answers_of(run))
    with quota_after(0) as first, OpenAIServer(team()) as second, named_by_the_environment(first, second):
        resumed = mendloop("resume", run, "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout.splitlines()[-1])["kept"] == 2
    assert second.count == 1 + len(answers_of(run)) - known


def test_roles_ask_the_models_that_they_name(tmp_path: Path) -> None:
    run = tmp_path / "run"
    models = (
        "teacher: {kind: openai, model: big}, cheap: {kind: openai, model: small, endpoint: west}, "
        "proposer: cheap, tester: cheap"
    )
    with (
        OpenAIServer(team(), key=KEY) as default,
        OpenAIServer(team(), key=WEST_KEY) as west,
        named_by_the_environment(default, west),
    ):
        done = mendloop("run", written(tmp_path, models), "--out", run, "--sessions", 1, "--json")
    shown = mendloop("report", run)
    assert done.returncode == 0, done.stderr
    asked = [{role_of(each) for each in server.requests} - {"hello"} for server in (default, west)]
    assert asked[0] >= {"write", "diagnose", "repair"}
    assert asked[1] >= {"concepts", "problem", "tests"}
    assert not asked[0] & asked[1]
    (record,) = records_of(run)
    played = {"proposer": "small", "programmer": "big", "tester": "small", "critic": "big"}
    assert record.provenance.models == played
    lines = [line.split() for line in shown.stdout.splitlines()]
    for role, name in played.items():
        assert [role, name] in [line[:2] for line in lines if line]
    assert api.open_run(run).replay().ok


# The batch API


def batched(run: Path) -> set[str]:
    """Return the roles whose questions were answered for less."""
    with Reader(run) as reader:
        return {
            asked.role for asked in asked_in(reader) if json.loads(reader.blob(asked.event.result))["price_factor"] < 1
        }


def test_a_tester_that_can_wait_asks_in_batches(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with BatchServer(team(), looks=2, key=KEY) as server, named_by_the_environment(server):
        done = mendloop("run", written(tmp_path, BATCHED), "--out", run, "--sessions", 3, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["kept"] == 3
    assert {role_of(asked) for asked in server.batched} == {"tests"}
    assert "tests" not in {role_of(asked) for asked in server.requests}
    assert len(server.jobs) < len(server.batched)  # some waited together
    assert batched(run) == {"tester"}
    told = [event for event in heard_of(run) if isinstance(event, BatchChanged)]
    assert Counter(event.state for event in told) == {"sent": len(server.jobs), "ended": len(server.jobs)}
    assert once_each(server.batched)
    assert api.open_run(run).replay().ok


def test_a_killed_run_takes_up_its_batches_and_pays_for_none_twice(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with BatchServer(team(), looks=10**9, key=KEY) as server, named_by_the_environment(server):
        with started("run", written(tmp_path, BATCHED), "--out", run, "--sessions", 2, "--json") as child:
            assert server.made.wait(PATIENCE_S)
            child.send_signal(signal.SIGKILL)
            child.wait(PATIENCE_S)
        sent = len(server.jobs)
        server.looks = 2
        resumed = mendloop("resume", run, "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout.splitlines()[-1])["kept"] == 2
    assert {job.status for job in server.jobs} == {"completed"}
    assert "found" in {event.state for event in heard_of(run) if isinstance(event, BatchChanged)}
    assert len(server.jobs) > sent
    assert once_each(server.batched)
    assert {role_of(asked) for asked in server.batched} == {"tests"}
    assert "tests" not in {role_of(asked) for asked in server.requests}


def test_an_endpoint_without_a_batch_api_starts_nothing(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with OpenAIServer(team(), key=KEY) as server, named_by_the_environment(server):
        done = mendloop("run", written(tmp_path, BATCHED), "--out", run)
    assert (done.returncode, run.exists()) == (2, False)
    assert "models.teacher.batch: no batch API at" in done.stderr
