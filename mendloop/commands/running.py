"""Launching: run, resume, preview."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from mendloop import api
from mendloop.commands.asked import (
    BudgetUsd,
    GoalText,
    ModelName,
    Overrides,
    ScenarioFileOrGoal,
    SourcePath,
    asked_for,
)
from mendloop.commands.console import LineProgress, Telling, count, progress_for, say, show, show_json
from mendloop.commands.texts import figures, json_option, next_steps, trajectory_lines
from mendloop.errors import FoundBad, InputError, MendloopError
from mendloop.graphs.outcome import SessionOutcome
from mendloop.scenario import Scenario, dump_scenario

PREVIEWED = 3
Sessions = Annotated[int | None, typer.Option(min=1, help="Start exactly this many sessions, whatever the target.")]


def run(
    scenario: ScenarioFileOrGoal = None,
    goal: GoalText = None,
    source: SourcePath = None,
    model: ModelName = None,
    budget: BudgetUsd = None,
    out: Annotated[Path | None, typer.Option(help="The run folder (default: runs/<scenario>-<n>).")] = None,
    overrides: Overrides = None,
    sessions: Sessions = None,
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the scenario with all its values; start nothing.")
    ] = False,
    show_dialogues: Annotated[bool, typer.Option("--show", help="Print every kept dialogue as it is kept.")] = False,
    as_json: Annotated[bool, json_option()] = False,
) -> None:
    """Launch a run of a scenario, or of a goal in words, until its target is met or its source ends."""
    loaded, name = asked_for(scenario, overrides or [], goal, source, model, budget)
    if print_only:
        _print_scenario(loaded)
        return
    path = out if out is not None else api.next_free(api.RUNS, name)
    wanted = sessions or loaded.target.records
    telling = kept_dialogue if show_dialogues and not as_json else None
    _launched(
        lambda progress: api.run(loaded, out=path, sessions=sessions, progress=progress), wanted, as_json, telling
    )


def _print_scenario(scenario: Scenario) -> None:
    """Print a scenario as YAML. Its path is absolute, and a file elsewhere is trusted with one only by hand."""
    if scenario.source.path:
        given = shlex.quote(f"source.path={scenario.source.path}")
        show(f"# From a file in any folder: mendloop run FILE --set {given}")
    show(dump_scenario(scenario).rstrip())


def resume(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="budget.key=value", help="Another budget for this launch, and nothing else."),
    ] = None,
    as_json: Annotated[bool, json_option()] = False,
) -> None:
    """Go on with a run where it stopped; what was answered before is not asked for again."""
    loaded = api.scenario_at(run)
    goal = api.launch_of(run).sessions or loaded.target.records
    _launched(lambda progress: api.resume(run, overrides=overrides or [], progress=progress), goal, as_json)


def preview(
    scenario: ScenarioFileOrGoal = None,
    goal: GoalText = None,
    source: SourcePath = None,
    model: ModelName = None,
    overrides: Overrides = None,
) -> None:
    """Run three sessions, print each as it ends, and keep nothing."""
    loaded, _ = asked_for(scenario, overrides or [], goal, source, model, None)
    folder = Path(tempfile.mkdtemp(prefix="mendloop-preview-"))
    progress = progress_for(PREVIEWED, lambda _: None, whole_dialogue)
    try:
        finished = api.run(loaded, out=folder / "run", sessions=PREVIEWED, progress=progress)
    finally:
        progress.close()
        shutil.rmtree(folder, ignore_errors=True)
    assert finished.summary is not None
    if code := api.exit_code(finished.summary):
        raise typer.Exit(code)


def kept_dialogue(path: Path, outcome: SessionOutcome) -> None:
    """Print the dialogue of a session that was kept; of another, why it was not."""
    if outcome.outcome == "kept":
        whole_dialogue(path, outcome)
    else:
        say(f"{outcome.session}: {outcome.reason}")


def whole_dialogue(path: Path, outcome: SessionOutcome) -> None:
    """Print a session, whatever became of it."""
    show("\n".join(trajectory_lines(path, outcome.session)))


def _launched(
    launch: Callable[[LineProgress], api.Run], goal: int, as_json: bool, telling: Telling | None = None
) -> None:
    """Launch, tell how it goes, and end with the exit code."""
    progress = progress_for(goal, lambda path: _announce(path, as_json), telling)
    try:
        finished = launch(progress)
    except MendloopError as error:
        progress.close(quietly=isinstance(error, InputError))
        if progress.path is not None:
            _give_up(error, progress, progress.path, as_json)
        raise
    finally:
        progress.close()
    _conclude(finished, as_json)


def _announce(path: Path, as_json: bool) -> None:
    if as_json:
        show_json({"run": str(path)})
    else:
        show(f"run: {path}")


def _give_up(error: MendloopError, progress: LineProgress, path: Path, as_json: bool) -> None:
    """Say how a launch ended that an error ended."""
    resumable = not isinstance(error, InputError | FoundBad)
    if resumable and "resume" not in error.remedy:
        say(f"go on with: mendloop resume {path}")
    if as_json:
        status = "stopped" if resumable else "failed"
        counts = {"sessions": progress.done, "kept": progress.kept}
        show_json({"status": status, "reason": error.what, **counts, "exit": error.exit_code})


def _conclude(finished: api.Run, as_json: bool) -> None:
    assert finished.summary is not None
    summary, code = finished.summary, api.exit_code(finished.summary)
    if summary.detail:
        say(summary.detail)
    if as_json:
        if summary.status != "finished":
            say(next(next_steps(finished)))
        show_json({**summary.model_dump(mode="json", exclude_defaults=True), "exit": code})
    else:
        counts = f"{count(summary.sessions, 'session')}, {count(summary.kept, 'record')} kept"
        show(f"{summary.status}: {summary.reason}; {counts}")
        for line in figures(finished):
            show(line)
        for line in next_steps(finished):
            show(line)
    if code:
        raise typer.Exit(code)
