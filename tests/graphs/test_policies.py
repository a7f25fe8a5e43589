"""Published methods as policies of the one graph: each preset from its statement to its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import pytest

from mendloop.agents.author import Joint
from mendloop.agents.programmer import RepairAsk
from mendloop.agents.prompted.tester import FOCUS, PromptedTester
from mendloop.agents.scripted import ScriptedAuthor, ScriptedCritic, ScriptedProgrammer, ScriptedTester
from mendloop.errors import ScenarioError
from mendloop.events import SessionStarted
from mendloop.policies import METHOD_NAMES, PRESETS, Consensus, Policy, PolicyChanges, differing, policy_of
from mendloop.records import Case, Diagnosis, Failure, Message, Problem, Solution, Suite
from mendloop.runs.answers import asked_in
from mendloop.runs.reader import Reader
from mendloop.runs.store import Store
from mendloop.specs import Loop, MemorySpec, Stops
from mendloop.tools.bench import Bench
from mendloop.tools.sandbox.protocol import Sandbox
from tests.agents.prompted.acting import Model, fenced
from tests.graphs.playing import CHECKING, CLOSING, INVITING, MENDING, OPENING, play
from tests.graphs.stages import FAR, OFF, PEER, RIGHT, SHIFT, case, cases, team

MEASURING = ["measure", *CHECKING]
REDRAWING = ["diagnose", "redraw", "execute", "adjudicate"]
BLIND = ScriptedTester(cases("s", [1, 2, 3]), cases("h", range(10, 14)))


def loop(method: str, **changes: object) -> Loop:
    given = {"method": method, "memory": MemorySpec(enabled=False), **changes}
    return Loop.model_validate(given)


def off_by(*shifts: int) -> list[str]:
    return [f"def double(n):\n    return n * 2 + {shift}\n" for shift in shifts]


def names(messages: Sequence[Message]) -> list[str]:
    return [message.name for message in messages]


# --- the policies themselves -----------------------------------------------------------------------------------------


def test_a_change_can_be_made_to_every_rule_of_a_policy() -> None:
    assert list(PolicyChanges.model_fields) == list(Policy.model_fields)


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_a_preset_differs_from_itself_in_nothing(method: str) -> None:
    rules = loop(method).rules
    assert differing(loop(method).method, rules) == {}
    assert policy_of(loop(method).method, PolicyChanges(vet=not rules.vet)) == rules.model_copy(
        update={"vet": not rules.vet}
    )


def test_what_a_scenario_changes_is_told_by_name() -> None:
    changed = loop("codet", policy={"consensus": {"programs": 3, "share": 0.9}, "vet": True})
    assert differing("codet", changed.rules) == {"vet": "true", "consensus": '{"programs":3,"share":0.9}'}


@pytest.mark.parametrize(("method", "repairs"), [("mendloop", 5), ("aiev_paper", 6), ("codet", 0)])
def test_a_method_says_how_many_repairs_it_has_unless_the_scenario_does(method: str, repairs: int) -> None:
    assert loop(method).repairs == repairs
    assert loop(method, max_repairs=2).repairs == 2


def test_every_method_names_where_it_is_described() -> None:
    assert {name for name, preset in PRESETS.items() if not preset.source} == set()


# --- one session under each preset -----------------------------------------------------------------------------------


async def test_aiev_paper_writes_program_and_tests_together_and_its_questioner_speaks_in_turns_of_its_own(
    store: Store, sandbox: Sandbox
) -> None:
    author = ScriptedAuthor(both=Joint(solution=Solution(code=OFF, author="m"), cases=cases("s", [1, 2])))
    made = team(
        sandbox,
        loop=loop("aiev_paper"),
        author=author,
        programmer=ScriptedProgrammer([OFF, RIGHT]),
        critic=Saying(by="questioner"),
        tester=ScriptedTester([], cases("h", [10, 11])),
    )
    played = await play(store, made)
    assert played.path == [*OPENING, *MENDING, *MEASURING]
    assert played.record is not None
    assert names(played.record.messages) == ["proposer", "programmer", "executor", "questioner", "programmer"]
    assert [attempt.verdict.rule for attempt in played.record.attempts] == ["blame_the_code", "all_cases_pass"]
    assert (played.record.provenance.method, played.record.provenance.policy) == ("aiev_paper", {})
    assert played.record.evidence.held_out_passed == 2


async def test_aiev_paper_gives_a_sample_up_after_seven_attempts(store: Store, sandbox: Sandbox) -> None:
    programs = off_by(*range(1, 10))
    author = ScriptedAuthor(both=Joint(solution=Solution(code=programs[0], author="m"), cases=cases("s", [1, 2])))
    played = await play(
        store, team(sandbox, loop=loop("aiev_paper"), author=author, programmer=ScriptedProgrammer(programs))
    )
    assert (played.dropped, played.outcome.turns) == ("out_of_repairs", 7)


@pytest.mark.parametrize(
    "judging_nothing", [(), (Case(id="s1", call="double(1)", check="True", origin="generated"),)], ids=["none", "true"]
)
async def test_a_joint_reply_whose_tests_assert_nothing_is_never_kept(
    store: Store, sandbox: Sandbox, judging_nothing: tuple[Case, ...]
) -> None:
    author = ScriptedAuthor(both=Joint(solution=Solution(code=OFF, author="m"), cases=judging_nothing))
    played = await play(store, team(sandbox, loop=loop("aiev_paper"), author=author))
    assert played.dropped == "vacuous_tests"


async def test_reflexion_tests_itself_and_shows_a_repair_only_its_own_last_reflections(
    store: Store, sandbox: Sandbox
) -> None:
    SEEN.clear()
    made = team(
        sandbox,
        loop=loop("reflexion", memory=MemorySpec(recent=1)),
        author=ScriptedAuthor(own=cases("s", [1, 2])),
        programmer=Remembering([*off_by(3, 2, 1), RIGHT]),
        critic=Saying(by="reflection"),
    )
    played = await play(store, made)
    assert played.path == [*OPENING, *MENDING * 3, *MEASURING]
    assert SEEN == [(0, 0), (1, 0), (1, 0)]
    assert played.record is not None
    assert "reflector" in names(played.record.messages)
    assert [reflection.lesson for reflection in played.record.reflections] == ["Think of the sign."] * 3


async def test_agentcoder_hands_the_programmer_what_was_executed_and_nobodys_words(
    store: Store, sandbox: Sandbox
) -> None:
    made = team(sandbox, loop=loop("agentcoder"), tester=BLIND, critic=Unasked())
    played = await play(store, made)
    assert played.path == [*OPENING, *MENDING, *MEASURING]
    assert played.record is not None
    assert names(played.record.messages) == ["proposer", "programmer", "executor", "programmer"]
    assert played.record.reflections == ()


async def test_a_method_that_blames_the_code_repairs_a_right_program_for_a_wrong_test(
    store: Store, sandbox: Sandbox
) -> None:
    tester = ScriptedTester([*cases("s", [1, 2]), case("s9", 9, expect=19)], cases("h", [10]))
    fooled = "def double(n):\n    return 19 if n == 9 else n * 2\n"
    programmer = ScriptedProgrammer([RIGHT, fooled], peers=[PEER, SHIFT, "def double(n):\n    return 2 * n\n"])
    made = team(sandbox, loop=loop("agentcoder"), tester=tester, programmer=programmer, peers=3)
    played = await play(store, made)
    assert played.record is not None
    assert played.record.attempts[-1].code == fooled
    assert (played.record.evidence.peers_agreeing, played.record.evidence.rivals) == (0, 3)


CODET = ScriptedAuthor(own=[*cases("s", [1, 2, 3, 4]), case("s9", 9, expect=19)])


async def test_codet_accepts_the_first_program_of_the_set_that_agrees_on_most(store: Store, sandbox: Sandbox) -> None:
    programmer = ScriptedProgrammer([FAR], peers=[PEER, OFF, SHIFT])
    made = team(sandbox, loop=loop("codet"), author=CODET, tester=BLIND, programmer=programmer, peers=3)
    played = await play(store, made)
    assert played.path == [*OPENING, *INVITING, *MEASURING]
    assert played.record is not None
    (attempt,) = played.record.attempts
    assert (attempt.code, attempt.verdict.rule) == (PEER, "dual_agreement")
    assert attempt.verdict.note == "2 of 4 programs, 4 of 5 tests"
    assert [each.id for each in played.record.cases[:4]] == ["s1", "s2", "s3", "s4"]
    assert "s9" not in {each.id for each in played.record.cases}


@pytest.mark.parametrize(
    ("needed", "kept"),
    [(Consensus(programs=2, share=0.8), True), (Consensus(programs=3), False), (Consensus(share=0.9), False)],
)
async def test_codet_with_a_threshold_accepts_only_what_enough_agree_on(
    store: Store, sandbox: Sandbox, needed: Consensus, kept: bool
) -> None:
    programmer = ScriptedProgrammer([RIGHT], peers=[PEER, OFF])
    rules = loop("codet", policy={"consensus": needed.model_dump()})
    played = await play(store, team(sandbox, loop=rules, author=CODET, tester=BLIND, programmer=programmer, peers=2))
    assert (played.record is not None) == kept
    assert kept or played.dropped == "no_consensus"


@pytest.mark.parametrize("program", [FAR, "raise SystemExit(0)\n", "def double(n):\n    raise SystemExit(0)\n"])
async def test_codet_never_accepts_a_program_that_passes_nothing(store: Store, sandbox: Sandbox, program: str) -> None:
    made = team(sandbox, loop=loop("codet"), author=CODET, tester=BLIND, programmer=ScriptedProgrammer([program]))
    assert (await play(store, made)).dropped == "no_consensus"


async def test_codet_pools_several_suites_into_one(store: Store, sandbox: Sandbox) -> None:
    made = team(sandbox, loop=loop("codet"), author=Pooling(), tester=BLIND, programmer=ScriptedProgrammer([RIGHT]))
    played = await play(store, made)
    assert played.record is not None
    assert [each.id for each in played.record.cases if each.id.startswith("s")] == ["s1", "s2", "s1.2", "s1.3"]


async def test_tests_first_shows_the_shown_tests_to_the_programmer_before_it_writes(
    store: Store, sandbox: Sandbox
) -> None:
    author = Reading(drawn=[RIGHT])
    played = await play(store, team(sandbox, loop=loop("tests_first"), author=author))
    assert played.path == [*OPENING, *CLOSING]
    assert author.shown == ["s1", "s2", "s3"]


async def test_self_repair_repairs_from_execution_alone(store: Store, sandbox: Sandbox) -> None:
    made = team(sandbox, loop=loop("self_repair"), author=ScriptedAuthor(own=cases("s", [1, 2])), critic=Unasked())
    played = await play(store, made)
    assert played.path == [*OPENING, *MENDING, *MEASURING]


async def test_self_repair_explained_explains_first_and_forgets_what_it_said_before(
    store: Store, sandbox: Sandbox
) -> None:
    SEEN.clear()
    made = team(
        sandbox,
        loop=loop("self_repair_explained"),
        author=ScriptedAuthor(own=cases("s", [1, 2])),
        programmer=Remembering([*off_by(2, 1), RIGHT]),
        critic=Saying(by="reflection"),
    )
    played = await play(store, made)
    assert played.path == [*OPENING, *MENDING * 2, *MEASURING]
    assert SEEN == [(0, 0), (0, 0)]


async def test_resampling_writes_another_program_instead_of_a_repair(store: Store, sandbox: Sandbox) -> None:
    made = team(
        sandbox,
        loop=loop("resampling"),
        author=ScriptedAuthor(own=cases("s", [1, 2]), drawn=[OFF, RIGHT]),
        critic=Unasked(),
    )
    played = await play(store, made)
    assert played.path == [*OPENING, *REDRAWING, *MEASURING]
    assert played.record is not None
    assert [attempt.code for attempt in played.record.attempts] == [OFF, RIGHT]


async def test_resampling_that_draws_the_same_program_again_goes_on_to_its_limit(
    store: Store, sandbox: Sandbox
) -> None:
    author = ScriptedAuthor(own=cases("s", [1, 2]), drawn=[OFF, OFF])
    played = await play(store, team(sandbox, loop=loop("resampling", max_repairs=3), author=author))
    assert played.path == [*OPENING, *REDRAWING * 3, "diagnose", "drop", "remember"]
    assert (played.dropped, played.outcome.turns) == ("out_of_repairs", 4)


# --- what holds under any policy -------------------------------------------------------------------------------------


PUBLISHED = [name for name in METHOD_NAMES if not PRESETS[name].policy.gate]


def whole(own: Sequence[Case], code: str) -> ScriptedAuthor:
    """Return an author that gives these tests and this program, however a method asks."""
    return ScriptedAuthor(
        drawn=[code] * 9, own=own, both=Joint(solution=Solution(code=code, author="m"), cases=tuple(own))
    )


@pytest.mark.parametrize("method", METHOD_NAMES)
@pytest.mark.parametrize(
    "own",
    [(), (Case(id="s1", call="double(1)", check="True", origin="generated"),)],
    ids=["an empty suite", "a suite that a stub passes"],
)
async def test_a_suite_that_judges_nothing_never_counts_as_passed(
    store: Store, sandbox: Sandbox, method: str, own: tuple[Case, ...]
) -> None:
    made = team(sandbox, loop=loop(method), author=whole(own, RIGHT), tester=ScriptedTester(own, cases("h", [10])))
    assert (await play(store, made)).dropped in {"no_tests", "vacuous_tests"}


@pytest.mark.parametrize("method", METHOD_NAMES)
@pytest.mark.parametrize("leaving", ["raise SystemExit(0)", "import os; os._exit(0)"])
async def test_a_program_that_leaves_its_process_never_passes(
    store: Store, sandbox: Sandbox, method: str, leaving: str
) -> None:
    code = f"def double(n):\n    {leaving}\n"
    own = cases("s", [1, 2])
    made = team(
        sandbox,
        loop=loop(method, max_repairs=1),
        author=whole(own, code),
        programmer=ScriptedProgrammer([code]),
        tester=ScriptedTester(own, cases("h", [10])),
    )
    played = await play(store, made)
    assert played.record is None


@pytest.mark.parametrize("method", PUBLISHED)
async def test_a_published_method_keeps_what_fails_an_anchor_held_out_and_the_tier_says_so(
    store: Store, sandbox: Sandbox, method: str
) -> None:
    special = "def double(n):\n    return n * 2 if n < 10 else 0\n"
    own = cases("s", [1, 2])
    made = team(
        sandbox,
        loop=loop(method),
        author=whole(own, special),
        programmer=ScriptedProgrammer([special]),
        tester=ScriptedTester(own, cases("h", [10, 11], "given")),
    )
    played = await play(store, made)
    assert played.record is not None
    assert (played.record.tier, played.record.evidence.held_out_passed) == ("C", 0)
    assert played.record.provenance.method == method


async def test_a_method_without_a_gate_keeps_what_parts_from_a_reference_at_tier_c(
    store: Store, sandbox: Sandbox
) -> None:
    tester = ScriptedTester(
        cases("s", [1, 2]), cases("h", range(10, 14)), compared=[case("c", 3, expect=7, origin="reference")]
    )
    made = team(sandbox, loop=loop("agentcoder"), tester=tester, programmer=ScriptedProgrammer([RIGHT]))
    played = await play(store, made)
    assert played.record is not None
    assert played.record.tier == "C"


async def test_a_method_that_needs_an_author_says_so_where_there_is_none(store: Store, sandbox: Sandbox) -> None:
    with pytest.raises(ScenarioError, match="the team `scripted` has no author"):
        await play(store, team(sandbox, loop=loop("reflexion")))


@pytest.mark.parametrize("method", ["agentcoder", "mendloop"])
async def test_what_measuring_a_published_method_takes_is_asked_in_a_node_of_its_own(
    store: Store, sandbox: Sandbox, method: str
) -> None:
    tests = "".join(f"assert double({n}) == {2 * n}\n" for n in range(4))
    others = "".join(f"assert double({n}) == {2 * n}\n" for n in range(20, 24))
    model = Model(lambda request: fenced(tests if FOCUS["shown"] in request.messages[-1].content else others))
    voice = model.voice()
    made = team(
        sandbox,
        loop=loop(method),
        tester=PromptedTester(voice),
        programmer=ScriptedProgrammer([RIGHT], peers=[PEER, SHIFT]),
        peers=2,
    )
    played = await play(store, made)
    assert played.record is not None
    assert played.record.evidence.held_out_cases == 4
    with Reader(store.path) as reader:
        asked = {each.place.partition("#")[0] for each in asked_in(reader, "s000000")}
    assert asked == {"design_tests", "measure" if method == "agentcoder" else "corroborate"}


# --- the control arm -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("explain", "draws"), [("critic", 4), ("none", 3)])
async def test_the_control_arm_spends_the_questions_of_a_repair_on_other_programs(
    store: Store, sandbox: Sandbox, explain: str, draws: int
) -> None:
    author = Reading(drawn=[OFF, *off_by(2, 3, 4, 5)])
    rules = loop("mendloop", control=1.0, samples=3, max_repairs=1, policy={"explain": explain})
    played = await play(store, team(sandbox, loop=rules, author=author, critic=Unasked()))
    assert played.dropped == "out_of_repairs"
    assert author.numbers == list(range(1, draws + 1))
    with Reader(store.path) as reader:
        begun = next(each.event for each in reader.events("s000000") if isinstance(each.event, SessionStarted))
    assert begun.arm == "resample"


async def test_the_control_arm_takes_the_first_program_that_passes(store: Store, sandbox: Sandbox) -> None:
    author = Reading(drawn=[OFF, FAR, RIGHT, SHIFT])
    played = await play(store, team(sandbox, loop=loop("mendloop", control=1.0), author=author))
    assert played.path == [*OPENING, *REDRAWING, *CLOSING]
    assert author.numbers == [1, 2]
    assert played.record is not None
    assert played.record.attempts[-1].code == RIGHT
    assert played.record.provenance.arm == "resample"


async def test_without_a_control_share_every_session_repairs(store: Store, sandbox: Sandbox) -> None:
    played = await play(store, team(sandbox))
    assert played.record is not None
    assert played.record.provenance.arm == "repair"


# --- stops are settings ----------------------------------------------------------------------------------------------


async def test_a_session_without_restarts_ends_where_it_goes_in_a_circle(store: Store, sandbox: Sandbox) -> None:
    rules = loop("mendloop", stops=Stops(restarts=0))
    played = await play(store, team(sandbox, loop=rules, programmer=ScriptedProgrammer([OFF], fresh=RIGHT)))
    assert played.dropped == "no_progress"


async def test_a_session_may_doubt_only_so_many_tests(store: Store, sandbox: Sandbox) -> None:
    wrong = [case(f"w{number}", number, expect=0) for number in (5, 6)]
    programmer = ScriptedProgrammer([RIGHT], peers=[PEER, SHIFT, FAR])
    tester = ScriptedTester([*cases("s", [1, 2]), *wrong], cases("h", [10]))
    made = team(sandbox, loop=loop("mendloop", stops=Stops(fixes=1)), tester=tester, programmer=programmer, peers=3)
    assert (await play(store, made)).dropped == "too_many_test_faults"


# --- the roles of these tests ----------------------------------------------------------------------------------------


SEEN: list[tuple[int, int]] = []


class Remembering(ScriptedProgrammer):
    """Notes how many of the session's own lessons, and of other sessions', a repair is given."""

    async def repair(self, bench: Bench, problem: Problem, ask: RepairAsk) -> Solution:
        SEEN.append((len(ask.recent), len(ask.recalled)))
        return await super().repair(bench, problem, ask)


@dataclass(frozen=True)
class Saying(ScriptedCritic):
    """Explains in the name of another speaker."""

    by: Literal["reflection", "questioner"] = "reflection"

    async def diagnose(self, bench: Bench, problem: Problem, solution: Solution, failure: Failure) -> Diagnosis:
        said = await super().diagnose(bench, problem, solution, failure)
        return said.model_copy(update={"by": self.by, "lesson": "Think of the sign."})


class Unasked(ScriptedCritic):
    """A critic whom nobody may ask."""

    async def diagnose(self, bench: Bench, problem: Problem, solution: Solution, failure: Failure) -> Diagnosis:
        raise AssertionError("the critic was asked")


@dataclass(frozen=True)
class Reading(ScriptedAuthor):
    """Notes which program it is asked for, and with which tests in sight."""

    numbers: list[int] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    async def draw(self, bench: Bench, problem: Problem, number: int, shown: Sequence[Case] = ()) -> Solution | None:
        self.numbers.append(number)
        self.shown.extend(each.id for each in shown)
        return await super().draw(bench, problem, number, shown)


class Pooling(ScriptedAuthor):
    """Writes one more test each time it is asked."""

    async def design(self, bench: Bench, problem: Problem) -> Suite:
        other = {"tester": [2], "tester-2": [5], "tester-3": [6]}[bench.role]
        own = cases("s", [1, *other])
        same, new = own
        if bench.role == "tester":
            return Suite(author="m", role="shown", cases=own)
        return Suite(author="m", role="shown", cases=(new.model_copy(update={"id": "s1"}), same))
