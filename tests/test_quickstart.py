"""scripts/quickstart: what it calls, and how it ends. The program that it calls is a stand-in that writes down how."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mendloop.scenario import load_scenario
from mendloop.tools.local.catalogue import known_model
from tests.e2e.product import ROOT

MODEL = "qwen2.5-coder-1.5b"
STAND_IN = f"""#!{sys.executable}
import json, os, pathlib, sys
with open("calls", "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
codes = json.loads(pathlib.Path("codes").read_text())
sys.exit(codes.get(sys.argv[1], 0))
"""
LOCAL_RUN = [
    "run",
    "scenarios/inject_bugs.yaml",
    "--show",
    "--set",
    "models.teacher.kind=local",
    "--set",
    f"models.teacher.model={MODEL}",
    "--set",
    "budget.wall=5m",
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "quickstart", tmp_path / "scripts")
    (tmp_path / "scripts" / "environment").write_text(
        'make_environment() { echo "[\\"environment\\", \\"$1\\"]" >> calls; }\n'
    )
    program = tmp_path / ".venv" / "bin" / "mendloop"
    program.parent.mkdir(parents=True)
    program.write_text(STAND_IN)
    program.chmod(0o755)
    return tmp_path


def quickstart(checkout: Path, *arguments: str, **codes: int) -> tuple[int, list[list[str]]]:
    """Return the exit code, and the calls in order. `codes` are the stand-in's exit codes by command."""
    (checkout / "codes").write_text(json.dumps(codes))
    done = subprocess.run([checkout / "scripts" / "quickstart", *arguments], check=False, stdin=subprocess.DEVNULL)
    return done.returncode, [json.loads(line) for line in (checkout / "calls").read_text().splitlines()]


def test_alone_it_runs_the_scenario_without_a_model(checkout: Path) -> None:
    assert quickstart(checkout, "--set", "seed=1", run=4) == (
        4,
        [["environment", "run"], ["run", "scenarios/quickstart.yaml", "--set", "seed=1"]],
    )


def test_local_it_sees_to_the_weights_and_runs_a_model_on_this_machine(checkout: Path) -> None:
    assert quickstart(checkout, "--local") == (
        0,
        [["environment", "local"], ["models", "pull", MODEL], LOCAL_RUN],
    )


def test_local_it_passes_consent_and_further_arguments_on(checkout: Path) -> None:
    ended, calls = quickstart(checkout, "--yes", "--out", "a folder", "--local")
    assert (ended, calls[1:]) == (0, [["models", "pull", MODEL, "--yes"], [*LOCAL_RUN, "--out", "a folder"]])


def test_without_weights_and_consent_it_ends_before_the_run(checkout: Path) -> None:
    ended, calls = quickstart(checkout, "--local", models=2)
    assert (ended, [call[0] for call in calls]) == (2, ["environment", "models"])


@pytest.mark.parametrize(("code", "ended"), [(0, 0), (4, 0), (1, 1), (2, 2), (3, 3), (130, 130)])
def test_the_end_of_its_minutes_is_its_planned_end_and_nothing_else_is(checkout: Path, code: int, ended: int) -> None:
    assert quickstart(checkout, "--local", run=code)[0] == ended


def test_what_it_asks_for_is_a_scenario_and_a_known_model() -> None:
    overrides = [each for each in LOCAL_RUN if "=" in each]
    scenario = load_scenario(ROOT / "scenarios" / "inject_bugs.yaml", overrides)
    assert (scenario.team, scenario.budget.wall) == ("injected", 300.0)
    assert scenario.models.teacher.kind == "local"
    assert known_model(MODEL).bytes == pytest.approx(1.1e9, rel=0.05)
