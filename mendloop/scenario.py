"""A scenario: what one run is to make, from what, with whom, and within which limits; read from YAML and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import JsonValue, ValidationError
from pydantic_core import to_json

from mendloop.complaints import explain, locate, nearest
from mendloop.errors import ScenarioError
from mendloop.modelspecs import LocalModel, ModelSpec, RecordedModel
from mendloop.specs import Scenario, Template
from mendloop.yamlfile import YamlError, YamlPath, parse_scalar, parse_yaml, read_text

__all__ = ["Scenario", "dump_scenario", "load_scenario", "parse_scenario", "scenario_json_schema"]

LATER: Mapping[str, tuple[str, ...]] = {
    "*": ("propose",),
    "source.kind": ("documents",),
    "export": ("preference",),
}
"""What the design names and this version cannot do yet: choices by dotted path, keys under `path.*`."""

MAX_PROBLEMS = 20

# --- reading and writing ---------------------------------------------------------------------------------------------


def load_scenario(path: Path | str, overrides: Sequence[str] = ()) -> Scenario:
    """Return the scenario in a file, changed by `key.path=value` overrides.

    A path in the file (`source.path`, a prompt's `file`, a model's `.gguf`) is relative to the file's folder and stays
    inside it; one from an override is relative to the working directory and free. Raises ScenarioError naming every
    problem with its line.
    """
    path = Path(path)
    try:
        text = read_text(path)
    except YamlError as error:
        raise ScenarioError(error.what, where=error.where) from error
    return parse_scenario(text, str(path), path.parent, overrides)


def parse_scenario(
    text: str, name: str, base: Path, overrides: Sequence[str] = (), *, confined: bool = True
) -> Scenario:
    """Return the scenario in `text`, as `load_scenario` does for the file `name` in the folder `base`.

    With `confined=False` the text is the program's own (flags, or a scenario from a journal): its paths are free, and
    need not exist any more.
    """
    try:
        document = parse_yaml(text, name)
        data, places = _overridden(document.value, document.lines, name, overrides)
    except YamlError as error:
        raise ScenarioError(error.what, where=error.where) from error
    try:
        scenario = Scenario.model_validate_json(to_json(data), strict=True)
    except ValidationError as error:
        raise _all_problems(error, places) from None
    return _with_paths(scenario, _Paths(places, name, base, confined))


def _with_paths(scenario: Scenario, paths: _Paths) -> Scenario:
    """Return the scenario with absolute paths, and with the text of every template file."""
    source = scenario.source
    if source.path is not None:
        kind = PLACES[source.kind]
        source = source.model_copy(update={"path": str(paths.resolved(("source", "path"), source.path, kind))})
    located = {
        name: spec.model_copy(
            update={key: str(paths.resolved(("models", name, key), text, "file")) for key, text in files.items()}
        )
        for name, spec in scenario.models.named.items()
        if (files := _files_of(spec))
    }
    templates = {
        name: Template(text=paths.text(("prompts", name, "file"), template.file)) if template.file else template
        for name, template in scenario.prompts.items()
    }
    models = scenario.models.model_copy(update=located)
    return scenario.model_copy(update={"source": source, "models": models, "prompts": templates})


def _files_of(spec: ModelSpec) -> dict[str, str]:
    """Return the files that a model names, by key: weights that are not known by a name, and recordings."""
    match spec:
        case LocalModel(model=name) if name.endswith(".gguf"):
            return {"model": name}
        case RecordedModel(programs=programs, suites=suites):
            return {"programs": programs} | ({"suites": suites} if suites else {})
    return {}


def dump_scenario(scenario: Scenario, base: Path | None = None) -> str:
    """Return YAML that loads again to an equal scenario, every default written out.

    A `source.path` inside `base` is written relative to it. One outside needs `confined=False` or `--set` to load.
    """
    data = scenario.model_dump(mode="json", exclude_none=True)
    path = scenario.source.path
    if path and base and Path(path).is_relative_to(base.resolve()):
        data["source"]["path"] = str(Path(path).relative_to(base.resolve()))
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Writes texts with Unicode's own line breaks in quotes: bare, they are read back as others."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if any(char in text for char in "\x85\u2028\u2029\ufeff") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


def scenario_json_schema() -> dict[str, Any]:
    """Return the JSON schema of a scenario file."""
    return Scenario.model_json_schema()


def _overridden(
    value: JsonValue, lines: Mapping[YamlPath, int], name: str, overrides: Sequence[str]
) -> tuple[dict[str, JsonValue], dict[YamlPath, str]]:
    """Return the data with the overrides in it, and where each path was written: `file:line` or `--set key.path`."""
    if value is None:
        raise ScenarioError("the scenario is empty", where=name)
    if not isinstance(value, dict):
        raise ScenarioError("a scenario is a mapping of keys to values", where=f"{name}:{lines[()]}")
    places = {path: f"{name}:{line}" if path else name for path, line in lines.items()}
    for override in overrides:
        key, equals, text = override.partition("=")
        key = key.strip()
        if not equals or not all(key.split(".")):
            raise ScenarioError(f"`{override[:80]}` is not of the form key.path=value", where="--set")
        _put(value, places, key, parse_scalar(text, f"--set {key}"))
    return value, places


def _put(data: dict[str, JsonValue], places: dict[YamlPath, str], key: str, value: JsonValue) -> None:
    where = f"--set {key}"
    *parents, last = path = tuple(key.split("."))
    inner = data
    for depth, part in enumerate(parents, start=1):
        step = inner.setdefault(part, {})
        if not isinstance(step, dict):
            raise ScenarioError(f"`{'.'.join(parents[:depth])}` is not a mapping", where=where)
        places.setdefault(path[:depth], where)
        inner = step
    other = {"source.path": "package", "source.package": "path"}.get(key)
    if other:  # a source given by hand replaces the file's, whichever of the two forms it had
        inner.pop(other, None)
    for old in [place for place in places if place[: len(path)] == path]:
        del places[old]
    inner[last] = value
    for inside in _paths(value, path):
        places[inside] = where


def _paths(value: JsonValue, path: YamlPath) -> list[YamlPath]:
    """Return the path of a value and of everything in it."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(inside for key, item in items for inside in _paths(item, (*path, key)))]


def _all_problems(error: ValidationError, places: Mapping[YamlPath, str]) -> ScenarioError:
    """Return one error with a line per problem, in the order of the file, those of `--set` last."""
    order = {path: number for number, path in enumerate(places)}
    found = []
    for details in error.errors(include_url=False):
        path, place = locate(details, places)
        found.append((order.get(place, -1), places.get(place, places[()]), explain(details, path, Scenario, LATER)))
    found.sort(key=lambda problem: problem[0])
    (_, where, first), *rest = found
    lines = [first, *(f"{place}: {what}" for _, place, what in rest[: MAX_PROBLEMS - 1])]
    if len(rest) >= MAX_PROBLEMS:
        lines.append(f"and {len(rest) - MAX_PROBLEMS + 1} more")
    return ScenarioError("\n".join(lines), where=where)


Place = Literal["folder", "file", "either"]
PLACES: Mapping[str, Place] = {
    "python": "either",
    "snippets": "either",
    "goal": "either",
    "instructions": "file",
    "failures": "file",
    "problems": "file",
}
"""What the path of a source names."""


@dataclass(frozen=True)
class _Paths:
    """How the paths of one scenario are resolved: where each was written, and whether it may leave the folder."""

    places: Mapping[YamlPath, str]
    name: str
    base: Path
    confined: bool

    def resolved(self, key: YamlPath, text: str, kind: Place) -> Path:
        """Return a path, absolute and with symbolic links resolved. Raises ScenarioError naming its line."""
        place, dotted = self.places.get(key, self.name), ".".join(map(str, key))
        by_hand = place.startswith("--set")
        confined = self.confined and not by_hand
        remedy = f"give it on the command line: --set {dotted}=PATH" if confined else ""
        if confined and Path(text).is_absolute():
            raise ScenarioError(f"`{dotted}` is relative to the scenario's folder", where=place, remedy=remedy)
        base = Path.cwd() if by_hand else self.base
        try:
            found = (base / text).resolve()
            there = {"folder": found.is_dir(), "file": found.is_file(), "either": found.exists()}[kind]
        except (OSError, ValueError, RuntimeError) as error:
            raise ScenarioError(f"`{dotted}` cannot be used: {error}", where=place) from error
        if confined and not found.is_relative_to(base.resolve()):
            raise ScenarioError(f"`{dotted}` leaves the scenario's folder", where=place, remedy=remedy)
        if not there and (self.confined or by_hand):
            near = nearest(found.name, [item.name for item in found.parent.glob("*")][:200])
            wanted = {"folder": "folder", "file": "file", "either": "file or folder"}[kind]
            remedy = f"nearest: {near}" if near else ""
            raise ScenarioError(f"`{dotted}`: no such {wanted}: {found}", where=place, remedy=remedy)
        return found

    def text(self, key: YamlPath, name: str) -> str:
        """Return the text of a file. Raises ScenarioError naming its line."""
        file = self.resolved(key, name, "file")
        try:
            return file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            place = self.places.get(key, self.name)
            raise ScenarioError(f"`{'.'.join(map(str, key))}` cannot be read: {error}", where=place) from error
