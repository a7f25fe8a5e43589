"""report --against and compare on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mendloop import api
from mendloop.cli import app
from mendloop.errors import InputError
from mendloop.runs.progress import Silent
from tests.datasets.made_run import MadeRun, record_of
from tests.runs.judged_run import Session, Turn, cases, written

ROOT = Path(__file__).parent.parent.parent
SUITE = cases(("f(2)", "4"))


def said(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(each) for each in arguments])
    assert done.exit_code == 0, f"{done.output}{done.exception}"
    return done.stdout


def document(*arguments: object) -> Any:
    return json.loads(said(*arguments, "--json"))


def refused(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(each) for each in arguments])
    assert isinstance(done.exception, InputError)
    return str(done.exception)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real run of the procedural team: its records begin with faults and end with the function itself."""
    folder = tmp_path_factory.mktemp("reporting") / "run"
    return api.run(ROOT / "scenarios" / "quickstart.yaml", out=folder, sessions=3, progress=Silent()).path


def oracle(run: Path, path: Path, attempt: int) -> Path:
    """Write an oracle of references: the first or the last program of each record."""
    rows = [{"id": each.problem.id, "solution": each.attempts[attempt].code} for each in api.open_run(run).records()]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return path


def test_records_that_end_with_their_reference_are_right(run: Path, tmp_path: Path) -> None:
    against = document("report", run, "--against", oracle(run, tmp_path / "right.jsonl", -1))["against"]
    assert (against["precision"]["all"]["share"], against["precision"]["all"]["n"]) == (1.0, 3)
    assert against["adjudication"]["code_fault"]["wrong"] == 0


def test_an_oracle_that_takes_a_fault_for_right_finds_every_record_wrong(run: Path, tmp_path: Path) -> None:
    wrong = oracle(run, tmp_path / "wrong.jsonl", 0)
    text = said("report", run, "--against", wrong, "--sandbox", "local")
    assert "\nkept and right             0.0 % of 3 (95 % interval 0.0 % to 56.1 %; 3 problems)\n" in text
    assert text.startswith("kept per 100k tokens")


def test_a_saved_report_is_still_compared_with(run: Path, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(said("report", run, "--json"), "utf-8")
    assert document("report", run, "--against", tmp_path / "old.json")["differences"] == {}


def test_a_file_that_is_not_there_is_named(run: Path, tmp_path: Path) -> None:
    assert "nothing.jsonl: cannot be read" in refused("report", run, "--against", tmp_path / "nothing.jsonl")


# --- compare ---------------------------------------------------------------------------------------------------------


def made(path: Path, kept: int) -> Path:
    turns = (Turn("def f(x):\n    return x * x\n", SUITE, "code_fault"), Turn("def f(x): ...\n", SUITE, "passed"))
    sessions = [
        Session(f"p{n}", turns if n < kept else turns[:1], tier="B" if n < kept else None, reason="out_of_repairs")
        for n in range(4)
    ]
    return written(path, sessions)


def test_two_runs_are_paired_and_their_figures_that_differ_are_listed(tmp_path: Path) -> None:
    found = document("compare", made(tmp_path / "one", 3), made(tmp_path / "two", 1))
    assert found["same"] is False
    assert found["differences"]["funnel.kept"] == [3, 1]
    assert found["comparison"]["pairs"][0]["kept"]["only_first"] == 2


def test_equal_runs_have_no_difference(tmp_path: Path) -> None:
    one = made(tmp_path / "one", 2)
    assert document("compare", one, one)["same"] is True
    assert said("compare", one, one).splitlines()[-1] == "no difference"


def test_three_runs_are_compared_with_the_first(tmp_path: Path) -> None:
    runs = [made(tmp_path / name, kept) for name, kept in (("one", 4), ("two", 2), ("three", 0))]
    found = document("compare", *runs)
    assert set(found) == {"comparison"}
    assert [pair["kept"]["only_first"] for pair in found["comparison"]["pairs"]] == [2, 4]
    assert said("compare", *runs).splitlines()[0].split() == ["figure", *map(str, runs)]


def test_two_sessions_are_compared_event_by_event(tmp_path: Path) -> None:
    run = MadeRun([record_of(0), record_of(1)], 2).write(tmp_path / "run")
    assert document("compare", f"{run}:s0000", f"{run}:s0000") == {"same": True, "differences": {}}
    assert "start" in document("compare", f"{run}:s0000", f"{run}:s0001")["differences"]


@pytest.mark.parametrize("places", [["{run}"], ["{run}", "{run}:s0000"], ["{run}:s0000"] * 3])
def test_what_cannot_be_compared_is_refused(tmp_path: Path, places: list[str]) -> None:
    run = MadeRun([record_of(0)], 1).write(tmp_path / "run")
    assert "compare two runs, or two sessions" in refused("compare", *(place.format(run=run) for place in places))
