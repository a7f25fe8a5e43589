"""Prices come from the scenario, else the user's table, else ours; which one was taken and how old it is, is said."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from mendloop.errors import InputError
from mendloop.modelspecs import EndpointModel, LocalModel, Member, Models, Price, SeveralModels
from mendloop.settings import load_settings
from mendloop.specs import BudgetSpec, SessionBudget
from mendloop.tools.chat.pricing import (
    Priced,
    Prices,
    PriceTable,
    discounted,
    load_prices,
    priced_models,
    require_price,
    role_prices,
    said_of_price,
)

OWN = (
    "prices:\n  - {models: [gpt-4o-mini, 'my-*'], price: {input: 1, output: 2}, as_of: 2026-01-31, source: contract}\n"
)
TODAY = date(2026, 2, 10)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "prices.yaml"
    path.write_text(OWN, "utf-8")
    return path


def test_the_table_that_comes_along_is_whole() -> None:
    entries = load_prices(None).shipped.prices
    assert len(entries) >= 30
    for entry in entries:
        assert entry.models, entry
        assert entry.price.output >= entry.price.input > 0
        assert entry.price.cached is None or entry.price.cached < entry.price.input
        assert date(2025, 1, 1) < entry.as_of <= date(2030, 1, 1)
        assert entry.source.startswith("https://")


@pytest.mark.parametrize(
    ("model", "usd"),
    [
        ("gpt-4o-mini", 0.15),
        ("gpt-4o-mini-2024-07-18", 0.15),
        ("openai/GPT-4o-mini", 0.15),
        ("gpt-4o-mini-audio-preview", None),
        ("claude-sonnet-4-5-20250929", 3),
        ("codestral-2508", 0.3),
        ("somebody-elses-model", None),
    ],
)
def test_a_model_is_found_by_its_name(model: str, usd: float | None) -> None:
    found = load_prices(None).of(model)
    assert (found.price.input if found else None) == usd


def test_the_scenario_outranks_the_user_who_outranks_us(own: Path) -> None:
    prices, stated = load_prices(own), Price(input=7, output=8)
    taken = [prices.of("gpt-4o-mini", stated), prices.of("gpt-4o-mini"), prices.of("gpt-4o")]
    assert [(each.origin, each.price.input) for each in taken if each] == [
        ("scenario", 7),
        ("user", 1),
        ("shipped", 2.5),
    ]
    assert [each.as_of for each in taken[:2] if each] == [None, date(2026, 1, 31)]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("my-model", r"1 \+ 2 USD per million tokens .*from your table .as of 2026-01-31, 10 days old; contract"),
        ("gpt-4o-mini", "from your table"),
        ("gpt-4.1", r"0.5 for what the server has cached.*the table that comes along \(as of .*https://"),
        ("unheard-of", "the price of `unheard-of` is not known"),
    ],
)
def test_which_price_was_taken_and_how_old_it_is_is_said(own: Path, model: str, said: str) -> None:
    line = said_of_price(model, load_prices(own).of(model), TODAY)
    assert re.search(said, line), line


def test_a_price_of_the_scenario_and_a_local_model_are_said_too() -> None:
    scenario = said_of_price("m", Priced(Price(input=1, output=2), "scenario"), TODAY)
    local = said_of_price("m", Priced(Price(input=0, output=0), "local"), TODAY)
    assert scenario.endswith("as the scenario says")
    assert local == "price of `m`: nothing, it runs on this machine"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "prices:\n  - {models: [x], price: {input: -1, output: 2}, as_of: 2026-01-31}\n",
            r"prices.yaml:2: .*at least 0",
        ),
        ("prices:\n  - {models: [x], price: {input: 1}, as_of: 2026-01-31}\n", r"output.* is missing"),
        ("prices:\n  - {models: [x], price: {input: 1, output: 2}, as_of: soon}\n", r"as_of"),
        ("price: []\n", r"unknown key `price`"),
        ("prices: [\n", r"not valid YAML"),
    ],
)
def test_a_wrong_table_names_the_file_and_the_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match=said) as caught:
        load_prices(path)
    assert str(path) in str(caught.value.where)


def test_a_table_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_prices(tmp_path / "absent.yaml")


def test_the_users_table_is_found_where_the_xdg_rules_say(tmp_path: Path, own: Path) -> None:
    home = tmp_path / "home"
    (home / ".config" / "mendloop").mkdir(parents=True)
    (home / ".config" / "mendloop" / "prices.yaml").write_text(OWN, "utf-8")
    assert load_settings({"HOME": str(home)}).prices == home / ".config" / "mendloop" / "prices.yaml"
    assert load_settings({"HOME": str(home), "XDG_CONFIG_HOME": str(tmp_path)}).prices is None
    assert load_settings({"HOME": str(home), "MENDLOOP_PRICES": str(own)}).prices == own


@pytest.mark.parametrize(
    ("budget", "where"),
    [(BudgetSpec(usd=2), "budget.usd"), (BudgetSpec(session=SessionBudget(usd=0.1)), "budget.session.usd")],
)
def test_a_budget_in_dollars_is_refused_where_nobody_knows_the_price(budget: BudgetSpec, where: str) -> None:
    with pytest.raises(InputError, match="the price of `m` is not known") as caught:
        require_price("m", None, budget)
    assert caught.value.where == where
    require_price("m", Priced(Price(input=1, output=1), "shipped"), budget)
    require_price("m", None, BudgetSpec(tokens=5))


def test_every_model_of_a_scenario_is_priced_and_each_role_knows_its_cheapest_and_dearest() -> None:
    several = SeveralModels(kind="several", members=(Member(model="gpt-4o"), Member(model="gpt-4o-mini")))
    models = Models.model_validate(
        {"teacher": several, "here": LocalModel(kind="local"), "proposer": "here", "critic": "here"}
    )
    prices = Prices(PriceTable(), load_prices(None).shipped)
    assert {name: priced and priced.price.input for name, priced in priced_models(models, prices).items()} == {
        "gpt-4o": 2.5,
        "gpt-4o-mini": 0.15,
        "qwen2.5-coder-1.5b": 0,
    }
    cheapest, dearest = role_prices(models, prices, "tester")
    assert cheapest is not None
    assert dearest is not None
    assert (cheapest.output, dearest.output) == (0.6, 10)
    assert role_prices(models, prices, "critic") == (Price(input=0, output=0),) * 2


def test_a_role_that_asks_in_batches_may_pay_less_and_one_unknown_price_makes_it_unknown() -> None:
    price = Price(input=2, output=4, cached=1)
    batching = Models(teacher=EndpointModel(kind="openai", model="m", price=price, batch=("tester",)))
    prices = load_prices(None)
    assert role_prices(batching, prices, "tester") == (discounted(price, 0.5), price)
    assert discounted(price, 0.5) == Price(input=1, output=2, cached=0.5)
    unknown = Models(teacher=EndpointModel(kind="openai", model="unheard-of"))
    assert role_prices(unknown, prices, "critic") == (None, None)
