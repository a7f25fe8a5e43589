"""Taking data away, and checking or changing what is stored: export, verify, replay, redact."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mendloop import api
from mendloop.commands.console import count, hint, say, show, show_json
from mendloop.commands.reading import Json, RunFolder
from mendloop.errors import EXIT_FOUND_BAD, InputError


def export(
    run: RunFolder,
    to: Annotated[Path, typer.Option(help="The folder to write into.")],
    view: Annotated[str, typer.Option(help="The export format.")] = "sft_multiturn",
    format: Annotated[str | None, typer.Option(help="parquet (the default) or jsonl.")] = None,
    as_json: Json = False,
) -> None:
    """Write the kept records as a data set, with its card and the rejected sessions.

    The view `recorded` is what models wrote, whatever became of it, to be played back in benchmarks.
    """
    if format not in {None, "parquet", "jsonl"}:
        raise InputError(f"`{format}` is none of parquet, jsonl", where="--format")
    hint("exporting ...")
    written = api.open_run(run).export(view, to, format)  # type: ignore[arg-type]  # checked just above
    if as_json:
        show_json(written)
        return
    if view == "recorded":
        show(f"{count(written.rows, 'program')} in {to}")
        return
    show(f"{count(written.rows, 'record')} and {count(written.rejected, 'rejected session')} in {to}")


def verify(run: RunFolder, as_json: Json = False) -> None:
    """Check every stored event, blob and annotation against the hash chain."""
    hint("checking every stored byte ...")
    found = api.open_run(run).verify()
    if as_json:
        show_json({"ok": found.ok, **asdict(found)})
    else:
        for damage in found.damaged:
            show(f"{damage.session or 'run'} {damage.seq}: {damage.what}")
        for sha256 in found.redacted:
            show(f"erased on request: {sha256}")
        counts = f"{found.events} events, {found.blobs} blobs, {found.annotations} annotations"
        show(f"{'ok' if found.ok else 'DAMAGED'}: {counts}")
    if not found.ok:
        raise typer.Exit(EXIT_FOUND_BAD)


def replay(
    run: RunFolder,
    session: Annotated[str | None, typer.Argument(metavar="SESSION", help="Only this session.")] = None,
    as_json: Json = False,
) -> None:
    """Run the graphs again from the journal alone, calling nothing, and compare every event."""
    hint("replaying ...")
    found = api.open_run(run).replay(session)
    if as_json:
        show_json(found)
    else:
        for each in found.diverged:
            show(f"{each.session or 'run'}: {each.what}")
        show(f"{'ok' if found.ok else 'DIVERGED'}: {found.events} events of {found.sessions} sessions are the same")
    if not found.ok:
        raise typer.Exit(EXIT_FOUND_BAD)


def redact(
    run: RunFolder,
    sha256: Annotated[str, typer.Argument(metavar="HASH", help="The blob's hash, or its first digits.")],
    reason: Annotated[str, typer.Option(help="Why; it is journalled.")] = "on request",
) -> None:
    """Erase a stored text for good; its hash stays, `verify` reports it, and what needs it refuses."""
    from mendloop.runs.redact import redact as erase

    done = erase(run, sha256, reason)
    show(f"erased {done.sha256}")
    for each in done.quoting:
        show(f"erased {each}, which quotes it")
    for each in done.elsewhere:
        say(f"{each} quotes it and belongs to other sessions too: it stays until it is redacted itself")
    for name in done.removed:
        say(f"removed {run / name}, which was made from the journal")
    say("copies outside the run folder stay: exports made elsewhere, logs, backups")
