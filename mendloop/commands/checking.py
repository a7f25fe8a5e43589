"""Checking before anything runs: check, doctor."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mendloop import __version__, api
from mendloop.commands.asked import Overrides, ScenarioFile
from mendloop.commands.console import say, show, show_json, show_table
from mendloop.commands.reading import Json
from mendloop.errors import EXIT_FOUND_BAD, InputError, MendloopError
from mendloop.executions import Backend, Probe, SandboxKind
from mendloop.modelspecs import AutoModel
from mendloop.scenario import load_scenario
from mendloop.specs import Scenario
from mendloop.tools.sandbox.languages import LANGUAGES, missing
from mendloop.tools.sandbox.open import BY_ITSELF, open_sandbox, probed

if TYPE_CHECKING:
    from mendloop.commands.estimating import Checked

MIN_FREE_MB = 500
VENDORS = ("langgraph", "langchain-openai", "openai", "chromadb", "pydantic", "pyarrow")


def check(
    scenario: ScenarioFile,
    overrides: Overrides = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Run so many real sessions, keep nothing, and measure what they cost.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Validate a scenario, try what it needs (the source, the models, the sandbox), and estimate what it may cost.

    Nothing is started, unless a sample is asked for.
    """
    from mendloop.commands.estimating import estimate_lines, sample_lines, sampled

    loaded = load_scenario(scenario, overrides or [])
    checked = _checked(loaded, str(scenario))
    if not as_json:
        _show_layers(checked.layers)
        for line in estimate_lines(checked.estimate) if checked.estimate else ():
            show(line)
    if sample is not None and checked.ok:
        checked = checked.model_copy(update={"sample": sampled(loaded, sample, say if as_json else show)})
        for line in sample_lines(checked.sample) if not as_json else ():
            show(line)
    if as_json:
        show_json(checked)
    if not checked.ok:
        raise typer.Exit(EXIT_FOUND_BAD)


def _checked(loaded: Scenario, file: str) -> Checked:
    """Try what a scenario needs and return what was found, with the estimate where the models are known."""
    from mendloop.commands.estimating import Checked, estimated, licence_layers, price_layers, said_of_prices
    from mendloop.composition import check_templates, looked_at
    from mendloop.tools.chat.licences import said_of_licence
    from mendloop.tools.chat.pricing import load_prices, priced_models

    found = looked_at(loaded)
    check_templates(loaded)
    prices = load_prices(api.settings().prices)
    taken, model = asyncio.run(_model(loaded))
    priced = priced_models(taken.models, prices)
    dollars = taken.budget.usd is not None or taken.budget.session.usd is not None
    layers = (
        Probe(layer="scenario", ok=True, detail=file),
        Probe(layer="source", ok=True, detail=found),
        model,
        *price_layers(priced, needed=dollars),
        *licence_layers(priced),
        *_probed(loaded.sandbox.kind),
    )
    known = not isinstance(taken.models.teacher, AutoModel)  # what is asked follows from the model that is taken
    return Checked(
        ok=all(layer.ok for layer in layers),
        layers=layers,
        licences={name: said_of_licence(name) for name in priced},
        prices={name: said for name, (said, _) in said_of_prices(priced).items()},
        estimate=estimated(taken, prices) if known else None,
    )


async def _model(scenario: Scenario) -> tuple[Scenario, Probe]:
    """Say which model would be taken, and whether it answers. A local one is looked for, not loaded.

    Returns the scenario with that model in place of `auto`, where one could be taken.
    """
    from mendloop.choosing import resolved
    from mendloop.opening import opened_model

    settings = api.settings()
    try:
        taken = await resolved(scenario, settings)
        scenario = taken.scenario
        async with AsyncExitStack() as stack:
            await opened_model(scenario, settings, stack, loaded=False)
    except MendloopError as error:
        return scenario, Probe(layer="model", ok=False, detail=error.what, remedy=error.remedy or error.where)
    return scenario, Probe(layer="model", ok=True, detail=taken.said)


def doctor(
    clean: Annotated[
        bool, typer.Option("--clean", help="End rented machines that a killed process left behind.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what works on this machine, and how to mend what does not."""
    if clean:
        _cleaned(as_json)
        return
    free = shutil.disk_usage(Path.cwd()).free // 2**20
    layers = [
        Probe(layer="mendloop", ok=True, detail=f"{__version__}, Python {platform.python_version()}"),
        Probe(layer="system", ok=True, detail=f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"),
        Probe(layer="disk", ok=free >= MIN_FREE_MB, detail=f"{free} MB free here", remedy="make room"),
        *[_vendor(name) for name in VENDORS],
        _local_models(),
        _embeddings(),
        _languages(),
        *_probed("auto"),
    ]
    _print_layers(layers, as_json)


def _cleaned(as_json: bool) -> None:
    """End every rented machine that carries our mark, those of runs that are going on too."""
    from mendloop.tools.sandbox.e2b.clean import clean

    account = api.cloud_account(api.settings())
    if account is None:
        raise InputError("rented machines are listed with a key", where="E2B_API_KEY", remedy="set it")
    ended = asyncio.run(clean(account))
    if as_json:
        show_json({"ended": list(ended)})
    else:
        show(f"ended {len(ended)} machines" + (f": {', '.join(ended)}" if ended else ""))


def _vendor(name: str) -> Probe:
    try:
        return Probe(layer=name, ok=True, detail=version(name))
    except PackageNotFoundError:
        return Probe(layer=name, ok=False, detail="not installed", remedy="install mendloop with its dependencies")


def _local_models() -> Probe:
    """Say whether a model can run on this machine; it need not."""
    from mendloop.tools.local.weights import weights_here

    try:
        found = f"llama.cpp (xllamacpp {version('xllamacpp')})"
    except PackageNotFoundError:
        return Probe(layer="local models", ok=True, detail="none; pip install 'mendloop[local]' for llama.cpp")
    here = ", ".join(weights.name for weights in weights_here(api.settings().cache_dir))
    return Probe(layer="local models", ok=True, detail=f"{found}; weights here: {here or 'none'}")


def _embeddings() -> Probe:
    """Say which embedding the memory takes by itself."""
    from mendloop.memory.embedding import choose_embedder

    return Probe(layer="memory", ok=True, detail=choose_embedder().said.removeprefix("memory: "))


def _probed(kind: SandboxKind) -> tuple[Probe, ...]:
    """Try the sandbox that a run would take; `auto` takes the first whose layers hold."""
    account = api.cloud_account(api.settings())

    async def probe(backend: Backend) -> tuple[Probe, ...]:
        async with aclosing(open_sandbox(backend, 1, account)) as sandbox:
            return await probed(sandbox)

    found: tuple[Probe, ...] = ()
    for backend in BY_ITSELF if kind == "auto" else (kind,):
        try:
            layers = asyncio.run(probe(backend))
        except InputError as error:
            layers = (Probe(layer=error.where or "setting", ok=False, detail=error.what, remedy=error.remedy),)
        named = tuple(layer.model_copy(update={"layer": f"{backend}: {layer.layer}"}) for layer in layers)
        if all(layer.ok for layer in named):
            return named
        found += named
    return found


def _languages() -> Probe:
    """Say which languages besides Python and SQL programs can be written in here; none of them has to be there."""
    here = [name for name in LANGUAGES if not missing(name)]
    absent = [f"{name} (apt-get install {row.package})" for name, row in LANGUAGES.items() if name not in here]
    said = f"python, sql, {', '.join(here)}" if here else "python, sql"
    return Probe(layer="languages", ok=True, detail=said + (f"; not here: {', '.join(absent)}" if absent else ""))


def _print_layers(layers: Sequence[Probe], as_json: bool) -> None:
    ok = all(layer.ok for layer in layers)
    if as_json:
        show_json({"ok": ok, "layers": layers})
    else:
        _show_layers(layers)
    if not ok:
        raise typer.Exit(EXIT_FOUND_BAD)


def _show_layers(layers: Sequence[Probe]) -> None:
    show_table(("what", "", "found"), [(each.layer, "ok" if each.ok else "BAD", each.detail) for each in layers])
    for each in layers:
        if not each.ok:
            show(f"{each.layer}: {each.remedy}")
