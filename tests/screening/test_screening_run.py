"""Nothing that was planted in a source comes out of a run: not in a prompt, the journal, an export or a message."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks.planted import Planted, planted
from mendloop import api
from mendloop.runs.reader import Reader
from tests.e2e.model_team import KEY, TASKS, Task, team
from tests.e2e.product import LISTS, ROOT, TEXTS, mendloop
from tests.e2e.test_e2e_models import GOAL, PATIENT, QUICK, named_by_the_environment
from tests.openai_server import OpenAIServer

PLANTED = tuple(planted(seed=11, each=1))
PERSONAL = tuple(each for each in PLANTED if each.kind not in ("token", "password", "private key"))


def leaky(number: int, each: Planted) -> str:
    """Return a function that would be a fine problem if it did not hold a planted value."""
    docstring, comment, constant = "in order", "evenly spread", "12345"
    if each in PERSONAL or number % 3 == 0:
        constant = each.text
    elif number % 3 == 1:
        docstring = each.text
    else:
        comment = each.text
    lines = [
        f"def every_{number}(items: list[int]) -> list[int]:",
        f'    r"""Return some of the items, {docstring}."""',
        f"    kept = []  # {comment}",
        f'    hidden = r"""{constant}"""',
        f"    for place in range(0, len(items), {number + 2}):",
        "        kept.append(items[place] + len(hidden))",
        "    return kept",
    ]
    return "\n".join(lines) + "\n"


def write_code(folder: Path) -> Path:
    """Write functions that the scripted model knows, with personal data in their docstrings, and leaky ones."""
    rng, code = random.Random(1), folder / "code"
    code.mkdir(parents=True)
    for name, text in (("texts.py", TEXTS), ("lists.py", LISTS)):
        marked = [
            line.replace('"""', f'"""Ask {rng.choice(PERSONAL).value} first. ', 1)
            if line.startswith('    """') and len(line) > 12
            else line
            for line in text.splitlines()
        ]
        (code / name).write_text("\n".join(marked) + "\n")
    leaks = "\n\n".join(leaky(number, each) for number, each in enumerate(PLANTED))
    (code / "leaks.py").write_text(f'"""Ask {PERSONAL[0].value}."""\n\n{leaks}')
    tests = [
        f"    assert every_{number}([1, 2, {len(each.value)}]) != {each.value!r}" for number, each in enumerate(PLANTED)
    ]
    (code / "test_leaks.py").write_text("\n".join(["from leaks import *", "", "def test_leaks():", *tests, ""]))
    return code


def python(folder: Path) -> list[object]:
    scenario = ROOT / "scenarios" / "inject_bugs.yaml"
    return ["run", scenario, "--set", f"source.path={write_code(folder)}", "--sessions", 2, "--show", *PATIENT]


def row_of(task: Task, said: str, code: str) -> dict[str, str]:
    """Return a wrong program with more words in its prompt and more lines in its code."""
    prompt = f"{task.signature}: {task.statement} {said}"
    return {"prompt": prompt, "code": f"{task.wrong}{code}", "tests": f"{task.shown}\n{task.held_out}"}


def failures(folder: Path) -> list[object]:
    rows = [row_of(task, f"Ask {PERSONAL[0].value}.", f"# {PERSONAL[2].value}\n") for task in TASKS[:2]]
    for number, each in enumerate(PLANTED):
        in_code = number % 2 or each in PERSONAL
        rows.append(row_of(TASKS[2], "" if in_code else each.text, f'\nkept = r"""{each.text}"""\n' if in_code else ""))
        bad = {"id": each.value, "prompt": "p", "code": f"{each.value} = = 1", "entry_point": each.value}
        rows += [bad, bad, {**bad, "licence": each.value}]
    (folder / "wrong.jsonl").write_text("\n".join(map(json.dumps, rows)))
    given = ("--set", "source.kind=failures", "--set", f"source.path={folder / 'wrong.jsonl'}", "--sessions", 2)
    return ["run", "--goal", GOAL, *given, *QUICK]


def instructions(folder: Path) -> list[object]:
    lines = [f"Something about {TASKS[1].concept}; ask {each.text}" for each in PLANTED]
    (folder / "asked.txt").write_text("\n".join(lines))
    return ["run", "--goal", GOAL, "--source", folder / "asked.txt", "--sessions", 2, *QUICK]


def snippets(folder: Path) -> list[object]:
    given = ("--set", "source.kind=snippets", "--set", f"source.path={write_code(folder)}", "--sessions", 2)
    return ["run", "--goal", GOAL, *given, *QUICK]


def procedural(folder: Path) -> list[object]:
    scenario = ROOT / "scenarios" / "own_code.yaml"
    return ["run", scenario, "--set", f"source.path={write_code(folder)}", "--sessions", 4, *PATIENT]


def values() -> list[str]:
    """Return every planted value, and what is left of one that was written into a string of JSON or Python."""
    return [form for each in PLANTED for form in {each.value, each.value.replace("\\n", "\n"), repr(each.value)[1:-1]}]


def leaks_in(text: str) -> list[str]:
    return [value for value in values() if value in text]


def of_the_journal(run: Path) -> list[str]:
    """Return the planted values that an event or a blob of a run holds."""
    with Reader(run) as reader:
        events = "\n".join(stored.event.model_dump_json() for stored in reader.tail())
        return [value for value in values() if value in events or any(reader.holding(value))]


@pytest.mark.parametrize(
    ("given", "dropped"),
    [
        (python, "secrets"),
        (failures, "secrets"),
        (instructions, "secrets"),
        (snippets, "secrets"),
        (procedural, "secrets"),
    ],
)
def test_no_planted_value_comes_out_of_a_run(
    given: Callable[[Path], Sequence[object]], dropped: str, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with OpenAIServer(team(), key=KEY) as server, named_by_the_environment(server):
        done = mendloop(*given(tmp_path), "--out", run)
        asked = [json.dumps(each.body, ensure_ascii=False) for each in server.requests]
    assert done.returncode == 0, done.stderr
    assert [value for text in asked for value in leaks_in(text)] == []
    assert of_the_journal(run) == []
    assert leaks_in(done.stdout + done.stderr) == []
    files = [path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()]
    assert [value for value in values() for data in files if value.encode() in data] == []
    assert dropped in told(done)
    assert list(api.open_run(run).records())


def told(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line that says what screening dropped."""
    return next(line for line in done.stderr.splitlines() if line.startswith("dropped: "))


def test_check_says_what_was_dropped_masked_and_taken_as_ones_own(tmp_path: Path) -> None:
    scenario = ROOT / "scenarios" / "own_code.yaml"
    checked = mendloop("check", scenario, "--set", f"source.path={write_code(tmp_path)}", "--json")
    (source,) = [each["detail"] for each in json.loads(checked.stdout)["layers"] if each["layer"] == "source"]
    parts = source.split("; ")
    assert parts[0].endswith(" functions to look at")
    assert [part.partition(":")[0] for part in parts[1:]] == ["dropped", "masked", "no licence found"]
    assert leaks_in(checked.stdout + checked.stderr) == []
