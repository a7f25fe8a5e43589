"""Weighing a run against the user's oracle, in the sandbox that the run had or another one."""

from __future__ import annotations

import os
from contextlib import aclosing
from typing import TYPE_CHECKING

from mendloop.runs.against import against
from mendloop.runs.begun import scenario_of
from mendloop.runs.counted import read_story
from mendloop.runs.oracle import read_oracle
from mendloop.runs.reader import Reader
from mendloop.tools.sandbox.open import tried_sandbox

if TYPE_CHECKING:
    from pathlib import Path

    from mendloop.executions import SandboxKind
    from mendloop.runs.against_model import Against
    from mendloop.settings import Settings
    from mendloop.tools.sandbox.e2b.plan import Account


async def weigh(
    run: Path, oracle: Path, kind: SandboxKind | None, settings: Settings, account: Account | None
) -> Against:
    """Judge a run by an oracle file with the run's own limits; `kind` None takes the run's own sandbox.

    Raises SourceError for a file of which nothing can be used, IsolationError where no sandbox isolates, DamageError.
    """
    truths = read_oracle(oracle)
    with Reader(run) as reader:
        scenario = scenario_of(reader)
        workers = scenario.sandbox.workers or settings.sandbox_workers or os.cpu_count() or 1
        async with aclosing(await tried_sandbox(kind or scenario.sandbox.kind, workers, account)) as sandbox:
            return await against(reader, read_story(reader), truths, sandbox, scenario.sandbox.limits)
