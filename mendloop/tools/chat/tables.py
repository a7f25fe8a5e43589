"""Tables about models that come along as YAML, by patterns of model names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from mendloop.complaints import explain, locate
from mendloop.errors import InputError
from mendloop.fields import Spec
from mendloop.yamlfile import parse_yaml, read_text

Table = TypeVar("Table", bound=Spec)


def shipped_table(name: str, table: type[Table]) -> Table:
    """Return a table that comes along."""
    return _parsed((files("mendloop") / name).read_text("utf-8"), name, table)


def own_table(path: Path, table: type[Table]) -> Table:
    """Return a table of the user's. Raises InputError at the file and line of what is wrong in it."""
    return _parsed(read_text(path), str(path), table)


def fits(model: str, patterns: Sequence[str]) -> bool:
    """Tell whether a model's name fits one of the patterns (`*` stands for anything, case does not count).

    A name such as `openai/gpt-4o` fits as a whole or without what stands before its last slash.
    """
    whole = model.lower()
    return any(fnmatchcase(name, pattern.lower()) for name in (whole, whole.rpartition("/")[2]) for pattern in patterns)


def _parsed(text: str, name: str, table: type[Table]) -> Table:
    document = parse_yaml(text, name)
    try:
        return table.model_validate_json(json.dumps(document.value))
    except ValidationError as error:
        details = error.errors(include_url=False)[0]
        path, place = locate(details, document.lines)
        where = f"{name}:{document.lines.get(place, 1)}"
        raise InputError(explain(details, path, table, {}), where=where) from None
