"""The programming interface."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from mendloop.errors import EXIT_BUDGET, EXIT_DONE, EXIT_INTERRUPTED, EXIT_STOPPED, InputError
from mendloop.launching import cloud_account, paid_out
from mendloop.records import Record
from mendloop.settings import Settings, load_settings

if TYPE_CHECKING:
    from mendloop.agents.procedural.files import Skipped
    from mendloop.datasets.export import Exported
    from mendloop.events import RunStarted
    from mendloop.executions import SandboxKind
    from mendloop.runs.against_model import Against
    from mendloop.runs.engine import Summary
    from mendloop.runs.progress import Progress
    from mendloop.runs.replay import ReplayReport
    from mendloop.runs.report import Report
    from mendloop.runs.rollup import SessionRow
    from mendloop.runs.verify import VerifyReport
    from mendloop.scenario import Scenario

__all__ = [
    "RUNS",
    "Run",
    "cloud_account",
    "exit_code",
    "launch_of",
    "next_free",
    "open_run",
    "paid_out",
    "resume",
    "run",
    "scenario_at",
    "settings",
]

RUNS = Path("runs")
OLD_TRACING = ("LANGCHAIN_TRACING", "LANGCHAIN_HANDLER")
"""Variables of a tracing that langchain has dropped: while one is set, it refuses to work at all."""


@dataclass(frozen=True)
class Run:
    """A run folder, for reading. `summary` is there when this process launched it."""

    path: Path
    summary: Summary | None = None

    def sessions(self) -> Iterator[SessionRow]:
        """Yield the sessions, by number."""
        from mendloop.runs.reader import Reader

        with Reader(self.path) as reader:
            yield from reader.sessions()

    def records(self) -> Iterator[Record]:
        """Yield the kept records that count, in session order. Raises RedactedError."""
        from mendloop.datasets.select import records
        from mendloop.runs.reader import Reader

        with Reader(self.path) as reader:
            yield from records(reader)

    def skipped_files(self) -> tuple[Skipped, ...]:
        """Return the files of the source that could not be read, each with the reason."""
        from mendloop.agents.procedural.files import Skipped
        from mendloop.events import SourceRead
        from mendloop.runs.reader import Reader

        with Reader(self.path) as reader:
            read = (each.event for each in reader.run_events() if each.kind == "source")
            source = next((event for event in read if isinstance(event, SourceRead)), None)
            found = json.loads(reader.blob(source.result)) if source else {}
        return tuple(Skipped.model_validate(each) for each in found.get("skipped", ()))

    def report(self) -> Report:
        """Return the run's figures."""
        from mendloop.runs.report import report

        return report(self.path)

    def against(self, oracle: Path | str, sandbox: SandboxKind | None = None) -> Against:
        """Return what an oracle file says of the run's programs, tests and verdicts, executed in the sandbox.

        `sandbox` None takes the run's own. Raises SourceError, IsolationError, DamageError.
        """
        from mendloop.weighing import weigh

        known = settings()
        return _run_loop(weigh(self.path, Path(oracle), sandbox, known, cloud_account(known)))

    def export(self, view: str, to: Path | str, format: Literal["parquet", "jsonl"] | None = None) -> Exported:
        """Write a view of the kept records, or of what models wrote, into a folder; as parquet where it can be.

        Raises InputError, RedactedError, StorageError.
        """
        from mendloop.datasets.export import export

        return export(self.path, view, Path(to), format)

    def verify(self) -> VerifyReport:
        """Check every stored byte against the hash chain."""
        from mendloop.runs.verify import verify

        return verify(self.path)

    def replay(self, session: str | None = None) -> ReplayReport:
        """Run the graphs again from the journal alone and compare every event."""
        from mendloop.launching import replay

        return _run_loop(replay(self.path, session))


def run(
    scenario: Path | str | Scenario,
    *,
    out: Path | str | None = None,
    overrides: Sequence[str] = (),
    sessions: int | None = None,
    progress: Progress | None = None,
    settings: Settings | None = None,
) -> Run:
    """Launch a run and return it when it ends; what it exports lies in `export` inside its folder.

    `scenario` is a file or a loaded scenario; `out` the run folder (default `runs/<scenario>-<n>`). `Run.summary` says
    how it ended: a run that was stopped can be resumed. Raises InputError before anything is started, and other
    MendloopErrors when the run cannot go on now.
    """
    from mendloop.launching import launch
    from mendloop.runs.progress import Silent
    from mendloop.scenario import Scenario, load_scenario

    settings = settings or load_settings(os.environ)
    loaded = scenario if isinstance(scenario, Scenario) else load_scenario(scenario, overrides)
    name = "run" if isinstance(scenario, Scenario) else Path(scenario).stem
    path = Path(out) if out is not None else next_free(RUNS, name)
    return Run(path, _run_loop(launch(loaded, path, sessions, progress or Silent(), settings)))


def resume(
    path: Path | str,
    *,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
    settings: Settings | None = None,
) -> Run:
    """Go on with a run where it stopped; nothing that was answered is asked for again. Raises as `run` does.

    `overrides` are `budget.KEY=VALUE` and hold for this launch: what a run makes cannot change any more. A run that
    finished without having written all its exports writes them.
    """
    from mendloop.launching import resume as resumed
    from mendloop.runs.progress import Silent

    settings = settings or load_settings(os.environ)
    return Run(Path(path), _run_loop(resumed(Path(path), overrides, progress or Silent(), settings)))


def open_run(path: Path | str) -> Run:
    """Return a run for reading. Raises InputError when the folder is none."""
    from mendloop.runs.schema import require_run

    require_run(Path(path))
    return Run(Path(path))


def scenario_at(path: Path | str) -> Scenario:
    """Return the scenario that a run was launched with. Raises InputError, DamageError."""
    from mendloop.runs.begun import scenario_of
    from mendloop.runs.reader import Reader

    with Reader(Path(path)) as reader:
        return scenario_of(reader)


def launch_of(path: Path | str) -> RunStarted:
    """Return how a run was launched. Raises InputError, DamageError."""
    from mendloop.runs.begun import launched
    from mendloop.runs.reader import Reader

    with Reader(Path(path)) as reader:
        return launched(reader)


def settings() -> Settings:
    """Return the settings of this environment. Raises InputError."""
    return load_settings(os.environ)


def next_free(folder: Path, name: str) -> Path:
    """Return `folder/name-n` with the smallest n from 1 that does not exist."""
    number = 1
    while (folder / f"{name}-{number}").exists():
        number += 1
    return folder / f"{name}-{number}"


def exit_code(summary: Summary) -> int:
    """Return the exit code of how a launch ended."""
    if summary.status == "finished":
        return EXIT_DONE
    if summary.status == "interrupted":
        return EXIT_INTERRUPTED
    return EXIT_BUDGET if paid_out(summary) else EXIT_STOPPED


Result = TypeVar("Result")


def _run_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end in an event loop of its own. Raises InputError inside a running one, which would stand still."""
    for name in OLD_TRACING:
        os.environ.pop(name, None)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    work.close()
    raise InputError(
        "an event loop is running in this thread",
        where="mendloop",
        remedy="call it from a script or another thread: `await asyncio.to_thread(mendloop.run, ...)`",
    )
