"""The product as a person uses it: the command line as a process, and a small folder of code as its source."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mendloop.errors import MendloopError
from mendloop.events import Executed
from mendloop.runs.reader import Reader
from mendloop.runs.stored import StoredEvent

ROOT = Path(__file__).parents[2]
PATIENCE_S = 900
"""Nothing here takes so long; it only bounds a test that would hang."""

TEXTS = '''"""Functions about texts."""


def squeeze(text: str) -> str:
    """Return the text with every run of white space made one space, and none at the ends.

    >>> squeeze("  a   b ")
    'a b'
    """
    words = text.split()
    return " ".join(words)


def initials(name: str) -> str:
    """Return the first letter of every word in capitals, each followed by a dot.

    >>> initials("ada lovelace")
    'A.L.'
    """
    letters = []
    for word in name.split():
        letters.append(word[0].upper() + ".")
    return "".join(letters)


def run_lengths(text: str) -> list[tuple[str, int]]:
    """Return each run of equal characters with its length, in order.

    >>> run_lengths("aab")
    [('a', 2), ('b', 1)]
    """
    runs: list[tuple[str, int]] = []
    for char in text:
        if runs and runs[-1][0] == char:
            runs[-1] = (char, runs[-1][1] + 1)
        else:
            runs.append((char, 1))
    return runs


def vowels(text: str) -> dict[str, int]:
    """Count each vowel of a text, whatever its case; vowels that do not occur are left out.

    >>> vowels("Anna")
    {'a': 2}
    """
    counts: dict[str, int] = {}
    for char in text.lower():
        if char in "aeiou":
            counts[char] = counts.get(char, 0) + 1
    return counts


def todo(text: str) -> str:
    return text
'''

LISTS = '''"""Functions about lists."""


def chunked(items: list[int], size: int = 2) -> list[list[int]]:
    """Return the items in lists of `size`, the last one shorter where they do not come out even.

    >>> chunked([1, 2, 3], 2)
    [[1, 2], [3]]
    """
    if size < 1:
        raise ValueError("a chunk holds at least one item")
    chunks = []
    for start in range(0, len(items), size):
        chunks.append(items[start : start + size])
    return chunks


def running_total(items: list[int]) -> list[int]:
    """Return the sum of all items up to each place.

    >>> running_total([1, 2, 3])
    [1, 3, 6]
    """
    total = 0
    totals = []
    for item in items:
        total += item
        totals.append(total)
    return totals


def merged(left: list[int], right: list[int]) -> list[int]:
    """Return the items of two lists as one sorted list.

    >>> merged([3, 1], [2])
    [1, 2, 3]
    """
    first, second = sorted(left), sorted(right)
    result = []
    while first and second:
        if first[0] <= second[0]:
            result.append(first.pop(0))
        else:
            result.append(second.pop(0))
    return result + first + second


def peaks(items: list[int]) -> list[int]:
    """Return the places whose item is larger than both of its neighbours.

    >>> peaks([1, 3, 2, 5, 4])
    [1, 3]
    """
    found = []
    for place in range(1, len(items) - 1):
        if items[place - 1] < items[place] > items[place + 1]:
            found.append(place)
    return found
'''

TESTS = """from lists import chunked, merged, peaks
from texts import initials, squeeze, vowels


def test_lists() -> None:
    assert chunked([1, 2, 3, 4], 3) == [[1, 2, 3], [4]]
    assert merged([1, 4], [2, 3]) == [1, 2, 3, 4]
    assert peaks([0, 9, 0]) == [1]


def test_texts() -> None:
    assert squeeze("a\\tb") == "a b"
    assert initials("grace hopper") == "G.H."
    assert vowels("Education") == {"e": 1, "u": 1, "a": 1, "i": 1, "o": 1}
"""

SCENARIO = """goal: repair dialogues about a small folder of code
target: {records: 50, min_tier: B}
seed: 7
deterministic: true
source:
  kind: python
  path: code
models:
  teacher: {kind: procedural}
loop:
  variants: 1
  concurrency: 4
  memory: {enabled: true}
export: [sft_multiturn]
"""
FUNCTIONS = 8


def write_project(folder: Path) -> Path:
    """Write the code and a scenario about it; return the scenario."""
    code = folder / "code"
    code.mkdir(parents=True)
    (code / "texts.py").write_text(TEXTS)
    (code / "lists.py").write_text(LISTS)
    (code / "test_code.py").write_text(TESTS)
    scenario = folder / "small.yaml"
    scenario.write_text(SCENARIO)
    return scenario


def environment(**changes: str) -> dict[str, str]:
    """Return the environment of a person who has this checkout installed."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **changes}


def mendloop(
    *arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    command = [sys.executable, "-m", "mendloop", *map(str, arguments)]
    return run_process(command, cwd=cwd, env=env, stdin=stdin)


def run_process(
    command: Sequence[str], cwd: Path | None = None, env: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a process to its end; stdout and stderr as text."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=env or environment(),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def run_ok(*arguments: object, cwd: Path | None = None) -> str:
    """Run the command line, expect exit code 0, and return stdout."""
    done = mendloop(*arguments, cwd=cwd)
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def json_of(*arguments: object) -> Any:
    """Return the one JSON document that a command prints on stdout."""
    return json.loads(run_ok(*arguments, "--json"))


def json_lines_of(*arguments: object) -> list[Any]:
    """Return the JSON documents, one a line, that a command prints on stdout."""
    return [json.loads(line) for line in run_ok(*arguments, "--json").splitlines()]


@contextmanager
def started(
    *arguments: object, cwd: Path | None = None, program: Sequence[str] = ("-m", "mendloop")
) -> Iterator[subprocess.Popen[str]]:
    """Start the command line; it is killed when the block ends, if it still runs."""
    command = [sys.executable, *program, *map(str, arguments)]
    child = subprocess.Popen(
        command, cwd=cwd, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


def wait_for(child: subprocess.Popen[str], run: Path, enough: Callable[[Sequence[StoredEvent]], bool]) -> None:
    """Return as soon as what is stored of the run is enough, while the child still works on it."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if enough(stored_events(run)):
            return
        assert child.poll() is None, f"it ended too early:\n{child.communicate()}"
        time.sleep(0.01)
    raise AssertionError("the run never got there")


def stored_events(run: Path) -> list[StoredEvent]:
    """Return all events in commit order; none where there is no run yet."""
    try:
        with Reader(run) as reader:
            return list(reader.tail())
    except MendloopError:
        return []


def count_of(kind: str, least: int, session: str | None = None) -> Callable[[Sequence[StoredEvent]], bool]:
    """Return the question whether at least so many events of a kind are stored (of one session)."""

    def enough(events: Sequence[StoredEvent]) -> bool:
        found = sum(event.kind == kind and session in (None, event.session) for event in events)
        return found >= least

    return enough


def executed(events: Sequence[StoredEvent]) -> Counter[str]:
    """Return the requests that were executed, by hash."""
    return Counter(event.event.request for event in events if isinstance(event.event, Executed))


def exported(run: Path) -> dict[str, bytes]:
    """Return the files of a run's export that carry no date, by name."""
    folder = run / "export"
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "README.md"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def tree(folder: Path) -> list[str]:
    """Return the names of everything in a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
