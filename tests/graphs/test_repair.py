"""Every transition of the repair graph, driven by scripted teams in the real sandbox and the real journal."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from mendloop.agents.programmer import RepairAsk
from mendloop.agents.scripted import ScriptedCritic, ScriptedProgrammer, ScriptedProposer, ScriptedTester
from mendloop.events import RecordKept
from mendloop.executions import Execution, Probe, Request
from mendloop.records import Brief, Case, Diagnosis, Problem, Solution
from mendloop.runs.reader import Reader
from mendloop.runs.sessions import SessionRunner
from mendloop.runs.store import Store
from mendloop.specs import Loop, MemorySpec, Target
from mendloop.tools.bench import Bench
from mendloop.tools.sandbox.protocol import Sandbox
from tests.graphs.playing import CLOSING, INVITING, MENDING, OPENING, play
from tests.graphs.stages import FAR, OFF, PEER, PROBLEM, RIGHT, SHIFT, case, cases, cites, team


async def test_a_right_program_is_kept_at_once(store: Store, sandbox: Sandbox) -> None:
    played = await play(store, team(sandbox, programmer=ScriptedProgrammer([RIGHT])))
    assert played.path == [*OPENING, *CLOSING]
    assert played.outcome.outcome == "kept"
    assert played.outcome.turns == 1


async def test_a_code_fault_is_diagnosed_and_repaired(store: Store, sandbox: Sandbox) -> None:
    played = await play(store, team(sandbox))
    assert played.path == [*OPENING, *MENDING, *CLOSING]
    assert played.record is not None
    assert [(m.name, m.train, m.verdict) for m in played.record.messages] == [
        ("proposer", False, ""),
        ("programmer", False, "code_fault"),
        ("executor", False, "code_fault"),
        ("critic", False, "code_fault"),
        ("programmer", True, "passed"),
    ]
    assert [attempt.verdict.rule for attempt in played.record.attempts] == ["fails_an_anchor", "all_cases_pass"]
    assert [lesson.outcome for lesson in played.record.reflections] == ["fixed"]


async def test_a_tier_is_given_only_for_what_was_checked(store: Store, sandbox: Sandbox) -> None:
    played = await play(store, team(sandbox))
    assert played.record is not None
    evidence = played.record.evidence
    assert (played.record.tier, evidence.basis) == ("B", "given")
    assert (evidence.mutants_live, evidence.mutants_killed) == (6, 6)
    assert (evidence.held_out_cases, evidence.held_out_passed) == (4, 4)
    assert evidence.peers_agreeing is None


async def test_without_a_held_out_suite_the_tier_is_c(store: Store, sandbox: Sandbox) -> None:
    loop = Loop(held_out=False, memory=MemorySpec(enabled=False))
    played = await play(store, team(sandbox, loop=loop))
    assert played.record is not None
    assert (played.record.tier, played.record.evidence.held_out_cases) == ("C", None)


async def test_tier_a_needs_two_agreeing_peers_on_forty_inputs(store: Store, sandbox: Sandbox) -> None:
    tester = ScriptedTester(cases("s", range(4)), cases("h", range(10, 50)))
    programmer = ScriptedProgrammer([RIGHT], peers=[PEER, SHIFT])
    played = await play(store, team(sandbox, tester=tester, programmer=programmer, peers=2))
    assert played.record is not None
    assert (played.record.tier, played.record.evidence.peers_agreeing) == ("A", 2)


async def test_a_peer_that_is_the_same_program_does_not_count(store: Store, sandbox: Sandbox) -> None:
    tester = ScriptedTester(cases("s", range(4)), cases("h", range(10, 50)))
    programmer = ScriptedProgrammer([RIGHT], peers=[RIGHT, PEER])
    played = await play(store, team(sandbox, tester=tester, programmer=programmer, peers=2))
    assert played.record is not None
    assert (played.record.tier, played.record.evidence.peers_agreeing) == ("B", 1)


async def test_a_program_that_parts_from_the_reference_is_dropped(store: Store, sandbox: Sandbox) -> None:
    capped = "def double(n):\n    return n * 2 if n < 1000 else 0\n"
    shown, held_out = cases("s", [1, 2, 3], "reference"), cases("h", range(10, 14), "reference")
    tester = ScriptedTester(shown, held_out, compared=cases("c", [999, 1000, 1001], "reference"))
    played = await play(store, team(sandbox, tester=tester, programmer=ScriptedProgrammer([OFF, capped])))
    assert (played.dropped, played.record) == ("parts_from_reference", None)


async def test_a_program_that_agrees_with_the_reference_says_on_how_many_inputs(store: Store, sandbox: Sandbox) -> None:
    tester = ScriptedTester(cases("s", [1, 2]), cases("h", [10]), compared=cases("c", range(90, 95), "reference"))
    played = await play(store, team(sandbox, tester=tester, programmer=ScriptedProgrammer([RIGHT])))
    assert played.record is not None
    assert played.record.evidence.reference_inputs == 5


async def test_a_case_that_no_peer_passes_is_quarantined_and_derived_anew(store: Store, sandbox: Sandbox) -> None:
    wrong = case("s9", 9, expect=19)
    tester = ScriptedTester([*cases("s", [1, 2]), wrong], cases("h", [10]), rederived={"s9": case("s9", 9)})
    programmer = ScriptedProgrammer([RIGHT], peers=[PEER, SHIFT, FAR])
    played = await play(store, team(sandbox, tester=tester, programmer=programmer, peers=3))
    settled = ["rederive", "quarantine", "execute", "vet_tests", "adjudicate"]
    assert played.path == [*OPENING, *INVITING, *settled, *CLOSING]
    assert played.record is not None
    assert [c.expect for c in played.record.cases if c.id == "s9"] == ["18"]


async def test_a_case_that_stays_wrong_is_left_out(store: Store, sandbox: Sandbox) -> None:
    wrong = case("s9", 9, expect=19)
    tester = ScriptedTester([*cases("s", [1, 2]), wrong], cases("h", [10]))
    programmer = ScriptedProgrammer([RIGHT], peers=[PEER, SHIFT, FAR])
    played = await play(store, team(sandbox, tester=tester, programmer=programmer, peers=3))
    assert played.record is not None
    assert [c.id for c in played.record.cases] == ["s1", "s2"]


async def test_peers_that_pass_show_a_code_fault(store: Store, sandbox: Sandbox) -> None:
    tester = ScriptedTester(cases("s", [1, 2]), cases("h", [10]))
    programmer = ScriptedProgrammer([OFF, RIGHT], peers=[PEER, SHIFT])
    played = await play(store, team(sandbox, tester=tester, programmer=programmer, peers=2))
    assert played.record is not None
    assert played.record.attempts[0].verdict.rule == "peers_pass"


async def test_an_anchor_outranks_what_peers_say(store: Store, sandbox: Sandbox) -> None:
    tester = ScriptedTester(cases("s", [1, 2], "doctest"), cases("h", [10]))
    programmer = ScriptedProgrammer([OFF, RIGHT], peers=[FAR, FAR + "\n", FAR + "\n\n"])
    played = await play(store, team(sandbox, tester=tester, programmer=programmer, peers=3))
    assert played.record is not None
    assert played.record.attempts[0].verdict.rule == "fails_an_anchor"


async def test_peers_that_fail_an_anchor_say_nothing_about_a_test(store: Store, sandbox: Sandbox) -> None:
    wrong = case("s3", 3, expect=3)
    tester = ScriptedTester([*cases("s", [1], "given"), wrong], cases("h", [10]), rederived={"s3": case("s3", 3)})
    programmer = ScriptedProgrammer([RIGHT], peers=[FAR, FAR.replace("n\n", "n + 0\n"), SHIFT])
    played = await play(store, team(sandbox, tester=tester, programmer=programmer, peers=3))
    assert played.record is not None
    assert [c.expect for c in played.record.cases if c.id == "s3"] == ["6"]
    assert len(played.record.attempts) == 1


async def test_a_spec_fault_is_restated_once_and_starts_over(store: Store, sandbox: Sandbox) -> None:
    again = PROBLEM.model_copy(update={"id": "double-1", "statement": "Write `double(n)`: n plus n."})
    changes = {
        "proposer": ScriptedProposer([PROBLEM], restated={PROBLEM.id: again}),
        "tester": ScriptedTester(cases("s", [1, 2]), cases("h", [10])),
        "critic": ScriptedCritic(opinions=cites("spec_fault")),
        "programmer": ScriptedProgrammer([OFF]),
    }
    played = await play(store, team(sandbox, **changes))
    assert played.path == [*OPENING, "restate", *OPENING[1:], "restate", "drop", "remember"]
    assert played.dropped == "spec_fault"


async def test_a_critic_that_cites_decides_a_code_fault(store: Store, sandbox: Sandbox) -> None:
    tester = ScriptedTester(cases("s", [1, 2]), cases("h", [10]))
    played = await play(store, team(sandbox, tester=tester, critic=ScriptedCritic(opinions=cites("code_fault"))))
    assert played.record is not None
    assert played.record.attempts[0].verdict.rule == "critic_cites"


async def test_an_undecided_session_asks_for_two_more_peers(store: Store, sandbox: Sandbox) -> None:
    tester = ScriptedTester(cases("s", [1, 2]), cases("h", [10]))
    programmer = ScriptedProgrammer([OFF, RIGHT], peers=[PEER, SHIFT])
    played = await play(store, team(sandbox, tester=tester, programmer=programmer))
    assert played.path[: len(OPENING) + 4] == [*OPENING, "resample", "execute", "vet_tests", "adjudicate"]
    assert played.outcome.outcome == "kept"


async def test_a_session_that_stays_undecided_is_dropped(store: Store, sandbox: Sandbox) -> None:
    tester = ScriptedTester(cases("s", [1, 2]), cases("h", [10]))
    played = await play(store, team(sandbox, tester=tester))
    assert played.path == [*OPENING, "resample", "drop", "remember"]
    assert played.dropped == "undecided"


async def test_a_program_that_comes_back_unchanged_is_no_turn_and_restarts_once(store: Store, sandbox: Sandbox) -> None:
    same = f"# the same\n{OFF}"
    played = await play(store, team(sandbox, programmer=ScriptedProgrammer([OFF, same], fresh=RIGHT)))
    assert played.path == [*OPENING, *MENDING[:-2], "restart", "execute", "adjudicate", *CLOSING]
    assert played.outcome.turns == 2
    assert played.record is not None
    assert [attempt.code for attempt in played.record.attempts] == [OFF, RIGHT]
    (said,) = (message.content for message in played.record.messages if message.name == "critic")
    assert said == "A repair of this program came back unchanged. Start over with another approach."


async def test_a_repair_that_changes_nothing_that_tests_see_restarts_once(store: Store, sandbox: Sandbox) -> None:
    other = "def double(n):\n    return 1 + n * 2\n"
    played = await play(store, team(sandbox, programmer=ScriptedProgrammer([OFF, other], fresh=RIGHT)))
    assert played.path == [*OPENING, *MENDING, "diagnose", "restart", "execute", "adjudicate", *CLOSING]
    assert played.outcome.turns == 3
    assert played.record is not None
    assert ["go in a circle" in each.content for each in played.record.messages if each.name == "critic"] == [
        False,
        True,
    ]


class Recalling(ScriptedProgrammer):
    """Notes which of the session's own lessons a repair is given, and what a restart is about."""

    async def repair(self, bench: Bench, problem: Problem, ask: RepairAsk) -> Solution:
        SEEN.append(len(ask.recent))
        return await super().repair(bench, problem, ask)

    async def start_over(self, bench: Bench, problem: Problem, first: RepairAsk) -> Solution | None:
        SEEN.append(first.solution.code)
        return await super().start_over(bench, problem, first)


SEEN: list[object] = []


@pytest.mark.parametrize(("recent", "given"), [(0, [0, 0, 0]), (1, [0, 1, 1]), (3, [0, 1, 2])])
async def test_a_repair_is_given_as_many_own_lessons_as_asked_for(
    store: Store, sandbox: Sandbox, recent: int, given: list[int]
) -> None:
    SEEN.clear()
    programs = [f"def double(n):\n    return n * 2 + {shift}\n" for shift in (3, 2, 1)] + [RIGHT]
    loop = Loop(memory=MemorySpec(enabled=False, recent=recent))
    await play(store, team(sandbox, programmer=Recalling(programs), loop=loop))
    assert given == SEEN


async def test_a_restart_is_about_the_first_program(store: Store, sandbox: Sandbox) -> None:
    SEEN.clear()
    worse = "def double(n):\n    return n * 2 + 7\n"
    await play(store, team(sandbox, programmer=Recalling([OFF, worse, worse], fresh=RIGHT)))
    assert SEEN == [0, 1, OFF]


async def test_a_session_without_progress_after_its_restart_is_dropped(store: Store, sandbox: Sandbox) -> None:
    played = await play(store, team(sandbox, programmer=ScriptedProgrammer([OFF], fresh=OFF)))
    assert played.dropped == "no_progress"


async def test_repairs_end_at_the_limit(store: Store, sandbox: Sandbox) -> None:
    programs = [f"def double(n):\n    return n * 2 + {shift}\n" for shift in range(1, 9)]
    played = await play(store, team(sandbox, programmer=ScriptedProgrammer(programs)))
    assert (played.dropped, played.outcome.turns) == ("out_of_repairs", 6)


async def test_a_program_that_fails_a_held_out_anchor_is_dropped(store: Store, sandbox: Sandbox) -> None:
    special = "def double(n):\n    return n * 2 if n < 10 else 0\n"
    played = await play(store, team(sandbox, programmer=ScriptedProgrammer([special])))
    assert played.dropped == "fails_held_out"


async def test_a_vacuous_suite_is_dropped(store: Store, sandbox: Sandbox) -> None:
    empty = [Case(id="s1", call="double(1)", check="True", origin="generated")]
    played = await play(store, team(sandbox, tester=ScriptedTester(empty)))
    assert played.dropped == "vacuous_tests"


async def test_an_unstable_case_is_taken_out_before_it_can_judge(store: Store, sandbox: Sandbox) -> None:
    unstable = Case(id="u", call="hash('a') % 1000", expect="1000", origin="generated")
    tester = ScriptedTester([*cases("s", [1, 2], "given"), unstable], cases("h", [10]))
    played = await play(store, team(sandbox, tester=tester, programmer=ScriptedProgrammer([RIGHT])))
    assert played.record is not None
    assert [c.id for c in played.record.cases] == ["s1", "s2"]


async def test_an_ill_formed_problem_is_screened_out(store: Store, sandbox: Sandbox) -> None:
    nameless = PROBLEM.model_copy(update={"statement": "Write something."})
    played = await play(store, team(sandbox, proposer=ScriptedProposer([nameless])))
    assert played.path == ["propose", "screen", "drop", "remember"]
    assert played.dropped == "ill_formed: the statement never names the entry point"


async def test_a_target_of_failing_turns_refuses_a_record_without_them(store: Store, sandbox: Sandbox) -> None:
    target = Target(min_tier="C", min_failed_turns=1)
    played = await play(store, team(sandbox, target=target, programmer=ScriptedProgrammer([RIGHT])))
    assert played.dropped == "too_few_failed_turns"


@dataclass
class Flaky:
    """A sandbox that fails its first executions, as one does whose worker was killed."""

    inner: Sandbox
    failures: int

    async def probe(self) -> tuple[Probe, ...]:
        return await self.inner.probe()

    async def run(self, request: Request) -> Execution:
        self.failures -= 1
        if self.failures >= 0:
            return Execution(status="sandbox_error", isolation="local", message="the worker died")
        return await self.inner.run(request)

    async def aclose(self) -> None:
        await self.inner.aclose()


async def test_a_sandbox_fault_is_retried_and_never_a_turn(store: Store, sandbox: Sandbox) -> None:
    played = await play(store, team(Flaky(sandbox, 2)))
    assert (played.outcome.outcome, played.outcome.turns) == ("kept", 2)


async def test_a_sandbox_that_stays_broken_ends_the_session(store: Store, sandbox: Sandbox) -> None:
    played = await play(store, team(Flaky(sandbox, 10**6)))
    assert (played.outcome.outcome, played.dropped) == ("dropped", "sandbox_fault")


async def test_a_fault_of_our_own_ends_one_session_and_is_journalled(store: Store, sandbox: Sandbox) -> None:
    class Broken(ScriptedCritic):
        async def diagnose(self, *args: object) -> Diagnosis:
            raise KeyError("lost")

    played = await play(store, team(sandbox, critic=Broken()))
    assert played.outcome.reason == "internal_error: KeyError"


@pytest.mark.parametrize("changes", [{"name": "scripted"}, {"seed": 5}])
async def test_the_same_session_gives_the_same_record(
    store: Store, sandbox: Sandbox, changes: dict[str, object]
) -> None:
    runner = SessionRunner(replace(team(sandbox), **changes))  # type: ignore[arg-type]
    records = []
    for index in (0, 1):
        journal = await store.journal(f"x{index}")
        await runner.run(0, journal, Brief())
        await store.flush()
        with Reader(store.path) as reader:
            kept = [e.event.record.sha256 for e in reader.events(f"x{index}") if isinstance(e.event, RecordKept)]
        records += kept
    assert records[0] == records[1]
