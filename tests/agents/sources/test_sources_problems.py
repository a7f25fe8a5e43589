"""Given problems: the three forms of a row, what becomes of their examples, and what nobody may see."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendloop.agents.sources.benchmark_rows import completed
from mendloop.agents.sources.problems import GivenProblem, Problems, read_problems
from mendloop.agents.sources.worded_examples import worded_examples
from mendloop.errors import SourceError
from mendloop.frozen import canonical_json
from mendloop.records import Problem, Source

HUMANEVAL: dict[str, Any] = {
    "task_id": "HumanEval/900",
    "prompt": 'from typing import List\n\n\ndef total(xs: List[int], start: int = 0) -> int:\n    """ Add the '
    'numbers of xs to start.\n    >>> total([1, 2])\n    3\n    """\n',
    "entry_point": "total",
    "canonical_solution": "    return SECRET_SOLUTION\n",
    "test": "def check(candidate):\n    assert candidate([77]) == 77\n",
}
MBPP: dict[str, Any] = {
    "task_id": 901,
    "text": " Write a function to find the largest number of a list. ",
    "code": "def largest(nums, n=1):\n  SECRET_SOLUTION = 1\n  return other(nums)\ndef other(x):\n  return x",
    "test_list": ["assert largest([1, 2]) == 2", "assert largest([77]) == 77", "assert largest([5, 4]) == 5"],
    "test_setup_code": "",
    "challenge_test_list": [],
}
OWN: dict[str, Any] = {
    "id": "mine/1",
    "statement": "Return x doubled, as `double(x)`.",
    "entry_point": "double",
    "examples": ["assert double(2) == 4"],
    "concepts": ["arithmetic"],
}


def read(folder: Path, *rows: dict[str, Any] | str) -> Problems:
    path = folder / "rows.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), "utf-8")
    return read_problems(path)


def one(folder: Path, row: dict[str, Any]) -> GivenProblem:
    (item,) = read(folder, row).items
    return item


def examples_of(problem: GivenProblem) -> list[tuple[str, str | None, str | None, str]]:
    return [(case.id, case.call, case.expect, case.origin) for case in problem.examples]


def test_a_row_of_humaneval_is_its_docstring_with_the_signature(tmp_path: Path) -> None:
    problem = one(tmp_path, HUMANEVAL)
    assert (problem.id, problem.entry_point) == ("HumanEval/900", "total")
    assert problem.signature == "total(xs: List[int], start: int=0) -> int"
    assert problem.statement == (
        "Write the Python function `total(xs: List[int], start: int=0) -> int`.\n\n"
        "Add the numbers of xs to start.\n>>> total([1, 2])\n3\n\n"
        "The program begins like this:\n\n```python\nfrom typing import List\n```\n"
    )
    assert examples_of(problem) == [("e1", "total([1, 2])", "3", "given")]


def test_a_row_of_mbpp_has_a_fixed_form(tmp_path: Path) -> None:
    problem = one(tmp_path, MBPP)
    assert (problem.id, problem.entry_point, problem.signature) == ("mbpp/901", "largest", "largest(nums, n=1)")
    assert problem.statement == (
        "Write a function to find the largest number of a list.\n\n"
        "It is called `largest`. For example, `largest([1, 2])` gives `2`.\n"
    )
    assert examples_of(problem) == [("e1", "largest([1, 2])", "2", "given")]


def test_the_function_of_mbpp_is_the_last_one_that_its_first_test_calls(tmp_path: Path) -> None:
    code = "def largest(old):\n    return 1\ndef largest(xs, *, by=max):\n    return by(xs)\ndef last(): 0\n"
    assert one(tmp_path, {**MBPP, "code": code}).signature == "largest(xs, *, by=max)"


@pytest.mark.parametrize("row", [HUMANEVAL, MBPP])
def test_solutions_and_further_tests_are_read_by_nobody(tmp_path: Path, row: dict[str, Any]) -> None:
    stored = canonical_json(read(tmp_path, row))
    assert "SECRET_SOLUTION" not in stored
    assert "77" not in stored


def test_a_row_of_ours_stands_as_it_is_and_shows_its_examples(tmp_path: Path) -> None:
    problem = one(tmp_path, OWN)
    assert (problem.id, problem.signature, problem.concepts) == ("mine/1", "double(x)", ("arithmetic",))
    assert problem.statement == "Return x doubled, as `double(x)`.\n\nFor example, `double(2)` gives `4`.\n"
    assert examples_of(problem) == [("e1", "double(2)", "4", "given")]


@pytest.mark.parametrize(
    ("changed", "signature"),
    [
        ({"signature": "def double(x: int) -> int:"}, "double(x: int) -> int"),
        ({"statement": "Write this:\ndef double(x, y=2):\n    which doubles."}, "double(x, y=2)"),
        ({"statement": "Doubles, like double(2)."}, "double(arg1)"),
        ({"statement": "Doubles.", "examples": ["assert double(1, by=2) == 2"]}, "double(arg1, by)"),
    ],
)
def test_a_signature_is_given_or_told_from_statement_and_examples(
    tmp_path: Path, changed: dict[str, Any], signature: str
) -> None:
    assert one(tmp_path, {**OWN, **changed}).signature == signature


def test_a_statement_that_does_not_name_the_function_is_led_by_its_signature(tmp_path: Path) -> None:
    problem = one(tmp_path, {**OWN, "statement": "Return twice the number."})
    assert problem.statement.startswith("Write the Python function `double(arg1)`.\n\nReturn twice the number.\n")


def test_examples_may_be_cases(tmp_path: Path) -> None:
    cases = [{"call": "double('a')", "raises": "TypeError"}, {"id": "b", "call": "double(1)", "expect": "2"}]
    problem = one(tmp_path, {**OWN, "examples": cases})
    assert [(case.id, case.raises) for case in problem.examples] == [("e1", "TypeError"), ("b", None)]


def test_what_is_read_can_be_written_as_a_row_of_ours_and_read_again(tmp_path: Path) -> None:
    first = read(tmp_path, HUMANEVAL, MBPP, OWN).items
    rows = [
        {
            "id": each.id,
            "statement": each.statement,
            "entry_point": each.entry_point,
            "signature": each.signature,
            "examples": [case.model_dump(mode="json", exclude_none=True) for case in each.examples],
            "concepts": list(each.concepts),
        }
        for each in first
    ]
    assert read(tmp_path, *rows).items == first


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({**MBPP, "test_setup_code": "root = Node(1)"}, "its tests need `test_setup_code`"),
        ({**MBPP, "test_list": ["assert smallest([1]) == 1"]}, "its first test calls no function of its code"),
        ({**MBPP, "test_list": []}, "`test_list` is no list of asserts"),
        ({**MBPP, "test_list": ["assert largest(x) == y"]}, "its first test is no `assert f(...) == literal`"),
        ({**HUMANEVAL, "prompt": "def total(xs):\n    pass"}, "the function of its `prompt` has no docstring"),
        ({**OWN, "entry_point": "a b"}, "its `entry_point` is no name of a function"),
        ({**OWN, "signature": "treble(x)"}, "its `signature` is no `double(parameters)`"),
        ({**OWN, "statement": "Doubles.", "examples": []}, "it has no `signature`, and none can be told from its "
         "statement and examples"),
        ({**OWN, "examples": ["assert double(2) == 4", "assert double(n) == 2"]}, "some `examples` cannot be used (1 "
         "uses names that the text does not bind)"),
        ({"entry_point": "f"}, "has no text under `statement` or `prompt`"),
        ({"statement": "f"}, "has no text under `entry_point`"),
        ({**OWN, "concepts": "loops"}, "`concepts` is no list of texts"),
        ({**OWN, "licence": "AGPL-3.0-only"}, "licence: AGPL-3.0-only"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    found = read(tmp_path, {**OWN, "id": "other"}, row)
    assert [(line.file, line.reason) for line in found.skipped] == [("rows.jsonl:2", reason)]


def test_a_program_that_is_only_the_body_gets_what_stands_before_it(tmp_path: Path) -> None:
    given = one(tmp_path, HUMANEVAL)
    problem = Problem(
        id=given.id,
        statement=given.statement,
        entry_point=given.entry_point,
        signature=given.signature,
        source=Source(kind="problems", package="", qualname=given.entry_point),
    )
    head = "from typing import List\n\n\ndef total(xs: List[int], start: int=0) -> int:\n"
    assert completed("    return sum(xs)", problem) == f"{head}    return sum(xs)\n"
    assert completed("return sum(xs)\n", problem) == f"{head}    return sum(xs)\n"
    for whole in ("def total(xs):\n    return 1\n", "def total(xs:\n  broken", "no program at all"):
        assert completed(whole, problem) == whole


def test_forms_may_be_mixed_and_an_id_is_used_once(tmp_path: Path) -> None:
    found = read(tmp_path, MBPP, OWN, HUMANEVAL, MBPP)
    assert [item.id for item in found.items] == ["mbpp/901", "mine/1", "HumanEval/900"]
    assert [line.reason for line in found.skipped] == ["its id was used before, in line 1"]


def test_a_file_without_a_usable_row_says_where(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no line can be used: not JSON") as error:
        read(tmp_path, "", "{")
    assert error.value.where.endswith("rows.jsonl:2")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("f(2) => 4", [("f(2)", "4")]),
        ("* f([1, 2]) == [2, 1].", [("f([1, 2])", "[2, 1]")]),
        ("f('a)') ➞ \"b\"", [("f('a)')", "'b'")]),
        ("`f(1)` returns `True`, since", [("f(1)", "True")]),
        ("f(1, k=2) should return (1, 2)", [("f(1, k=2)", "(1, 2)")]),
        ("f(1) == 2, f(3) == 4", [("f(1)", "2"), ("f(3)", "4")]),
        ("f(1.5) -> 1.5. f(0) -> -1", [("f(1.5)", "1.5"), ("f(0)", "-1")]),
        (">>> f(1)\n[1,\n 2]\n\nwords", [("f(1)", "[1, 2]")]),
        (">>> f(1)\n2\n>>> f(2)\n3", [("f(1)", "2"), ("f(2)", "3")]),
        ("f(1) == 2\nf(1) == 3", []),
        ("f(x) == 2", []),
        ("f(1) == 2 + 3", []),
        ("f(1) == nothing", []),
        ("self.f(1) == 2 and g(1) == 2 and ff(1) == 2", []),
        ("f(1) = 1 + n", []),
    ],
)
def test_examples_in_words_are_read_where_they_are_sure(text: str, found: list[tuple[str, str]]) -> None:
    assert [(case.call, case.expect) for case in worded_examples(text, "f")] == found


@given(st.text(alphabet="f()[]=>- 12,.'\"`\n", max_size=60))
def test_any_text_is_read_and_what_comes_out_was_said(text: str) -> None:
    for case in worded_examples(text, "f"):
        assert case.origin == "given"
        assert case.call is not None
        assert "f(" in case.call


@pytest.mark.may_skip
def test_the_benchmarks_are_read_nearly_whole() -> None:
    folder = os.environ.get("MENDLOOP_BENCH_DATA")
    if not folder:
        pytest.skip("MENDLOOP_BENCH_DATA is not set")
    humaneval = read_problems(Path(folder, "humaneval", "HumanEval.jsonl"))
    assert len(humaneval.items) == 164
    assert sum(bool(item.examples) for item in humaneval.items) >= 134
    mbpp = read_problems(Path(folder, "mbpp", "mbpp.jsonl"))
    assert len(mbpp.items) >= 960
    assert all(len(item.examples) == 1 for item in mbpp.items)
