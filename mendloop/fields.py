"""What the parts of a scenario are made of: their base, and the types of their values."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from mendloop.frozen import Frozen

_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*")


def seconds(value: object) -> object:
    """Return a duration such as "2h", "1h30m" or "90s" in seconds; what is not text is returned as it is.

    Raises ValueError for a text that is no duration.
    """
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    parts = _DURATION_PART.findall(text)
    if not parts or _DURATION_PART.sub("", text):
        raise ValueError(f'found the text "{value[:60]}", expected a duration such as "2h", "1h30m" or "90s"')
    return sum(float(amount) * _UNIT_SECONDS[unit] for amount, unit in parts)


Duration: TypeAlias = Annotated[
    float,
    Field(gt=0, allow_inf_nan=False),
    BeforeValidator(seconds),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "examples": ["2h"]}]}),
]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Count: TypeAlias = Annotated[int, Field(ge=1)]
Text: TypeAlias = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]


class Spec(Frozen):
    """Base of a scenario's parts: frozen, unknown keys refused, and no value converted to another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def misplaced(at: str, message: str) -> PydanticCustomError:
    """Return an error about another place than the model that found it."""
    return PydanticCustomError("scenario", "{message}", {"at": at, "message": message})
