"""Who is at fault when a program fails a test: rules on executed facts, in order; judgement only where they end.

METHOD: on recorded outputs "always blame the code" is right for half of the failing asserts, "blame the assert if no
other program passes it" for 93 %. A suspected test is therefore not condemned by the programs alone: its value is
derived once more from the statement and the input.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from mendloop.errors import InputError
from mendloop.executions import CaseResult, ProgramResult
from mendloop.frozen import Frozen
from mendloop.records import TRUSTED_ORIGINS, Case, Verdict
from mendloop.tools.equality import equal
from mendloop.tools.values import parse_expected

MIN_RAN = 3
"""Peers that must have run a case before their failing it says something about the case."""
MIN_AGREEING = 2
"""Programs, the candidate among them, that make a suspicion by giving the same other value, however few ran it."""
MIN_OUTVOTING = 2
"""Peers that, with the candidate, all gave the same other value where they outvote a derivation."""
MIN_SIDE = 2
"""Programs that make a side when programs are split on one input."""


class Suspicion(Frozen):
    """A case that no peer passes. `ran` peers ran it, the candidate too; `observed` is what most of them gave."""

    case: str
    ran: int
    observed: str
    agreeing: int


Finding: TypeAlias = Verdict | Suspicion | None
"""What the facts say; None leaves the question to a critic."""


def decide(
    cases: Sequence[Case], result: ProgramResult, peers: Sequence[ProgramResult], min_ran: int = MIN_RAN
) -> Finding:
    """Return what executed facts say of a candidate. `peers` are results of programs with other syntax trees.

    A peer that is `refuted` has no say and is not among them.

    Rules in order: a sandbox fault; all cases pass; the program gave no result; an anchor fails (code fault); a failing
    case contradicts an anchor (test fault); at least half of the peers pass a failing case, and more than do what the
    candidate does (code fault); programs are
    split into two sides on it (spec fault); no peer passes it, and `min_ran` ran it or one of them gives what the
    candidate gives (suspicion).
    """
    verdict = settled(cases, result)
    if verdict is not None:
        return verdict
    failing = tuple(case.id for case in result.cases if case.status != "pass")
    return _by_peers(failing, result, peers, min_ran)


def settled(cases: Sequence[Case], result: ProgramResult) -> Verdict | None:
    """Return what the first rules of `decide` say, which take no peers; None where these are needed."""
    if result.status == "sandbox_error":
        return Verdict(kind="sandbox_fault", rule="sandbox_error", note=result.stderr)
    if result.passed:
        return Verdict(kind="passed", rule="all_cases_pass")
    failing = tuple(case.id for case in result.cases if case.status != "pass")
    if not failing:
        return Verdict(kind="code_fault", rule="program_status", note=result.status)
    by_id = {case.id: case for case in cases}
    anchored = tuple(name for name in failing if by_id[name].origin in TRUSTED_ORIGINS)
    if anchored:
        return Verdict(kind="code_fault", rule="fails_an_anchor", failing=failing)
    for name in failing:
        if (anchor := contradicted(by_id[name], cases)) is not None:
            return Verdict(kind="test_fault", rule="contradicts_anchor", failing=(name,), note=anchor.id)
    return None


def refuted(cases: Iterable[Case], result: ProgramResult) -> bool:
    """Tell whether a program fails an anchor among the cases: then it is wrong, whatever else it does."""
    anchors = {case.id for case in cases if case.origin in TRUSTED_ORIGINS}
    return any(case.id in anchors and case.status != "pass" for case in result.cases)


def contradicted(case: Case, cases: Sequence[Case]) -> Case | None:
    """Return the anchor that asks the same and expects another value; None where there is none."""
    for other in cases:
        asks_same = (other.call, other.setup, other.stdin) == (case.call, case.setup, case.stdin)
        if asks_same and other.id != case.id and other.origin in TRUSTED_ORIGINS and not _expect_alike(other, case):
            return other
    return None


def _expect_alike(one: Case, other: Case) -> bool:
    if one.expect is None or other.expect is None:
        return (one.expect, one.raises, one.check, one.stdout) == (
            other.expect,
            other.raises,
            other.check,
            other.stdout,
        )
    try:
        return equal(parse_expected(one.expect), parse_expected(other.expect), one.tolerance or other.tolerance)
    except InputError:
        return one.expect == other.expect


def _by_peers(failing: Sequence[str], result: ProgramResult, peers: Sequence[ProgramResult], min_ran: int) -> Finding:
    mine = {case.id: case for case in result.cases}
    theirs = [{case.id: case for case in peer.cases if case.status != "missing"} for peer in peers]
    for name in failing:
        ran = [peer[name] for peer in theirs if name in peer]
        passed = sum(case.status == "pass" for case in ran)
        siding = sum(said(case) == said(mine[name]) for case in ran)
        if ran and passed * 2 >= len(ran) and passed > siding:
            note = f"{passed} of {len(ran)} peers pass {name}"
            return Verdict(kind="code_fault", rule="peers_pass", failing=tuple(failing), note=note)
    for name in failing:
        if (sides := split(name, [mine, *theirs])) is not None:
            return Verdict(kind="spec_fault", rule="programs_split", failing=(name,), note=" against ".join(sides))
    return _suspected(failing, mine, theirs, min_ran)


def _suspected(
    failing: Sequence[str],
    mine: Mapping[str, CaseResult],
    theirs: Sequence[Mapping[str, CaseResult]],
    min_ran: int,
) -> Suspicion | None:
    for name in failing:
        ran = [peer[name] for peer in theirs if name in peer]
        if not ran or any(case.status == "pass" for case in ran):
            continue
        observed, agreeing = Counter(said(case) for case in (mine[name], *ran)).most_common(1)[0]
        alike = mine[name].got is not None and said(mine[name]) == observed and agreeing >= MIN_AGREEING
        if alike or len(ran) >= min_ran:
            return Suspicion(case=name, ran=len(ran), observed=observed, agreeing=agreeing)
    return None


def split(name: str, programs: Sequence[Mapping[str, CaseResult]]) -> tuple[str, str] | None:
    """Return the two values that at least two programs each gave for a case; None where they are not split so.

    Programs that raise or give nothing take no side.
    """
    given = Counter(said(each[name]) for each in programs if name in each and each[name].got is not None)
    sides = [value for value, count in given.most_common(2) if count >= MIN_SIDE]
    return (sides[0], sides[1]) if len(sides) == 2 else None


def said(case: CaseResult) -> str:
    """Return what a program did with a case in one text that programs doing the same share."""
    if case.got is not None:
        return case.got
    raised = (case.error or "").partition(":")[0]
    return f"raises {raised}" if case.status == "error" and raised else case.status


def confirmed(case: Case, suspicion: Suspicion, derived: str | None) -> Verdict:
    """Conclude from a value that was derived anew from the statement and the input alone (None: no two votes agree).

    `derived` is a literal, or `raises NAME`. The case stands when the derivation repeats it, unless at least three
    programs ran it and all gave the same other value: then one model stands against itself, and the case is taken out,
    as it is when the derivation says a third thing. It is at fault when the derivation says what the programs did.
    """
    expected = f"raises {case.raises}" if case.raises is not None else case.expect
    note = f"peers that ran it: {suspicion.ran}; programs that gave {suspicion.observed}: {suspicion.agreeing}"
    if derived is not None and expected is not None and same_text(derived, expected):
        if suspicion.agreeing > suspicion.ran >= MIN_OUTVOTING:
            return Verdict(kind="test_fault", rule="programs_outvote_rederivation", failing=(case.id,), note=note)
        return Verdict(kind="code_fault", rule="rederivation_confirms_test", failing=(case.id,), note=note)
    if derived is not None and same_text(derived, suspicion.observed):
        return Verdict(kind="test_fault", rule="rederivation_agrees_with_programs", failing=(case.id,), note=note)
    return Verdict(kind="test_fault", rule="rederivation_unclear", failing=(case.id,), note=note)


def same_text(one: str, other: str) -> bool:
    """Tell whether two literals, or two `raises NAME`, mean the same."""
    if one.startswith("raises ") or other.startswith("raises "):
        return one == other
    try:
        return equal(parse_expected(one), parse_expected(other), 1e-9)
    except InputError:
        return one.strip() == other.strip()
