"""Budgets, estimates and samples of runs with a language model: real HTTP, a real sandbox, a real journal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from mendloop import api
from mendloop.errors import InputError
from mendloop.events import LlmAnswered, QuestionRefused
from mendloop.modelspecs import PLAYED_ROLES, Price
from mendloop.runs.answers import asked_in
from mendloop.runs.estimate import Estimate, Estimator
from mendloop.runs.progress import Silent
from mendloop.runs.pulse import Pulse
from mendloop.runs.reader import Reader
from mendloop.runs.sampled import sample_of, took
from mendloop.scenario import load_scenario
from mendloop.settings import Settings
from mendloop.specs import Scenario
from tests.e2e.model_team import KEY, team
from tests.e2e.product import ROOT
from tests.openai_server import MODEL, OpenAIServer

PRICE = Price(input=1, output=4)
SCENARIO = f"""
goal: small functions about lists of numbers
source: {{kind: goal}}
target: {{records: 3, min_tier: C}}
models: {{teacher: {{kind: openai, model: {MODEL}, price: {{input: 1, output: 4}}}}}}
loop: {{peers: 1, concurrency: 2, memory: {{enabled: false}}}}
sandbox: {{limits: {{wall_s: 600}}}}
export: []
"""


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(team(), key=KEY) as running:
        yield running


def scenario(folder: Path, *overrides: str) -> Scenario:
    path = folder / "scenario.yaml"
    path.write_text(SCENARIO, "utf-8")
    return load_scenario(path, overrides)


def known(folder: Path, server: OpenAIServer) -> Settings:
    return Settings(cache_dir=folder, openai_base_url=server.base_url, openai_api_key=SecretStr(KEY))


def run(folder: Path, server: OpenAIServer, *overrides: str, sessions: int | None = 3) -> api.Run:
    given = known(folder, server)
    return api.run(scenario(folder, *overrides), out=folder / "run", sessions=sessions, settings=given)


def answers(path: Path) -> list[LlmAnswered]:
    with Reader(path) as reader:
        return [asked.event for asked in asked_in(reader)]


# A session's own budget


def test_a_used_up_session_ends_with_its_reason_and_the_run_goes_on(tmp_path: Path, server: OpenAIServer) -> None:
    finished = run(tmp_path, server, "budget.session.tokens=400")
    assert finished.summary is not None
    assert (finished.summary.status, finished.summary.sessions, finished.summary.kept) == ("finished", 3, 0)
    assert {row.stop_reason for row in finished.sessions()} == {"budget_session: tokens"}
    with Reader(finished.path) as reader:
        refused = [each.event for each in reader.tail() if isinstance(each.event, QuestionRefused)]
        totals = [took(finished.path, row.session)[0] for row in reader.sessions()]
    assert len(refused) >= 3, "each session met its end at a question"
    assert min(totals) >= 400
    assert server.count - 1 == len(answers(finished.path)), "one look at the server, and nothing after the end"


def test_a_session_that_its_budget_ended_replays_exactly(tmp_path: Path, server: OpenAIServer) -> None:
    finished = run(tmp_path, server, "budget.session.tokens=400", "loop.peers=3")
    replayed = finished.replay()
    assert (replayed.ok, finished.verify().ok) == (True, True)


def test_dollars_and_seconds_end_a_session_too(tmp_path: Path, server: OpenAIServer) -> None:
    (tmp_path / "usd").mkdir()
    (tmp_path / "wall").mkdir()
    dollars = run(tmp_path / "usd", server, "budget.session.usd=0.0005", sessions=1)
    seconds = run(tmp_path / "wall", server, "budget.session.wall=1ms", sessions=1)
    assert [row.stop_reason for row in dollars.sessions()] == ["budget_session: usd"]
    assert [row.stop_reason for row in seconds.sessions()] == ["budget_session: wall"]


# The budget of a run


def test_a_run_passes_its_budget_by_no_more_than_its_largest_questions(tmp_path: Path, server: OpenAIServer) -> None:
    stopped = run(tmp_path, server, "budget.tokens=1500", "loop.concurrency=3", sessions=9)
    assert stopped.summary is not None
    assert (stopped.summary.status, stopped.summary.reason) == ("stopped", "budget_tokens")
    paid = [event.prompt_tokens + event.completion_tokens for event in answers(stopped.path)]
    assert 1500 <= sum(paid) < 1500 + 3 * max(paid)
    raised = api.resume(stopped.path, overrides=["budget.tokens=1000000"], settings=known(tmp_path, server))
    assert raised.summary is not None
    assert (raised.summary.status, raised.summary.sessions) == ("finished", 9)
    assert server.count - 2 == len(answers(stopped.path)), "two looks at the server; nothing was paid twice"
    budget = raised.report().budget
    assert budget is not None
    assert budget.tokens is not None
    assert (budget.tokens.limit, budget.stops) == (1500, {"tokens": 1})
    assert budget.tokens.share is not None
    assert budget.tokens.share > 1


def test_every_answer_says_what_it_cost(tmp_path: Path, server: OpenAIServer) -> None:
    finished = run(tmp_path, server, sessions=1)
    for event in answers(finished.path):
        assert event.usd == pytest.approx((event.prompt_tokens + 4 * event.completion_tokens) / 1e6)
    assert finished.report().usd == pytest.approx(sum(event.usd or 0 for event in answers(finished.path)))


# Estimates and samples


def bounds(asked: Scenario) -> Estimate:
    prices = dict.fromkeys(PLAYED_ROLES, PRICE)
    return Estimator(asked, prices, prices).estimate(asked.target.records)


def test_what_a_run_takes_lies_between_the_bounds(tmp_path: Path, server: OpenAIServer) -> None:
    finished = run(tmp_path, server, sessions=None)
    assert finished.summary is not None
    assert (finished.summary.reason, finished.summary.kept >= 3) == ("target", True)
    estimate = bounds(scenario(tmp_path))
    kept = [took(finished.path, row.session) for row in finished.sessions() if row.status == "kept"]
    for tokens, usd in kept:
        assert usd is not None
        assert estimate.session.low_tokens <= tokens <= estimate.session.high_tokens
        assert estimate.session.low_usd is not None
        assert estimate.session.high_usd is not None
        assert estimate.session.low_usd <= usd <= estimate.session.high_usd
    whole = sum(event.prompt_tokens + event.completion_tokens for event in answers(finished.path))
    assert estimate.target.low_tokens <= whole <= estimate.target.high_tokens
    with Reader(finished.path) as reader:
        calls = [len(list(asked_in(reader, row.session))) for row in reader.sessions() if row.status == "kept"]
    assert estimate.questions_low <= min(calls)
    assert max(calls) <= estimate.questions_high


def test_a_sample_projects_what_its_own_run_took(tmp_path: Path, server: OpenAIServer) -> None:
    finished = run(tmp_path, server)
    assert finished.summary is not None
    sample = sample_of(finished.path, records=finished.summary.kept)
    assert sample is not None
    assert sample.target_tokens is not None
    assert sample.target_usd is not None
    paid = answers(finished.path)
    tokens = sum(event.prompt_tokens + event.completion_tokens for event in paid)
    assert sample.target_tokens.mean == pytest.approx(tokens)
    assert sample.target_usd.mean == pytest.approx(sum(event.usd or 0 for event in paid))
    assert sample.target_tokens.high is not None
    assert sample.target_tokens.low <= tokens <= sample.target_tokens.high


@dataclass(frozen=True)
class Done:
    """What `mendloop check` said."""

    code: int
    out: str
    err: str


def check(folder: Path, server: OpenAIServer, *arguments: str) -> Done:
    scenario(folder)
    command = [sys.executable, "-m", "mendloop", "check", str(folder / "scenario.yaml"), *arguments]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "MENDLOOP"))},
        "OPENAI_BASE_URL": server.base_url,
        "OPENAI_API_KEY": KEY,
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def test_check_says_price_licence_and_bounds_without_asking_a_question(tmp_path: Path, server: OpenAIServer) -> None:
    done = check(tmp_path, server)
    assert done.code == 0, done.err
    assert f"price of `{MODEL}`: 1 + 4 USD per million tokens" in done.out
    assert f"`{MODEL}`: licence not known here" in done.out
    assert "estimate (bounds) for 3 records" in done.out
    assert server.count == 1, "a first look at the server and no more"


def test_check_measures_a_sample_and_keeps_nothing(tmp_path: Path, server: OpenAIServer) -> None:
    done = check(tmp_path, server, "--sample", "2", "--json")
    assert done.code == 0, done.err
    told: dict[str, Any] = json.loads(done.out)
    assert (told["ok"], told["sample"]["sessions"], told["sample"]["kept"]) == (True, 2, 2)
    assert told["estimate"]["session"]["low_tokens"] <= told["sample"]["tokens_per_kept"]["mean"]
    assert told["sample"]["tokens_per_kept"]["mean"] <= told["estimate"]["session"]["high_tokens"]
    assert told["sample"]["usd_per_session"]["mean"] > 0
    assert done.err.count("kept; 2 turns") == 2, "each session is told as it ends"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["scenario.yaml"]
    assert not (tmp_path / "runs").exists()


def test_check_refuses_dollars_that_nobody_can_count_and_takes_the_users_price(
    tmp_path: Path, server: OpenAIServer
) -> None:
    unknown = ("--set", "models.teacher={kind: openai, model: scripted-model}", "--set", "budget.usd=1")
    refused = check(tmp_path, server, *unknown)
    assert (refused.code, f"the price of `{MODEL}` is not known" in refused.out) == (1, True)
    (tmp_path / ".config" / "mendloop").mkdir(parents=True)
    (tmp_path / ".config" / "mendloop" / "prices.yaml").write_text(
        f"prices:\n  - {{models: [{MODEL}], price: {{input: 2, output: 3}}, as_of: 2026-01-31, source: contract}}\n"
    )
    taken = check(tmp_path, server, *unknown)
    assert taken.code == 0, taken.out
    assert f"price of `{MODEL}`: 2 + 3 USD per million tokens" in taken.out
    assert "from your table (as of 2026-01-31" in taken.out


# What the engine is told


def test_a_run_stops_at_its_records_and_goes_on_with_more(tmp_path: Path, server: OpenAIServer) -> None:
    stopped = run(tmp_path, server, "budget.records=1", "loop.concurrency=1", sessions=3)
    assert stopped.summary is not None
    assert (stopped.summary.status, stopped.summary.reason, stopped.summary.kept) == ("stopped", "budget_records", 1)
    assert api.exit_code(stopped.summary) == 4
    at_once = api.resume(stopped.path, settings=known(tmp_path, server))
    assert at_once.summary is not None
    assert (at_once.summary.reason, at_once.summary.kept) == ("budget_records", 1)
    more = api.resume(stopped.path, overrides=["budget.records=9"], settings=known(tmp_path, server))
    assert more.summary is not None
    assert (more.summary.status, more.summary.sessions) == ("finished", 3)
    budget = more.report().budget
    assert budget is not None
    assert budget.stops == {"records": 2}


def test_a_sessions_budget_cannot_be_changed_when_a_run_is_resumed(tmp_path: Path, server: OpenAIServer) -> None:
    stopped = run(tmp_path, server, "budget.tokens=800", "loop.concurrency=1")
    with pytest.raises(InputError, match="only its budget can change"):
        api.resume(stopped.path, overrides=["budget.session.tokens=9"], settings=known(tmp_path, server))


class Listening(Silent):
    """Progress that keeps what it was told."""

    def __init__(self) -> None:
        self.pulses: list[Pulse] = []
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def pulse(self, pulse: Pulse) -> None:
        self.pulses.append(pulse)


def test_a_run_tells_what_it_has_used_and_what_its_model_costs(tmp_path: Path, server: OpenAIServer) -> None:
    progress = Listening()
    asked = scenario(tmp_path, "budget.usd=5")
    api.run(asked, out=tmp_path / "run", sessions=3, progress=progress, settings=known(tmp_path, server))
    assert len(progress.pulses) >= 2, "about one a second"
    last = progress.pulses[-1]
    paid = answers(tmp_path / "run")
    assert last.tokens == sum(event.prompt_tokens + event.completion_tokens for event in paid)
    assert last.usd == pytest.approx(sum(event.usd or 0 for event in paid))
    assert (last.goal, last.sessions, last.usd_limit, last.tokens_limit) == (3, 3, 5, None)
    assert [pulse.tokens for pulse in progress.pulses] == sorted(pulse.tokens for pulse in progress.pulses)
    assert [rates.model for rates in last.rates] == [MODEL]
    assert any(f"price of `{MODEL}`: 1 + 4 USD per million tokens" in note for note in progress.notes)
