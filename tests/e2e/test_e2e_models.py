"""Runs with a language model, as a person starts them: a process, and a server that speaks OpenAI's protocol."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mendloop import api
from mendloop.events import LlmAnswered
from mendloop.records import Record
from mendloop.runs.reader import Reader
from mendloop.runs.verify import verify
from mendloop.tools.chat.protocol import ChatRequest
from tests.e2e.model_team import KEY, TASKS, diagnosis, known_programs, question, role_of, task_of, team
from tests.e2e.product import PATIENCE_S, ROOT, mendloop, started, tree, write_project
from tests.openai_server import MODEL, Asked, OpenAIServer, Reply, html_page, refused
from tests.runs.stored import holding

GOAL = "small functions about lists of numbers"
PATIENT = ("--set", "sandbox.limits.wall_s=600")
"""On a busy machine no program is called slow."""
QUICK = ("--set", "loop.peers=1", "--set", "loop.memory.enabled=false", *PATIENT)


@contextmanager
def named_by_the_environment(server: OpenAIServer, **more: str) -> Iterator[None]:
    """Let processes that are started find this server, and try to make them upload what they do to it."""
    root = server.base_url.removesuffix("/v1")
    variables = {
        "OPENAI_BASE_URL": server.base_url,
        "OPENAI_API_KEY": KEY,
        "MENDLOOP_MODEL": "",
        "LANGSMITH_TRACING": "true",
        "LANGCHAIN_TRACING_V2": "true",
        "LANGSMITH_API_KEY": "ls-0123456789",
        "LANGSMITH_ENDPOINT": root,
        **more,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


def last_document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def asked_of(requests: Sequence[Asked], *roles: str) -> list[Asked]:
    return [asked for asked in requests if role_of(asked) in roles]


def records_of(run: Path) -> list[Record]:
    return list(api.open_run(run).records())


# A goal in words


@dataclass(frozen=True)
class Made:
    """A finished run, what its process said, and what its server was asked."""

    run: Path
    done: subprocess.CompletedProcess[str]
    requests: Sequence[Asked]
    visits: Sequence[str]
    url: str


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A run of a goal whose critic quotes the key. Tests only read it."""
    run = tmp_path_factory.mktemp("made") / "run"
    leaking = team(diagnose=lambda asked: f"{diagnosis(asked)} The key is {KEY}.")
    with OpenAIServer(leaking, key=KEY) as server, named_by_the_environment(server):
        done = mendloop(
            *("run", "--goal", GOAL, "--out", run, "--sessions", 2, "--json"),
            *("--set", "loop.peers=2", "--set", "loop.memory={enabled: true, embedding: ngrams}", *PATIENT),
        )
    assert done.returncode == 0, done.stderr
    return Made(run, done, server.requests, server.visits, server.base_url)


def test_a_goal_in_words_becomes_records(made: Made) -> None:
    first, last = map(json.loads, made.done.stdout.splitlines())
    assert first == {"run": str(made.run)}
    assert last == {"status": "finished", "reason": "sessions", "sessions": 2, "kept": 2, "exit": 0}
    assert f"team: prompted; model: {MODEL} at {made.url}" in made.done.stderr


def test_a_record_holds_the_failing_program_the_diagnosis_and_the_repair(made: Made) -> None:
    records = records_of(made.run)
    tasks = {task.name: task for task in TASKS}
    assert len({record.problem.entry_point for record in records}) == 2
    for record in records:
        task = tasks[record.problem.entry_point]
        assert [attempt.code for attempt in record.attempts] == [task.wrong, task.right]
        assert [attempt.verdict.kind for attempt in record.attempts] == ["code_fault", "passed"]
        assert record.problem.concepts == (task.concept,)
        assert record.evidence.held_out_cases == record.evidence.held_out_passed == 4
        assert record.reflections[0].outcome == "fixed"


def test_a_record_says_which_model_and_which_prompts_made_it(made: Made) -> None:
    provenance = records_of(made.run)[0].provenance
    assert provenance.team == "prompted"
    assert provenance.models == dict.fromkeys(("proposer", "programmer", "tester", "critic"), MODEL)
    assert {"concepts", "problem", "tests", "write", "diagnose", "repair"} <= set(provenance.prompts)


def test_each_role_is_asked_what_it_needs_and_no_more(made: Made) -> None:
    roles = Counter(role_of(asked) for asked in made.requests)
    once = {"hello": 1, "concepts": 1}
    assert {role: roles[role] for role in once} == once
    assert {role: roles[role] for role in ("problem", "diagnose", "repair")} == {
        "problem": 2,
        "diagnose": 2,
        "repair": 2,
    }
    assert (roles["write"], roles["tests"] >= 4) == (6, True)


def test_who_designs_tests_sees_no_program(made: Made) -> None:
    assert not [asked for asked in asked_of(made.requests, "tests", "rederive") if "    return" in asked.text]


def test_nobody_but_the_executor_sees_the_held_out_tests(made: Made) -> None:
    held_out = [
        line.partition("==")[0].removeprefix("assert ").strip() for t in TASKS for line in t.held_out.split("\n")
    ]
    seen = asked_of(made.requests, "repair", "diagnose", "write")
    assert not [(call, asked.number) for call in held_out for asked in seen if call in asked.text]


def test_no_question_is_asked_twice(made: Made) -> None:
    assert max(Counter(question(asked) for asked in made.requests).values()) == 1


def test_nothing_is_sent_but_questions_and_the_wish_for_a_list_of_models(made: Made) -> None:
    assert set(made.visits) == {"GET /v1/models", "POST /v1/chat/completions"}


def test_the_key_is_in_no_file_and_no_output(made: Made) -> None:
    files = [path for path in made.run.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"run.db", "README.md"}
    assert holding(made.run, KEY) == []
    assert KEY not in made.done.stdout + made.done.stderr
    lessons = [reflection.lesson for record in records_of(made.run) for reflection in record.reflections]
    assert all("The key is " in lesson for lesson in lessons)


def test_a_run_with_a_model_verifies(made: Made) -> None:
    assert verify(made.run).ok


def test_a_replay_needs_no_model_and_finds_every_event_again(made: Made) -> None:
    found = api.open_run(made.run).replay()  # its server is gone, and nothing names one
    assert (found.ok, found.sessions, found.diverged) == (True, 2, ())


# Other sources


def test_injected_faults_are_repaired_and_shown_as_they_are_kept(tmp_path: Path) -> None:
    write_project(tmp_path)
    run = tmp_path / "run"
    with OpenAIServer(team(), key=KEY) as server, named_by_the_environment(server):
        done = mendloop(
            *("run", ROOT / "scenarios" / "inject_bugs.yaml", "--set", f"source.path={tmp_path / 'code'}"),
            *("--out", run, "--sessions", 2, "--show", "--set", "loop.memory.enabled=false", *PATIENT),
        )
    assert done.returncode == 0, done.stderr
    assert f"team: injected; model: {MODEL} at {server.base_url}" in done.stderr
    assert "1 fewer than 5 mutants" in done.stderr  # too small for tier B: no model is asked about it
    records = records_of(run)
    assert records
    for record in records:
        assert record.attempts[-1].code.strip() == known_programs()[record.problem.entry_point]
        assert f"=== {record.session} ===" in done.stdout
        assert record.provenance.models == {"programmer": MODEL, "critic": MODEL}
    assert {role_of(asked) for asked in server.requests} == {"hello", "repair", "diagnose"}
    assert "tokens a kept record" in done.stdout


def failures(folder: Path) -> list[object]:
    rows = [{"prompt": f"{task.signature}: {task.statement}", "code": task.wrong} for task in TASKS[:2]]
    tests = [f"{task.shown}\n{task.held_out}" for task in TASKS[:2]]
    lines = [json.dumps({**row, "tests": test}) for row, test in zip(rows, tests, strict=True)]
    (folder / "wrong.jsonl").write_text("\n".join(lines))
    return ["--set", "source.kind=failures", "--set", f"source.path={folder / 'wrong.jsonl'}"]


def instructions(folder: Path) -> list[object]:
    (folder / "asked.txt").write_text("Something about largest gaps.\nSomething about sums of pairs.\n")
    return ["--source", folder / "asked.txt", "--set", "loop.variants=1"]


def snippets(folder: Path) -> list[object]:
    return ["--set", "source.kind=snippets", "--set", f"source.path={folder / 'code'}", "--sessions", 1]


@pytest.mark.parametrize(
    ("given", "kind", "kept", "roles"),
    [
        (failures, "failures", ["count_even", "widest_gap"], {"hello", "diagnose", "repair"}),
        (instructions, "instructions", ["pair_sums", "widest_gap"], {"instruction", "tests", "write"}),
        (snippets, "snippets", ["count_even"], {"problem", "tests", "write"}),
    ],
)
def test_records_come_from_what_a_user_brings(
    given: Callable[[Path], list[object]], kind: str, kept: list[str], roles: set[str], tmp_path: Path
) -> None:
    write_project(tmp_path)
    run = tmp_path / "run"
    with OpenAIServer(team()) as server, named_by_the_environment(server):
        done = mendloop("run", "--goal", GOAL, *given(tmp_path), *QUICK, "--out", run, "--json")
    assert done.returncode == 0, done.stderr
    assert last_document(done)["kept"] == len(kept)
    records = records_of(run)
    assert sorted(record.problem.entry_point for record in records) == kept
    assert {record.problem.source.kind for record in records} == {kind}
    assert roles <= {role_of(asked) for asked in server.requests}


def test_a_preview_shows_three_sessions_and_leaves_nothing(tmp_path: Path) -> None:
    with OpenAIServer(team()) as server, named_by_the_environment(server, TMPDIR=str(tmp_path)):
        done = mendloop("preview", "--goal", GOAL, *QUICK, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [f"=== s00000{number} ===" in done.stdout for number in range(3)] == [True] * 3
    assert done.stdout.count("--- programmer (assistant, turn 1, passed, trained)") == 3
    assert [name for name in tree(tmp_path) if "preview" in name or "run" in name] == []


def test_what_print_shows_is_a_scenario_that_can_be_checked(tmp_path: Path) -> None:
    file = tmp_path / "goal.yaml"
    with OpenAIServer(team(), key=KEY) as server, named_by_the_environment(server):
        printed = mendloop("run", "--goal", GOAL, *QUICK, "--print", cwd=tmp_path)
        assert (printed.returncode, server.visits, tree(tmp_path)) == (0, [], [])
        file.write_text(printed.stdout)
        checked = mendloop("check", file, "--json")
        assert (checked.returncode, server.count) == (0, 1)
    layers = {layer["layer"]: layer for layer in json.loads(checked.stdout)["layers"]}
    assert layers["model"]["ok"]
    assert layers["model"]["detail"] == f"team: prompted; model: {MODEL} at {server.base_url}"
    assert layers["source"]["detail"] == "the goal in words"


# What goes wrong


WRONG: dict[str, tuple[Callable[[], OpenAIServer], str, str]] = {
    "key": (lambda: OpenAIServer(team(), key="another key"), "OPENAI_API_KEY: ", "refuses the key (401)"),
    "model": (lambda: OpenAIServer(team(), models=("b",), strict_models=True), "models: ", "knows no model"),
    "HTML": (lambda: OpenAIServer(lambda _: html_page()), "OPENAI_BASE_URL: ", "no usable answer"),
}


@pytest.mark.parametrize(("serving", "where", "what"), WRONG.values(), ids=WRONG)
def test_a_wrong_setting_starts_nothing(
    serving: Callable[[], OpenAIServer], where: str, what: str, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with serving() as server, named_by_the_environment(server, MENDLOOP_MODEL=MODEL):
        done = mendloop("run", "--goal", GOAL, "--out", run, *QUICK)
    assert (done.returncode, done.stdout, tree(tmp_path)) == (2, "", [])
    said = done.stderr.splitlines()[-1]
    assert said.startswith(f"mendloop: {where}")
    assert what in said
    assert server.base_url in said
    assert KEY not in done.stderr
    assert server.count == 1


def test_a_check_finds_a_wrong_key_and_does_not_tell_it(tmp_path: Path) -> None:
    scenario = write_project(tmp_path)
    with OpenAIServer(team(), key="another key") as server, named_by_the_environment(server):
        done = mendloop("--debug", "check", scenario, "--set", "models.teacher={kind: auto}", "--json")
    assert done.returncode == 1
    (broken,) = [layer for layer in json.loads(done.stdout)["layers"] if not layer["ok"]]
    assert (broken["layer"], "refuses the key" in broken["detail"]) == ("model", True)
    assert "OPENAI_API_KEY" in broken["remedy"]
    assert KEY not in done.stdout + done.stderr


def test_a_budget_of_tokens_stops_a_run_until_it_is_raised(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with OpenAIServer(team()) as server, named_by_the_environment(server):
        done = mendloop(
            *("run", "--goal", GOAL, "--out", run, "--sessions", 3, *QUICK, "--json"),
            *("--set", "budget.tokens=1500", "--set", "loop.concurrency=1"),
        )
        assert done.returncode == 4, done.stderr
        stopped = last_document(done)
        assert (stopped["status"], stopped["reason"], stopped["exit"]) == ("stopped", "budget_tokens", 4)
        assert 0 < stopped["sessions"] < 3
        before = len(asked_of(server.requests, "hello")), server.count
        again = mendloop("resume", run, "--json")
        asked = len(asked_of(server.requests, "hello")), server.count
        other = mendloop("resume", run, "--set", "seed=77")
        raised = mendloop("resume", run, "--set", "budget.tokens=1000000", "--json")
    assert (again.returncode, last_document(again)) == (4, stopped)
    assert asked == (before[0] + 1, before[1] + 1)
    assert (other.returncode, "only its budget can change" in other.stderr) == (2, True)
    assert (raised.returncode, last_document(raised)["sessions"]) == (0, 3)


def test_a_key_that_is_refused_in_the_middle_stops_a_run_that_can_go_on(tmp_path: Path) -> None:
    run = tmp_path / "run"
    told = refused(401, f"Incorrect API key provided: {KEY}")
    with OpenAIServer(team(repair=lambda asked: told)) as server, named_by_the_environment(server):
        done = mendloop("--debug", "run", "--goal", GOAL, "--out", run, "--sessions", 1, *QUICK, "--json")
    assert done.returncode == 3
    assert f"go on with: mendloop resume {run}" in done.stderr
    assert "OPENAI_API_KEY" in done.stderr
    assert KEY not in done.stdout + done.stderr
    assert last_document(done)["exit"] == 3
    with OpenAIServer(team()) as server, named_by_the_environment(server):
        resumed = mendloop("resume", run, "--json")
    assert (resumed.returncode, last_document(resumed)["kept"]) == (0, 1)
    assert [role_of(asked) for asked in asked_of(server.requests, "hello", "write", "problem", "tests")][:1] == [
        "hello"
    ]
    assert not asked_of(server.requests, "write", "problem", "concepts", "diagnose")


ANSWERED = 10
"""Questions that are answered before the process is killed; the others hang."""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str], Sequence[Asked]]:
    """A run that was killed while it waited for answers, then resumed to its end.

    Returns it with the questions whose answers were stored at the kill, and what the resumed process asked.
    """
    run = tmp_path_factory.mktemp("killed") / "run"
    play = team()
    with OpenAIServer(lambda asked: play(asked) if asked.number < ANSWERED else Reply(hang=True)) as server:
        arguments = ("run", "--goal", GOAL, "--out", run, "--sessions", 2, "--set", "loop.concurrency=2", *QUICK)
        with named_by_the_environment(server), started(*arguments) as child:
            wait_until(lambda: server.count > ANSWERED, child)
            child.send_signal(signal.SIGKILL)
            child.wait()
    stored = journalled(run)
    with OpenAIServer(play) as server, named_by_the_environment(server):
        done = mendloop("resume", run)
        assert done.returncode == 0, done.stderr
    return run, stored, [asked for asked in server.requests if role_of(asked) != "hello"]


def wait_until(enough: Callable[[], bool], child: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not enough():
        assert child.poll() is None, f"it ended too early:\n{child.communicate()}"
        assert time.monotonic() < deadline, "it never got there"
        time.sleep(0.01)


def journalled(run: Path) -> set[str]:
    """Return the questions whose answers are stored."""
    with Reader(run) as reader:
        answers = [stored.event for stored in reader.tail() if isinstance(stored.event, LlmAnswered)]
        prompts = [answer.prompt for answer in answers if answer.prompt is not None]
        return {asked_again(reader.load(prompt, ChatRequest)) for prompt in prompts}


def asked_again(request: ChatRequest) -> str:
    """Return a journalled request as `question` has it."""
    messages = [{"content": message.content, "role": message.role} for message in request.messages]
    return json.dumps([messages, request.seed, request.temperature, request.max_tokens])


def test_a_killed_run_is_finished_when_it_is_resumed(killed: tuple[Path, set[str], Sequence[Asked]]) -> None:
    run, _, _ = killed
    assert len(records_of(run)) == 2
    assert verify(run).ok
    assert api.open_run(run).replay().ok


def test_no_stored_answer_is_asked_for_again(killed: tuple[Path, set[str], Sequence[Asked]]) -> None:
    run, stored, after = killed
    concurrency, first_look = 2, 1
    assert len(stored) >= ANSWERED - first_look - concurrency
    questions = [question(asked) for asked in after]
    assert not stored & set(questions)
    assert max(Counter(questions).values()) == 1
    assert journalled(run) == stored | set(questions)


def test_a_role_whose_answers_are_of_no_use_ends_its_session_and_not_the_run(tmp_path: Path) -> None:
    run = tmp_path / "run"

    def moody(asked: Asked) -> str:
        return "" if task_of(asked) == TASKS[0] else diagnosis(asked)

    with OpenAIServer(team(diagnose=moody)) as server, named_by_the_environment(server):
        done = mendloop("run", "--goal", GOAL, "--out", run, "--sessions", 2, *QUICK, "--json")
    assert (done.returncode, last_document(done)["kept"]) == (0, 1)
    ended = {row.status: row.stop_reason for row in api.open_run(run).sessions()}
    assert ended["dropped"] == "diagnose: the section WHY is missing"
    assert len([asked for asked in asked_of(server.requests, "diagnose") if task_of(asked) == TASKS[0]]) == 3
