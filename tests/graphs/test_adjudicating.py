"""Who is at fault: doubted values are derived anew, anchors outrank generated cases, splits go to the statement."""

from __future__ import annotations

import pytest

from mendloop.agents.critic import Opinion
from mendloop.agents.scripted import ScriptedCritic, ScriptedProgrammer, ScriptedTester
from mendloop.events import VerdictReached
from mendloop.records import Case, Failure, Problem, VerdictKind
from mendloop.runs.reader import Reader
from mendloop.runs.store import Store
from mendloop.specs import Loop, MemorySpec
from mendloop.tools.bench import Bench
from mendloop.tools.sandbox.protocol import Sandbox
from tests.graphs.playing import CLOSING, INVITING, MENDING, OPENING, play
from tests.graphs.stages import FAR, OFF, PEER, RIGHT, SHIFT, case, cases, cites, team

REPEATED = ["execute", "vet_tests", "adjudicate"]
SUM = "def double(n):\n    return sum([n, n])\n"
EVEN = [f"def double(n):\n    return n * 2 + {way}\n" for way in ("1", "(2 - 1)", "int(True)")]
"""Wrong in the same way, and written differently."""


def rules_of(store: Store) -> list[str]:
    with Reader(store.path) as reader:
        events = [stored.event for stored in reader.events("s000000")]
    return [event.rule for event in events if isinstance(event, VerdictReached)]


async def test_a_doubted_case_that_is_derived_again_stands_and_the_code_is_at_fault(
    store: Store, sandbox: Sandbox
) -> None:
    tester = ScriptedTester(cases("s", [1, 2]), cases("h", [10]), rederived={"s1": case("s1", 1), "s2": case("s2", 2)})
    programmer = ScriptedProgrammer([OFF, RIGHT], peers=[FAR, *EVEN[1:]])
    played = await play(store, team(sandbox, tester=tester, programmer=programmer, peers=3))
    assert played.path == [*OPENING, *INVITING, "rederive", *MENDING, *CLOSING]
    assert rules_of(store) == ["rederivation_confirms_test", "all_cases_pass"]
    assert played.record is not None
    assert [each.id for each in played.record.cases] == ["s1", "s2"]


async def test_a_case_that_stood_once_is_not_derived_again(store: Store, sandbox: Sandbox) -> None:
    tester = Deriving(cases("s", [1, 2]), cases("h", [10]), rederived={"s1": case("s1", 1)})
    further = "def double(n):\n    return n * 2 + 3\n"
    programmer = ScriptedProgrammer([OFF, further, RIGHT], peers=[FAR, *EVEN[1:]])
    DERIVED.clear()
    await play(store, team(sandbox, tester=tester, programmer=programmer, peers=3))
    assert rules_of(store) == ["rederivation_confirms_test", "rederivation_confirms_test", "all_cases_pass"]
    assert DERIVED == ["s1"]


async def test_a_value_that_is_derived_to_a_third_thing_quarantines_the_case(store: Store, sandbox: Sandbox) -> None:
    wrong = case("s9", 9, expect=19)
    tester = ScriptedTester([*cases("s", [1, 2]), wrong], cases("h", [10]), rederived={"s9": case("s9", 9, expect=20)})
    programmer = ScriptedProgrammer([RIGHT], peers=[PEER, SHIFT, SUM])
    played = await play(store, team(sandbox, tester=tester, programmer=programmer, peers=3))
    assert rules_of(store) == ["rederivation_unclear", "all_cases_pass"]
    assert played.record is not None
    assert [each.id for each in played.record.cases] == ["s1", "s2"]
    assert played.record.evidence.doubted_cases == 1


async def test_a_generated_case_that_contradicts_an_anchor_is_a_test_fault_at_once(
    store: Store, sandbox: Sandbox
) -> None:
    liar = case("s8", 8, expect=17)
    tester = Deriving([*cases("s", [1, 2]), liar, case("a8", 8, origin="given")], cases("h", [10]))
    DERIVED.clear()
    played = await play(store, team(sandbox, tester=tester, programmer=ScriptedProgrammer([RIGHT])))
    assert played.path == [*OPENING, "quarantine", *REPEATED, *CLOSING]
    assert rules_of(store) == ["contradicts_anchor", "all_cases_pass"]
    assert DERIVED == []


SPLIT = ScriptedProgrammer([OFF, RIGHT], peers=[EVEN[1], FAR, FAR.replace("n\n", "n + 0\n"), PEER])


async def test_programs_that_are_split_in_two_are_a_fault_of_the_statement(store: Store, sandbox: Sandbox) -> None:
    made = team(sandbox, tester=ScriptedTester(cases("s", [1, 2]), cases("h", [10])), programmer=SPLIT, peers=3)
    played = await play(store, made)
    assert played.path == [*OPENING, *INVITING, "restate", "drop", "remember"]
    assert rules_of(store) == ["programs_split"]


async def test_a_sentence_of_the_statement_decides_a_split(store: Store, sandbox: Sandbox) -> None:
    critic = ScriptedCritic(opinions=cites("code_fault"))
    tester = ScriptedTester(cases("s", [1, 2]), cases("h", [10]))
    played = await play(store, team(sandbox, tester=tester, programmer=SPLIT, critic=critic, peers=3))
    assert rules_of(store) == ["critic_cites", "all_cases_pass"]
    assert played.record is not None


async def test_two_readings_that_disagree_ask_for_two_more_peers_once(store: Store, sandbox: Sandbox) -> None:
    opinions = (
        Opinion(kind="code_fault", cites="twice the number"),
        Opinion(kind="test_fault", cites="twice the number"),
    )
    tester = ScriptedTester(cases("s", [1, 2]), cases("h", [10]))
    made = team(
        sandbox, tester=tester, critic=ScriptedCritic(opinions=opinions), programmer=ScriptedProgrammer([OFF, RIGHT])
    )
    played = await play(store, made)
    assert (played.path.count("resample"), played.dropped) == (1, "undecided")


@pytest.mark.parametrize("peers", [1, 2])
async def test_few_peers_and_a_derivation_decide_together(store: Store, sandbox: Sandbox, peers: int) -> None:
    wrong = case("s9", 9, expect=19)
    tester = ScriptedTester([*cases("s", [1, 2]), wrong], cases("h", [10]), rederived={"s9": case("s9", 9)})
    programmer = ScriptedProgrammer([RIGHT], peers=[PEER, SHIFT][:peers])
    loop = Loop(peers=peers, memory=MemorySpec(enabled=False))
    played = await play(store, team(sandbox, tester=tester, programmer=programmer, peers=peers, loop=loop))
    assert rules_of(store) == ["rederivation_agrees_with_programs", "all_cases_pass"]
    assert played.record is not None
    assert [each.expect for each in played.record.cases if each.id == "s9"] == ["18"]


async def test_a_peer_that_is_the_candidate_again_says_nothing_about_a_test(store: Store, sandbox: Sandbox) -> None:
    tester = ScriptedTester(cases("s", [1, 2]), cases("h", [10]))
    programmer = ScriptedProgrammer([OFF, RIGHT], peers=[OFF, OFF + "\n", OFF + "\n\n"])
    played = await play(store, team(sandbox, tester=tester, programmer=programmer, peers=3))
    assert rules_of(store)[0] == "critic_undecided"
    assert played.dropped == "undecided"


async def test_a_case_that_was_diagnosed_and_is_taken_out_later_stays_in_the_dialogue(
    store: Store, sandbox: Sandbox
) -> None:
    """The first turn was repaired for a test that the second turn shows to be wrong."""
    tester = ScriptedTester([case("s9", 9, expect=19), *cases("s", [1])], cases("h", [2]))
    other = "def double(n):\n    return n * 2 if n < 5 else 0\n"
    made = team(sandbox, tester=tester, critic=Wavering(), programmer=ScriptedProgrammer([RIGHT, other]))
    played = await play(store, made)
    assert rules_of(store) == ["critic_cites", "critic_cites", "all_cases_pass"]
    assert played.record is not None
    assert [each.id for each in played.record.cases if each.id == "s9"] == []
    assert "double(9)" in played.record.messages[2].content


class Wavering(ScriptedCritic):
    """Blames the program that returns 18, and the test after that."""

    async def judge(self, bench: Bench, problem: Problem, failure: Failure) -> Opinion:
        kind: VerdictKind = "code_fault" if failure.observed == "18" else "test_fault"
        return Opinion(kind=kind, cites="twice the number")


DERIVED: list[str] = []


class Deriving(ScriptedTester):
    """Notes which cases it was asked to derive anew."""

    async def rederive(self, bench: Bench, problem: Problem, case: Case) -> Case | None:
        DERIVED.append(case.id)
        return await super().rederive(bench, problem, case)
