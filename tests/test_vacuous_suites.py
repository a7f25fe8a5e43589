"""Every vacuous or cheating suite is named as such, and accepted nowhere: as cases, as a pytest file, in a session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mendloop.agents.assertions import parse_cases
from mendloop.agents.prompted.tester import PromptedTester
from mendloop.agents.scripted import ScriptedProgrammer, ScriptedTester
from mendloop.cli import app
from mendloop.errors import InputError
from mendloop.executions import Limits, Request
from mendloop.records import Case
from mendloop.runs.store import Store
from mendloop.tools.judging import calls_of, judge
from mendloop.tools.pytestfile.flaws import SENTENCES
from mendloop.tools.sandbox.open import open_sandbox
from mendloop.tools.sandbox.protocol import Sandbox
from mendloop.tools.suites import judge_suite
from tests.agents.prompted.acting import fenced, play, saying
from tests.graphs.conftest import store
from tests.graphs.stages import OFF, RIGHT, team
from tests.vacuous import VACUOUS, WITHOUT_TESTS

__all__ = ["store"]

LIMITS = Limits(cpu_s=10, wall_s=60)
PROGRAMS = {"right": RIGHT, "wrong": OFF}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    opened = open_sandbox("local", 2)
    yield opened
    await opened.aclose()


# --- as cases --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VACUOUS | WITHOUT_TESTS)
async def test_no_case_comes_of_it_or_one_that_a_wrong_program_fails(sandbox: Sandbox, name: str) -> None:
    each = (VACUOUS | WITHOUT_TESTS)[name]
    parsed = parse_cases(each.tests, "double", prefix="c", limit=10)
    if each.refused is not None:
        assert parsed.cases == ()
        assert each.refused in parsed.refused
    elif parsed.cases:
        calls = calls_of(parsed.cases)
        ran = await sandbox.run(Request(code=OFF, calls=calls, limits=LIMITS))
        done = await judge(parsed.cases, ran, sandbox, LIMITS)
        assert [case.status for case in done.cases] == ["fail"] * len(parsed.cases)
    else:
        assert each.kind in ("no_tests", "swallowed")


# --- as a pytest file ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VACUOUS)
async def test_no_program_passes_it_and_the_judge_names_it(sandbox: Sandbox, name: str) -> None:
    suites = (judge_suite(code, VACUOUS[name].tests, sandbox, LIMITS, "stdlib") for code in PROGRAMS.values())
    for done in await asyncio.gather(*suites):
        assert not done.passed
        assert {case.status for case in done.cases} <= {"error", "missing"}
        named = f"vacuous: {SENTENCES[VACUOUS[name].kind]}"
        assert any((case.error or "").startswith(named) for case in done.cases), done.cases


@pytest.mark.parametrize("name", WITHOUT_TESTS)
async def test_a_file_without_tests_is_refused(sandbox: Sandbox, name: str) -> None:
    with pytest.raises(InputError, match="no test in it"):
        await judge_suite(RIGHT, WITHOUT_TESTS[name].tests, sandbox, LIMITS, "stdlib")


def test_exec_prints_why_a_test_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("double.py").write_text(RIGHT)
    Path("tests.py").write_text(VACUOUS["or true"].tests)
    done = CliRunner().invoke(app, ["exec", "double.py", "--tests", "tests.py", "--json"])
    assert done.exit_code == 1
    assert "vacuous: an alternative that is always true makes the assert pass (line 3)" in done.stdout


# --- in a session ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("name", VACUOUS | WITHOUT_TESTS)
async def test_a_session_whose_model_writes_it_is_dropped(
    store: Store, sandbox: Sandbox, name: str, program: str
) -> None:
    each = (VACUOUS | WITHOUT_TESTS)[name]
    tester = PromptedTester(saying(fenced(each.tests)).voice())
    programmer = ScriptedProgrammer([PROGRAMS[program]])
    played = await play(store, team(sandbox, tester=tester, programmer=programmer))
    assert (played.record, played.outcome.outcome) == (None, "dropped")
    assert (played.dropped or "").startswith("tests: only ")
    assert each.refused is None or each.refused in (played.dropped or "")


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("name", VACUOUS | WITHOUT_TESTS)
async def test_a_session_with_what_can_be_read_of_it_is_dropped(
    store: Store, sandbox: Sandbox, name: str, program: str
) -> None:
    each = (VACUOUS | WITHOUT_TESTS)[name]
    cases = parse_cases(each.tests, "double", prefix="s", limit=10).cases
    programmer = ScriptedProgrammer([PROGRAMS[program]])
    played = await play(store, team(sandbox, tester=ScriptedTester(cases, cases), programmer=programmer))
    assert (played.record, played.outcome.outcome) == (None, "dropped")
    assert cases or played.dropped == "no_tests"


VACUOUS_CASES = {
    "a check that is true": Case(id="s1", call="double(1)", check="True", origin="generated"),
    "a check on itself": Case(id="s1", call="double(1)", check="result == result", origin="generated"),
    "a check with an alternative": Case(id="s1", call="double(1)", check="result == 99 or True", origin="generated"),
    "a call of something else": Case(id="s1", call="1 + 1", expect="2", origin="generated"),
    "a call that swallows": Case(id="s1", call="double(1) and False or True", expect="True", origin="generated"),
    "a call of any object": Case(id="s1", call="isinstance(double(1), object)", expect="True", origin="generated"),
}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("name", VACUOUS_CASES)
async def test_a_session_with_vacuous_cases_is_dropped(store: Store, sandbox: Sandbox, name: str, program: str) -> None:
    cases = [VACUOUS_CASES[name]]
    programmer = ScriptedProgrammer([PROGRAMS[program]])
    played = await play(store, team(sandbox, tester=ScriptedTester(cases, cases), programmer=programmer))
    assert (played.record, played.dropped) == (None, "vacuous_tests")
