"""The weights of local models: models list, models pull."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from mendloop import api
from mendloop.commands.console import say, show, show_json, show_table
from mendloop.commands.reading import Json
from mendloop.errors import EXIT_INPUT, InputError
from mendloop.frozen import Frozen
from mendloop.tools.local.catalogue import KNOWN, KnownModel, known_model
from mendloop.tools.local.hub import Progress, pull, url_of
from mendloop.tools.local.weights import SUFFIX, is_stamped, verify, weights_folder, weights_path

LINE_SECONDS = 5.0

app = typer.Typer(help="The weights of local models.", no_args_is_help=True, rich_markup_mode=None)


class ListedModel(Frozen):
    """One line of `models list`. What was not found out is None."""

    name: str
    known: bool
    here: bool
    checked: bool
    """Its bytes are those of the catalogue, and were not changed since they were read."""
    bytes: int
    path: str
    sha256: str | None
    licence: str | None
    memory_gb: float | None
    good_for: str | None


@app.command("list")
def list_models(as_json: Json = False) -> None:
    """List the local models that are known by name, and other weights beside them."""
    print_models(api.settings().cache_dir, KNOWN, as_json)


@app.command("pull")
def pull_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The model's name, as `models list` prints it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Fetch without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Fetch a local model's weights from the Hugging Face hub."""
    settings = api.settings()
    fetch_model(known_model(name), settings.cache_dir, settings.hf_endpoint, yes, as_json)


def print_models(cache_dir: Path, known: Sequence[KnownModel], as_json: bool) -> None:
    """Print the known models, and other weights in their folder."""
    rows = [*(_known_row(model, cache_dir) for model in known), *_other_rows(cache_dir, known)]
    if as_json:
        show_json(rows)
        return
    heads = ("model", "size", "memory", "here", "licence", "good for")
    show_table(heads, [(row.name, _size(row.bytes), *_cells(row)) for row in rows])
    show(f"they lie in {weights_folder(cache_dir)}")


def fetch_model(model: KnownModel, cache_dir: Path, endpoint: str, yes: bool, as_json: bool) -> None:
    """Fetch a model's weights after consent, unless they are here. Raises InputError where nobody can be asked."""
    target = weights_path(model, cache_dir)
    here = target.exists()
    if here:
        verify(model, target)
        say(f"{model.name} is here already: {target}")
    else:
        say(f"{model.name}: {_size(model.bytes)}, licence {model.licence}\nfrom {url_of(model, endpoint)}\nto {target}")
        _require_consent(yes)
        with _telling(model) as progress:
            pull(model, cache_dir, endpoint, progress)
        say(f"{model.name} is here, its sha256 is right")
    if as_json:
        show_json(
            {"model": model.name, "path": target, "bytes": model.bytes, "sha256": model.sha256, "pulled": not here}
        )
    else:
        show(str(target))


def _require_consent(yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError("nobody can be asked here, and nothing was fetched", where="models pull", remedy="add --yes")
    if not typer.confirm("Fetch it?", err=True):
        say("nothing was fetched")
        raise typer.Exit(EXIT_INPUT)


@contextmanager
def _telling(model: KnownModel) -> Iterator[Progress]:
    """Show progress, as a bar on a terminal and as plain lines elsewhere, and say what an interruption leaves."""
    try:
        with _bar(model) if sys.stderr.isatty() else _lines(model) as progress:
            yield progress
    except KeyboardInterrupt:
        say("interrupted; the same command goes on where it stopped")
        raise


@contextmanager
def _bar(model: KnownModel) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(
        *columns, TransferSpeedColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task(model.name, total=model.bytes)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def _lines(model: KnownModel) -> Iterator[Progress]:
    last = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_SECONDS:
            last = time.monotonic()
            say(f"{model.name}: {_size(done)} of {_size(total)} ({done * 100 // total} %)")

    yield tell


def _known_row(model: KnownModel, cache_dir: Path) -> ListedModel:
    path = weights_path(model, cache_dir)
    here = path.is_file()
    return ListedModel(
        name=model.name,
        known=True,
        here=here,
        checked=here and path.stat().st_size == model.bytes and is_stamped(path, model.sha256),
        bytes=model.bytes,
        path=str(path),
        sha256=model.sha256,
        licence=model.licence,
        memory_gb=model.memory_gb,
        good_for=model.good_for,
    )


def _other_rows(cache_dir: Path, known: Sequence[KnownModel]) -> Iterator[ListedModel]:
    for path in sorted(weights_folder(cache_dir).glob(f"*{SUFFIX}")):
        if path.is_file() and path.name not in {model.file for model in known}:
            yield ListedModel(
                name=path.stem,
                known=False,
                here=True,
                checked=False,
                bytes=path.stat().st_size,
                path=str(path),
                sha256=None,
                licence=None,
                memory_gb=None,
                good_for=None,
            )


def _cells(row: ListedModel) -> tuple[str, str, str, str]:
    here = "no" if not row.here else "yes, checked" if row.checked else "yes, not checked"
    memory = "" if row.memory_gb is None else f"{row.memory_gb:g} GB"
    return memory, here, row.licence or "unknown", row.good_for or f"yours: name it by its path, {row.path}"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
