"""How a run was launched: its scenario, and the budget, which alone may change when it goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from mendloop.errors import DamageError, InputError
from mendloop.events import RunStarted
from mendloop.runs.reader import Reader
from mendloop.scenario import parse_scenario
from mendloop.specs import BudgetSpec, Scenario


def launched(reader: Reader) -> RunStarted:
    """Return the first event of a run. Raises DamageError when there is none."""
    first = next(iter(reader.run_events()), None)
    if first is None or not isinstance(first.event, RunStarted):
        remedy = "remove the folder and start again with `mendloop run`"
        raise DamageError("the run never began", where=str(reader.path), remedy=remedy)
    return first.event


def scenario_of(reader: Reader, overrides: Sequence[str] = ()) -> Scenario:
    """Return the scenario that a run was launched with, changed by overrides. Raises DamageError, ScenarioError."""
    text = json.loads(reader.blob(launched(reader).scenario))
    return parse_scenario(text, "the run's scenario", Path(), overrides, confined=False)


def budget_now(reader: Reader, scenario: Scenario, overrides: Sequence[str]) -> BudgetSpec:
    """Return the budget of a resumed run. Raises InputError for overrides that would change what the run makes."""
    changed = scenario_of(reader, overrides)
    same = changed.model_copy(update={"budget": scenario.budget}) == scenario
    if not same or changed.budget.session != scenario.budget.session:
        raise InputError(
            "a run that was begun makes what its scenario says; only its budget can change",
            where="--set",
            remedy="use budget.tokens, budget.usd, budget.wall or budget.records; for anything else start another run",
        )
    return changed.budget
