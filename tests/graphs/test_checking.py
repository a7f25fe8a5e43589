"""What is checked after acceptance: mutants in words, equivalent ones left out, peers on sampled inputs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mendloop.agents.mutants import Mutant, MutantMaker, aim_of
from mendloop.agents.procedural.faults import propose_faults
from mendloop.agents.procedural.mutants import mutants as operators
from mendloop.agents.scripted import ScriptedProgrammer, ScriptedProposer, ScriptedTester
from mendloop.graphs.peers import family_of
from mendloop.records import Case, Problem, Suite, TierEvidence
from mendloop.runs.store import Store
from mendloop.specs import Loop, MemorySpec, TierRules
from mendloop.tools.bench import Bench
from mendloop.tools.sandbox.protocol import Sandbox
from tests.graphs.playing import play
from tests.graphs.stages import FAR, OFF, PEER, PROBLEM, RIGHT, SHIFT, case, cases, team

SPECIAL = "def double(n):\n    return n * 2 if n != 37 else 0\n"
SUITES = ScriptedTester(cases("s", [1, 2, 40]), cases("h", range(10, 14)))


def made_of(*mutants: str) -> MutantMaker:
    """Return a maker of these mutants."""

    def make(code: str, entry_point: str, limit: int) -> tuple[Mutant, ...]:
        return tuple(Mutant(code=each, summary="the constant is wrong", kind="it counts wrongly") for each in mutants)

    return make


async def evidence_of(store: Store, sandbox: Sandbox, **changes: object) -> TierEvidence:
    played = await play(store, team(sandbox, **{"tester": SUITES, **changes}))
    assert played.record is not None
    return played.record.evidence


# --- mutants ---------------------------------------------------------------------------------------------------------


async def test_a_mutant_that_no_input_tells_from_the_program_does_not_count(store: Store, sandbox: Sandbox) -> None:
    found = await evidence_of(
        store, sandbox, programmer=ScriptedProgrammer([RIGHT]), mutants=made_of(OFF, FAR, PEER, SHIFT)
    )
    assert (found.mutants_live, found.mutants_killed) == (2, 2)


async def test_a_mutant_that_only_sampled_inputs_tell_apart_is_live_and_not_killed(
    store: Store, sandbox: Sandbox
) -> None:
    every_fifth = "def double(n):\n    return n * 2 if n % 5 != 3 else 0\n"
    tester = ScriptedTester(cases("s", [1, 2, 40]), cases("h", [10, 11, 12]))
    found = await evidence_of(
        store, sandbox, tester=tester, programmer=ScriptedProgrammer([RIGHT]), mutants=made_of(OFF, every_fifth)
    )
    assert (found.mutants_live, found.mutants_killed) == (2, 1)


async def test_without_inputs_to_sample_every_surviving_mutant_is_live(store: Store, sandbox: Sandbox) -> None:
    built = [
        Case(id=f"s{n}", setup=f"n = {n}", call="double(n)", expect=str(2 * n), origin="generated") for n in (1, 2)
    ]
    found = await evidence_of(
        store,
        sandbox,
        tester=ScriptedTester(built),
        programmer=ScriptedProgrammer([RIGHT]),
        mutants=made_of(OFF, PEER),
    )
    assert (found.mutants_live, found.mutants_killed) == (2, 1)


LOOPING = """\
def double(n):
    low, high = 0, 1000
    while low < high:
        middle = (low + high) // 2
        if middle < 2 * n:
            low = middle + 1
        else:
            high = middle
    return low
"""


async def test_a_loop_has_mutants_enough_though_some_of_them_never_end(store: Store, sandbox: Sandbox) -> None:
    assert len(propose_faults(LOOPING, "double")) < 5
    found = await evidence_of(store, sandbox, programmer=ScriptedProgrammer([LOOPING]), mutants=operators)
    live, killed = found.mutants_live or 0, found.mutants_killed or 0
    assert live >= 5
    assert killed / live >= 0.8


class Aiming(ScriptedTester):
    """Notes what it is told about mutants, and gives the case that catches the one at 37."""

    async def extend(
        self, bench: Bench, problem: Problem, suites: Sequence[Suite], aims: Sequence[str] = ()
    ) -> tuple[Case, ...]:
        AIMS.extend(aims)
        return (case("f37", 37),)


AIMS: list[str] = []


async def test_the_tester_is_told_in_words_which_mistakes_the_tests_miss(store: Store, sandbox: Sandbox) -> None:
    AIMS.clear()
    played = await play(
        store,
        team(
            sandbox,
            tester=Aiming(cases("s", [1, 2, 40]), cases("h", [10])),
            programmer=ScriptedProgrammer([RIGHT]),
            mutants=made_of(OFF, SPECIAL, PEER),
        ),
    )
    assert AIMS == ["it counts wrongly"]
    assert played.record is not None
    assert [each.id for each in played.record.cases] == ["s1", "s2", "s40", "f37"]
    assert (played.record.evidence.mutants_live, played.record.evidence.mutants_killed) == (2, 2)


ASKED = '''def first_of(items, start=0):
    """Return the first item."""
    found = []
    for item in items[start:]:
        if not items:
            return None
        if item > 3 and len(found) < 2:
            found.append(item)
    return sorted(found)[0]
'''


def test_what_the_tester_is_told_of_a_mutant_never_quotes_the_program() -> None:
    signature = "first_of(items, start=0)"
    told = {aim_of(mutant, signature) for mutant in operators(ASKED, "first_of", 100)}
    assert told
    assert not [aim for aim in told if "found" in aim or "`item" in aim.replace("`items", "")]
    assert "`start` defaults to `1` instead of `0`" in told


# --- the held-out suite ----------------------------------------------------------------------------------------------

MISTAKEN = ScriptedTester(cases("s", [1, 2, 40]), (*cases("h", range(10, 14)), case("h99", 99, expect=100)))


async def test_a_held_out_case_that_nobody_passes_does_not_count(store: Store, sandbox: Sandbox) -> None:
    programmer = ScriptedProgrammer([RIGHT], peers=[PEER, SHIFT])
    found = await evidence_of(store, sandbox, tester=MISTAKEN, programmer=programmer, peers=2)
    assert (found.held_out_cases, found.held_out_passed, found.doubted_cases) == (4, 4, 1)


async def test_a_held_out_case_that_peers_pass_speaks_against_the_program(store: Store, sandbox: Sandbox) -> None:
    programmer = ScriptedProgrammer([SPECIAL], peers=[PEER, SHIFT])
    tester = ScriptedTester(cases("s", [1, 2, 40]), cases("h", [10, 37]))
    found = await evidence_of(store, sandbox, tester=tester, programmer=programmer, peers=2)
    assert (found.held_out_cases, found.held_out_passed, found.doubted_cases) == (2, 1, 0)


async def test_without_peers_every_held_out_case_counts(store: Store, sandbox: Sandbox) -> None:
    found = await evidence_of(store, sandbox, tester=MISTAKEN, programmer=ScriptedProgrammer([RIGHT]))
    assert (found.held_out_cases, found.held_out_passed) == (5, 4)


# --- peers -----------------------------------------------------------------------------------------------------------


async def test_peers_are_compared_on_as_many_sampled_inputs_as_tier_a_asks_for(store: Store, sandbox: Sandbox) -> None:
    programmer = ScriptedProgrammer([RIGHT], peers=[PEER, SHIFT])
    found = await evidence_of(store, sandbox, programmer=programmer, peers=2)
    assert (found.peers_agreeing, found.rivals) == (2, 0)
    assert (found.peer_inputs or 0) >= 40 or found.peer_inputs_all


async def test_peers_that_agree_on_something_else_are_rivals(store: Store, sandbox: Sandbox) -> None:
    others = [OFF, OFF.replace("+ 1", "- -1")]
    programmer = ScriptedProgrammer([RIGHT], peers=[PEER, *others])
    found = await evidence_of(store, sandbox, tester=SUITES, programmer=programmer, peers=3)
    assert (found.peers_agreeing, found.rivals) == (1, 2)


async def test_peers_that_fail_an_anchor_are_no_rivals(store: Store, sandbox: Sandbox) -> None:
    others = [OFF, OFF.replace("+ 1", "- -1")]
    programmer = ScriptedProgrammer([RIGHT], peers=[PEER, *others])
    anchored = ScriptedTester(cases("s", [1, 2, 40], "given"), cases("h", range(10, 14)))
    found = await evidence_of(store, sandbox, tester=anchored, programmer=programmer, peers=3)
    assert (found.peers_agreeing, found.rivals) == (1, 0)


async def test_a_program_that_is_alone_at_an_edge_is_not_vouched_for(store: Store, sandbox: Sandbox) -> None:
    careless = "def double(n):\n    return n * 2 if n else 1\n"
    programmer = ScriptedProgrammer([careless], peers=[PEER, SHIFT])
    found = await evidence_of(store, sandbox, programmer=programmer, peers=2)
    assert (found.peers_agreeing, found.rivals, found.contested_edges) == (2, 0, 1)


async def test_a_peer_that_changes_its_argument_does_not_agree(store: Store, sandbox: Sandbox) -> None:
    problem = PROBLEM.model_copy(
        update={"statement": "Write `double(n)`, which returns the list twice.", "signature": "double(n: list)"}
    )
    shown = [Case(id=f"s{k}", call=f"double({list(range(k))})", expect=str([*range(k), *range(k)])) for k in (0, 1, 3)]
    generated = [each.model_copy(update={"origin": "generated"}) for each in shown]
    plain = "def double(n):\n    return n + n\n"
    programmer = ScriptedProgrammer(
        [plain], peers=["def double(n):\n    n += n\n    return n\n", "def double(n):\n    return n * 2\n"]
    )
    found = await evidence_of(
        store,
        sandbox,
        proposer=ScriptedProposer([problem]),
        tester=ScriptedTester(generated),
        programmer=programmer,
        peers=2,
        mutants=made_of(),
    )
    assert found.peers_agreeing == 1


async def test_the_tiers_numbers_are_the_scenarios(store: Store, sandbox: Sandbox) -> None:
    programmer = ScriptedProgrammer([RIGHT], peers=[PEER])
    loop = Loop(tiers=TierRules(min_peers=1, min_peer_inputs=5), memory=MemorySpec(enabled=False))
    played = await play(store, team(sandbox, tester=SUITES, programmer=programmer, peers=1, loop=loop))
    assert played.record is not None
    assert played.record.tier == "A"


async def test_peers_count_once_for_each_syntax_tree(store: Store, sandbox: Sandbox) -> None:
    programmer = ScriptedProgrammer([RIGHT], peers=[RIGHT + "\n", PEER, PEER + "# again\n", SHIFT])
    found = await evidence_of(store, sandbox, programmer=programmer, peers=4)
    assert found.peers_agreeing == 2


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Qwen/Qwen2.5-Coder-7B-Instruct", "qwen2.5-coder-1.5b", True),
        ("gpt-4o", "gpt-3.5-turbo", True),
        ("deepseek-coder", "qwen3", False),
    ],
)
def test_a_models_name_tells_its_family(one: str, other: str, same: bool) -> None:
    assert (family_of(one) == family_of(other)) == same
