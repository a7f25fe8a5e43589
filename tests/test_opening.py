"""The models of a scenario, opened: named endpoints, roles with models of their own, several for one role, batches."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import pytest

from mendloop.agents.teams import roles_for
from mendloop.choosing import resolved, said_of, settled
from mendloop.errors import BudgetError, InputError
from mendloop.events import AnyEvent, BatchChanged
from mendloop.modelspecs import PLAYED_ROLES, EndpointModel, PlayedRole
from mendloop.opening import OpenedModel, opened_model
from mendloop.scenario import parse_scenario
from mendloop.settings import Settings, load_settings
from mendloop.specs import Scenario
from mendloop.tools.chat.protocol import Answer, ChatMessage, ChatRequest
from tests.batch_server import BatchServer
from tests.openai_server import Asked, OpenAIServer, Reply, quota

KEY, WEST_KEY = "sk-canary-default-0123", "sk-canary-west-4567"
ASKED = ChatRequest(messages=(ChatMessage(role="user", content="x"),), max_tokens=5, temperature=None, seed=0)


def says(text: str) -> Callable[[Asked], Reply]:
    return lambda asked: Reply(text)


def scenario(**models: Any) -> Scenario:
    return parse_scenario(json.dumps({"goal": "x", "source": {"kind": "goal"}, "models": models}), "s.yaml", Path())


def model(name: str, **more: Any) -> dict[str, Any]:
    return {"kind": "openai", "model": name, **more}


def several(*members: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"kind": "several", "members": list(members), **more}


def known(home: Path, default: OpenAIServer, west: OpenAIServer | None = None) -> Settings:
    environ = {"HOME": str(home), "OPENAI_BASE_URL": default.base_url, "OPENAI_API_KEY": KEY}
    if west is not None:
        environ |= {"MENDLOOP_ENDPOINT_WEST_URL": west.base_url, "MENDLOOP_ENDPOINT_WEST_KEY": WEST_KEY}
    return load_settings(environ)


@pytest.fixture
def servers() -> Any:
    with ExitStack() as stack:
        yield [stack.enter_context(OpenAIServer(says(text), key=key)) for text, key in (("d", KEY), ("w", WEST_KEY))]


def opened(asked: Scenario, settings: Settings, *roles: PlayedRole, run: Path | None = None) -> list[Answer]:
    """Open the models of a scenario, and ask them as these roles do."""

    async def work() -> list[Answer]:
        async with AsyncExitStack() as stack:
            found = await opened_model(asked, settings, stack)
            assert found is not None
            if run is not None:
                found.begin(run)
            return [await found.roles.get(role, found.chat).ask(ASKED) for role in roles]

    return asyncio.run(work())


def refusal(asked: Scenario, settings: Settings) -> InputError:
    with pytest.raises(InputError) as caught:
        opened(asked, settings)
    return caught.value


# Endpoints by name


def test_a_model_is_asked_at_the_endpoint_that_it_names(servers: list[OpenAIServer], tmp_path: Path) -> None:
    default, west = servers
    answers = opened(scenario(teacher=model("m", endpoint="west")), known(tmp_path, default, west), "critic")
    assert ([answer.text for answer in answers], default.visits) == (["w"], [])
    assert {asked.headers["authorization"] for asked in west.requests} == {f"Bearer {WEST_KEY}"}


def test_an_endpoint_that_nothing_names_is_refused_with_what_to_set(
    servers: list[OpenAIServer], tmp_path: Path
) -> None:
    error = refusal(scenario(teacher=model("m", endpoint="weast")), known(tmp_path, *servers))
    assert str(error) == (
        "MENDLOOP_ENDPOINT_WEAST_URL: no endpoint is named `weast` (set MENDLOOP_ENDPOINT_WEAST_URL and "
        "MENDLOOP_ENDPOINT_WEAST_KEY; named are: west)"
    )
    assert [server.visits for server in servers] == [[], []]


def test_a_refused_key_names_the_variable_of_its_endpoint_and_not_the_key(tmp_path: Path) -> None:
    with OpenAIServer(says("d")) as default, OpenAIServer(says("w"), key="another") as west:
        error = refusal(scenario(teacher=model("m", endpoint="west")), known(tmp_path, default, west))
    assert (error.where, "refuses the key" in error.what) == ("MENDLOOP_ENDPOINT_WEST_KEY", True)
    assert WEST_KEY not in str(error)


# Roles with models of their own


def test_each_role_asks_the_model_that_it_names(servers: list[OpenAIServer], tmp_path: Path) -> None:
    asked = scenario(teacher=model("m"), cheap=model("c", endpoint="west"), proposer="cheap", tester="cheap")
    answers = opened(asked, known(tmp_path, *servers), *PLAYED_ROLES)
    assert [(answer.text, answer.model) for answer in answers] == [("w", "c"), ("d", "m"), ("w", "c"), ("d", "m")]


def test_the_run_says_who_plays_what(servers: list[OpenAIServer], tmp_path: Path) -> None:
    default, west = servers
    settings = known(tmp_path, default, west)
    both = scenario(teacher=model("m"), cheap=model("c", endpoint="west"), proposer="cheap")
    assert said_of(both, settings) == (
        f"team: prompted; models: m at {default.base_url} (programmer, tester, critic); c at {west.base_url} (proposer)"
    )
    members = model("a"), model("b", endpoint="west")
    plain = [{key: value for key, value in each.items() if key != "kind"} for each in members]
    first, second = f"a at {default.base_url}", f"b at {west.base_url}"
    in_order = scenario(teacher=several(*plain))
    assert said_of(in_order, settings) == f"team: prompted; model: {first}, then {second}"
    shared = scenario(teacher=several({**plain[0], "weight": 3.0}, plain[1], order="weighted"))
    assert said_of(shared, settings) == f"team: prompted; model: {first} (75%) and {second} (25%)"


def test_a_record_says_which_model_plays_which_role(servers: list[OpenAIServer], tmp_path: Path) -> None:
    async def played() -> dict[str, str]:
        asked = scenario(
            teacher=model("m"),
            pair=several({"model": "a"}, {"model": "b", "endpoint": "west"}),
            critic="pair",
        )
        async with AsyncExitStack() as stack:
            found = await opened_model(asked, known(tmp_path, *servers), stack)
            assert found is not None
            return dict(roles_for(asked, found.chat, found.roles).models)

    assert asyncio.run(played()) == {"proposer": "m", "programmer": "m", "tester": "m", "critic": "a, b"}


def test_a_role_is_asked_as_its_model_says(servers: list[OpenAIServer], tmp_path: Path) -> None:
    pair = several({"model": "a", "context": 4096}, {"model": "b", "context": 2048}, max_tokens=222)
    asked = scenario(teacher=model("m", max_tokens=111), pair=pair, critic="pair")

    async def voices() -> dict[str, tuple[int, int | None]]:
        async with AsyncExitStack() as stack:
            found = await opened_model(asked, known(tmp_path, *servers), stack)
            assert found is not None
            roles: Any = roles_for(asked, found.chat, found.roles)
            heard = {name: getattr(roles, name).voice for name in ("programmer", "tester", "critic")}
            return {name: (voice.max_tokens, voice.window) for name, voice in heard.items()}

    assert asyncio.run(voices()) == {"programmer": (111, None), "tester": (111, None), "critic": (222, 2048)}


async def test_auto_is_decided_for_every_model(tmp_path: Path) -> None:
    with OpenAIServer(says("d"), models=("only",)) as default:
        taken = await resolved(
            scenario(teacher=model("m"), free={"kind": "auto"}, critic="free"), known(tmp_path, default)
        )
    free = taken.scenario.models.named["free"]
    assert isinstance(free, EndpointModel)
    assert free.model == "only"


async def test_a_role_whose_auto_finds_nothing_is_refused(tmp_path: Path) -> None:
    asked = scenario(teacher=model("m"), free={"kind": "auto"}, critic="free")
    with pytest.raises(InputError, match="none is here") as caught:
        await resolved(asked, load_settings({"HOME": str(tmp_path)}))
    assert caught.value.where == "models.free"


async def test_each_model_has_the_form_of_answers_that_its_server_can_do(tmp_path: Path) -> None:
    able = '{"colour": "red", "count": "one"}'
    with OpenAIServer(says(able)) as default, OpenAIServer(says("red")) as west:
        asked = scenario(
            teacher=model("m", answers="json"), cheap=model("c", answers="json", endpoint="west"), critic="cheap"
        )
        async with AsyncExitStack() as stack:
            found = await opened_model(asked, known(tmp_path, default, west), stack)
            form = await settled(asked, found)
    named: Any = form.scenario.models.named
    assert (named["teacher"].answers, named["cheap"].answers) == ("json", "sections")
    assert form.said.startswith("cheap: the server does not honour a JSON schema")


# Several


@pytest.mark.parametrize("order", ["fallback", "weighted"])
def test_a_member_that_cannot_be_used_is_named(order: str, tmp_path: Path) -> None:
    asked = scenario(teacher=several({"model": "a"}, {"model": "a", "endpoint": "west"}, order=order))
    with OpenAIServer(says("d")) as default, OpenAIServer(says("w"), key="another") as west:
        error = refusal(asked, known(tmp_path, default, west))
    assert error.what == f"the member `a at west` cannot be used: {west.base_url} refuses the key (401)"
    assert error.where == "MENDLOOP_ENDPOINT_WEST_KEY"


def test_a_member_without_quota_is_no_wrong_setting_while_another_answers(tmp_path: Path) -> None:
    asked = scenario(teacher=several({"model": "a"}, {"model": "b", "endpoint": "west"}))
    with OpenAIServer(lambda _: quota()) as default, OpenAIServer(says("w")) as west:
        (answer,) = opened(asked, known(tmp_path, default, west), "critic")
    assert (answer.text, answer.model) == ("w", "b")


def test_without_any_quota_nothing_is_started(tmp_path: Path) -> None:
    asked = scenario(teacher=several({"model": "a"}, {"model": "b", "endpoint": "west"}))
    with OpenAIServer(lambda _: quota()) as default, OpenAIServer(lambda _: quota()) as west:
        settings = known(tmp_path, default, west)
        with pytest.raises(BudgetError, match="quota"):
            opened(asked, settings)


def test_a_budget_in_dollars_needs_the_price_of_every_member(servers: list[OpenAIServer], tmp_path: Path) -> None:
    price = {"input": 1.0, "output": 1.0}
    asked = scenario(teacher=several({"model": "a", "price": price}, {"model": "nobody-knows"}))
    budget = asked.model_copy(update={"budget": asked.budget.model_copy(update={"usd": 1.0})})
    error = refusal(budget, known(tmp_path, *servers))
    assert "the price of `nobody-knows` is not known" in error.what


# Batches


def test_only_the_roles_that_can_wait_ask_in_batches(tmp_path: Path) -> None:
    with BatchServer(says("d")) as server:
        asked = scenario(teacher=model("m", batch=["tester"], batch_gather=0.01, batch_poll=0.001))
        answers = opened(asked, known(tmp_path, server), "critic", "tester", run=tmp_path)
    assert [answer.price_factor for answer in answers] == [1.0, 0.5]
    assert (len(server.batched), server.count) == (1, 2)  # the first look and the critic


def test_an_endpoint_without_a_batch_api_is_refused(servers: list[OpenAIServer], tmp_path: Path) -> None:
    error = refusal(scenario(teacher=model("m", batch=["tester"])), known(tmp_path, *servers))
    assert (error.where, error.what.startswith("no batch API at ")) == ("models.teacher.batch", True)


async def test_who_listens_hears_of_every_part(tmp_path: Path) -> None:
    heard: list[AnyEvent] = []
    with BatchServer(says("d")) as server:
        asked = scenario(
            teacher=model("m", batch=["tester"], batch_gather=0.01, batch_poll=0.001),
            pair=several({"model": "a"}, {"model": "b"}),
            critic="pair",
        )
        async with AsyncExitStack() as stack:
            found = await opened_model(asked, known(tmp_path, server), stack)
            assert isinstance(found, OpenedModel)
            found.begin(tmp_path)
            found.listen(heard.append)
            await found.roles["tester"].ask(ASKED)
            assert sorted(rates.model for rates in found.rates()) == ["a", "b", "m"]
    assert [event.state for event in heard if isinstance(event, BatchChanged)] == ["sent", "ended"]
