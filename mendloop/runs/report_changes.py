"""How two reports differ."""

from __future__ import annotations

from typing import Any, TypeAlias

from mendloop.runs.report_model import Report

Scalar: TypeAlias = Any
"""A figure by itself: float, int, str, bool, or None where a report does not have it."""


def differences(before: Report, after: Report) -> dict[str, tuple[Scalar, Scalar]]:
    """Return the figures that differ, by dotted path in the order of the report: their values before and after.

    Intervals follow from the figures and are left out.
    """
    old, new = _leaves(before.model_dump(mode="json")), _leaves(after.model_dump(mode="json"))
    paths = [path for path in dict.fromkeys([*new, *old]) if not path.startswith(("not_measured.", "intervals."))]
    return {path: (old.get(path), new.get(path)) for path in paths if old.get(path) != new.get(path)}


def _leaves(value: Any, path: str = "") -> dict[str, Scalar]:
    if not isinstance(value, dict):
        return {path: value}
    return {
        inner: leaf
        for key, item in value.items()
        for inner, leaf in _leaves(item, f"{path}.{key}" if path else str(key)).items()
    }
