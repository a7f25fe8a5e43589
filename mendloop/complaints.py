"""What validation found, in words for the person who wrote the file."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from mendloop.yamlfile import YamlPath

_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "string_too_short": "a text that is not empty",
}
_BOUNDS = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}
_BOUND_WORDS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}
_UNLISTED = frozenset({"scripted"})  # of use to programs only
_SECRET = re.compile(r"(key|token|secret|password|url|endpoint)s?$", re.IGNORECASE)


def locate(error: ErrorDetails, known: Mapping[YamlPath, object]) -> tuple[YamlPath, YamlPath]:
    """Return the path that an error is about, and the nearest path that the file really has.

    Validation puts names of union members into its paths; what the file does not have is left out.
    """
    context = error.get("ctx") or {}
    about: YamlPath = tuple(context["at"].split(".")) if "at" in context else error["loc"]
    if error["type"].startswith("union_tag"):
        about = (*about, "kind")
    found: YamlPath = ()
    for part in about:
        if (*found, part) in known:
            found = (*found, part)
    if error["type"] in ("missing", "union_tag_not_found"):
        return (*found, about[-1]), found
    return found or about, found


def explain(error: ErrorDetails, path: YamlPath, model: type[BaseModel], later: Mapping[str, Iterable[str]]) -> str:
    """Return one sentence about one error. `later` names, by dotted path, what a later version will accept."""
    dotted = ".".join(str(part) for part in path)
    kind, context = error["type"], error.get("ctx") or {}
    if kind == "extra_forbidden" or (kind == "dict_type" and _is_typo(path, model)):
        return _unknown_key(path, model, later)
    if kind in ("missing", "union_tag_not_found"):
        return f"`{dotted}` is missing"
    if kind in ("literal_error", "union_tag_invalid"):
        found = context["tag"] if kind == "union_tag_invalid" else error["input"]
        words = re.findall(r"'([^']*)'", context.get("expected_tags") or context["expected"])
        expected = [word for word in words if word not in _UNLISTED]
        return _unknown_choice(path, found, expected, later)
    if kind in _BOUNDS:
        bound = _BOUNDS[kind]
        return f"`{dotted}`: found {describe(error['input'])}, expected {_BOUND_WORDS[bound]} {context[bound]}"
    if kind in _EXPECTED:
        return f"`{dotted}`: found {describe(error['input'])}, expected {_EXPECTED[kind]}"
    message = error["msg"].removeprefix("Value error, ")
    return f"`{dotted}`: {message}" if dotted else message


def describe(value: object) -> str:
    """Return how a person would name a value that was read from a file."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'the text "{value[:60]}"'
    if isinstance(value, int | float):
        return f"the number {value}"
    return "a list" if isinstance(value, list | tuple) else "a mapping"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was most likely meant, or None."""
    known = list(known)
    longer = [other for other in known if len(word) >= 3 and other.startswith(word)]
    close = longer or difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    return close[0] if close else None


def _is_typo(path: YamlPath, model: type[BaseModel]) -> bool:
    """Tell whether a key that may have any name is most likely meant to be a known one."""
    siblings = _siblings(_all_fields(model), path[:-1])
    return str(path[-1]) not in siblings and nearest(str(path[-1]), siblings) is not None


def _unknown_key(path: YamlPath, model: type[BaseModel], later: Mapping[str, Iterable[str]]) -> str:
    *parent, last = path
    key, group = str(last), ".".join(str(part) for part in parent)
    if _SECRET.search(key):
        return f"unknown key `{key}`: keys and addresses never stand in a scenario; set them in the environment"
    if key in later.get(f"{group}.*".lstrip("."), ()):
        return f"`{'.'.join(str(part) for part in path)}` is not available in this version"
    everything = _all_fields(model)
    siblings = _siblings(everything, parent)
    if near := nearest(key, siblings):
        return f"unknown key `{key}` (nearest: `{near}`)"
    for other, fields in everything.items():
        if key in fields:
            return f"unknown key `{key}` (did you mean `{f'{other}.{key}'.lstrip('.')}`?)"
    return f"unknown key `{key}` (known: {', '.join(siblings)})" if siblings else f"unknown key `{key}`"


def _unknown_choice(path: YamlPath, found: object, known: list[str], later: Mapping[str, Iterable[str]]) -> str:
    words = [str(part) for part in path if isinstance(part, str)]
    name, available = words[-1], ", ".join(known)
    if not isinstance(found, str):
        return f"`{'.'.join(words)}`: found {describe(found)}, expected {' or '.join(known)}"
    planned = tuple(later.get(".".join(words), ()))
    if found in planned:
        return f"{name} `{found}` is not available in this version; available: {available}"
    near = nearest(found, [*known, *planned])
    hint = f"nearest: `{near}`; " if near else ""
    return f"unknown {name} `{found[:60]}` ({hint}available: {available})"


def _all_fields(model: type[BaseModel]) -> dict[str, tuple[str, ...]]:
    """Return the names of the keys at each dotted path; where one of several models can stand, those of all."""
    everything: dict[str, tuple[str, ...]] = {}
    for path, names in _fields(model):
        everything[path] = tuple(dict.fromkeys((*everything.get(path, ()), *names)))
    return everything


def _siblings(everything: Mapping[str, tuple[str, ...]], parent: Iterable[int | str]) -> tuple[str, ...]:
    """Return the names of the keys in a mapping of the file; `*` stands for a name or a number that is free."""
    parts = [str(part) for part in parent]
    for path, names in everything.items():
        known = path.split(".") if path else []
        if len(known) == len(parts) and all(own in ("*", part) for own, part in zip(known, parts, strict=True)):
            return names
    return ()


def _fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield (dotted path, names of its keys) for a model and the models inside it."""
    yield prefix, tuple(model.model_fields)
    for name, field in model.model_fields.items():
        for many, inner in _models(field.annotation):
            yield from _fields(inner, f"{prefix}.{name}{'.*' if many else ''}".lstrip("."))
    if model.model_config.get("extra") == "allow":
        for _, inner in _models(get_type_hints(model, include_extras=True)["__pydantic_extra__"]):
            yield from _fields(inner, f"{prefix}.*".lstrip("."))


def _models(annotation: Any, many: bool = False) -> Iterator[tuple[bool, type[BaseModel]]]:
    """Yield the models of an annotation, each with whether it is an item of a list or a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield many, annotation
    elif (origin := get_origin(annotation)) in (Union, UnionType, Annotated, tuple, dict):
        for part in get_args(annotation):
            yield from _models(part, many or origin in (tuple, dict))
