"""Benchmarks as oracles: their own solutions are right, and programs with a fault put into them are wrong."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import aclosing
from pathlib import Path

import pytest

from mendloop.executions import Limits
from mendloop.runs.oracle import Oracle, read_oracle
from mendloop.runs.oracle_judging import Judge, Question, answers
from mendloop.tools.sandbox.open import open_sandbox

SOME = 10
"""How many rows of a benchmark are judged, spread over the whole of it."""


def benchmark(name: str) -> Path:
    folder = os.environ.get("MENDLOOP_BENCH_DATA")
    if not folder:
        pytest.skip("MENDLOOP_BENCH_DATA is not set: it names the folder of benchmarks")
    return Path(folder, name)


def judged(oracle: Oracle, programs: dict[str, str]) -> dict[str, bool | None]:
    async def asked() -> dict[tuple[str, str], bool | None]:
        async with aclosing(open_sandbox("local", 1)) as sandbox:
            judge = Judge(sandbox, Limits())
            return await answers(judge, [Question(oracle.truths[name], code) for name, code in programs.items()])

    return {name: right for (name, _), right in asyncio.run(asked()).items()}


@pytest.mark.parametrize(
    ("name", "rows", "in_files"),
    [("humaneval/HumanEval.jsonl", 164, 6), ("mbpp/mbpp.jsonl", 974, 4), ("humanevalfix/python.jsonl", 164, 6)],
)
def test_almost_every_row_is_judged_by_cases(name: str, rows: int, in_files: int) -> None:
    oracle = read_oracle(benchmark(name))
    assert (len(oracle.truths), oracle.unusable) == (rows, {})
    assert sum(bool(truth.tests) for truth in oracle.truths.values()) == in_files


@pytest.mark.parametrize("name", ["humaneval/HumanEval.jsonl", "mbpp/mbpp.jsonl"])
def test_a_benchmarks_own_solutions_are_right(name: str) -> None:
    oracle = read_oracle(benchmark(name))
    chosen = {each.id: each.reference for each in list(oracle.truths.values())[:: len(oracle.truths) // SOME]}
    assert set(judged(oracle, chosen).values()) == {True}


def test_programs_with_a_fault_put_into_them_are_wrong() -> None:
    path = benchmark("humanevalfix/python.jsonl")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    programs = {row["task_id"]: row["declaration"] + row["buggy_solution"] for row in rows[:: len(rows) // SOME]}
    assert set(judged(read_oracle(path), programs).values()) == {False}


def test_a_row_that_is_no_list_of_asserts_is_judged_beside_the_program() -> None:
    oracle = read_oracle(benchmark("humaneval/HumanEval.jsonl"))
    encoding = oracle.truths["HumanEval/38"]  # its test encodes what the function is to decode
    assert encoding.cases == ()
    assert judged(oracle, {encoding.id: encoding.reference}) == {encoding.id: True}
    assert judged(oracle, {encoding.id: "def decode_cyclic(s):\n    return s\n"}) == {encoding.id: False}
