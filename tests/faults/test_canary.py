"""A key that stands in no file and no output, whatever servers, models, programs and faults of ours do with it.

The journal packs its texts, so its tables are read as well as the bytes of every file.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mendloop import api
from mendloop.runs.reader import Reader
from mendloop.tools.chat.protocol import Answer
from tests.e2e.model_team import KEY, TASKS, diagnosis, fence, role_of, team
from tests.e2e.product import mendloop, started
from tests.e2e.test_e2e_models import named_by_the_environment
from tests.faults.asked_run import asking
from tests.openai_server import Asked, OpenAIServer, Reply, error_in_200, refused
from tests.runs.stored import holding, texts_of

BREAKING = str(Path(__file__).with_name("breaking.py"))
E2B_KEY = "e2b_0123456789abcdef0123456789abcdef01234567"


def run_with(
    answer: Callable[[Asked], Reply], folder: Path, *, program: Sequence[str] = ("-m", "mendloop"), debug: bool = True
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Run against a server; return the run folder and what the process said."""
    run = folder / "run"
    arguments = [*(["--debug"] if debug else []), *asking(folder), "--out", run]
    with (
        OpenAIServer(answer, key=KEY) as server,
        named_by_the_environment(server, E2B_API_KEY=E2B_KEY),
        started(*arguments, program=program) as child,
    ):
        stdout, stderr = child.communicate()
    return run, subprocess.CompletedProcess(list(map(str, arguments)), child.returncode, stdout, stderr)


def assert_nowhere(run: Path, done: subprocess.CompletedProcess[str], *keys: str) -> None:
    """Look in every file and table of the run, in an export, and in what was printed by all that prints a run."""
    exported = run.parent / "exported"
    said = [done.stdout, done.stderr]
    if list(api.open_run(run).records()):
        api.open_run(run).export("sft_multiturn", exported, "jsonl")
    for arguments in (["show", run, "s000000"], ["show", run, "s000000", "--calls"], ["tail", run, "--no-follow"]):
        shown = mendloop(*arguments)
        said += [shown.stdout, shown.stderr]
    for key in (KEY, *keys):
        assert holding(run.parent, key) == []
        assert not [text for text in said if key in text]


def stored(run: Path) -> str:
    """Return all texts of the tables, to see that the test's fault did come to pass."""
    return "\n".join(texts_of(run))


def test_errors_of_a_server_that_quote_the_key(tmp_path: Path) -> None:
    play, failed = team(), set[str]()
    quoting = (
        refused(500, f"upstream refused Bearer {KEY}", kind="server_error"),
        Reply(body=f"<html>Authorization: Bearer {KEY}</html>".encode(), content_type="text/html", status=502),
        replace(error_in_200(), error={"message": f"bad key {KEY}", "type": "server_error", "code": KEY}),
    )

    def flaky(asked: Asked) -> Reply:
        role = role_of(asked)
        if role == "hello" or len(failed) == len(quoting) or f"{role}{asked.number}" in failed:
            return play(asked)
        failed.add(f"{role}{asked.number}")
        return quoting[len(failed) - 1]

    run, done = run_with(flaky, tmp_path)
    assert len(failed) == len(quoting)
    assert done.returncode == 0, done.stderr
    assert_nowhere(run, done)


def test_a_refusal_in_the_middle_that_quotes_the_key(tmp_path: Path) -> None:
    told = refused(401, f"Incorrect API key provided: {KEY}", code="invalid_api_key")
    run, done = run_with(team(repair=lambda asked: told), tmp_path)
    assert done.returncode == 3
    assert "OPENAI_API_KEY" in done.stderr
    assert_nowhere(run, done)


def test_a_server_that_always_fails_and_quotes_the_key_at_the_start(tmp_path: Path) -> None:
    told = refused(401, f"Incorrect API key provided: {KEY}", code="invalid_api_key")
    run, done = run_with(lambda asked: told, tmp_path)
    assert (done.returncode, run.exists()) == (2, False)
    assert KEY not in done.stdout + done.stderr
    assert holding(tmp_path, KEY) == []


def test_a_model_that_writes_the_key_into_text_code_and_reasoning(tmp_path: Path) -> None:
    def repaired(asked: Asked) -> Reply:
        task = next(task for task in TASKS if f"def {task.name}(" in asked.last)
        code = f'{task.right}\n\nKEY = "{KEY}"\n'
        return Reply(f"{fence(code)}\n\nThe key is {KEY}.", reasoning=f"My key is {KEY}, split: {KEY[:20]}")

    def told(asked: Asked) -> Reply:
        return Reply(diagnosis(asked).replace("LESSON: ", f"LESSON: Never print {KEY}. "))

    run, done = run_with(team(repair=repaired, diagnose=told), tmp_path)
    assert done.returncode == 0, done.stderr
    records = list(api.open_run(run).records())
    assert records
    assert 'KEY = "[redacted]"' in records[0].attempts[-1].code
    with Reader(run) as reader:
        answers = [each.event for each in reader.tail() if each.kind == "llm_call"]
        assert any("[redacted]" in reader.load(each.result, Answer).text for each in answers)  # type: ignore[union-attr]
    assert_nowhere(run, done)


def test_a_program_that_looks_for_the_key_in_its_environment(tmp_path: Path) -> None:
    seen = "import os\nFOUND = dict(os.environ)\n"

    def looking(asked: Asked) -> Reply:
        task = next(task for task in TASKS if f"def {task.name}(" in asked.last)
        lines = [seen, task.right, "print(FOUND)", "print(open('/proc/self/environ').read())"]
        return Reply(fence("\n".join(lines)))

    run, done = run_with(team(repair=looking), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "FOUND = dict(os.environ)" in stored(run)
    assert "OPENAI_API_KEY" not in stored(run).replace(json.dumps(seen)[1:-1], "")
    assert_nowhere(run, done, E2B_KEY)


@pytest.mark.parametrize("debug", [False, True])
def test_a_traceback_of_ours_that_quotes_the_key(debug: bool, tmp_path: Path) -> None:
    run, done = run_with(team(), tmp_path, program=[BREAKING, KEY], debug=debug)
    assert done.returncode == 0, done.stderr
    told = stored(run)
    assert "RuntimeError: the critic has a fault; its key is [redacted]" in told
    assert "ValueError: Authorization: Bearer [redacted]" in told
    assert [row.stop_reason for row in api.open_run(run).sessions()] == ["internal_error: RuntimeError"] * 2
    assert_nowhere(run, done)
