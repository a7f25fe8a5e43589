"""A scenario: what one run is to make, from what, with whom, and within which limits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import yaml
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError, to_json

from mendloop.complaints import explain, locate, nearest
from mendloop.errors import ScenarioError
from mendloop.records import Frozen, Limits, Tier
from mendloop.yamlfile import YamlError, YamlPath, parse_scalar, parse_yaml, read_text

__all__ = ["Scenario", "dump_scenario", "load_scenario", "parse_scenario", "scenario_json_schema"]

LATER: Mapping[str, tuple[str, ...]] = {
    "*": ("propose",),
    "models.*": ("student",),
    "loop.*": ("peers", "tiers", "stages"),
    "source.kind": ("snippets", "instructions", "documents", "failures", "problems"),
    "models.teacher.kind": ("auto", "openai", "local", "recorded"),
    "sandbox.kind": ("bwrap", "e2b", "unsafe-local"),
    "export": ("preference",),
}
"""What the design names and this version cannot do yet: choices by dotted path, keys under `path.*`."""

MAX_PROBLEMS = 20

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
View: TypeAlias = Literal["sft_multiturn"]


class Spec(Frozen):
    """Base of a scenario's parts: frozen, unknown keys refused, and no value converted to another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Target(Spec):
    """When a run is done: `records` kept records of at least `min_tier` and `min_failed_turns` failing turns."""

    records: Count = 100
    min_tier: Tier = "B"
    min_failed_turns: int = Field(default=1, ge=0)


class PythonSource(Spec):
    """Python functions of a package that is installed ("stdlib" is the standard library's own), or of a folder."""

    kind: Literal["python"]
    package: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.\-]*$")] | None = None
    path: Annotated[str, StringConstraints(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_place(self) -> PythonSource:
        if (self.package is None) == (self.path is None):
            raise ValueError("needs exactly one of `package` and `path`")
        return self


class ProceduralModel(Spec):
    """No language model: real functions, injected faults, and diagnoses made from evidence."""

    kind: Literal["procedural"] = "procedural"


class ScriptedModel(Spec):
    """The fake that tests use; its answers are handed in by the program that starts the run."""

    kind: Literal["scripted"]


ModelSpec: TypeAlias = Annotated[ProceduralModel | ScriptedModel, Field(discriminator="kind")]


class Models(Spec):
    """Which model plays which role. A role names the model that it takes."""

    teacher: ModelSpec = ProceduralModel()
    proposer: Literal["teacher"] = "teacher"
    programmer: Literal["teacher"] = "teacher"
    tester: Literal["teacher"] = "teacher"
    critic: Literal["teacher"] = "teacher"


class FaultCount(Spec):
    """How many faults are injected into one program, drawn between `min` and `max`."""

    min: Count = 1
    max: Count = 3

    @model_validator(mode="after")
    def _ordered(self) -> FaultCount:
        if self.min > self.max:
            raise ValueError(f"`min` ({self.min}) is larger than `max` ({self.max})")
        return self


class MemorySpec(Spec):
    """How lessons travel. A share `off_share` of the sessions runs without, as the control.

    With `deterministic`, session i sees what sessions up to i - `window` stored. `top` lessons come from other
    sessions, the last `recent` from the session itself.
    """

    enabled: bool = True
    window: Count = 64
    off_share: Share = 0.1
    top: int = Field(default=2, ge=0)
    recent: int = Field(default=3, ge=0)


class Loop(Spec):
    """One session's loop, and how many sessions run at once."""

    max_repairs: Count = 5
    variants: Count = 6
    faults: FaultCount = FaultCount()
    held_out: bool = True
    memory: MemorySpec = MemorySpec()
    concurrency: Count = 8


class SandboxSpec(Spec):
    """Where programs run. `workers` None means one per processor."""

    kind: Literal["local"] = "local"
    workers: Count | None = None
    limits: Limits = Limits()


class BudgetSpec(Spec):
    """What a run may use in all; `wall` is in seconds once read. None is no limit."""

    wall: Duration | None = None
    usd: float | None = Field(default=None, gt=0)
    tokens: Count | None = None


class Scenario(Spec):
    """One scenario. A `source.path` that was loaded is absolute."""

    goal: Text
    target: Target = Target()
    seed: int = Field(default=0, ge=0)
    deterministic: bool = False
    source: PythonSource
    models: Models = Models()
    loop: Loop = Loop()
    sandbox: SandboxSpec = SandboxSpec()
    budget: BudgetSpec = BudgetSpec()
    export: tuple[View, ...] = ("sft_multiturn",)

    @model_validator(mode="after")
    def _reachable(self) -> Scenario:
        """Refuse a target that no session can meet: such a run would use up its source and keep nothing."""
        if self.target.min_tier == "A" and self.models.teacher.kind == "procedural":
            raise _problem("target.min_tier", "the procedural team reaches tier B at most")
        if self.target.min_tier != "C" and not self.loop.held_out:
            raise _problem("loop.held_out", f"tier {self.target.min_tier} needs the held-out suite; ask for tier C")
        if self.target.min_failed_turns > self.loop.max_repairs:
            raise _problem("target.min_failed_turns", f"more than `loop.max_repairs` ({self.loop.max_repairs})")
        if len(set(self.export)) < len(self.export):
            raise _problem("export", "a view is named twice")
        return self


def _problem(at: str, message: str) -> PydanticCustomError:
    """Return an error about another place than the model that found it."""
    return PydanticCustomError("scenario", "{message}", {"at": at, "message": message})


# --- reading and writing ---------------------------------------------------------------------------------------------


def load_scenario(path: Path | str, overrides: Sequence[str] = ()) -> Scenario:
    """Return the scenario in a file, changed by `key.path=value` overrides.

    A `source.path` in the file is relative to the file's folder and stays inside it; one from an override is relative
    to the working directory and free. Raises ScenarioError naming every problem with its line.
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
    if scenario.source.path is None:
        return scenario
    place = places.get(("source", "path"), name)
    given_by_hand = place.startswith("--set")
    folder = _folder(
        scenario.source.path,
        place,
        Path.cwd() if given_by_hand else base,
        confined=confined and not given_by_hand,
        must_exist=confined or given_by_hand,
    )
    return scenario.model_copy(update={"source": scenario.source.model_copy(update={"path": str(folder)})})


def dump_scenario(scenario: Scenario, base: Path | None = None) -> str:
    """Return YAML that loads again to an equal scenario, every default written out.

    A `source.path` inside `base` is written relative to it. One outside needs `confined=False` or `--set` to load.
    """
    data = scenario.model_dump(mode="json", exclude_none=True)
    path = scenario.source.path
    if path and base and Path(path).is_relative_to(base.resolve()):
        data["source"]["path"] = str(Path(path).relative_to(base.resolve()))
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)


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


def _folder(text: str, place: str, base: Path, *, confined: bool, must_exist: bool) -> Path:
    """Return the folder that `source.path` names, absolute and with symbolic links resolved."""
    remedy = "give it on the command line: --set source.path=FOLDER" if confined else ""
    if confined and Path(text).is_absolute():
        raise ScenarioError("`source.path` is relative to the scenario's folder", where=place, remedy=remedy)
    try:
        folder = (base / text).resolve()
        is_folder = folder.is_dir()
    except (OSError, ValueError, RuntimeError) as error:
        raise ScenarioError(f"`source.path` cannot be used: {error}", where=place) from error
    if confined and not folder.is_relative_to(base.resolve()):
        raise ScenarioError("`source.path` leaves the scenario's folder", where=place, remedy=remedy)
    if not is_folder and must_exist:
        near = nearest(folder.name, [item.name for item in folder.parent.glob("*/")][:200])
        raise ScenarioError(
            f"`source.path`: no such folder: {folder}", where=place, remedy=f"nearest: {near}" if near else ""
        )
    return folder
