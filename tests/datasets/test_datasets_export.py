"""Exports: what is written, that it is whole, and that the library of trainers opens it."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mendloop.datasets import export as exporting
from mendloop.datasets.export import Exported, export
from mendloop.errors import FoundBad, InputError, RedactedError, StorageError
from mendloop.events import Ref
from mendloop.frozen import digest
from mendloop.records import Record
from mendloop.runs.counted import read_story
from mendloop.runs.reader import Reader
from mendloop.runs.redact import redact
from tests.datasets.made_run import SCENARIO, MadeRun, record_of

VIEW = "sft_multiturn"


def shards(to: Path) -> list[Path]:
    return sorted((to / VIEW).iterdir())


def contents(to: Path) -> dict[str, bytes]:
    return {str(path.relative_to(to)): path.read_bytes() for path in sorted(to.rglob("*")) if path.is_file()}


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    made = MadeRun([record_of(0, 1), record_of(1, 2), "fails_held_out", record_of(3, 1)], counted=4)
    return made.write(tmp_path / "run")


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_an_export_names_what_it_wrote(run: Path, tmp_path: Path, form: str) -> None:
    to = tmp_path / "out"
    names = ("README.md", "rejected.jsonl", f"{VIEW}/train-00000-of-00001.{form}")
    assert export(run, VIEW, to, form) == Exported(paths=tuple(to / name for name in names), rows=3, rejected=1)
    assert sorted(contents(to)) == sorted(names)


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_two_exports_are_equal_to_the_byte(run: Path, tmp_path: Path, form: str) -> None:
    export(run, VIEW, tmp_path / "a", form)
    export(run, VIEW, tmp_path / "b", form)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_the_same_records_of_another_day_differ_in_the_card_alone(run: Path, tmp_path: Path) -> None:
    records: list[Record | str | None] = [record_of(0, 1), record_of(1, 2), "fails_held_out", record_of(3, 1)]
    later = MadeRun(records, counted=4, start=1_800_000_000.0).write(tmp_path / "later")
    export(run, VIEW, tmp_path / "a")
    export(later, VIEW, tmp_path / "b")
    one, two = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert [name for name in one if one[name] != two[name]] == ["README.md"]
    assert one["README.md"].decode().replace("2023-11-14", "2027-01-15") == two["README.md"].decode()


@pytest.mark.parametrize("named", [(), (VIEW,)])
@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_the_data_sets_library_opens_it_offline(run: Path, tmp_path: Path, form: str, named: tuple[str, ...]) -> None:
    to = tmp_path / "out"
    export(run, VIEW, to, form)
    rows = loaded(to, named, tmp_path)
    assert [row["session"] for row in rows] == ["s0000", "s0001", "s0003"]
    assert [row["operators"] for row in rows] == [["off_by_one"], ["off_by_one"] * 2, ["off_by_one"]]
    assert rows[1]["messages"][-1]["train"] is True


def test_both_formats_hold_the_same_rows_even_where_a_column_is_empty(tmp_path: Path) -> None:
    run = MadeRun([record_of(0, 0)], counted=1).write(tmp_path / "run")
    both = []
    for form in ("parquet", "jsonl"):
        export(run, VIEW, tmp_path / form, form)
        both.append(loaded(tmp_path / form, (), tmp_path / f"cache-{form}"))
    assert both[0] == both[1]
    assert both[0][0]["operators"] == []


def loaded(to: Path, named: tuple[str, ...], cache: Path) -> list[dict[str, Any]]:
    """Load in another process: the library reads HF_HUB_OFFLINE when it is imported."""
    code = "import sys, json, datasets; print(json.dumps(datasets.load_dataset(*sys.argv[1:])['train'].to_list()))"
    done = subprocess.run(
        [sys.executable, "-W", "error::FutureWarning", "-c", code, str(to), *named],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(cache / "hf"), "HF_DATASETS_CACHE": str(cache / "ds")},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return list(json.loads(done.stdout.splitlines()[-1]))


def test_surplus_sessions_of_a_finished_deterministic_run_do_not_count(tmp_path: Path) -> None:
    run = MadeRun([record_of(0), record_of(1), record_of(2), "no_tests"], counted=2).write(tmp_path / "run")
    assert (export(run, VIEW, tmp_path / "out").rows, lines(tmp_path / "out/rejected.jsonl")) == (2, [])


def test_all_that_ended_counts_in_a_run_whose_order_is_free(tmp_path: Path) -> None:
    free = {**SCENARIO, "deterministic": False}
    run = MadeRun([record_of(0), None, record_of(2)], counted=2, scenario=free).write(tmp_path / "run")
    assert export(run, VIEW, tmp_path / "out").rows == 2


def test_an_unfinished_run_gives_its_finished_sessions_and_says_so(tmp_path: Path) -> None:
    run = MadeRun([record_of(0), None, record_of(2)]).write(tmp_path / "run")
    assert export(run, VIEW, tmp_path / "out").rows == 2
    assert "The run was not finished" in (tmp_path / "out/README.md").read_text()


def test_dropped_sessions_are_told_of_with_reason_and_attempts(run: Path, tmp_path: Path) -> None:
    export(run, VIEW, tmp_path / "out")
    (dropped,) = lines(tmp_path / "out/rejected.jsonl")
    assert (dropped["session"], dropped["reason"], dropped["redacted"]) == ("s0002", "fails_held_out", False)
    assert dropped["problem"]["function"] == "pkg.lists.double1"
    assert [(each["turn"], each["verdict"]) for each in dropped["attempts"]] == [(0, "code_fault")]


def test_many_rows_go_into_shards(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "SHARD_ROWS", 2)
    export(run, VIEW, tmp_path / "out", "jsonl")
    assert {path.name: len(lines(path)) for path in shards(tmp_path / "out")} == {
        "train-00000-of-00002.jsonl": 2,
        "train-00001-of-00002.jsonl": 1,
    }


def test_an_earlier_export_is_replaced(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(exporting, "SHARD_ROWS", 1)
        export(run, VIEW, tmp_path / "out", "jsonl")
    export(run, VIEW, tmp_path / "out", "parquet")
    assert [path.name for path in shards(tmp_path / "out")] == ["train-00000-of-00001.parquet"]


@pytest.mark.parametrize("foreign", ["notes.txt", "README.md", f"{VIEW}/mine.parquet", "other/x"])
def test_a_folder_with_other_files_is_refused_and_left_alone(run: Path, tmp_path: Path, foreign: str) -> None:
    path = tmp_path / "out" / foreign
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        export(run, VIEW, tmp_path / "out")
    assert contents(tmp_path / "out") == {foreign: b"mine"}


def test_a_file_in_the_place_of_the_folder_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match="is not a folder"):
        export(run, VIEW, tmp_path / "out")


@pytest.mark.parametrize(
    ("view", "form", "message"), [("preference", "parquet", "no view"), (VIEW, "csv", "no format")]
)
def test_an_unknown_view_or_format_is_named(run: Path, tmp_path: Path, view: str, form: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        export(run, view, tmp_path / "out", form)
    assert not (tmp_path / "out").exists()


def test_a_run_without_kept_records_is_refused(tmp_path: Path) -> None:
    run = MadeRun(["no_tests"], counted=1).write(tmp_path / "run")
    with pytest.raises(InputError, match="kept no record"):
        export(run, VIEW, tmp_path / "out")


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a run"):
        export(tmp_path, VIEW, tmp_path / "out")


def blob_of(run: Path, session: int, kind: str) -> str:
    with Reader(run) as reader:
        told = read_story(reader).sessions[session]
        event = next(event for event in told.events if event.kind == kind)
        return next(value.sha256 for _, value in event if isinstance(value, Ref))


@pytest.mark.parametrize("kind", ["record_kept", "solution"])
def test_erased_content_of_a_kept_session_stops_the_export(run: Path, tmp_path: Path, kind: str) -> None:
    redact(run, blob_of(run, 1, kind), "a secret")
    with pytest.raises(RedactedError, match=r"session s0001: .* was erased"):
        export(run, VIEW, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_erased_content_of_a_dropped_session_is_left_out_and_marked(run: Path, tmp_path: Path) -> None:
    redact(run, blob_of(run, 2, "record_dropped"), "a secret")
    export(run, VIEW, tmp_path / "out")
    (dropped,) = lines(tmp_path / "out/rejected.jsonl")
    assert dropped == {
        "session": "s0002",
        "reason": "fails_held_out",
        "problem": None,
        "attempts": [],
        "redacted": True,
    }


def test_a_record_that_would_train_a_failure_stops_the_export(tmp_path: Path) -> None:
    bad = record_of(1)
    lie = bad.messages[1].model_copy(update={"train": True})
    bad = bad.model_copy(update={"messages": (bad.messages[0], lie, *bad.messages[2:])})
    run = MadeRun([record_of(0), bad], counted=2).write(tmp_path / "run")
    with pytest.raises(FoundBad, match="session s0001"):
        export(run, VIEW, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def bulky(tmp_path: Path) -> Path:
    noise = "".join(digest([n]) for n in range(4000))  # does not compress below the limit
    record = record_of(0)
    said = (record.messages[0].model_copy(update={"content": noise}), *record.messages[1:])
    return MadeRun([record.model_copy(update={"messages": said})], counted=1).write(tmp_path / "bulky")


@pytest.mark.parametrize("earlier", [False, True])
@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_a_disk_that_is_full_leaves_everything_as_it_was(
    run: Path, bulky: Path, tmp_path: Path, form: str, earlier: bool
) -> None:
    to = tmp_path / "deep" / "out"
    if earlier:
        export(run, VIEW, to)
    before = contents(to)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, limits[1]))  # Python ignores the signal; writing fails
    try:
        with pytest.raises(StorageError, match="cannot be written: File too large"):
            export(bulky, VIEW, to, form)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert contents(to) == before
    assert to.parent.exists() == earlier
