"""Exported rows execute again from the file alone, and the independent runner can tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mendloop.datasets.export import export
from mendloop.records import Record
from tests.datasets.made_run import GOOD, WORSE, MadeRun, record_of
from tests.datasets.rerun import literal, rerun, run_share, same

VIEW = "sft_multiturn"


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_rows_execute_again(tmp_path: Path, form: str) -> None:
    records: list[Record | str | None] = [record_of(number, number % 3) for number in range(9)]
    run = MadeRun(records, counted=9).write(tmp_path / "run")
    (_, _, shard) = export(run, VIEW, tmp_path / "out", form).paths
    assert rerun(shard) == []


@pytest.mark.parametrize(
    ("turn", "code", "problem"),
    [
        (0, GOOD, "turn 0: verdict code_fault, but run again it passes"),
        (1, WORSE[0], "turn 1: verdict passed, but run"),
    ],
)
def test_a_row_that_does_not_do_what_it_says_is_found(tmp_path: Path, turn: int, code: str, problem: str) -> None:
    run = MadeRun([record_of(0)], counted=1).write(tmp_path / "run")
    (_, _, shard) = export(run, VIEW, tmp_path / "out", "jsonl").paths
    row = json.loads(shard.read_text())
    attempts = json.loads(row["attempts"])
    attempts[turn]["code"] = code
    shard.write_text(json.dumps({**row, "attempts": json.dumps(attempts)}))
    assert any(problem in found for found in rerun(shard))


def test_a_row_that_trains_a_failure_is_found(tmp_path: Path) -> None:
    run = MadeRun([record_of(0)], counted=1).write(tmp_path / "run")
    (_, _, shard) = export(run, VIEW, tmp_path / "out", "jsonl").paths
    row = json.loads(shard.read_text())
    row["messages"][1]["train"] = True
    shard.write_text(json.dumps(row))
    assert "row 000000000000000000000000: not exactly one message is trained on" in rerun(shard)


PROGRAM = """
import time, os
class Wrong(KeyError): pass
class Stack(list):
    def push(self, x): self.append(x)
seen = []
def note(x):
    seen.append(x)
    return list(seen)
def gen(n):
    yield from range(n)
def wrong(): raise Wrong('x')
def hang():
    while True: pass
def die(): os._exit(3)
"""


def case(number: int, call: str, **fields: Any) -> dict[str, Any]:
    return {"id": str(number), "call": call, **fields}


@pytest.mark.parametrize(
    ("cases", "results"),
    [
        ([case(1, "note(1)", expect="[1]"), case(2, "note(2)", expect="[1, 2]")], [True, True]),
        ([case(1, "note(1)", expect="[1]"), case(2, "note(2)", expect="[2]", isolated=True)], [True, True]),
        ([case(1, "gen(2)", expect="iter([0, 1])"), case(2, "gen(2)", expect="[0, 1]")], [True, False]),
        ([case(1, "wrong()", raises="Wrong(KeyError)"), case(2, "wrong()", raises="KeyError")], [True, False]),
        ([case(1, "{}['a']", raises="KeyError"), case(2, "1", raises="KeyError")], [True, False]),
        ([case(1, "s.append(2)", expect="None", setup="s = [1]", after={"s": "[1, 2]"})], [True]),
        ([case(1, "s.append(2)", expect="None", setup="s = [1]", after={"s": "[1]"})], [False]),
        ([case(1, "0.1 + 0.2", expect="0.3"), case(2, "0.1 + 0.2", expect="0.3", tolerance=1e-9)], [False, True]),
        ([case(1, "Stack()", expect="[]")], [False]),
        ([case(1, "len('ab')", check="result == 2")], [True]),
        ([case(1, "1", expect="1"), case(2, "die()", expect="1"), case(3, "2", expect="2")], [True, False, True]),
    ],
)
def test_the_runner_knows_the_kinds_of_case(cases: list[dict[str, Any]], results: list[bool]) -> None:
    assert run_share([{"code": PROGRAM, "cases": cases}]) == [results]


def test_a_program_without_end_fails_and_the_next_one_runs() -> None:
    jobs = [{"code": PROGRAM, "cases": [case(1, call, expect="1")]} for call in ("hang()", "1")]
    assert run_share(jobs) == [[False], [True]]


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ("1", "1.0", True),
        ("1", "True", False),
        ("nan", "nan", True),
        ("[nan]", "[nan]", True),
        ("-inf", "inf", False),
        ("[1]", "(1,)", False),
        ("set()", "frozenset()", False),
        ("{1, 2}", "{2, 1.0}", True),
        ("{1}", "{True}", False),
        ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}", True),
        ("frozenset({(1, 2)})", "frozenset({(1, 2)})", True),
        ("iter([1])", "[1]", False),
        ("1+2j", "(1+2j)", True),
        ("b'a'", "'a'", False),
    ],
)
def test_the_runner_compares_as_documented(left: str, right: str, equal: bool) -> None:
    assert same(literal(left), literal(right)) is equal
