"""The scenarios that come along work as they are, and the one for a person's own code makes records of that code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from mendloop.api import open_run
from mendloop.records import Record, Source
from mendloop.scenario import load_scenario
from tests.e2e.product import ROOT, environment, json_of, mendloop, run_ok, write_project

SCENARIOS = ROOT / "scenarios"
OWN_CODE = SCENARIOS / "own_code.yaml"
SESSIONS = 6

PATHS = sorted(SCENARIOS.glob("*.yaml"))
every_scenario = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


@every_scenario
def test_a_scenario_loads_and_says_what_it_is_for(path: Path) -> None:
    assert len(load_scenario(path).goal.split()) >= 5


NEED_A_MODEL = {"aiev_instruct", "reflexion"}
"""Scenarios that nobody but language models can play, which a test machine has none of."""


@pytest.mark.parametrize("path", [path for path in PATHS if path.stem not in NEED_A_MODEL], ids=lambda path: path.stem)
def test_a_scenario_passes_its_check(path: Path) -> None:
    checked = json_of("check", path)
    assert checked["ok"], checked
    assert {"scenario", "source", "local: namespaces"} <= {layer["layer"] for layer in checked["layers"]}


@pytest.mark.parametrize("name", sorted(NEED_A_MODEL))
def test_the_check_of_a_scenario_that_needs_a_model_says_what_is_missing(name: str, tmp_path: Path) -> None:
    no_weights = environment(MENDLOOP_CACHE_DIR=str(tmp_path))
    done = mendloop("check", SCENARIOS / f"{name}.yaml", "--json", env=no_weights)
    assert done.returncode == 1, done.stderr
    blocked = [layer for layer in json.loads(done.stdout)["layers"] if not layer["ok"]]
    assert [layer["layer"] for layer in blocked] == ["model"]
    assert "OPENAI_API_KEY" in blocked[0]["remedy"]


def test_the_scenarios_are_listed_with_their_goals() -> None:
    listed = {row["scenario"]: (row["goal"], row["file"]) for row in json_of("scenarios")}
    assert listed == {path.stem: (load_scenario(path).goal, str(path)) for path in SCENARIOS.glob("*.yaml")}


def run_of(scenario: Path, out: Path) -> list[Record]:
    """Run a few sessions of a scenario and return the records that were kept."""
    run_ok("run", scenario, "--out", out, "--sessions", SESSIONS)
    return list(open_run(out).records())


def expected_source(source: Source, folder: Path, licence: str) -> Source:
    """Return the source that a record of a person's own folder has, where function and line are its own."""
    return Source(
        kind="python",
        package=folder.name,
        qualname=source.qualname,
        file=source.file,
        line=source.line,
        licence=licence,
    )


def assert_of_that_folder(records: list[Record], folder: Path, licence: str) -> None:
    """Every record is about a function that stands at the named line of a file in the folder."""
    for source in (record.problem.source for record in records):
        assert source == expected_source(source, folder, licence)
        module, _, function = source.qualname.rpartition(".")
        assert source.file == f"{module}.py"
        line = (folder / source.file).read_text("utf-8").splitlines()[source.line - 1]
        assert line.startswith(f"def {function}(")


def licence_table(run: Path) -> list[str]:
    """Return the rows of the exported card's table of licences."""
    card = (run / "export" / "README.md").read_text("utf-8")
    _, _, table = card.partition("| Licence, as stated")
    return [line for line in table.splitlines()[2:6] if line.startswith("|")]


def test_the_own_code_scenario_makes_records_of_its_folder(tmp_path: Path) -> None:
    records = run_of(OWN_CODE, tmp_path / "run")
    assert records != []
    assert_of_that_folder(records, SCENARIOS / "own_code", "Apache-2.0")  # it is part of this project
    assert licence_table(tmp_path / "run") == [f"| Apache-2.0 | {len(records)} |"]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The scenario as its comment tells: copied beside a person's own package with tests, and `source.path` set."""
    write_project(tmp_path)
    own = tmp_path / "own.yaml"
    shutil.copyfile(OWN_CODE, own)
    text = own.read_text("utf-8")
    own.write_text(text.replace("path: own_code", "path: code"), "utf-8")
    assert yaml.safe_load(own.read_text("utf-8"))["source"] == {"kind": "python", "path": "code"}
    return own


def test_a_copy_of_it_takes_a_persons_tests_as_evidence(copied: Path, tmp_path: Path) -> None:
    records = run_of(copied, tmp_path / "run")
    assert records != []
    assert_of_that_folder(records, tmp_path / "code", "user's own")
    assert not any(record.problem.source.file.startswith("test_") for record in records)
    evidence = {record.problem.source.qualname: record.problem.contract.evidence for record in records}
    tested = {"lists.chunked", "lists.merged", "lists.peaks", "texts.squeeze", "texts.initials", "texts.vowels"}
    assert {name for name, kinds in evidence.items() if "tests" in kinds} == tested & set(evidence)
    assert tested & set(evidence)
