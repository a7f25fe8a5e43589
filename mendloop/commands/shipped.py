"""The scenarios that come along: scenarios, new."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mendloop.commands.console import show, show_json, show_table
from mendloop.commands.texts import json_option
from mendloop.complaints import nearest
from mendloop.errors import InputError
from mendloop.scenario import load_scenario

Json = Annotated[bool, json_option()]


def scenarios(as_json: Json = False) -> None:
    """List the scenarios that come along, with their files."""
    rows = [{"scenario": path.stem, "goal": load_scenario(path).goal, "file": str(path)} for path in _shipped()]
    if as_json:
        show_json(rows)
        return
    show_table(("scenario", "goal", "file"), [list(row.values()) for row in rows])


def _shipped() -> list[Path]:
    package = Path(__file__).parent.parent
    folders = (package / "scenarios", package.parent / "scenarios")
    folder = next((each for each in folders if each.is_dir()), None)
    if folder is None:
        raise InputError("the scenarios are not installed", remedy="install mendloop again")
    return sorted(folder.glob("*.yaml"))


def new(
    to: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the scenario.")],
    like: Annotated[str, typer.Option(help="Which of the scenarios that come along to start from.")] = "quickstart",
) -> None:
    """Write a commented scenario to start from."""
    shipped = {path.stem: path for path in _shipped()}
    if like not in shipped:
        hint = nearest(like, shipped)
        raise InputError(f"no scenario is called `{like}`", where="--like", remedy=f"nearest: `{hint}`" if hint else "")
    if to.exists():
        raise InputError("the file exists", where=str(to), remedy="name another one")
    try:
        to.write_text(shipped[like].read_text("utf-8"), "utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(to)) from None
    show(f"wrote {to}; launch it with: mendloop run {to}")
