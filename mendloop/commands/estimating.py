"""What a run may cost: bounds from the scenario, and a few real sessions measured."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from mendloop import api
from mendloop.commands.console import count, progress_for
from mendloop.executions import Probe
from mendloop.frozen import Frozen
from mendloop.graphs.outcome import SessionOutcome
from mendloop.modelspecs import PLAYED_ROLES
from mendloop.runs.estimate import Bounds, Estimate, Estimator
from mendloop.runs.sampled import Interval, Sample, sample_of, took
from mendloop.scenario import Scenario
from mendloop.tools.chat.licences import said_of_licence
from mendloop.tools.chat.pricing import Priced, Prices, role_prices, said_of_price


class Checked(Frozen):
    """What `mendloop check --json` prints: the layers, what the models cost and allow, and what a run may cost."""

    ok: bool
    layers: tuple[Probe, ...]
    prices: dict[str, str] = {}
    licences: dict[str, str] = {}
    estimate: Estimate | None = None
    sample: Sample | None = None


def price_layers(priced: Mapping[str, Priced | None], *, needed: bool) -> Iterator[Probe]:
    """Yield what each model costs; one whose price is not known is bad where a budget in dollars needs it."""
    remedy = "set models.teacher.price, add the model to your prices.yaml, or set a budget in tokens instead"
    for said, known in said_of_prices(priced).values():
        yield Probe(layer="price", ok=known or not needed, detail=said, remedy=remedy)


def said_of_prices(priced: Mapping[str, Priced | None]) -> dict[str, tuple[str, bool]]:
    """Return a line about the price of each model, and whether it is known."""
    today = datetime.now(UTC).date()
    return {model: (said_of_price(model, price, today), price is not None) for model, price in priced.items()}


def licence_layers(priced: Mapping[str, Priced | None]) -> Iterator[Probe]:
    """Yield what each model's licence says about training on its outputs."""
    for model in priced:
        yield Probe(layer="licence", ok=True, detail=said_of_licence(model))


def estimated(scenario: Scenario, prices: Prices) -> Estimate:
    """Return the bounds of what a scenario's sessions and target may cost. Raises SourceError, ScenarioError."""
    by_role = {role: role_prices(scenario.models, prices, role) for role in PLAYED_ROLES}
    cheapest = {role: low for role, (low, _) in by_role.items()}
    dearest = {role: high for role, (_, high) in by_role.items()}
    return Estimator(scenario, cheapest, dearest).estimate(scenario.target.records)


def sampled(scenario: Scenario, sessions: int, tell: Callable[[str], None]) -> Sample | None:
    """Run real sessions in a folder that is removed, telling each as it ends; None where none ended."""

    def ended(path: Path, outcome: SessionOutcome) -> None:
        tokens, usd = took(path, outcome.session)
        paid = "" if usd is None else f", {usd:.4g} USD"
        tell(f"{outcome.session}: {outcome.reason}; {count(outcome.turns, 'turn')}, {tokens:,} tokens{paid}")

    folder = Path(tempfile.mkdtemp(prefix="mendloop-sample-"))
    progress = progress_for(sessions, lambda _: None, ended)
    try:
        api.run(scenario.model_copy(update={"export": ()}), out=folder / "run", sessions=sessions, progress=progress)
        return sample_of(folder / "run", scenario.target.records)
    finally:
        progress.close(quietly=True)
        shutil.rmtree(folder, ignore_errors=True)


def estimate_lines(estimate: Estimate) -> Iterator[str]:
    """Yield the bounds for people."""
    if not estimate.questions_high:
        yield "estimate: no language model is asked"
        return
    asked = f"{count(estimate.questions_low, 'question')} to {count(estimate.questions_high, 'question')}"
    yield f"estimate (bounds, not what to expect) of a session: {asked}, {_between(estimate.session)}"
    records = count(estimate.records, "record")
    yield f"estimate (bounds) for {records}, if no session is lost: {_between(estimate.target)}"
    yield "    a kept session takes the lower bound at least, and no session more than the upper one;"
    yield "    `mendloop check SCENARIO --sample 5` measures real sessions"


def sample_lines(sample: Sample | None) -> Iterator[str]:
    """Yield what a sample took, for people."""
    if sample is None:
        yield "sample: no session ended, so that there is nothing to say"
        return
    yield f"sample: {count(sample.sessions, 'session')}, {sample.kept} kept; 95 % intervals in brackets"
    yield f"    a session: {_measured(sample.tokens_per_session, sample.usd_per_session)}"
    if sample.tokens_per_kept is None or sample.target_tokens is None:
        yield "    a kept record: nothing was kept, so that the target cannot be projected"
        return
    yield f"    a kept record: {_measured(sample.tokens_per_kept, sample.usd_per_kept)}"
    yield f"    {count(sample.records, 'record')}: {_measured(sample.target_tokens, sample.target_usd)}"


def _between(bounds: Bounds) -> str:
    tokens = f"{bounds.low_tokens:,} to {bounds.high_tokens:,} tokens"
    if bounds.low_usd is None or bounds.high_usd is None:
        return f"{tokens}; dollars are not known"
    return f"{tokens}, {bounds.low_usd:.4g} to {bounds.high_usd:.4g} USD"


def _measured(tokens: Interval, usd: Interval | None) -> str:
    def spread(each: Interval, form: str) -> str:
        high = "?" if each.high is None else format(each.high, form)
        return f"[{each.low:{form}}, {high}]"

    said = f"{tokens.mean:,.0f} tokens {spread(tokens, ',.0f')}"
    return said if usd is None else f"{said}, {usd.mean:.4g} USD {spread(usd, '.4g')}"
