"""Launching: run, resume, preview."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from mendloop import api
from mendloop.commands.console import progress_for, say, show, show_json
from mendloop.commands.texts import json_option, next_steps, trajectory_lines
from mendloop.errors import MendloopError
from mendloop.scenario import Scenario, dump_scenario, load_scenario

ScenarioFile = Annotated[
    Path, typer.Argument(metavar="SCENARIO", help="A scenario file; `mendloop scenarios` lists those that come along.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="key.path=value", help="Override a value of the scenario; may be given again."),
]
Sessions = Annotated[int | None, typer.Option(min=1, help="Start exactly this many sessions, whatever the target.")]


def run(
    scenario: ScenarioFile,
    out: Annotated[Path | None, typer.Option(help="The run folder (default: runs/<scenario>-<n>).")] = None,
    overrides: Overrides = None,
    sessions: Sessions = None,
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the scenario with all its values; start nothing.")
    ] = False,
    as_json: Annotated[bool, json_option()] = False,
) -> None:
    """Launch a run of a scenario, until its target is met or its source ends."""
    loaded = load_scenario(scenario, overrides or [])
    if print_only:
        show(dump_scenario(loaded).rstrip())
        return
    path = out if out is not None else api.next_free(api.RUNS, scenario.stem)
    _announce(path, loaded, as_json)
    progress = progress_for(sessions or loaded.target.records)
    try:
        finished = api.run(loaded, out=path, sessions=sessions, progress=progress)
    finally:
        progress.close()
    _conclude(finished, as_json)


def resume(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder.")],
    as_json: Annotated[bool, json_option()] = False,
) -> None:
    """Go on with a run where it stopped; what was answered before is not asked for again."""
    loaded = api.scenario_at(run)
    _announce(run, loaded, as_json)
    progress = progress_for(loaded.target.records)
    try:
        finished = api.resume(run, progress=progress)
    finally:
        progress.close()
    _conclude(finished, as_json)


def preview(scenario: ScenarioFile, overrides: Overrides = None) -> None:
    """Run three sessions, print them, and keep nothing."""
    loaded = load_scenario(scenario, overrides or [])
    say(_team_line(loaded))
    folder = Path(tempfile.mkdtemp(prefix="mendloop-preview-"))
    try:
        finished = api.run(loaded, out=folder / "run", sessions=3)
        for row in finished.sessions():
            show("\n".join(trajectory_lines(finished.path, row.session)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _announce(path: Path, scenario: Scenario, as_json: bool) -> None:
    say(_team_line(scenario))
    if as_json:
        show_json({"run": str(path)})
    else:
        show(f"run: {path}")


def _team_line(scenario: Scenario) -> str:
    kind = scenario.models.teacher.kind
    return f"team: {kind}" + (" (no language model is called)" if kind == "procedural" else "")


def _conclude(finished: api.Run, as_json: bool) -> None:
    assert finished.summary is not None
    summary, code = finished.summary, api.exit_code(finished.summary)
    if as_json:
        show_json({**summary.model_dump(mode="json"), "exit": code})
    else:
        show(f"{summary.status}: {summary.reason}; {summary.sessions} sessions, {summary.kept} records kept")
        for line in next_steps(finished):
            show(line)
    if code:
        raise typer.Exit(code)


__all__ = ["MendloopError", "preview", "resume", "run"]
