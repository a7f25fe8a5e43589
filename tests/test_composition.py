"""Composing a run: what `auto` becomes, what a scenario needs before anything starts, and which memory it gets."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from mendloop.choosing import LOCAL_MODEL_MODULE, Resolved, resolved
from mendloop.composition import check_templates, chosen_embedder, compose, looked_at
from mendloop.errors import InputError, ScenarioError, SourceError
from mendloop.events import Ref, RunStarted
from mendloop.memory.none import NoMemory
from mendloop.modelspecs import EndpointModel, LocalModel, ProceduralModel
from mendloop.opening import OpenedModel, opened_model, silent_model
from mendloop.runs.replay import Unreachable
from mendloop.scenario import parse_scenario
from mendloop.settings import Settings
from mendloop.specs import Scenario
from mendloop.tools.chat.protocol import ChatMessage, ChatRequest
from mendloop.tools.local.catalogue import KNOWN
from mendloop.tools.local.weights import weights_path
from tests.e2e.product import TEXTS
from tests.openai_server import MODEL, OpenAIServer, Reply, content_null

KEY = "sk-canary-0123456789abcdef"
PYTHON = {"kind": "python", "package": "stdlib"}
GOAL = {"kind": "goal"}


def scenario(source: object = PYTHON, teacher: object = None, **rest: Any) -> Scenario:
    given = {"goal": "a test", "source": source, "models": {"teacher": teacher or {"kind": "auto"}}, **rest}
    return parse_scenario(json.dumps(given), "test", Path(), confined=False)


def settings(folder: Path, server: OpenAIServer | None = None, **given: Any) -> Settings:
    url = {"openai_base_url": server.base_url, "openai_api_key": SecretStr(KEY)} if server else {}
    return Settings(**{"cache_dir": folder, **url, **given})


def decided(asked: Scenario, known: Settings) -> Resolved:
    return asyncio.run(resolved(asked, known))


def serving(*models: str, **given: Any) -> OpenAIServer:
    return OpenAIServer(lambda _: Reply("ok"), models=models, **given)


# What `auto` becomes


def test_auto_takes_the_one_model_of_the_endpoint_that_the_environment_names(tmp_path: Path) -> None:
    auto = {"kind": "auto", "temperature": "server", "max_tokens": 77, "deadline": 9.0, "parallel": 3}
    with serving("only-one") as server:
        taken = decided(scenario(teacher=auto), settings(tmp_path, server))
    assert taken.scenario.models.teacher == EndpointModel(
        kind="openai", model="only-one", temperature="server", max_tokens=77, deadline=9.0, parallel=3
    )
    assert taken.said == f"team: injected; model: only-one at {server.base_url}"
    assert server.visits == ["GET /v1/models"]


def test_what_auto_does_not_say_is_the_default_of_what_it_becomes(tmp_path: Path) -> None:
    with serving("only-one") as server:
        taken = decided(scenario(), settings(tmp_path, server))
    assert taken.scenario.models.teacher == EndpointModel(kind="openai", model="only-one")


def test_auto_asks_for_a_name_where_there_are_several(tmp_path: Path) -> None:
    with serving(*(f"m{number}" for number in range(7))) as server, pytest.raises(InputError) as caught:
        decided(scenario(), settings(tmp_path, server))
    assert (caught.value.what, caught.value.where) == (f"{server.base_url} offers 7 models", "models.teacher")
    assert "MENDLOOP_MODEL" in caught.value.remedy
    assert caught.value.remedy.endswith(": m0, m1, m2, m3, m4, ...")


def test_auto_asks_for_a_name_where_none_are_listed(tmp_path: Path) -> None:
    with serving() as server, pytest.raises(InputError, match="does not list its models"):
        decided(scenario(), settings(tmp_path, server))


def test_auto_takes_the_model_that_is_named_and_looks_no_further(tmp_path: Path) -> None:
    with serving("a", "b") as server:
        taken = decided(scenario(GOAL), settings(tmp_path, server, model="b"))
    assert taken.scenario.models.teacher == EndpointModel(kind="openai", model="b")
    assert taken.said == f"team: prompted; model: b at {server.base_url}"
    assert server.visits == []


def test_auto_names_the_key_where_it_is_refused(tmp_path: Path) -> None:
    with serving("a", key="another key") as server, pytest.raises(InputError, match="refuses the key") as caught:
        decided(scenario(), settings(tmp_path, server))
    assert caught.value.where == "OPENAI_API_KEY"


def weights(folder: Path, size: int | None = None) -> Path:
    """Make a file where known weights would lie, without content, and return the cache folder."""
    path = weights_path(KNOWN[0], folder)
    path.parent.mkdir(parents=True)
    path.touch()
    os.truncate(path, KNOWN[0].bytes if size is None else size)
    return folder


@pytest.mark.skipif(importlib.util.find_spec(LOCAL_MODEL_MODULE) is None, reason="needs mendloop[local]")
def test_auto_takes_local_weights_that_are_here(tmp_path: Path) -> None:
    auto = {"kind": "auto", "max_tokens": 77, "parallel": 2}
    taken = decided(scenario(GOAL, auto), settings(weights(tmp_path)))
    assert taken.scenario.models.teacher == LocalModel(kind="local", model=KNOWN[0].name, max_tokens=77, parallel=2)
    assert taken.said == f"team: prompted; model: {KNOWN[0].name} on this machine"


def test_the_endpoint_comes_before_local_weights(tmp_path: Path) -> None:
    with serving("only-one") as server:
        taken = decided(scenario(), settings(weights(tmp_path), server))
    assert isinstance(taken.scenario.models.teacher, EndpointModel)


def test_weights_that_are_not_whole_are_not_here(tmp_path: Path) -> None:
    taken = decided(scenario(), settings(weights(tmp_path, 40_000)))
    assert taken.scenario.models.teacher == ProceduralModel()


def test_without_any_model_functions_are_left_to_the_procedural_team_which_says_so(tmp_path: Path) -> None:
    taken = decided(scenario(), settings(tmp_path))
    assert taken.scenario.models.teacher == ProceduralModel()
    assert taken.said == "team: procedural (no language model is called)"


@pytest.mark.parametrize("kind", ["goal", "snippets", "instructions", "failures"])
def test_without_any_model_other_sources_are_refused(kind: str, tmp_path: Path) -> None:
    source = {"kind": kind} if kind == "goal" else {"kind": kind, "path": str(tmp_path / "file.jsonl")}
    with pytest.raises(InputError, match=f"a source of kind `{kind}` needs a language model") as caught:
        decided(scenario(source), settings(tmp_path))
    assert "OPENAI_BASE_URL" in caught.value.remedy
    assert "mendloop models pull" in caught.value.remedy


def test_without_any_model_tier_a_is_refused_because_nothing_would_be_kept(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tier A needs a language model") as caught:
        decided(scenario(target={"min_tier": "A"}), settings(tmp_path))
    assert caught.value.where == "target.min_tier"


@pytest.mark.parametrize(
    ("teacher", "said"),
    [
        ({"kind": "procedural"}, "team: procedural (no language model is called)"),
        ({"kind": "local"}, "team: injected; model: qwen2.5-coder-1.5b on this machine"),
        ({"kind": "openai", "model": "m"}, "team: injected; model: m at https://api.openai.com/v1"),
        ({"kind": "scripted"}, "team: injected; model: scripted"),
    ],
)
def test_a_model_that_is_named_is_taken_as_it_is(teacher: object, said: str, tmp_path: Path) -> None:
    asked = scenario(teacher=teacher)
    assert decided(asked, settings(tmp_path)) == Resolved(asked, said)


# Opening the model


def opened_and_asked(asked: Scenario, known: Settings) -> OpenedModel | None:
    async def work() -> OpenedModel | None:
        async with AsyncExitStack() as stack:
            model = await opened_model(asked, known, stack)
            if model is not None:
                message = ChatMessage(role="user", content="x")
                await model.chat.ask(ChatRequest(messages=(message,), max_tokens=5, temperature=None, seed=0))
        return model

    return asyncio.run(work())


def endpoint(**given: Any) -> dict[str, Any]:
    return {"kind": "openai", "model": MODEL, **given}


def test_an_endpoint_is_tried_before_it_is_metered(tmp_path: Path) -> None:
    price = {"input": 1.0, "output": 1.0}
    with OpenAIServer(lambda _: Reply("a b c", prompt_tokens=5), key=KEY) as server:
        asked = scenario(teacher=endpoint(price=price), budget={"usd": 1.0})
        model = opened_and_asked(asked, settings(tmp_path, server))
    assert model is not None
    assert (model.chat.model, model.weights, server.count) == (MODEL, {}, 2)
    assert model.meter.tokens == 8
    assert model.meter.usd == pytest.approx(8e-6)


def test_a_budget_in_money_needs_a_price(tmp_path: Path) -> None:
    with serving(MODEL) as server, pytest.raises(InputError, match=f"the price of `{MODEL}` is not known") as caught:
        opened_and_asked(scenario(teacher=endpoint(), budget={"usd": 5.0}), settings(tmp_path, server))
    assert caught.value.where == "budget.usd"
    assert server.visits == []


def test_a_wrong_key_ends_before_anything_is_opened(tmp_path: Path) -> None:
    with serving(MODEL, key="another key") as server, pytest.raises(InputError, match="refuses the key"):
        opened_and_asked(scenario(teacher=endpoint()), settings(tmp_path, server))


def test_no_model_is_opened_for_the_procedural_team(tmp_path: Path) -> None:
    assert opened_and_asked(scenario(teacher={"kind": "procedural"}), settings(tmp_path)) is None


def test_local_weights_that_are_not_here_are_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="are not here") as caught:
        opened_and_asked(scenario(teacher={"kind": "local"}), settings(tmp_path))
    assert caught.value.remedy == "mendloop models pull qwen2.5-coder-1.5b"


def recorded(models: dict[str, str], weights: dict[str, str]) -> RunStarted:
    stored = Ref(sha256="0" * 64, bytes=1)
    return RunStarted(
        scenario=stored, version="0", team="prompted", seed=0, sessions=None, models=models, weights=weights
    )


def test_the_model_of_a_replay_has_its_name_and_never_answers() -> None:
    model = silent_model(recorded({"programmer": "m", "critic": "n"}, {"m": "abc"}))
    assert model is not None
    assert (model.chat.model, model.weights) == ("m", {"m": "abc"})
    assert {role: chat.model for role, chat in model.roles.items()} == {"programmer": "m", "critic": "n"}
    with pytest.raises(AssertionError, match="is only a name here"):
        asyncio.run(
            model.chat.ask(
                ChatRequest(messages=(ChatMessage(role="user", content="x"),), max_tokens=1, temperature=None, seed=0)
            )
        )


def test_a_recorded_run_without_models_replays_without_one() -> None:
    assert silent_model(recorded({}, {})) is None


def test_a_team_that_only_a_program_can_make_is_refused() -> None:
    with pytest.raises(InputError, match="handed in by a program") as caught:
        compose(scenario(teacher={"kind": "scripted"}), Unreachable(), NoMemory(), None)
    assert caught.value.where == "models.teacher.kind"


# What is looked at before anything starts


ONE_FUNCTION = TEXTS.split("\n\n\n")[2] + "\n"
FAILURE = {"prompt": "Write double(n), which doubles.", "code": "def double(n):\n    return n\n"}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "totals.py").write_text(ONE_FUNCTION)
    (tmp_path / "empty").mkdir()
    (tmp_path / "asked.txt").write_text("Sort a list.\nReverse a text.\n")
    (tmp_path / "one.jsonl").write_text(json.dumps({"instruction": "Sort a list."}) + "\nnot JSON\n")
    row = {**FAILURE, "tests": "assert double(2) == 4"}
    (tmp_path / "wrong.jsonl").write_text(json.dumps(row) + "\n")
    return tmp_path


@pytest.mark.parametrize(
    ("kind", "path", "found"),
    [
        ("python", "code", "1 function to look at"),
        ("snippets", "code", "1 snippet"),
        ("goal", None, "the goal in words"),
        ("goal", "code", "1 snippet"),
        ("instructions", "asked.txt", "2 instructions"),
        ("instructions", "one.jsonl", "1 instruction; 1 skipped, first one.jsonl:2: not JSON"),
        ("failures", "wrong.jsonl", "1 wrong program"),
    ],
)
def test_a_source_is_looked_at_and_said(kind: str, path: str | None, found: str, files: Path) -> None:
    source = {"kind": kind, **({"path": str(files / path)} if path else {})}
    assert looked_at(scenario(source)).startswith(found)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("python", "empty"),
        ("snippets", "empty"),
        ("goal", "empty"),
        ("instructions", "code/totals.py"),
        ("failures", "one.jsonl"),
    ],
)
def test_a_source_with_nothing_usable_is_refused(kind: str, path: str, files: Path) -> None:
    with pytest.raises(SourceError):
        looked_at(scenario({"kind": kind, "path": str(files / path)}))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{% block system %}{% endblock %}", r"lacks \{% block user %\}"),
        ("plain words", r"lacks \{% block system %\}"),
        ("{% block system %}{% endblock %}\n{% block user %}{{ statement", "line 2"),
        ("{% block system %}{{ x | nothing }}{% endblock %}{% block user %}{% endblock %}", "nothing"),
        ("x" * 100_001, "longer than 100000 characters"),
    ],
)
def test_a_prompt_that_is_no_template_is_named(text: str, what: str) -> None:
    with pytest.raises(ScenarioError, match=what) as caught:
        check_templates(scenario(GOAL, prompts={"repair": {"text": text}}))
    assert caught.value.where == "prompts.repair"


def test_a_prompt_of_ones_own_is_taken() -> None:
    own = "{% block system %}{% endblock %}{% block user %}{{ statement }}{% endblock %}"
    check_templates(scenario(GOAL, prompts={"repair": {"text": own}}))


# The memory's embedding


def remembering(deterministic: bool = False, **memory: Any) -> Scenario:
    return scenario(loop={"memory": {"enabled": True, **memory}}, deterministic=deterministic)


def test_ngrams_are_taken_by_name(tmp_path: Path) -> None:
    assert "hashed n-grams" in chosen_embedder(remembering(embedding="ngrams"), settings(tmp_path)).said


def test_a_deterministic_run_takes_ngrams_unless_another_is_named(tmp_path: Path) -> None:
    with serving() as server:
        known = settings(tmp_path, server)
        assert "hashed n-grams" in chosen_embedder(remembering(True, embedding_model="v"), known).said
        assert server.visits == []
        named = chosen_embedder(remembering(True, embedding="endpoint", embedding_model="v"), known)
    assert named.said == f"memory: embeddings of the endpoint (v at {server.base_url})"
    assert named.embedder.dimensions == 64


def test_an_endpoint_is_not_asked_where_no_embedding_model_is_named(tmp_path: Path) -> None:
    with serving() as server:
        with pytest.raises(InputError, match="no endpoint gives embeddings"):
            chosen_embedder(remembering(embedding="endpoint"), settings(tmp_path, server))
        assert server.visits == []


def test_embeddings_that_are_named_and_fail_are_refused(tmp_path: Path) -> None:
    with serving(key="another key") as server, pytest.raises(InputError, match="no embeddings: ") as caught:
        chosen_embedder(remembering(embedding="endpoint", embedding_model="v"), settings(tmp_path, server))
    assert caught.value.where == "loop.memory.embedding_model"
    assert KEY not in str(caught.value)


def test_a_server_that_says_nothing_is_opened_all_the_same(tmp_path: Path) -> None:
    with OpenAIServer(lambda _: content_null()) as server:
        assert opened_and_asked(scenario(teacher=endpoint()), settings(tmp_path, server)) is not None
