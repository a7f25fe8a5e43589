from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendloop.agents.procedural.diagnosis import diagnose
from mendloop.agents.procedural.lessons import all_lessons
from mendloop.agents.procedural.relations import relate
from mendloop.executions import CaseStatus, Step
from mendloop.records import Case, Diagnosis, Failure
from tests.agents.procedural.searching import SEARCH

Diagnosed = Callable[[str, str, str], Diagnosis]

RUNS = """\
def runs(text):
    if not text:
        return []
    found = []
    current, count = text[0], 1
    for char in text[1:]:
        if char == current:
            count += 1
        else:
            found.append((current, count))
            current, count = char, 1
    found.append((current, count))
    return found
"""

WORDS = """\
def words(text, least=2, seen=None):
    seen = [] if seen is None else seen
    total = 0
    for word in text.split(","):
        name = word.strip().lower()
        if len(name) >= least and name not in seen:
            seen.append(name)
            total += score(name, least)
    return sorted(seen, key=len), total / max(len(seen), 1)


def score(name, base):
    bonus = 10 if name[0] in "aeiou" or name[-1] == "y" else 0
    return bonus + len(name) - base
"""

FAULTS = [
    (RUNS, "text[1:]", "text[2:]", "runs('aab')"),
    (RUNS, "text[1:]", "text[1:-1]", "runs('aabb')"),
    (RUNS, "char == current", "char != current", "runs('ab')"),
    (RUNS, "count += 1", "count -= 1", "runs('aa')"),
    (RUNS, "text[0], 1", "text[0], 0", "runs('ab')"),
    (RUNS, "    found.append((current, count))\n    return", "    return", "runs('ab')"),
    (RUNS, "    return found", "    found", "runs('a')"),
    (RUNS, "= char, 1\n", "= char, 1\n            return found\n", "runs('abc')"),
    (RUNS, "    return found", "    return tuple(found)", "runs('a')"),
    (RUNS, "    return found", "    return found[::-1]", "runs('ab')"),
    (RUNS, "    if not text:\n        return []\n", "", "runs('')"),
    (RUNS, "= char, 1", "= 1, char", "runs('abb')"),
    (SEARCH, "<= high", "< high", "search([1, 3, 5], 5)"),
    (SEARCH, "middle + 1", "middle", "search([1, 3, 5], 5)"),
    (SEARCH, "// 2", "/ 2", "search([1, 3, 5], 3)"),
    (SEARCH, "len(values) - 1", "len(values)", "search([1, 3, 5], 9)"),
    (SEARCH, '    raise ValueError("not found")\n', "", "search([1, 3], 4)"),
    (SEARCH, "raise ValueError", "raise KeyError", "search([1, 3], 4)"),
    (SEARCH, "return middle", "return values[middle]", "search([1, 3, 5], 3)"),
    (WORDS, "least=2", "least=3", "words('ab,cde')"),
    (WORDS, ".lower()", ".upper()", "words('Abc')"),
    (WORDS, ".strip()", "", "words(' abc')"),
    (WORDS, " and name", " or name", "words('abc,d')"),
    (WORDS, "max(len(seen), 1)", "min(len(seen), 1)", "words('abc,de')"),
    (WORDS, "score(name, least)", "score(least, name)", "words('abc')"),
    (WORDS, "name[0]", "name[1]", "words('abc')"),
    (WORDS, "bonus + len(name)", "bonus - len(name)", "words('abc')"),
    (WORDS, "key=len", "key=str", "words('bcd,ef')"),
    (WORDS, "10 if", "20 if", "words('abc')"),
    (WORDS, "            seen.append(name)\n", "", "words('abc')"),
]


def faulty(program: str, old: str, new: str) -> str:
    at = program.rindex(old)
    return program[:at] + new + program[at + len(old) :]


def line_of(program: str, old: str) -> int:
    return program[: program.rindex(old)].count("\n") + 1


def test_a_wrong_value_reads_as_evidence(diagnosed: Diagnosed) -> None:
    found = diagnosed(faulty(RUNS, "count += 1", "count -= 1"), RUNS, "runs('aab')")
    assert found == Diagnosis(
        fault="wrong_operator",
        error_type="WrongValue",
        line=8,
        symptom="`runs('aab')` should give `[('a', 2), ('b', 1)]`, but it gives `[('a', 0), ('b', 1)]`.",
        text=(
            "`runs('aab')` should give `[('a', 2), ('b', 1)]`, but it gives `[('a', 0), ('b', 1)]`. Only the"
            " element at index 0 is wrong. Inside it, only the element at index 1 is wrong. Nothing was "
            "added up or found: the result is `0` instead of `2`. The first wrong value appears after line 8"
            " of `runs`, `count -= 1`: `count` is `0` there, and in a correct run it is `2`. At that moment "
            "`count` was `1`. Look at how the update combines the old value with the new one. It is the only"
            " failing case; 3 others pass, so only special inputs are affected."
        ),
        lesson="Follow an accumulator through its first update: it must grow in the way that the result is defined.",
    )


def test_a_wrong_branch_reads_as_evidence(diagnosed: Diagnosed) -> None:
    found = diagnosed(faulty(SEARCH, "<= high", "< high"), SEARCH, "search([1, 3, 5], 5)")
    assert found == Diagnosis(
        fault="off_by_one",
        error_type="ValueError",
        line=3,
        symptom="`search([1, 3, 5], 5)` should give `2`, but it raises `ValueError: not found`.",
        text=(
            "`search([1, 3, 5], 5)` should give `2`, but it raises `ValueError`. The program itself raises "
            "`ValueError: not found`; a value is right here. "
            "The runs part at line 3 of `search`, `while low < high:`, when it runs for the 2nd "
            "time: the loop is left, while a correct run does another round. At that moment `low` is `2` and"
            " `high` is `2`, which makes `low < high` false. Look at the direction of the comparison, and at"
            " what happens when both sides are equal. It is the only failing case; 3 others pass, so only "
            "special inputs are affected."
        ),
        lesson="Try a comparison at the very point where both sides are equal before trusting it.",
    )


def test_a_name_that_was_never_set_reads_as_such(diagnosed: Diagnosed) -> None:
    reference = (
        "def heads(rows):\n    found = []\n    for row in rows:\n        found.append(row[0])\n    return found\n"
    )
    code = faulty(reference, "    found = []\n    for row in rows:\n", "    for row in rows:\n        found = []\n")
    found = diagnosed(code, reference, "heads([])")
    assert "by line 2 its `found` is `[]`, where this run has not set it." in found.text


def test_a_lost_statement_reads_as_evidence(diagnosed: Diagnosed) -> None:
    code = faulty(RUNS, "    found.append((current, count))\n    return", "    return")
    found = diagnosed(code, RUNS, "runs('ab')")
    assert found == Diagnosis(
        fault="lost_statement",
        error_type="WrongValue",
        line=6,
        symptom="`runs('ab')` should give `[('a', 1), ('b', 1)]`, but it gives `[('a', 1)]`.",
        text=(
            "`runs('ab')` should give `[('a', 1), ('b', 1)]`, but it gives `[('a', 1)]`. Everything is there"
            " but the last element, `('b', 1)`. A correct run does one thing more right after line 6 of "
            "`runs`, `for char in text[1:]:`, when it runs for the 2nd time: by line 12 its `found` is "
            "`[('a', 1), ('b', 1)]`, where this run still has `[('a', 1)]`. At that moment `char` was `'b'` "
            "and `text` was `'ab'`. Look at what has to happen between this line and the next one that runs."
            " It is the only failing case; 3 others pass, so only special inputs are affected."
        ),
        lesson="When a value goes stale, look for the update that should follow the last line that touched it.",
    )


def test_different_faults_read_differently(diagnosed: Diagnosed) -> None:
    found = [diagnosed(faulty(program, old, new), program, call) for program, old, new, call in FAULTS]
    texts = [each.text for each in found]
    assert len(set(texts)) == len(texts)
    assert len({each.lesson for each in found}) >= 12
    assert len({each.fault for each in found}) >= 10


def test_different_faults_show_different_relations(diagnosed: Diagnosed, traced: Callable[..., object]) -> None:
    names = set()
    for program, old, new, call in FAULTS:
        right, wrong = (traced(code, call).text for code in (program, faulty(program, old, new)))  # type: ignore[attr-defined]  # a Run
        names.add(relate(right, wrong, call=call).name)
    assert len(names) >= 15


def test_the_line_is_the_edited_one_in_most_cases(diagnosed: Diagnosed) -> None:
    hits = [
        abs((diagnosed(faulty(program, old, new), program, call).line or -9) - line_of(program, old)) <= ("\n" in old)
        for program, old, new, call in FAULTS
    ]
    assert sum(hits) / len(hits) >= 0.85


def test_the_repaired_code_is_never_told(diagnosed: Diagnosed) -> None:
    for program, old, new, call in FAULTS:
        right = program.splitlines()[line_of(program, old) - 1].strip()
        if right and right not in faulty(program, old, new):
            assert right not in diagnosed(faulty(program, old, new), program, call).text


def test_the_words_do_not_depend_on_the_reference_s_text(diagnosed: Diagnosed) -> None:
    code = faulty(RUNS, "count += 1", "count -= 1")
    spelled_otherwise = RUNS.replace("count += 1", "count = count + 1")
    assert diagnosed(code, RUNS, "runs('aab')") == diagnosed(code, spelled_otherwise, "runs('aab')")


def test_there_are_many_lessons_and_none_holds_code() -> None:
    assert len(all_lessons()) >= 40
    assert not [lesson for lesson in all_lessons() if "\n" in lesson or "```" in lesson or not lesson.endswith(".")]


@pytest.mark.parametrize("status", ["timeout", "memory", "missing", "unencodable"])
def test_a_death_without_a_trace_still_has_a_diagnosis(status: CaseStatus) -> None:
    failure = Failure(case=Case(id="c", call="f(1)", expect="1"), expected="1", observed="", status=status)
    found = diagnose(
        failure, call_text="f(1)", faulty_code="x", reference_code="y", faulty_trace=(), reference_trace=()
    )
    assert found.error_type in ("Timeout", "MemoryLimit", "NoResult", "WrongType")
    assert found.line is None


STEPS = st.lists(
    st.builds(
        Step,
        line=st.integers(0, 15),
        depth=st.integers(-1, 4),
        changed=st.dictionaries(st.sampled_from(["text", "found", "count"]), st.text(max_size=4), max_size=2),
    ),
    max_size=12,
)
CODES = st.sampled_from([RUNS, SEARCH, WORDS, "", "(", "x = 1\n"]) | st.text(max_size=40)


@given(st.text(), st.text(), st.text(), CODES, CODES, STEPS, STEPS)
def test_anything_at_all_has_a_diagnosis(
    call: str, expected: str, observed: str, code: str, reference: str, one: list[Step], other: list[Step]
) -> None:
    failure = Failure(
        case=Case(id="c", call=call, expect=expected), expected=expected, observed=observed, status="fail"
    )
    found = diagnose(
        failure, call_text=call, faulty_code=code, reference_code=reference, faulty_trace=one, reference_trace=other
    )
    assert found.text
