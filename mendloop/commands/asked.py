"""What a run is asked for on the command line: a scenario file, or a goal in words with flags."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from mendloop.errors import InputError
from mendloop.scenario import load_scenario, parse_scenario
from mendloop.specs import Scenario
from mendloop.tools.local.catalogue import KNOWN

ScenarioFile = Annotated[
    Path, typer.Argument(metavar="SCENARIO", help="A scenario file; `mendloop scenarios` lists those that come along.")
]
ScenarioFileOrGoal = Annotated[
    Path | None,
    typer.Argument(metavar="SCENARIO", help="A scenario file; `mendloop scenarios` lists those that come along."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="key.path=value", help="Override a value of the scenario; may be given again."),
]
GoalText = Annotated[
    str | None,
    typer.Option("--goal", metavar="TEXT", help="Instead of a scenario: what the records are to be about, in words."),
]
SourcePath = Annotated[
    str | None,
    typer.Option(
        "--source", metavar="PATH", help="With --goal: code to take ideas from, or a .jsonl file of instructions."
    ),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="NAME", help="With --goal: a model of the endpoint, a local one by name, or a .gguf file."
    ),
]
BudgetUsd = Annotated[
    float | None, typer.Option("--budget", metavar="USD", min=0.01, help="With --goal: what the models may cost.")
]
GOAL_RECORDS = 20
"""How many records a goal asks for unless `--set target.records=N` says otherwise."""


def asked_for(
    scenario: Path | None,
    overrides: Sequence[str],
    goal: str | None,
    source: str | None,
    model: str | None,
    budget: float | None,
) -> tuple[Scenario, str]:
    """Return the scenario that is asked for, and what to call its run. Raises InputError."""
    if scenario is not None:
        flags = {"--goal": goal, "--source": source, "--model": model, "--budget": budget}
        extra = [flag for flag, value in flags.items() if value is not None]
        if extra:
            raise InputError(f"{extra[0]} goes without a scenario file", where="run", remedy="use --set key.path=value")
        return load_scenario(scenario, overrides), scenario.stem
    if goal is None:
        raise InputError(
            "a scenario file or --goal is needed",
            where="run",
            remedy="`mendloop scenarios` lists those that come along",
        )
    given = [*_flags(source, model, budget), *overrides]
    written = json.dumps({"goal": goal, "target": {"records": GOAL_RECORDS, "min_tier": "C"}, "source": _kind(source)})
    return parse_scenario(written, "--goal", Path.cwd(), given, confined=False), "goal"


def _kind(source: str | None) -> dict[str, str]:
    if source is None:
        return {"kind": "goal"}
    return {"kind": "instructions" if source.endswith((".jsonl", ".txt", ".md")) else "goal"}


def _flags(source: str | None, model: str | None, budget: float | None) -> list[str]:
    """Return the overrides that flags stand for."""
    given = [f"source.path={json.dumps(source)}"] if source is not None else []
    local = model is not None and (model.endswith(".gguf") or model in {known.name for known in KNOWN})
    kind = "auto" if model is None else "local" if local else "openai"
    given.append(f"models.teacher.kind={kind}")
    given += [f"models.teacher.model={json.dumps(model)}"] if model is not None else []
    given += [f"budget.usd={budget}"] if budget is not None else []
    return given
