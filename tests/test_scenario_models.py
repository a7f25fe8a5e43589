"""The models of a scenario: named ones and the roles that name them, several for one role, endpoints, batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mendloop.errors import ScenarioError
from mendloop.modelspecs import EndpointModel, SeveralModels
from mendloop.scenario import Scenario, dump_scenario, parse_scenario

BASE = "goal: x\nsource: {kind: goal}\n"
TEACHER = "teacher: {kind: openai, model: m}"
CHEAP = "cheap: {kind: openai, model: c}"


def parsed(models: str) -> Scenario:
    return parse_scenario(f"{BASE}models: {{{models}}}\n", "s.yaml", Path())


def members(*given: str, **more: str) -> str:
    extra = "".join(f", {key}: {value}" for key, value in more.items())
    return f"teacher: {{kind: several, members: [{', '.join(f'{{{each}}}' for each in given)}]{extra}}}"


def test_a_role_names_its_model() -> None:
    models = parsed(f"{TEACHER}, {CHEAP}, proposer: cheap, critic: teacher").models
    assert [models.name_of(role) for role in ("proposer", "critic", "tester")] == ["cheap", "teacher", "teacher"]
    assert isinstance(models.named["cheap"], EndpointModel)
    assert models.named["cheap"].model == "c"


@pytest.mark.parametrize(
    "models",
    [
        f"{TEACHER}, {CHEAP}, proposer: cheap",
        members("model: a", "model: a, endpoint: west"),
        members("model: a, weight: 2", "model: b", order="weighted"),
        "teacher: {kind: openai, model: m, endpoint: far_east, batch: [tester, proposer], batch_gather: 10ms}",
    ],
)
def test_what_is_written_loads_again(models: str) -> None:
    scenario = parsed(models)
    again = parse_scenario(dump_scenario(scenario), "again", Path())
    assert again == scenario
    assert again.models.named == scenario.models.named


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (f"{TEACHER}, techer: {{kind: openai, model: m}}", "unknown key `techer` (nearest: `teacher`)"),
        (f"{TEACHER}, propser: teacher", "unknown key `propser` (nearest: `proposer`)"),
        (f"{TEACHER}, {CHEAP}", "`models.cheap`: no role names this model; give it one of proposer, programmer"),
        (f"{TEACHER}, {CHEAP}, tester: cheep", "`models.cheap`: no role names this model"),
        (
            f"{TEACHER}, {CHEAP}, tester: cheap, critic: cheep",
            "`models.critic`: no model is named `cheep` (nearest: `cheap`; there are: teacher, cheap)",
        ),
        (f"{TEACHER}, tester: c, c: {{kind: openai, mdel: m}}", "`models.c.model` is missing"),
        (f"{TEACHER}, tester: c, c: {{kind: opnai, model: m}}", "unknown kind `opnai` (nearest: `openai`"),
        (f"{TEACHER}, tester: c, c: {{kind: procedural}}", "`models.c.kind`: `procedural` plays no single role"),
        (f"tester: cheap, {CHEAP}", "`models`: without a language model as teacher no other model is asked"),
    ],
)
def test_a_mistake_in_the_names_is_named(models: str, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parsed(models)
    assert str(caught.value).startswith(f"s.yaml:3: {said}")


def test_an_unknown_key_of_a_further_model_or_a_member_has_its_nearest() -> None:
    for models in (f"{TEACHER}, c: {{kind: openai, model: m, paralel: 1}}, tester: c", members("model: a, wieght: 1")):
        with pytest.raises(ScenarioError, match=r"unknown key `(paralel|wieght)` \(nearest: `(parallel|weight)`\)"):
            parsed(models)


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (members("model: a"), "`models.teacher`: needs at least two `members`"),
        (members("model: a", "model: a"), "`models.teacher`: two of the `members` are the same model at the same"),
        (members("model: a, weight: 1", "model: b"), "`models.teacher`: a `weight` counts with `order: weighted` only"),
        (members("model: a", "model: b", order="random"), "unknown order `random` (available: fallback, weighted)"),
        ("teacher: {kind: openai, model: m, batch: [teste]}", "unknown batch `teste` (nearest: `tester`"),
        (
            f"teacher: {{kind: openai, model: m, batch: [tester]}}, {CHEAP}, tester: cheap",
            "`models.teacher.batch`: another model plays the tester",
        ),
    ],
)
def test_several_models_and_batches_are_checked(models: str, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parsed(models)
    assert str(caught.value).startswith(f"s.yaml:3: {said}")


@pytest.mark.parametrize("address", ["https://ada:sk-canary@west.test/v1", "West", "we st"])
def test_an_address_is_no_name_of_an_endpoint_and_is_not_repeated(address: str) -> None:
    with pytest.raises(ScenarioError, match="MENDLOOP_ENDPOINT_WEST_URL") as caught:
        parsed(f"teacher: {{kind: openai, model: m, endpoint: '{address}'}}")
    assert address not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["model: a", "model: b, endpoint: west"], ("a", "b")),
        (["model: a", "model: a, endpoint: west"], ("a", "a at west")),
        (["model: a, endpoint: east", "model: a, endpoint: west"], ("a at east", "a at west")),
    ],
)
def test_members_are_told_apart_by_their_models_or_by_their_endpoints(given: list[str], names: Any) -> None:
    teacher = parsed(members(*given)).models.teacher
    assert isinstance(teacher, SeveralModels)
    assert teacher.names == names


def test_a_file_of_weights_may_be_any_models(tmp_path: Path) -> None:
    (tmp_path / "own.gguf").write_bytes(b"")
    text = f"{BASE}models: {{{TEACHER}, small: {{kind: local, model: own.gguf}}, critic: small}}\n"
    small: Any = parse_scenario(text, "s.yaml", tmp_path).models.named["small"]
    assert small.model == str(tmp_path / "own.gguf")
