"""The plan of a goal: what is missing is shared out, what gives nothing is set aside, a replay plans the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mendloop.agents.proposer import Stock
from mendloop.agents.scripted import ScriptedProposer
from mendloop.agents.unanswered import Unanswered
from mendloop.events import RUN_SESSION, RunFinished
from mendloop.graphs.outcome import SessionOutcome
from mendloop.graphs.planning import (
    MAX_PLANS,
    PATIENCE,
    TITLES_KEPT,
    brief_for,
    ended,
    next_concept,
    planned,
    set_aside,
    started,
    wants_concepts,
)
from mendloop.graphs.state import ConceptCount
from mendloop.graphs.synthesis import SynthesisContext, synthesis_graph
from mendloop.records import Brief, Standing
from mendloop.runs.journal import ReplayJournal
from mendloop.runs.reader import Reader
from mendloop.runs.replay import Unreachable
from mendloop.runs.store import Store
from mendloop.specs import Target
from mendloop.tools.bench import Bench
from mendloop.tools.journal import Journal
from tests.graphs.stages import PROBLEM, team

Counts = dict[str, ConceptCount]


def count(quota: int = 0, kept: int = 0, lost: int = 0, in_a_row: int = 0, under_way: int = 0) -> ConceptCount:
    return ConceptCount(
        quota=quota, started=kept + lost + under_way, kept=kept, lost=lost, in_a_row=in_a_row, titles=[]
    )


def outcome(index: int, concept: str, kept: bool, title: str = "") -> SessionOutcome:
    return SessionOutcome(
        session=f"s{index:06d}",
        index=index,
        outcome="kept" if kept else "dropped",
        reason="",
        concept=concept,
        title=title,
    )


@st.composite
def plans(draw: st.DrawFn) -> Counts:
    """Counts as a run may have them: nothing is ended that was not started."""
    names = draw(st.lists(st.text(alphabet="abcdef", min_size=1, max_size=3), max_size=6, unique=True))
    return {
        name: count(
            draw(st.integers(0, 20)),
            draw(st.integers(0, 9)),
            draw(st.integers(0, 9)),
            draw(st.integers(0, PATIENCE + 1)),
            draw(st.integers(0, 4)),
        )
        for name in names
    }


NEW = st.lists(st.text(alphabet="abcdef", min_size=1, max_size=3), max_size=6).map(tuple)


# --- quotas ----------------------------------------------------------------------------------------------------------


@given(plans(), NEW, st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_quotas_sum_to_what_is_missing(counts: Counts, names: tuple[str, ...], target: int) -> None:
    shared = planned(counts, names, target)
    missing = max(0, target - sum(each["kept"] for each in counts.values()))
    open_names = [name for name, each in shared.items() if not set_aside(each)]
    asked = {name: each["quota"] - each["kept"] for name, each in shared.items()}
    assert sum(asked.values()) == (missing if open_names else 0)
    assert all(asked[name] == 0 for name in shared if name not in open_names)
    shares = [asked[name] for name in open_names]
    assert not shares or max(shares) - min(shares) <= 1


@given(plans(), NEW, st.integers(0, 60))
@settings(max_examples=50, deadline=None)
def test_a_new_plan_keeps_what_was_counted(counts: Counts, names: tuple[str, ...], target: int) -> None:
    shared = planned(counts, names, target)
    assert list(shared) == list(dict.fromkeys([*counts, *names]))
    assert {name: {**shared[name], "quota": 0} for name in counts} == {
        name: {**each, "quota": 0} for name, each in counts.items()
    }
    assert planned(shared, (), target) == shared


def test_a_plan_shares_evenly_and_the_first_get_the_rest() -> None:
    assert [each["quota"] for each in planned({}, ("a", "b", "c"), 8).values()] == [3, 3, 2]
    again = planned({"a": count(3, kept=1), "b": count(3, lost=4, in_a_row=4)}, ("c",), 8)
    assert {name: each["quota"] for name, each in again.items()} == {"a": 5, "b": 0, "c": 3}
    assert not wants_concepts(again)


@pytest.mark.parametrize(
    ("counts", "wants"),
    [
        ({}, False),
        ({"a": count(2, in_a_row=PATIENCE - 1)}, False),
        ({"a": count(2, in_a_row=PATIENCE)}, True),
        ({"a": count(2, kept=2, in_a_row=PATIENCE)}, False),
        ({"a": count(2), "b": count(1, in_a_row=PATIENCE + 3)}, True),
    ],
)
def test_concepts_are_wanted_where_a_quota_is_left_to_one_that_gives_nothing(counts: Counts, wants: bool) -> None:
    assert wants_concepts(counts) is wants


# --- the next concept ------------------------------------------------------------------------------------------------


@given(plans())
@settings(max_examples=100, deadline=None)
def test_the_next_concept_is_never_one_that_was_set_aside(counts: Counts) -> None:
    concept = next_concept(counts)
    assert (concept is None) == all(set_aside(each) for each in counts.values())
    assert concept is None or not set_aside(counts[concept])


@pytest.mark.parametrize(
    ("counts", "concept"),
    [
        ({"a": count(2), "b": count(2)}, "a"),
        ({"a": count(2, under_way=1), "b": count(2)}, "b"),
        ({"a": count(1, under_way=1), "b": count(1, under_way=2)}, "a"),
        ({"a": count(1, lost=3), "b": count(1, lost=1)}, "b"),
        ({"a": count(5, kept=4), "b": count(2)}, "b"),
        ({"a": count(9, in_a_row=PATIENCE), "b": count(0)}, "b"),
        ({"a": count(9, in_a_row=PATIENCE)}, None),
    ],
)
def test_the_next_concept_is_the_one_that_lacks_most(counts: Counts, concept: str | None) -> None:
    assert next_concept(counts) == concept


@given(st.lists(st.booleans(), max_size=80), st.integers(1, 5), st.integers(1, 12))
@settings(max_examples=100, deadline=None)
def test_a_plan_comes_to_its_target_or_to_its_end(ends: list[bool], concepts: int, target: int) -> None:
    """Whatever sessions give, each of them counts once, and only kept ones or a new plan open a concept again."""
    counts = planned({}, tuple(f"c{number}" for number in range(concepts)), target)
    for index, kept in enumerate([*ends, *[False] * (PATIENCE * concepts)]):
        concept = next_concept(counts)
        if concept is None or sum(each["kept"] for each in counts.values()) >= target:
            break
        counts = ended(started(counts, concept), outcome(index, concept, kept))
        assert sum(each["started"] for each in counts.values()) == index + 1
        assert all(each["started"] == each["kept"] + each["lost"] for each in counts.values())
    else:
        assert next_concept(counts) is None or sum(each["kept"] for each in counts.values()) >= target


# --- briefs and ends -------------------------------------------------------------------------------------------------


def test_a_brief_names_the_last_problems_of_its_concept_once() -> None:
    counts = planned({}, ("a", "b"), 4)
    for index in range(TITLES_KEPT + 2):
        counts = ended(counts, outcome(index, "a", True, f"t{index}"))
    counts = ended(counts, outcome(99, "a", False, "t7"))
    counts = ended(counts, outcome(100, "a", False))
    assert brief_for(counts, "a") == Brief(concept="a", avoid=tuple(f"t{n}" for n in range(2, TITLES_KEPT + 2)))
    assert brief_for(counts, "b") == Brief(concept="b")


def test_a_kept_session_opens_its_concept_again() -> None:
    counts = {"a": count(3, lost=PATIENCE, in_a_row=PATIENCE, under_way=1)}
    assert next_concept(ended(counts, outcome(0, "a", True))) == "a"
    assert next_concept(ended(counts, outcome(0, "a", False))) is None


def test_a_session_of_no_concept_changes_no_count() -> None:
    counts = planned({}, ("a",), 4)
    assert ended(counts, outcome(0, "", True)) == counts


# --- through the synthesis graph -------------------------------------------------------------------------------------


class Cut(Exception):  # noqa: N818 - an event of the test, not an error
    """The process ended here."""


@dataclass
class Desk:
    """A launcher whose sessions end as `gives` says of their number and brief, in order or the last one first.

    Those that are `known` ended in an earlier process, which the journal tells.
    """

    gives: Callable[[int, Brief], bool]
    last_first: bool = False
    cut_after: int | None = None
    briefs: dict[int, Brief] = field(default_factory=dict)
    waiting: list[int] = field(default_factory=list)
    known: frozenset[int] = frozenset()
    ended: list[int] = field(default_factory=list)

    def start(self, index: int, brief: Brief, standing: Standing | None = None) -> None:
        assert index not in self.briefs
        self.briefs[index] = brief
        if index not in self.known:
            self.waiting.append(index)

    async def next(self) -> SessionOutcome:
        if len(self.ended) == self.cut_after:
            raise Cut
        index = self.waiting.pop(-1 if self.last_first else 0)
        self.ended.append(index)
        brief = self.briefs[index]
        return outcome(index, brief.concept, self.gives(index, brief), f"problem {index}")

    async def stop(self) -> None:
        self.waiting.clear()


@dataclass(frozen=True)
class Planner(ScriptedProposer):
    """Plans `rounds[n]` when it is asked with n concepts on its list; a round that is missing gives no answer."""

    rounds: Mapping[int, Sequence[str]] = field(default_factory=dict)

    async def prepare(self, bench: Bench) -> Stock:
        return Stock(size=None)

    async def concepts(self, bench: Bench, have: tuple[str, ...]) -> tuple[str, ...]:
        if len(have) not in self.rounds:
            raise Unanswered("concepts: nothing")
        return tuple(self.rounds[len(have)])


def planner(rounds: Mapping[int, Sequence[str]]) -> Planner:
    return Planner([], rounds=rounds)


@dataclass(frozen=True)
class Ran:
    """How a run ended: its reason, how many sessions counted and were kept, and the briefs in session order."""

    reason: str
    collected: int
    kept: int
    plans: int
    concepts: list[str]

    def met(self, target: int, ordered: bool) -> bool:
        """Was the target met? A run that is not deterministic counts sessions that end beside the last one too."""
        return self.reason == "target" and target <= self.kept <= target + (0 if ordered else 2)


async def run(
    store: Store,
    launcher: Desk,
    proposer: ScriptedProposer,
    *,
    target: int = 6,
    ordered: bool = True,
    journal: Journal | None = None,
) -> Ran:
    goal = Target(records=target, min_tier="C", min_failed_turns=0)
    made = team(Unreachable(), proposer=proposer, target=goal, deterministic=ordered)
    asked = SynthesisContext(made, journal or await store.journal(RUN_SESSION), launcher, concurrency=3)
    state = await synthesis_graph().ainvoke({"run": "r"}, {"recursion_limit": 10_000}, context=asked)
    await store.flush()
    briefs = [launcher.briefs[index].concept for index in sorted(launcher.briefs)]
    return Ran(state["reason"], state["collected"], state["kept"], state["plans"], briefs)


@pytest.fixture(params=[True, False], ids=["deterministic", "as they end"])
def ordered(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def test_every_concept_gets_its_share(store: Store, ordered: bool) -> None:
    ran = await run(store, Desk(lambda index, brief: True), planner({0: ["a", "b", "c"]}), ordered=ordered)
    assert (ran.met(6, ordered), ran.plans) == (True, 1)
    assert ran.concepts[:6] == ["a", "b", "c", "a", "b", "c"]


async def test_a_concept_that_gives_nothing_is_set_aside_and_the_plan_is_asked_for_again(
    store: Store, ordered: bool
) -> None:
    barren = Desk(lambda index, brief: brief.concept != "a")
    ran = await run(store, barren, planner({0: ["a", "b"], 2: ["c"]}), target=12, ordered=ordered)
    assert (ran.met(12, ordered), ran.plans) == (True, 2)
    assert ran.concepts.count("a") <= PATIENCE + 2
    assert "c" in ran.concepts
    assert "a" not in ran.concepts[ran.concepts.index("c") :]


async def test_a_plan_that_nothing_replaces_goes_on_with_what_there_is(store: Store, ordered: bool) -> None:
    barren = Desk(lambda index, brief: brief.concept != "a")
    ran = await run(store, barren, planner({0: ["a", "b"]}), target=9, ordered=ordered)
    assert (ran.met(9, ordered), ran.plans) == (True, MAX_PLANS)


async def test_a_plan_of_which_nothing_comes_is_exhausted(store: Store, ordered: bool) -> None:
    ran = await run(store, Desk(lambda index, brief: False), planner({0: ["a"], 1: ["b"], 2: []}), ordered=ordered)
    assert (ran.reason, ran.kept) == ("plan_exhausted", 0)
    assert 2 * PATIENCE <= ran.collected <= 2 * PATIENCE + 4


async def test_a_session_under_way_may_still_open_its_concept_again(store: Store, ordered: bool) -> None:
    """The fifth session of the only concept is under way when the fourth is lost: it is kept, and the run goes on."""
    late = Desk(lambda index, brief: index >= PATIENCE)
    ran = await run(store, late, planner({0: ["a"], 1: []}), target=3, ordered=ordered)
    assert ran.met(3, ordered)


async def test_a_goal_without_a_plan_ends_with_the_reason(store: Store, ordered: bool) -> None:
    ran = await run(store, Desk(lambda index, brief: True), planner({}), ordered=ordered)
    assert (ran.reason, ran.collected) == ("no_plan: concepts: nothing", 0)
    with Reader(store.path) as reader:
        finished = [stored.event for stored in reader.run_events() if isinstance(stored.event, RunFinished)]
    assert [each.reason for each in finished] == ["no_plan: concepts: nothing"]


async def test_a_source_that_says_what_comes_needs_no_plan(store: Store, ordered: bool) -> None:
    ran = await run(store, Desk(lambda index, brief: True), planner({0: []}), ordered=ordered)
    assert (ran.met(6, ordered), set(ran.concepts)) == (True, {""})


def fickle(index: int, brief: Brief) -> bool:
    """Some concepts give nothing, the others two times in three."""
    return brief.concept not in ("a", "d") and index % 3 != 1


ROUNDS = {0: ["a", "b", "c"], 3: ["d"], 4: ["e"]}


async def test_a_replay_gives_the_same_concepts(store: Store, ordered: bool) -> None:
    first = Desk(fickle, last_first=not ordered)
    ran = await run(store, first, planner(ROUNDS), target=14, ordered=ordered)
    with Reader(store.path) as reader:
        journal = ReplayJournal(reader, RUN_SESSION)
        again = Desk(lambda index, brief: pytest.fail("an outcome was asked for again"))
        told = await run(store, again, planner(ROUNDS), target=14, ordered=ordered, journal=journal)
        journal.end()
    assert (told, again.briefs) == (ran, first.briefs)


@pytest.mark.parametrize("cut_after", [0, 1, 5, 9, 14])
async def test_a_run_resumed_in_the_middle_gives_each_session_the_same_brief(
    store: Store, ordered: bool, cut_after: int
) -> None:
    before = Desk(fickle, last_first=not ordered, cut_after=cut_after)
    with pytest.raises(Cut):
        await run(store, before, planner(ROUNDS), target=14, ordered=ordered)
    after = Desk(fickle, last_first=not ordered, known=frozenset(before.ended))
    ran = await run(store, after, planner(ROUNDS), target=14, ordered=ordered)
    assert ran.met(14, ordered)
    assert {index: after.briefs[index] for index in before.briefs} == before.briefs


async def test_the_scripted_plan_is_asked_for_again_and_has_nothing_new(store: Store, ordered: bool) -> None:
    problems = [PROBLEM] * 40
    barren = Desk(lambda index, brief: False)
    ran = await run(store, barren, ScriptedProposer(problems, planned=("a", "b")), ordered=ordered)
    assert (ran.reason, ran.kept, set(ran.concepts)) == ("plan_exhausted", 0, {"a", "b"})
