"""The same seed gives the same bytes, and every record does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.datasets.rerun import rerun
from tests.e2e.product import exported, run_ok

SHARD = "sft_multiturn/train-00000-of-00001.parquet"


@pytest.fixture(scope="module")
def one_at_a_time(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("again") / "another"
    run_ok("run", project, "--out", run, "--set", "loop.concurrency=1")
    return run


def test_the_same_seed_gives_the_same_bytes_whatever_the_concurrency(finished: Path, one_at_a_time: Path) -> None:
    assert sorted(exported(finished)) == ["rejected.jsonl", SHARD]
    assert exported(one_at_a_time) == exported(finished)


def test_the_cards_differ_in_the_dates_and_the_concurrency_only(finished: Path, one_at_a_time: Path) -> None:
    assert undated(one_at_a_time) == undated(finished)


def undated(run: Path) -> list[str]:
    card = (run / "export" / "README.md").read_text()
    return [line for line in card.splitlines() if not re.search(r"\d{4}-\d{2}-\d{2}|^ *concurrency:", line)]


def test_another_seed_gives_other_records(finished: Path, project: Path, tmp_path: Path) -> None:
    run_ok("run", project, "--out", tmp_path / "run", "--set", "seed=8", "--sessions", "3")
    assert exported(tmp_path / "run")[SHARD] != exported(finished)[SHARD]


def test_every_record_does_what_it_says_from_its_file_alone(finished: Path) -> None:
    assert rerun(finished / "export" / SHARD) == []


def test_every_record_of_a_jsonl_export_does_what_it_says(finished: Path, tmp_path: Path) -> None:
    run_ok("export", finished, "--to", tmp_path / "out", "--format", "jsonl")
    assert rerun(tmp_path / "out" / SHARD.replace(".parquet", ".jsonl")) == []
