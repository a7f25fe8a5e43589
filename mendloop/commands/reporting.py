"""The figures of a run and of several: report, compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from mendloop import api
from mendloop.commands.console import show, show_json, show_table
from mendloop.commands.reading import Json, RunFolder
from mendloop.commands.texts import require_session
from mendloop.errors import InputError
from mendloop.executions import SandboxKind
from mendloop.runs.against_text import against_lines
from mendloop.runs.comparison import compare as compared
from mendloop.runs.comparison_text import pair_lines, table
from mendloop.runs.reader import Reader
from mendloop.runs.report import differences, is_report, read_report
from mendloop.runs.report_changes import Scalar
from mendloop.runs.report_text import report_lines


def report(
    run: RunFolder,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Your oracle: JSON lines with tests or reference programs; or a saved report to compare with.",
        ),
    ] = None,
    sandbox: Annotated[
        SandboxKind | None, typer.Option(help="Where --against executes programs (default: the run's own sandbox).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print a run's figures: yield, tiers, turns, faults, memory, diversity; what was not measured says so.

    With an oracle it also says how many of the kept programs are right.
    """
    opened = api.open_run(run)
    figures = opened.report()
    if against is None:
        _tell(figures, report_lines(figures), as_json)
    elif is_report(against):
        changed = differences(read_report(against), figures)
        _tell({"report": figures, "differences": changed}, [*report_lines(figures), *_changes(changed)], as_json)
    else:
        found = opened.against(against, sandbox)
        _tell({"report": figures, "against": found}, [*report_lines(figures), "", *against_lines(found)], as_json)


def _tell(document: object, lines: Sequence[str], as_json: bool) -> None:
    if as_json:
        show_json(document)
        return
    for line in lines:
        show(line)


def _changes(changed: Mapping[str, tuple[Scalar, Scalar]]) -> list[str]:
    return [f"changed  {name}: {before} -> {after}" for name, (before, after) in sorted(changed.items())]


def compare(
    places: Annotated[
        list[str], typer.Argument(metavar="RUN[:SESSION] RUN[:SESSION]...", help="Runs, or two sessions of runs.")
    ],
    as_json: Json = False,
) -> None:
    """Compare methods: the main figures of runs side by side, and paired on the problems that both tried.

    Of two runs it also says in what all their figures differ; of two sessions, in what their events differ.
    """
    named = [_place(text) for text in places]
    runs, sessions = [run for run, _ in named], [session for _, session in named if session is not None]
    if len(named) < 2 or len(sessions) not in (0, len(named)) or len(sessions) > 2:
        raise InputError("compare two runs, or two sessions", where=" ".join(places))
    if sessions:
        parted = _session_differences(runs[0], sessions[0], runs[1], sessions[1])
        _tell({"same": not parted, "differences": parted}, _difference_lines(parted), as_json)
        return
    found = compared(runs)
    changed = _figure_differences(runs) if len(runs) == 2 else None
    if as_json:
        differing = {} if changed is None else {"same": not changed, "differences": changed}
        show_json({**differing, "comparison": found})
        return
    show_table(*table(found))
    lines = [line for pair in found.pairs for line in pair_lines(pair)]
    for line in lines if changed is None else [*lines, *_difference_lines(changed)]:
        show(line)


def _figure_differences(runs: Sequence[Path]) -> dict[str, tuple[Scalar, Scalar]]:
    return differences(api.open_run(runs[0]).report(), api.open_run(runs[1]).report())


def _difference_lines(changed: Mapping[str, tuple[Scalar, Scalar]]) -> list[str]:
    return [f"{name}: {before} -> {after}" for name, (before, after) in sorted(changed.items())] or ["no difference"]


def _place(text: str) -> tuple[Path, str | None]:
    path, colon, session = text.rpartition(":")
    return (Path(path), session) if colon and not Path(text).exists() else (Path(text), None)


def _session_differences(run_one: Path, one: str, run_two: Path, two: str) -> dict[str, tuple[str, str]]:
    with Reader(run_one) as first, Reader(run_two) as second:
        require_session(first, one)
        require_session(second, two)
        events = [
            {each.key: each.payload for each in reader.events(name)} for reader, name in ((first, one), (second, two))
        ]
    keys = sorted({*events[0], *events[1]})
    pairs = {key: (events[0].get(key, "absent"), events[1].get(key, "absent")) for key in keys}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
