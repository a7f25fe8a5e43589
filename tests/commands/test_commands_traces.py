"""A session that was not kept, read on the command line: every step that led to its end, and nothing twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

from typer.testing import CliRunner

from mendloop.cli import app
from mendloop.events import (
    Diagnosed,
    ProblemProposed,
    RecordDropped,
    SessionFinished,
    SessionStarted,
    SolutionWritten,
    SuiteDesigned,
    VerdictReached,
)
from mendloop.records import Case, Contract, Diagnosis, Solution, Suite, Verdict
from mendloop.runs.reader import Reader
from mendloop.runs.redact import redact
from mendloop.runs.store import create_run
from mendloop.tools.journal import Journal
from tests.graphs.stages import FAR, PROBLEM, RIGHT, case

LIMITED = PROBLEM.model_copy(update={"contract": Contract(predicate="def valid(n) -> bool:\n    return n > 0")})
RESTATED = LIMITED.model_copy(update={"statement": "Write `double(n)` for a positive n."})
GOOD, WRONG, MENDED = case("s1", 2), case("s2", 3, expect=7), case("s2", 3)
READ = """\
=== s000000 ===
--- proposer
Write `double(n)`, which returns twice the number.
--- valid inputs
def valid(n) -> bool:
    return n > 0
--- tester (shown, 2 cases)
assert double(2) == 4
assert double(3) == 7
--- tester (held out, 1 case)
assert double(2) == 4
--- programmer (turn 0)
def double(n):
    return n * 2

--- programmer (turn 0, peer 1)
def double(n):
    return n

--- verdict: test_fault by rederivation_agrees_with_programs (3 peers ran it)
assert double(3) == 7
set aside (shown): assert double(2) == 4
mended (shown): assert double(3) == 6
--- verdict: code_fault by peers_pass
assert double(3) == 6
--- critic
It is off by one.
--- proposer (restated)
Write `double(n)` for a positive n.
added (shown): assert double(2) == 4
--- verdict: passed by all_cases_pass
dropped: no_tests
"""


def suite(*cases: Case, role: str = "shown") -> Suite:
    return Suite.model_validate({"author": "m", "role": role, "cases": cases})


async def told(journal: Journal) -> None:
    put = journal.put
    await journal.emit("a", SessionStarted(index=0, memory="off"))
    await journal.emit("b", ProblemProposed(problem=put(PROBLEM)))
    await journal.emit("c", ProblemProposed(problem=put(LIMITED)))
    await journal.emit("d", SuiteDesigned(role="shown", cases=2, suite=put(suite(GOOD, WRONG))))
    await journal.emit("e", SuiteDesigned(role="held_out", cases=1, suite=put(suite(GOOD, role="held_out"))))
    for peer, code in enumerate((RIGHT, FAR)):
        written = put(Solution(code=code, author="m"))
        await journal.emit(f"f{peer}", SolutionWritten(turn=0, peer=peer, solution=written))
    rule = "rederivation_agrees_with_programs"
    doubted = Verdict(kind="test_fault", rule=rule, failing=("s2",), note="3 peers ran it")
    await journal.emit("g", VerdictReached(turn=0, verdict="test_fault", rule=rule, detail=put(doubted)))
    await journal.emit("h", SuiteDesigned(role="shown", cases=1, suite=put(suite(MENDED))))
    blamed = Verdict(kind="code_fault", rule="peers_pass", failing=("s2",))
    await journal.emit("i", VerdictReached(turn=0, verdict="code_fault", rule="peers_pass", detail=put(blamed)))
    why = Diagnosis(fault="logic", error_type="", line=None, symptom="", text="It is off by one.", lesson="")
    await journal.emit("j", Diagnosed(turn=0, fault="logic", diagnosis=put(why)))
    await journal.emit("k", ProblemProposed(problem=put(RESTATED)))
    await journal.emit("l", SuiteDesigned(role="shown", cases=2, suite=put(suite(MENDED, GOOD))))
    passed = Verdict(kind="passed", rule="all_cases_pass")
    await journal.emit("m", VerdictReached(turn=1, verdict="passed", rule="all_cases_pass", detail=put(passed)))
    await journal.emit("n", RecordDropped(reason="no_tests", detail=put({})))
    await journal.emit("o", SessionFinished(outcome="dropped", reason="no_tests", tier=None, turns=1))


def made(tmp_path: Path) -> Path:
    async def write() -> None:
        with create_run(tmp_path / "run") as store:
            await told(await store.journal("s000000"))

    asyncio.run(write())
    return tmp_path / "run"


def shown(run: Path) -> str:
    done = CliRunner().invoke(app, ["show", str(run), "s000000"])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_dropped_session_is_told_step_by_step(tmp_path: Path) -> None:
    assert shown(made(tmp_path)) == READ


def test_what_was_erased_is_named_and_the_rest_is_told(tmp_path: Path) -> None:
    run = made(tmp_path)
    with Reader(run) as reader:
        program = next(each.event for each in reader.events("s000000") if isinstance(each.event, SolutionWritten))
    redact(run, program.solution.sha256, "a secret")
    said = shown(run)
    assert "--- solution: erased on request" in said
    assert RIGHT not in said
    assert FAR in said
