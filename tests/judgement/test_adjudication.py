"""Who is at fault: each rule on executed facts, their order, and what a value derived anew concludes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendloop.executions import CaseResult, CaseStatus, ProgramResult
from mendloop.judgement.adjudication import Suspicion, confirmed, contradicted, decide, split
from mendloop.records import TRUSTED_ORIGINS, Case, Origin, Verdict

GOT: dict[str, CaseStatus] = {"2": "pass", "3": "fail", "4": "fail", "ValueError": "error", "": "timeout"}


def case(name: str, origin: Origin = "generated", expect: str = "2", call: str = "") -> Case:
    return Case(id=name, call=call or f"f({name!r})", expect=expect, origin=origin)


def ran(*got: str) -> ProgramResult:
    """Return the results of a program on cases `a`, `b`, ... that all expect 2."""
    cases = []
    for name, value in zip("abcdef", got, strict=False):
        status = GOT[value]
        text, error = (value, None) if status in ("pass", "fail") else (None, f"{value}: no" if value else None)
        cases.append(CaseResult(id=name, status=status, got=text, error=error))
    return ProgramResult(status="ok", isolation="test", integrity="values", cases=tuple(cases))


ONE = (case("a"),)
TWO = (case("a"), case("b"))


def verdict(kind: str, cases: Sequence[Case], mine: ProgramResult, peers: Sequence[ProgramResult]) -> str:
    found = decide(cases, mine, peers)
    assert isinstance(found, Verdict), found
    assert found.kind == kind
    return found.rule


def test_a_program_that_passes_everything_has_passed() -> None:
    assert verdict("passed", TWO, ran("2", "2"), [ran("3", "3")]) == "all_cases_pass"


def test_a_fault_of_the_sandbox_is_nobodys_fault() -> None:
    broken = ran("2").model_copy(update={"status": "sandbox_error", "cases": ()})
    assert verdict("sandbox_fault", ONE, broken, []) == "sandbox_error"


def test_a_program_without_a_result_is_at_fault() -> None:
    died = ran().model_copy(update={"status": "crash"})
    assert verdict("code_fault", ONE, died, []) == "program_status"


@pytest.mark.parametrize("origin", sorted(TRUSTED_ORIGINS))
def test_a_program_that_fails_an_anchor_is_wrong_whatever_its_peers_do(origin: Origin) -> None:
    assert verdict("code_fault", [case("a", origin)], ran("3"), [ran("3"), ran("3"), ran("3")]) == "fails_an_anchor"


def test_a_generated_case_that_contradicts_an_anchor_is_wrong() -> None:
    cases = (case("a", call="f(1)"), case("b", "given", "3", call="f(1)"))
    mine = ran("3", "2").model_copy(
        update={"cases": (CaseResult(id="a", status="fail", got="3"), CaseResult(id="b", status="pass", got="3"))}
    )
    assert verdict("test_fault", cases, mine, [ran("2", "2")]) == "contradicts_anchor"


def test_cases_that_ask_something_else_contradict_nothing() -> None:
    assert contradicted(case("a", call="f(1)"), [case("b", "given", "3", call="f(2)")]) is None
    assert contradicted(case("a", call="f(1)", expect="2.0"), [case("b", "given", "2", call="f(1)")]) is None


def test_the_code_is_wrong_when_half_of_the_peers_pass() -> None:
    assert verdict("code_fault", ONE, ran("3"), [ran("2"), ran("4")]) == "peers_pass"


def test_as_many_peers_on_the_candidates_side_as_on_the_tests_decide_nothing() -> None:
    assert decide(ONE, ran("3"), [ran("2"), ran("3")]) is None


def test_two_programs_on_each_side_put_the_statement_in_doubt() -> None:
    assert verdict("spec_fault", ONE, ran("3"), [ran("3"), ran("3"), ran("2"), ran("2")]) == "programs_split"


def test_a_case_that_no_peer_passes_is_suspected_when_three_ran_it() -> None:
    found = decide(ONE, ran("3"), [ran("4"), ran("ValueError"), ran("")])
    assert found == Suspicion(case="a", ran=3, observed="3", agreeing=1)


def test_a_peer_that_does_what_the_candidate_does_makes_a_suspicion_by_itself() -> None:
    assert decide(ONE, ran("3"), [ran("3")]) == Suspicion(case="a", ran=1, observed="3", agreeing=2)


def test_two_programs_that_raise_alike_make_no_suspicion() -> None:
    assert decide(ONE, ran("ValueError"), [ran("ValueError"), ran("4")]) is None


def test_a_proven_fault_of_the_code_comes_before_a_suspected_test() -> None:
    assert verdict("code_fault", TWO, ran("3", "3"), [ran("3", "2"), ran("3", "2"), ran("3", "2")]) == "peers_pass"


def test_peers_that_gave_no_result_did_not_run_the_case() -> None:
    missing = ran("2").model_copy(update={"cases": (CaseResult(id="a", status="missing"),)})
    assert decide(ONE, ran("3"), [missing, missing, missing]) is None


def test_programs_that_raise_take_no_side() -> None:
    by_id = [{"a": each.cases[0]} for each in (ran("2"), ran("2"), ran("ValueError"), ran("ValueError"))]
    assert split("a", by_id) is None


@pytest.mark.parametrize(
    ("derived", "kind", "rule"),
    [
        ("2", "code_fault", "rederivation_confirms_test"),
        ("2.0", "code_fault", "rederivation_confirms_test"),
        ("3", "test_fault", "rederivation_agrees_with_programs"),
        ("4", "test_fault", "rederivation_unclear"),
        (None, "test_fault", "rederivation_unclear"),
    ],
)
def test_a_value_derived_anew_concludes(derived: str | None, kind: str, rule: str) -> None:
    found = confirmed(case("a"), Suspicion(case="a", ran=3, observed="3", agreeing=3), derived)
    assert (found.kind, found.rule, found.failing) == (kind, rule, ("a",))


@pytest.mark.parametrize(("peers", "agreeing", "taken_out"), [(2, 3, True), (3, 4, True), (3, 3, False), (1, 2, False)])
def test_three_programs_that_all_say_something_else_outvote_a_derivation(
    peers: int, agreeing: int, taken_out: bool
) -> None:
    found = confirmed(case("a"), Suspicion(case="a", ran=peers, observed="3", agreeing=agreeing), "2")
    rule = "programs_outvote_rederivation" if taken_out else "rederivation_confirms_test"
    assert (found.kind, found.rule) == ("test_fault" if taken_out else "code_fault", rule)


def test_an_exception_derived_anew_concludes_too() -> None:
    raising = Case(id="a", call="f()", raises="ValueError", origin="generated")
    suspicion = Suspicion(case="a", ran=3, observed="3", agreeing=3)
    assert confirmed(raising, suspicion, "raises ValueError").rule == "rederivation_confirms_test"
    assert confirmed(raising, suspicion, "3").rule == "rederivation_agrees_with_programs"


results = st.lists(st.sampled_from(sorted(GOT)), min_size=3, max_size=3).map(lambda got: ran(*got))


@given(
    origins=st.lists(st.sampled_from(["given", "generated", "reference"]), min_size=3, max_size=3),
    mine=results,
    peers=st.lists(results, max_size=5),
)
def test_no_anchor_is_ever_blamed(origins: list[Origin], mine: ProgramResult, peers: list[ProgramResult]) -> None:
    cases = [case(name, origin) for name, origin in zip("abc", origins, strict=True)]
    found = decide(cases, mine, peers)
    blamed = {found.case} if isinstance(found, Suspicion) else set()
    if isinstance(found, Verdict) and found.kind in ("test_fault", "spec_fault"):
        blamed = set(found.failing)
    assert not any(each.id in blamed and each.origin in TRUSTED_ORIGINS for each in cases)


@given(mine=results, peers=st.lists(results, max_size=4), order=st.randoms(use_true_random=False))
def test_the_order_of_the_peers_changes_no_verdict(
    mine: ProgramResult, peers: list[ProgramResult], order: object
) -> None:
    cases = [case(name) for name in "abc"]
    mixed = list(peers)
    order.shuffle(mixed)  # type: ignore[attr-defined]  # hypothesis' generator
    kinds = [
        type(found) if not isinstance(found, Verdict) else (found.kind, found.rule)
        for found in (decide(cases, mine, peers), decide(cases, mine, mixed))
    ]
    assert kinds[0] == kinds[1]
