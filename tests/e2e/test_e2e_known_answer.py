"""Known answer: a problem with n injected faults takes exactly n failing turns."""

from __future__ import annotations

from pathlib import Path

import pytest

from mendloop import open_run
from tests.e2e.product import json_of, run_ok


@pytest.mark.parametrize(("faults", "failing"), [("{min: 1, max: 1}", 1), ("{min: 2, max: 2}", 2)], ids=["one", "two"])
def test_as_many_turns_fail_as_there_are_faults(faults: str, failing: int, project: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = ["--set", f"loop.faults={faults}", "--set", "loop.memory.enabled=false", "--sessions", "5"]
    run_ok("run", project, "--out", run, *options)
    turns = [[attempt.verdict.kind == "passed" for attempt in record.attempts] for record in open_run(run).records()]
    assert turns
    assert turns == [[False] * failing + [True]] * len(turns)
    figures = json_of("report", run)
    assert figures["turns"] == {str(failing): len(turns)}
    assert figures["faults"] == {"by_count": {str(failing): {str(failing): len(turns)}}, "known_answer_ok": True}
