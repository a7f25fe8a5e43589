"""Wrong programs of a user's own model: prompt, program and tests of a row become one item."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from mendloop.agents.sources.failures import Failures, Row, read_failures
from mendloop.errors import SourceError
from mendloop.records import Case

STUB = '''from typing import List


def add(a: int, b: int) -> int:
    """ Add two numbers.
    >>> add(1, 2)
    3
    """
'''
ROW = {"prompt": "Add two numbers.", "code": "def add(a, b=0):\n    return a - b\n", "tests": "assert add(1, 2) == 3"}


def read(tmp_path: Path, *rows: object, hint: str | None = None) -> Failures:
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), "utf-8")
    return read_failures(file, hint)


def only(tmp_path: Path, **changed: Any) -> Row:
    (item,) = read(tmp_path, {**ROW, **changed}).items
    return item


def test_a_row_in_words(tmp_path: Path) -> None:
    assert only(tmp_path, id="r1", licence="MIT") == Row(
        id="r1",
        file="rows.jsonl",
        line=1,
        licence="MIT",
        statement="Add two numbers.",
        entry_point="add",
        signature="add(a, b=0)",
        code="def add(a, b=0):\n    return a - b\n",
        cases=(Case(id="t1", call="add(1, 2)", expect="3", origin="given"),),
    )


def test_a_prompt_that_begins_the_function_gives_statement_and_signature(tmp_path: Path) -> None:
    item = only(tmp_path, prompt=STUB)
    assert item.statement == "Add two numbers.\n>>> add(1, 2)\n3"
    assert item.signature == "add(a: int, b: int)"
    assert item.header == "from typing import List\n\n\ndef add(a: int, b: int) -> int:"
    assert item.code == ROW["code"]


@pytest.mark.parametrize(
    "body", ["    return a - b\n", "return a - b", "    c = a - b\n    return c\n\n\ndef more():\n    pass\n"]
)
def test_a_body_alone_is_joined_with_its_prompt(tmp_path: Path, body: str) -> None:
    item = only(tmp_path, prompt=STUB, code=body)
    assert item.code.startswith(STUB.rstrip() + "\n    ")
    compile(item.code, "program", "exec")
    assert item.entry_point == "add"


def test_a_header_without_body_is_a_stub_too(tmp_path: Path) -> None:
    item = only(tmp_path, prompt="def add(a, b):\n", code="    return a - b\n")
    assert (item.code, item.statement) == ("def add(a, b):\n    return a - b\n", "def add(a, b):")


def test_the_last_function_is_meant_unless_something_names_another(tmp_path: Path) -> None:
    code = "def add(a, b):\n    return a - b\n\n\ndef other(a, b):\n    return add(a, b)\n"
    tests = "assert add(1, 2) == 3\nassert other(1, 2) == 3"
    assert only(tmp_path, code=code, tests=tests).entry_point == "other"
    assert only(tmp_path, code=code, tests=tests, entry_point="add").entry_point == "add"
    assert read(tmp_path, {**ROW, "code": code, "tests": tests}, hint="add").items[0].entry_point == "add"


def test_a_fenced_answer_is_unpacked(tmp_path: Path) -> None:
    assert only(tmp_path, code=f"Here:\n```python\n{ROW['code']}```\nDone.").code == ROW["code"]


def test_a_program_that_does_not_parse_is_a_wrong_program(tmp_path: Path) -> None:
    item = only(tmp_path, code="def add(a, b):\n    return a -\n")
    assert (item.signature, item.code) == ("add(a, b)", "def add(a, b):\n    return a -\n")


def test_a_stub_may_import_what_it_needs(tmp_path: Path) -> None:
    prompt = 'def add(a, b):\n    import math\n    """Add."""\n'
    item = only(tmp_path, prompt=prompt, code="    return a - b\n")
    assert (item.statement, item.header) == ("Add.", "def add(a, b):\n    import math")
    assert item.code == prompt + "    return a - b\n"


@pytest.mark.parametrize(
    "tests",
    [
        "def test_add():\n    assert add(1, 2) == 3\n    assert add(2, 2) == 4",
        ["assert add(1, 2) == 3", "assert add(2, 2) == 4"],
        ["assert add(1, 2) == 3", {"call": "add(2, 2)", "expect": "4"}],
        [{"call": "add(1, 2)", "expect": "3"}, {"id": "t2", "call": "add(2, 2)", "expect": "4"}],
    ],
)
def test_tests_are_a_text_a_list_or_cases(tmp_path: Path, tests: object) -> None:
    assert only(tmp_path, tests=tests).cases == (
        Case(id="t1", call="add(1, 2)", expect="3"),
        Case(id="t2", call="add(2, 2)", expect="4"),
    )


def test_tests_that_become_no_case_are_counted(tmp_path: Path) -> None:
    tests = ["assert add(1, 2) == 3", "assert True", {"call": "add(1, 1)"}, {"call": "add(1, 1)", "expect": "x("}]
    assert only(tmp_path, tests=tests).refused == {"vacuous: an assert on a constant": 1, "not a case": 2}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"code": ""}, "has no text under `code`"),
        ({"prompt": None}, "has no text under `prompt`"),
        ({"tests": 3}, "`tests` is no text with asserts and no list of them"),
        ({"tests": "assert True"}, "no test can be used (1 vacuous: an assert on a constant)"),
        ({"code": "x = 1"}, "the code defines no function, and the row names no `entry_point`"),
        ({"entry_point": "other"}, "the code does not define the function"),
        ({"entry_point": "a b"}, "its `entry_point` is no name of a function"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, changed: dict[str, Any], reason: str) -> None:
    found = read(tmp_path, ROW, {**ROW, **changed})
    assert len(found.items) == 1
    assert [(line.file, line.reason) for line in found.skipped] == [("rows.jsonl:2", reason)]


def test_an_id_is_used_once(tmp_path: Path) -> None:
    found = read(tmp_path, {**ROW, "id": "a"}, {**ROW, "id": "a"})
    assert [line.reason for line in found.skipped] == ["its id was used before"]


def test_a_file_without_a_usable_row_says_where(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no line can be used: not JSON") as error:
        read(tmp_path, "", "{", "{")
    assert error.value.where.endswith("rows.jsonl:2")


@pytest.mark.may_skip
def test_a_benchmark_of_wrong_programs_is_read(tmp_path: Path) -> None:
    folder = os.environ.get("MENDLOOP_BENCH_DATA")
    if not folder:
        pytest.skip("MENDLOOP_BENCH_DATA is not set")
    lines = Path(folder, "humanevalfix", "python.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    found = read(
        tmp_path,
        *({"prompt": row["declaration"], "code": row["buggy_solution"], "tests": row["test"]} for row in rows),
    )
    assert len(found.items) > 0.95 * len(rows)
    assert {item.entry_point for item in found.items} <= {row["entry_point"] for row in rows}
