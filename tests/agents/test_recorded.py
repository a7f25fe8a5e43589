"""The recorded team: what is drawn, that nothing is drawn twice, and that the journal keeps it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mendloop.agents.programmer import RepairAsk
from mendloop.agents.recorded import (
    NO_PROGRAM,
    NO_SUITE,
    NOTE,
    RecordedAuthor,
    RecordedProgrammer,
    RecordedShelf,
    RecordedTester,
    SilentCritic,
    authors_of,
)
from mendloop.agents.sources.recordings import read_recordings
from mendloop.agents.unanswered import Unanswered
from mendloop.errors import SourceError
from mendloop.events import RecordingDrawn
from mendloop.records import Case, Diagnosis, Failure, Problem, Solution, Source, Suite
from mendloop.runs.reader import Reader
from mendloop.runs.replay import Unreachable
from mendloop.runs.store import Store
from mendloop.tools.bench import Bench
from tests.graphs.conftest import store

__all__ = ["store"]

EXAMPLE = Case(id="e1", call="double(2)", expect="4", origin="given")
PROBLEM = Problem(
    id="p/1",
    statement="Return x doubled, as `double(x)`.",
    entry_point="double",
    signature="double(x)",
    examples=(EXAMPLE,),
    source=Source(kind="problems", package="", qualname="double"),
)
CODES = [f"def double(x):\n    return x * {number}\n" for number in range(5)]
SUITES = [["assert double(2) == 4", f"assert double({number}) == {2 * number}"] for number in range(10, 13)]
FAILURE = Failure(case=EXAMPLE, expected="4", observed="raises ValueError: x", status="error")
ASK = RepairAsk(
    solution=Solution(code=CODES[0], author="a"),
    failure=FAILURE,
    diagnosis=Diagnosis(fault="unknown_logic", error_type="WrongValue", line=None, symptom="", text="", lesson=""),
)


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return str(path)


def programs(folder: Path, *more: dict[str, Any]) -> str:
    rows = [{"task_id": "p/1", "model": f"m{number % 2}", "code": code} for number, code in enumerate(CODES)]
    return write(folder / "programs.jsonl", [*rows, *more])


def suites(folder: Path) -> str:
    return write(folder / "suites.jsonl", [{"problem": "p/1", "model": "t", "asserts": asserts} for asserts in SUITES])


@asynccontextmanager
async def session_of(store: Store, session: str = "s000000") -> AsyncIterator[Callable[[str], Bench]]:
    """Open a session; what it yields gives the bench of a node."""
    journal = await store.journal(session)
    yield lambda node: Bench(journal, Unreachable(), 0, session, node, 0, "programmer")
    journal.end()
    await store.flush()


async def drawn(store: Store, shelf: RecordedShelf, session: str = "s000000") -> list[str]:
    """Return the programs that a session draws until there are none: a candidate, a peer, repairs, a fresh one."""
    programmer = RecordedProgrammer(shelf)
    async with session_of(store, session) as at:
        found = [
            await programmer.write(at("program"), PROBLEM, 0),
            await programmer.write(at("program"), PROBLEM, 1),
            await programmer.repair(at("repair"), PROBLEM, ASK),
            await programmer.start_over(at("restart"), PROBLEM, ASK),
            await RecordedAuthor(shelf).draw(at("resample"), PROBLEM, 3),
        ]
    return [solution.code for solution in found if solution is not None]


async def test_a_session_draws_every_program_once(store: Store, tmp_path: Path) -> None:
    assert sorted(await drawn(store, RecordedShelf(programs(tmp_path)))) == sorted(CODES)


async def test_there_is_none_when_all_were_drawn(store: Store, tmp_path: Path) -> None:
    shelf = RecordedShelf(programs(tmp_path))
    programmer, other = RecordedProgrammer(shelf), PROBLEM.model_copy(update={"id": "p/2"})
    async with session_of(store) as at:
        assert await programmer.write(at("program"), other, 0) is None
        assert await programmer.start_over(at("restart"), other, ASK) is None
        with pytest.raises(Unanswered, match=NO_PROGRAM):
            await programmer.repair(at("repair"), other, ASK)


async def test_every_session_has_an_order_of_its_own(store: Store, tmp_path: Path) -> None:
    file = programs(tmp_path)
    first = await drawn(store, RecordedShelf(file), "s000000")
    others = [await drawn(store, RecordedShelf(file), f"s00000{number}") for number in (1, 2)]
    assert first not in others
    assert [sorted(order) for order in others] == [sorted(CODES)] * 2


async def test_what_was_drawn_comes_from_the_journal_when_the_file_has_changed(store: Store, tmp_path: Path) -> None:
    file = programs(tmp_path)
    first = await drawn(store, RecordedShelf(file))
    write(tmp_path / "programs.jsonl", [{"task_id": "p/1", "model": "late", "code": "pass\n"}])
    assert await drawn(store, RecordedShelf(file)) == first


async def test_each_draw_is_an_event_that_names_the_model(store: Store, tmp_path: Path) -> None:
    programmer = RecordedProgrammer(RecordedShelf(programs(tmp_path), model="m1"))
    async with session_of(store) as at:
        for peer in range(3):
            await programmer.write(at("program"), PROBLEM, peer)
    with Reader(store.path) as reader:
        events = [stored.event for stored in reader.events("s000000")]
    assert [event.model for event in events if isinstance(event, RecordingDrawn)] == ["m1", "m1", ""]


async def test_a_repair_says_that_it_was_not_written_as_one(store: Store, tmp_path: Path) -> None:
    programmer = RecordedProgrammer(RecordedShelf(programs(tmp_path)))
    async with session_of(store) as at:
        repaired = await programmer.repair(at("repair"), PROBLEM, ASK)
    assert repaired.note == NOTE
    assert repaired.author in {"m0", "m1"}


async def test_the_shown_suite_begins_with_the_examples_and_no_suite_comes_twice(store: Store, tmp_path: Path) -> None:
    tester = RecordedTester(RecordedShelf(programs(tmp_path), suites(tmp_path)))
    async with session_of(store) as at:
        shown = await tester.design(at("design_tests"), PROBLEM, "shown")
        held_out = await tester.design(at("design_tests"), PROBLEM, "held_out")
        further = await tester.extend(at("strengthen"), PROBLEM, (shown, held_out))
        assert await tester.extend(at("again"), PROBLEM, (shown, held_out)) == ()
        assert (await tester.design(at("again"), PROBLEM, "held_out")).cases == ()
        with pytest.raises(Unanswered, match=NO_SUITE):
            await tester.design(at("again"), PROBLEM, "shown")
    assert shown.cases[0] == EXAMPLE
    own = [*shown.cases[1:], *held_out.cases, *further]
    assert sorted(case.call or "" for case in own if case != EXAMPLE) == ["double(10)", "double(11)", "double(12)"]
    assert {case.origin for case in own} == {"generated"}
    assert (shown.author, held_out.author) == ("t", "t")


async def test_without_suites_the_examples_are_the_tests(store: Store, tmp_path: Path) -> None:
    tester = RecordedTester(RecordedShelf(programs(tmp_path)))
    async with session_of(store) as at:
        assert (await tester.design(at("design_tests"), PROBLEM, "shown")).cases == (EXAMPLE,)
        assert (await tester.design(at("design_tests"), PROBLEM, "held_out")).cases == ()
        assert await tester.extend(at("strengthen"), PROBLEM, ()) == ()


async def test_the_critic_states_what_was_executed_and_decides_nothing(store: Store) -> None:
    critic = SilentCritic()
    async with session_of(store) as at:
        diagnosis = await critic.diagnose(at("diagnose"), PROBLEM, ASK.solution, FAILURE)
        opinion = await critic.judge(at("adjudicate"), PROBLEM, FAILURE)
    assert (diagnosis.error_type, diagnosis.lesson, opinion.kind) == ("ValueError", "", "undecided")


def test_the_authors_of_what_was_drawn_are_the_models() -> None:
    written = [Solution(code="", author=author) for author in ("a", "b", "a")]
    suite = Suite(author="t", role="shown", cases=())
    assert authors_of(written, suite) == {"programmer": "a, b", "tester": "t"}
    assert authors_of(written[:1], suite.model_copy(update={"author": "given"})) == {"programmer": "a"}


def test_recordings_are_read_by_problem_each_text_once(tmp_path: Path) -> None:
    twice = {"task_id": "p/1", "model": "another", "code": CODES[0]}
    found = read_recordings(programs(tmp_path, twice, {"model": "m", "code": "x"}), suites(tmp_path))
    assert [item.code for item in found.programs["p/1"]] == CODES
    assert [item.asserts for item in found.suites["p/1"]] == ["\n".join(asserts) for asserts in SUITES]
    assert found.said_for(["p/1", "p/2"]) == (
        "recorded programs for 1 of 2 problems; suites for 1 of 2 problems; 1 recorded lines skipped"
    )


def test_a_model_that_wrote_nothing_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="another model wrote it"):
        read_recordings(programs(tmp_path), None, "m7")
