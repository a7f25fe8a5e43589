"""Views: a record's row."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendloop.datasets.views import SFT_COLUMNS, encodable, merged, sft_multiturn
from mendloop.errors import FoundBad
from mendloop.executions import CaseResult
from mendloop.records import Case, Message, Verdict
from tests.datasets.made_run import CASES, GOOD, attempt_of, message, problem_of, record_of

ROLES = st.sampled_from(["system", "user", "assistant"])
MESSAGES = st.lists(st.builds(message, ROLES, st.text(max_size=30), st.just(0)), max_size=12)


def test_the_prompt_ends_before_the_turn_that_passed() -> None:
    row = sft_multiturn(record_of(0, failing=1))
    assert [turn["role"] for turn in row["prompt"]] == ["user", "assistant", "user"]
    assert row["prompt"][2]["content"] == "1 of 3 tests fails.\n\nIt triples."
    assert row["completion"] == [{"role": "assistant", "content": f"```python\n{GOOD}```"}]


def test_a_row_has_the_columns_of_the_schema_in_order() -> None:
    assert list(sft_multiturn(record_of(0))) == list(SFT_COLUMNS)


def test_a_row_says_where_its_function_comes_from() -> None:
    row = sft_multiturn(record_of(2, failing=2))
    told = {key: row[key] for key in ("function", "licence", "tier", "teacher", "failed_turns", "operators")}
    assert told == {
        "function": "pkg.lists.double1",
        "licence": "PSF-2.0",
        "tier": "B",
        "teacher": "procedural",
        "failed_turns": 2,
        "operators": ["off_by_one", "off_by_one"],
    }


def test_attempts_hold_each_case_with_its_result_and_nothing_unset() -> None:
    (failed, _) = json.loads(sft_multiturn(record_of(0))["attempts"])
    assert failed["verdict"] == "code_fault"
    first = {"id": "s1", "call": "double([1, 2])", "expect": "[2, 4]", "origin": "reference"}
    assert failed["cases"][0] == {**first, "status": "fail", "got": "[3, 6]", "error": None}
    assert failed["cases"][1]["isolated"] is True


def test_every_kind_of_case_is_written_whole() -> None:
    case = Case(id="x", call="f(a)", expect="1.0", setup="a = [1]", after={"a": "[]"}, tolerance=0.5, origin="given")
    attempt = attempt_of(0, GOOD).model_copy(update={"cases": (CaseResult(id="x", status="pass", got="1.0", ms=3.0),)})
    row = sft_multiturn(record_of(0, failing=0, attempts=(attempt,), cases=(*CASES, case)))
    judged = {"status": "pass", "got": "1.0", "error": None}
    assert json.loads(row["attempts"])[0]["cases"] == [
        {**case.model_dump(exclude_defaults=True), "origin": "given", **judged}
    ]


def test_the_problem_column_leaves_the_statement_out() -> None:
    problem = json.loads(sft_multiturn(record_of(0))["problem"])
    assert problem == problem_of(0).model_dump(mode="json", exclude={"statement"})


@given(MESSAGES)
def test_merging_keeps_all_text_in_order(messages: list[Message]) -> None:
    chat = merged(messages)
    rejoined = "\n\n".join(turn["content"] for turn in chat)
    assert rejoined == "\n\n".join(each.content for each in messages)


@given(MESSAGES)
def test_merged_neighbours_differ_in_role(messages: list[Message]) -> None:
    roles = [turn["role"] for turn in merged(messages)]
    assert all(one != two for one, two in itertools.pairwise(roles))


def test_lone_surrogates_become_escapes() -> None:
    assert encodable("a\ud800b") == "a\\ud800b"


@given(st.integers(0, 3), st.integers(0, 12))
def test_exactly_the_passed_turn_is_trained_on(failing: int, flipped: int) -> None:
    record = record_of(0, failing=min(failing, 2))
    trained = [each for each in sft_multiturn(record)["messages"] if each["train"]]
    assert [(each["role"], each["verdict"]) for each in trained] == [("assistant", "passed")]
    flipped %= len(record.messages)
    changed = record.messages[flipped].model_copy(update={"train": not record.messages[flipped].train})
    messages = (*record.messages[:flipped], changed, *record.messages[flipped + 1 :])
    with pytest.raises(FoundBad, match=r"is trained on|to train on"):
        sft_multiturn(record.model_copy(update={"messages": messages}))


def test_a_message_that_claims_to_have_passed_is_checked_against_its_attempt() -> None:
    record = record_of(0)
    lie = record.messages[1].model_copy(update={"train": True, "verdict": "passed"})
    with pytest.raises(FoundBad, match="session s0000: message 1 is trained on"):
        sft_multiturn(record.model_copy(update={"messages": (record.messages[0], lie, *record.messages[2:])}))


@pytest.mark.parametrize("kind", ["code_fault", "test_fault", "sandbox_fault"])
def test_a_record_that_does_not_end_with_a_pass_is_refused(kind: str) -> None:
    last = attempt_of(0, GOOD).model_copy(update={"verdict": Verdict.model_validate({"kind": kind, "rule": "x"})})
    with pytest.raises(FoundBad, match="not with the only one that passed"):
        sft_multiturn(record_of(0, failing=0, attempts=(last,)))
