"""What the journal costs: events a second of CPU time, written safe from power loss, and bytes of a session on disk.

Run `python benchmarks/journal.py`: it prints a table; with `--enforce` it exits with 1 when a goal is missed.

The sessions are real ones: programs with nine faults each that a scripted model behind a server repairs one at a time,
so that ten programs are executed and judged. The size is that of the run's database, divided by the sessions.

For the speed, many sessions write at once, as in a run, and nothing but the journal works: a turn has the events of
a turn, with blobs as large as those of the real sessions were on average, and waits for its two answers to be durable
(`synchronous=FULL`, one commit for all that is queued). The floor inserts the same rows into tables without indexes and
triggers, by Python's own sqlite3, with as many rows in a transaction.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mendloop import api
from mendloop.events import (
    Executed,
    LlmAnswered,
    NodeEntered,
    NodeExited,
    Ref,
    SessionFinished,
    SessionStarted,
    SolutionWritten,
    VerdictReached,
)
from mendloop.records import Solution
from mendloop.runs.failpoints import arm
from mendloop.runs.reader import Reader
from mendloop.runs.store import Store, create_run
from mendloop.settings import load_settings
from tests.e2e.model_team import fence, team
from tests.openai_server import Asked, OpenAIServer

EVENTS_GOAL, BYTES_GOAL = 5_000, 100_000
SESSIONS, TURNS, ROUNDS = 64, 10, 5
ROWS = 15
TABLES = ("spell_one", "spell_two", "spell_three", "spell_four")
KNOWN, ASKED = re.compile(r"(\d+): '"), re.compile(r"(spell_\w+)\((\d+)\)")
"""A row of a program's table, and a call of it; a right program has all rows."""


@dataclass(frozen=True)
class Rate:
    """How fast rows were written, `group` events in a commit on average."""

    events: int
    cpu_s: float
    wall_s: float
    group: float


# --- how large -------------------------------------------------------------------------------------------------------


def ten_turns(folder: Path) -> Path:
    """Run the sessions and return the folder of their run."""
    (folder / "wrong.jsonl").write_text("\n".join(map(_row, TABLES)))
    with OpenAIServer(team(repair=_repaired)) as server:
        environment = {"HOME": str(folder), "OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "none"}
        scenario = folder / "ten.yaml"
        scenario.write_text(
            "goal: programs with nine faults\nsource: {kind: failures, path: wrong.jsonl}\n"
            "models: {teacher: {kind: auto}}\n"
            f"loop: {{max_repairs: {ROWS}, memory: {{enabled: true, embedding: ngrams}}}}\n"
            "sandbox: {limits: {wall_s: 600}}\n"
        )
        api.run(scenario, out=folder / "run", sessions=len(TABLES), settings=load_settings(environment))
    return folder / "run"


def _row(name: str) -> str:
    asserts = "\n".join(f"assert {name}({number}) == {_word(name, number)!r}" for number in range(ROWS))
    prompt = f"{name}(number: int) -> str: Return the word of a number, as {name} has it."
    return json.dumps({"prompt": prompt, "tests": asserts, "code": _program(name, {0})})


def _word(name: str, number: int) -> str:
    return f"word {number} of {name}"


def _program(name: str, known: set[int]) -> str:
    rows = [f"        {number}: {_word(name, number)!r}," for number in sorted(known)]
    return "\n".join([f"def {name}(number):", "    words = {", *rows, "    }", '    return words.get(number, "")', ""])


def _repaired(asked: Asked) -> str:
    """Return the program of the request with one more row: the one that its failing case asks for."""
    known = {int(number) for number in KNOWN.findall(asked.last)}
    calls = [(name, int(number)) for name, number in ASKED.findall(asked.last)]
    name, wanted = next((name, number) for name, number in calls if number not in known)
    return f"{fence(_program(name, {*known, wanted}))}\n\nThe table lacked a row."


def turns_in(run: Path) -> int:
    """Return the fewest turns that a session of the run had."""
    return min(row.turns for row in api.open_run(run).sessions())


def bytes_a_session(run: Path) -> int:
    """Return what the database takes on disk for each of its sessions; its log was emptied when the run ended."""
    return round((run / "run.db").stat().st_size / len(TABLES))


def sizes_in(run: Path) -> Mapping[str, int]:
    """Return the average number of characters of the blobs that each kind of event refers to."""
    found: dict[str, list[int]] = {}
    with Reader(run) as reader:
        for stored in reader.tail():
            for name, value in stored.event.__dict__.items():
                if isinstance(value, Ref):
                    found.setdefault(f"{stored.kind}.{name}", []).append(value.bytes)
    return {name: round(statistics.mean(each)) for name, each in found.items()}


# --- how fast --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Texts:
    """Makes solutions of given sizes, no two the same."""

    sizes: Mapping[str, int]

    def of(self, name: str, session: int, turn: int) -> Solution:
        """Return a blob as large as the average one under this name."""
        line = f"    value = step_{session}_{turn}(value)  # {name}\n"
        size = self.sizes[name]
        return Solution(code=(line * (size // len(line) + 1))[:size], author="model")


async def _session(store: Store, index: int, texts: Texts) -> None:
    journal = await store.journal(f"s{index:06d}")
    await journal.emit("started", SessionStarted(index=index, memory="off"))
    for turn in range(TURNS):
        await journal.emit(f"repair#{turn}/enter", NodeEntered(node="repair", visit=turn))
        prompt = journal.put(texts.of("llm_call.prompt", index, turn))

        async def answer(turn: int = turn) -> Solution:
            return texts.of("llm_call.result", index, turn)

        def answered(request: str, ref: Ref, _: Solution, prompt: Ref = prompt) -> LlmAnswered:
            numbers = {"prompt_tokens": 700, "completion_tokens": 180}
            return LlmAnswered(request=request, result=ref, prompt=prompt, model="a-model", **numbers)

        await journal.effect(f"repair#{turn}/programmer/repair", prompt, answer, Solution, answered)
        solution = journal.put(texts.of("solution.solution", index, turn))
        await journal.emit(f"repair#{turn}/solution", SolutionWritten(turn=turn, peer=0, solution=solution))
        await journal.emit(f"repair#{turn}/exit", NodeExited(node="repair", visit=turn))
        await journal.emit(f"execute#{turn}/enter", NodeEntered(node="execute", visit=turn))

        async def result(turn: int = turn) -> Solution:
            return texts.of("execution.result", index, turn)

        def executed(request: str, ref: Ref, _: Solution) -> Executed:
            return Executed(request=request, result=ref, status="ok")

        await journal.effect(f"execute#{turn}/executor/candidate", solution, result, Solution, executed)
        await journal.emit(f"execute#{turn}/exit", NodeExited(node="execute", visit=turn))
        detail = journal.put(texts.of("verdict.detail", index, turn))
        verdict = VerdictReached(turn=turn, verdict="code_fault", rule="fails_an_anchor", detail=detail)
        await journal.emit(f"adjudicate#{turn}/verdict", verdict)
    await journal.emit("finished", SessionFinished(outcome="kept", reason="kept", tier="B", turns=TURNS))


async def _all_sessions(path: Path, texts: Texts) -> Rate:
    commits = 0

    def count(place: str) -> None:
        nonlocal commits
        commits += place == "after a commit"

    with create_run(path) as store:
        arm(count)
        cpu, wall = time.process_time(), time.perf_counter()
        await asyncio.gather(*(_session(store, index, texts) for index in range(SESSIONS)))
        await store.flush()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        arm(None)
    with Reader(path) as reader:
        return Rate(reader.last_n(), cpu, wall, reader.last_n() / commits)


def journal_rate(run: Path, texts: Texts) -> Rate:
    """Return the rate of the journal, which is left in a folder, with many sessions at once."""
    return asyncio.run(_all_sessions(run, texts))


def floor_rate(run: Path, bare_file: Path, group: int) -> Rate:
    """Return the rate of bare inserts of the rows that a journal holds, `group` events a commit."""
    with closing(sqlite3.connect(run / "run.db")) as source:
        events = source.execute("SELECT * FROM event ORDER BY n").fetchall()
        blobs = source.execute("SELECT sha256, data FROM blob").fetchall()
    with closing(sqlite3.connect(bare_file, isolation_level=None)) as bare:
        bare.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000")
        bare.execute("CREATE TABLE event (n INTEGER PRIMARY KEY, session, seq, kind, v, key, payload, ts, hash)")
        bare.execute("CREATE TABLE blob (sha256, data)")
        share = -(-len(blobs) * group // len(events))
        cpu, wall = time.process_time(), time.perf_counter()
        for number, start in enumerate(range(0, len(events), group)):
            bare.execute("BEGIN IMMEDIATE")
            bare.executemany("INSERT INTO blob VALUES (?, ?)", blobs[number * share : (number + 1) * share])
            bare.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", events[start : start + group])
            bare.execute("COMMIT")
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Rate(len(events), cpu, wall, group)


def rates(sizes: Mapping[str, int]) -> tuple[Rate, Rate]:
    """Return the journal's and the floor's rate: of each the round with the median CPU time, taking turns."""
    ours: list[Rate] = []
    floors: list[Rate] = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder, "run")
            ours.append(journal_rate(run, Texts(sizes)))
            floors.append(floor_rate(run, Path(folder, "bare.db"), round(ours[-1].group)))
    return _median(ours), _median(floors)


def _median(found: Sequence[Rate]) -> Rate:
    return sorted(found, key=lambda rate: rate.cpu_s)[len(found) // 2]


def main() -> None:
    """Print the table; with `--enforce` exit with 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description="What the journal costs.")
    parser.add_argument("--enforce", action="store_true", help="exit with 1 when a goal is missed")
    enforce = parser.parse_args().enforce
    with tempfile.TemporaryDirectory() as folder:
        run = ten_turns(Path(folder))
        turns, size, sizes = turns_in(run), bytes_a_session(run), sizes_in(run)
    ours, floor = rates(sizes)
    print(f"{SESSIONS} sessions at once, {ours.events:,} events; blobs of a turn: {sum(_turn(sizes)):,} characters\n")
    print("| | events a second of CPU time | by the clock | CPU us an event | events a commit |\n|---|---|---|---|---|")
    for name, rate in (("the journal", ours), ("floor: bare sqlite3", floor)):
        by_cpu, by_clock = rate.events / rate.cpu_s, rate.events / rate.wall_s
        print(f"| {name} | {by_cpu:,.0f} | {by_clock:,.0f} | {1e6 / by_cpu:.0f} | {rate.group:.0f} |")
    print(f"\na session of {turns} turns: {size:,} bytes on disk")
    missed = []
    if ours.events / ours.cpu_s < EVENTS_GOAL:
        missed.append(f"fewer than {EVENTS_GOAL:,} events a second of CPU time")
    if turns < TURNS or size >= BYTES_GOAL:
        missed.append(f"not {TURNS} turns in fewer than {BYTES_GOAL:,} bytes")
    print("goals: " + ("; ".join(missed) or "met"))
    if enforce and missed:
        sys.exit(1)


def _turn(sizes: Mapping[str, int]) -> list[int]:
    names = ("llm_call.prompt", "llm_call.result", "solution.solution", "execution.result", "verdict.detail")
    return [sizes[name] for name in names]


if __name__ == "__main__":
    main()
