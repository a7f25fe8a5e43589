"""What a run's tokens cost, as far as its scenario says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import ValidationError

from mendloop.errors import MendloopError
from mendloop.events import RunStarted
from mendloop.modelspecs import Price
from mendloop.runs.reader import Reader

FREE = Price(input=0, output=0)


def price_of(reader: Reader) -> Price | None:
    """Return the price of a run's teacher, None where it is not known. Raises DamageError."""
    first = next(iter(reader.run_events()), None)
    if first is None or not isinstance(first.event, RunStarted):
        return None
    try:
        scenario = yaml.safe_load(reader.text(first.event.scenario))
    except (MendloopError, yaml.YAMLError):  # erased, or not what was stored: `verify` tells
        return None
    return price_in(scenario) if isinstance(scenario, dict) else None


def price_in(scenario: Mapping[str, Any]) -> Price | None:
    """Return what a resolved scenario says that the teacher's tokens cost; a local model's cost nothing."""
    models = scenario.get("models")
    teacher = models.get("teacher") if isinstance(models, dict) else None
    if not isinstance(teacher, dict):
        return None
    if teacher.get("kind") == "local":
        return FREE
    try:
        return Price.model_validate_json(json.dumps(teacher["price"])) if teacher.get("price") else None
    except (TypeError, ValidationError):
        return None
