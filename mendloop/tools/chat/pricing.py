"""What a model's tokens cost: the scenario's own price, else the user's table, else the table that comes along."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from mendloop.errors import InputError
from mendloop.fields import Spec
from mendloop.modelspecs import EndpointModel, LocalModel, Models, ModelSpec, PlayedRole, Price, SeveralModels
from mendloop.specs import BudgetSpec
from mendloop.tools.chat.tables import fits, own_table, shipped_table

SHIPPED = "prices.yaml"
LOCAL = Price(input=0, output=0)
"""What a model on this machine costs."""
Origin = Literal["scenario", "user", "shipped", "local"]


class PriceEntry(Spec):
    """The price of some models: patterns of their names, when it was looked up, and where."""

    models: tuple[str, ...]
    price: Price
    as_of: date
    source: str = ""


class PriceTable(Spec):
    """Prices; the first entry that fits counts."""

    prices: tuple[PriceEntry, ...] = ()


@dataclass(frozen=True)
class Priced:
    """A price, who says it, and since when it is known (None where nobody says)."""

    price: Price
    origin: Origin
    as_of: date | None = None
    source: str = ""


@dataclass(frozen=True)
class Prices:
    """The user's table and the one that comes along; `user` is the file of the first one."""

    own: PriceTable
    shipped: PriceTable
    user: str = ""

    def of(self, model: str, stated: Price | None = None) -> Priced | None:
        """Return the price of a model, None where nobody knows it. `stated` is what the scenario says."""
        if stated is not None:
            return Priced(stated, "scenario")
        tables: tuple[tuple[Origin, PriceTable], ...] = (("user", self.own), ("shipped", self.shipped))
        for origin, table in tables:
            for entry in table.prices:
                if fits(model, entry.models):
                    return Priced(entry.price, origin, entry.as_of, entry.source or self.user)
        return None


def load_prices(path: Path | None) -> Prices:
    """Return the prices: those of the user's file, where there is one, and ours. Raises InputError for a wrong file."""
    own = own_table(path, PriceTable) if path else PriceTable()
    return Prices(own, shipped_table(SHIPPED, PriceTable), str(path or ""))


def priced_model(spec: ModelSpec, prices: Prices) -> dict[str, Priced | None]:
    """Return the prices behind one model of a scenario, by the names of its members; None where nobody knows one."""
    match spec:
        case EndpointModel():
            return {spec.model: prices.of(spec.model, spec.price)}
        case SeveralModels():
            return {member.model: prices.of(member.model, member.price) for member in spec.members}
        case LocalModel():
            return {spec.model: Priced(LOCAL, "local")}
        case _:
            return {}


def priced_models(models: Models, prices: Prices) -> dict[str, Priced | None]:
    """Return the prices behind all models of a scenario, each once."""
    return {name: priced for spec in models.named.values() for name, priced in priced_model(spec, prices).items()}


def role_prices(models: Models, prices: Prices, role: PlayedRole) -> tuple[Price | None, Price | None]:
    """Return the cheapest and the dearest price at which a role's model may answer; None where one is not known."""
    spec = models.named[models.name_of(role)]
    known = [priced.price for priced in priced_model(spec, prices).values() if priced is not None]
    if not known or len(known) < len(priced_model(spec, prices)):
        return None, None
    ordered = sorted(known, key=lambda price: price.input + price.output)
    if isinstance(spec, EndpointModel) and role in spec.batch:
        return discounted(ordered[0], spec.batch_discount), ordered[-1]
    return ordered[0], ordered[-1]


def discounted(price: Price, discount: float) -> Price:
    """Return a price with a share taken off."""
    part = 1 - discount
    cached = None if price.cached is None else price.cached * part
    return Price(input=price.input * part, output=price.output * part, cached=cached)


def said_of_price(model: str, priced: Priced | None, today: date) -> str:
    """Return one line that says what a model's tokens cost, who says so, and how old that is."""
    if priced is None:
        return (
            f"the price of `{model}` is not known, so that no dollars are counted: set models.teacher.price, or add it "
            f"to your prices.yaml"
        )
    if priced.origin == "local":
        return f"price of `{model}`: nothing, it runs on this machine"
    amounts = f"{priced.price.input:g} + {priced.price.output:g} USD per million tokens of questions and answers"
    if priced.price.cached is not None:
        amounts += f" ({priced.price.cached:g} for what the server has cached)"
    if priced.origin == "scenario":
        return f"price of `{model}`: {amounts}, as the scenario says"
    assert priced.as_of is not None
    age = (today - priced.as_of).days
    old = f"as of {priced.as_of}, {'today' if age <= 0 else '1 day old' if age == 1 else f'{age} days old'}"
    whose = "from your table" if priced.origin == "user" else "from the table that comes along"
    return f"price of `{model}`: {amounts}, {whose} ({old}; {priced.source})"


def require_price(model: str, priced: Priced | None, budget: BudgetSpec) -> None:
    """Raise InputError where a budget in dollars cannot be kept to, because nobody knows what the model costs."""
    if priced is not None:
        return
    for where, usd in (("budget.usd", budget.usd), ("budget.session.usd", budget.session.usd)):
        if usd is not None:
            raise InputError(
                f"the price of `{model}` is not known, so that {usd:g} USD cannot be kept to",
                where=where,
                remedy="set models.teacher.price={input: X, output: Y} in USD per million tokens, add the model to "
                f"your prices.yaml, or set {where.removesuffix('usd')}tokens instead",
            )
