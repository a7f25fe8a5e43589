"""The report: the figures that a run prints about itself (METHOD section 5), read from its journal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mendloop.errors import InputError
from mendloop.runs.counted import RunFacts
from mendloop.runs.observed import Sight, observe
from mendloop.runs.reader import Reader
from mendloop.runs.report_changes import differences
from mendloop.runs.report_content import content
from mendloop.runs.report_contrasts import contrasts
from mendloop.runs.report_cost import cost
from mendloop.runs.report_model import Report
from mendloop.runs.report_stages import stages
from mendloop.runs.report_strength import strength
from mendloop.runs.report_why import reasons
from mendloop.runs.report_yield import yields

__all__ = ["Report", "differences", "is_report", "method_of", "read_report", "report"]

METHOD = "mendloop"
"""The method of a run whose scenario names none."""


def report(run_path: Path) -> Report:
    """Return the figures of a run, finished or not. Raises InputError when the folder is no run, DamageError."""
    with Reader(run_path) as reader:
        return reported(reader, observe(reader))


def is_report(path: Path) -> bool:
    """Tell whether a file holds a saved report rather than rows of an oracle. Raises InputError for no file."""
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except ValueError:
        return False
    return isinstance(found, dict) and "funnel" in found


def read_report(path: Path) -> Report:
    """Return a report that was saved as JSON. Raises InputError when the file holds none."""
    try:
        return Report.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except ValidationError as error:
        remedy = "save one with `mendloop report RUN --json`"
        raise InputError("is not a report of this version of mendloop", where=str(path), remedy=remedy) from error


def reported(reader: Reader, sight: Sight) -> Report:
    """Return the figures of a run that was read. Raises DamageError."""
    told = (cost(sight), yields(sight), strength(sight), content(sight))
    groups = (*told, contrasts(reader, sight), stages(reader, sight))
    figures: dict[str, Any] = {name: value for group in groups for name, value in group.figures.items()}
    facts = sight.story.facts
    return Report(
        **figures,
        intervals={path: each for group in groups for path, each in group.measured().items()},
        method=method_of(facts),
        team=facts.team,
        version=facts.version,
        seed=facts.seed,
        finished=facts.finished is not None,
        not_measured=reasons(sight, figures),
    )


def method_of(facts: RunFacts) -> str:
    """Return the method that a run's scenario names, mendloop's own where it names none."""
    loop = facts.scenario.get("loop")
    found = loop.get("method") if isinstance(loop, Mapping) else None
    return str(found or METHOD)
