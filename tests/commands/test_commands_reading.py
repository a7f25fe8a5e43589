"""Reading a run on the command line: the model calls of a session word for word, and what a session cost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mendloop import api
from mendloop.cli import app
from mendloop.commands.texts import figures, next_steps
from mendloop.runs.engine import Summary
from mendloop.runs.reader import Reader
from mendloop.runs.redact import redact
from mendloop.runs.schema import EXPORTS
from tests.datasets.made_run import MODEL, SCENARIO, Asked, MadeRun, record_of, record_of_a_model

ASKED = [
    Asked("diagnose#0/critic/diagnose", 300, 40, cached=60, said="WHY: it triples\x1b[2J."),
    Asked("repair#0/programmer/repair/0", 200, 30, ms=1_234.4, finish="length"),
    Asked("repair#0/programmer/repair/0/longer", 200, 60, said="def double(xs): ..."),
]
CALLS = f"""\
=== s0000: 3 model calls, 830 tokens ===
[1] diagnose#0 critic/diagnose: {MODEL}, 300 (cached 60) + 40 tokens, stop, 2000 ms
--- system
You answer.
--- user
What of diagnose#0/critic/diagnose?
--- answer
WHY: it triples\\x1b[2J.

[2] repair#0 programmer/repair/0: {MODEL}, 200 + 30 tokens, length, 1234 ms
--- system
You answer.
--- user
What of repair#0/programmer/repair/0?
--- answer
an answer

[3] repair#0 programmer/repair/0/longer: {MODEL}, 200 + 60 tokens, stop, 2000 ms
--- system
You answer.
--- user
What of repair#0/programmer/repair/0/longer?
--- answer
def double(xs): ...

"""

Making = Callable[..., Path]


@pytest.fixture
def made(tmp_path: Path) -> Making:
    def make(team: str = "injected", **teacher: Any) -> Path:
        scenario = {**SCENARIO, "deterministic": False, "models": {"teacher": {"kind": "openai", **teacher}}}
        record = record_of(0) if team == "procedural" else record_of_a_model(0, team)
        asked = {} if team == "procedural" else {0: ASKED}
        made = MadeRun([record, "no_tests"], 2, scenario, team=team, asked=asked)
        return made.write(tmp_path / "run")

    return make


def said(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(each) for each in arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_calls_of_a_session_are_shown_word_for_word(made: Making) -> None:
    assert said("show", made(), "s0000", "--calls") == CALLS


def test_a_session_without_calls_says_so(made: Making) -> None:
    assert said("show", made("procedural"), "s0000", "--calls") == "=== s0000: 0 model calls, 0 tokens ===\n"


def test_the_calls_of_no_session_are_refused(made: Making) -> None:
    done = CliRunner().invoke(app, ["show", str(made()), "s9", "--calls"])
    assert "there is no session 's9'" in f"{done.output}{done.exception}"


def test_an_erased_answer_is_named_and_the_rest_is_shown(made: Making) -> None:
    run = made()
    with Reader(run) as reader:
        answer = next(each.event for each in reader.events("s0000") if each.kind == "llm_call")
    redact(run, answer.result.sha256, "a secret")  # type: ignore[union-attr]  # by its kind
    shown = said("show", run, "s0000", "--calls")
    assert "--- the answer was erased on request" in shown
    assert "def double(xs): ..." in shown


@pytest.mark.parametrize(
    ("teacher", "usd"),
    [
        ({}, None),
        ({"price": {"input": 1.0, "output": 10.0}}, 0.002),
        ({"kind": "local"}, 0.0),
    ],
)
def test_a_session_has_tokens_and_where_the_price_is_known_money(
    made: Making, teacher: dict[str, Any], usd: float | None
) -> None:
    rows = [json.loads(line) for line in said("sessions", made(**teacher), "--json").splitlines()]
    assert [(row["tokens"], row["usd"]) for row in rows] == [(830, usd), (0, 0.0)]


def test_the_table_has_tokens_where_a_model_was_asked(made: Making) -> None:
    head, first, _ = said("sessions", made(price={"input": 1.0, "output": 10.0})).splitlines()
    assert head.split()[-2:] == ["tokens", "usd"]
    assert first.split()[-2:] == ["830", "0.002"]


def test_the_table_of_a_run_without_a_model_has_no_such_columns(made: Making) -> None:
    assert said("sessions", made("procedural")).splitlines()[0].split()[-1] == "turns"


# --- after a launch --------------------------------------------------------------------------------------------------


def ended(run: Path, status: Any = "finished", kept: int = 1) -> api.Run:
    (run / EXPORTS).mkdir(exist_ok=True)
    return api.Run(run, Summary(status=status, reason="target", sessions=2, kept=kept))


def test_a_launch_with_a_model_ends_with_what_it_gave_for_its_tokens(made: Making) -> None:
    assert list(figures(ended(made()))) == ["kept 1 of 2 attempted; tiers: B 1; 830 tokens a kept record"]


def test_a_launch_without_a_model_says_nothing_of_tokens(made: Making) -> None:
    assert list(figures(ended(made("procedural")))) == []


def test_the_procedural_team_is_followed_by_a_real_model(made: Making) -> None:
    lines = "\n".join(next_steps(ended(made("procedural"))))
    assert "mendloop run scenarios/inject_bugs.yaml" in lines
    assert "OPENAI_BASE_URL" in lines
    assert "scripts/quickstart --local" in lines
    assert "--calls" not in lines


@pytest.mark.parametrize("team", ["injected", "given", "prompted"])
def test_a_model_is_followed_by_ones_own_code_and_goal(made: Making, team: str) -> None:
    run = made(team)
    lines = list(next_steps(ended(run)))
    assert lines[1] == f"look:   mendloop show {run} s0000 (--calls: what the model was asked and said)"
    assert any("source.path=FOLDER" in line for line in lines)
    assert any("--goal" in line for line in lines)


def test_a_launch_that_was_stopped_says_first_how_to_go_on(made: Making) -> None:
    run = made()
    assert next(next_steps(ended(run, "stopped"))) == f"go on with: mendloop resume {run}"
    assert list(next_steps(ended(run, kept=0))) == [f"nothing was kept; why: mendloop report {run}"]
