"""One session's journal: live, resumed after any interruption, and replayed."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mendloop.errors import DivergedError
from mendloop.events import (
    RUN_SESSION,
    AnyEvent,
    ClockRead,
    Model,
    NodeEntered,
    NodeExited,
    Ref,
    RunFinished,
    SessionFinished,
    SessionStarted,
)
from mendloop.frozen import canonical_json
from mendloop.records import Solution
from mendloop.runs.blobs import Redactor, unpack
from mendloop.runs.journal import ReplayEnded, ReplayJournal, SessionJournal
from mendloop.runs.reader import Reader
from mendloop.runs.store import Store, create_run, open_run
from mendloop.runs.stored import StoredEvent
from mendloop.runs.verify import verify
from mendloop.tools.journal import Journal

STARTED = SessionStarted(index=0, memory="off")
FINISHED = SessionFinished(outcome="kept", reason="passed", tier="A", turns=2)


def entered(visit: int) -> NodeEntered:
    return NodeEntered(node="write", visit=visit)


def answered(request: str, ref: Ref, _: Solution) -> AnyEvent:
    return ClockRead(request=request, result=ref)


def answering(code: str, calls: list[str], pause: float = 0) -> Callable[[], Awaitable[Solution]]:
    async def call() -> Solution:
        calls.append(code)
        await asyncio.sleep(pause)
        return Solution(code=code, author="model")

    return call


async def ask(journal: Journal, key: str, calls: list[str], request: str = "", pause: float = 0) -> Solution:
    return await journal.effect(key, request or key, answering(key, calls, pause), Solution, answered)


def stored(path: Path, session: str = "s0") -> list[tuple[str, str, str]]:
    with Reader(path) as reader:
        return [(event.kind, event.key, event.payload) for event in reader.events(session)]


async def test_an_answer_is_asked_for_once_however_often_the_run_is_resumed(tmp_path: Path) -> None:
    calls: list[str] = []
    for launch in (create_run, open_run, open_run):
        with launch(tmp_path / "run") as store:
            journal = await store.journal("s0")
            assert (await ask(journal, "a", calls)).code == "a"
    assert calls == ["a"]
    assert verify(tmp_path / "run").ok


async def test_another_request_under_a_known_key_is_a_divergence(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        await ask(await store.journal("s0"), "a", [])
        again = await store.journal("s0")
        with pytest.raises(DivergedError, match=r"session 's0'.*'a'.*a request with the hash"):
            await ask(again, "a", [], request="other")


async def test_another_event_under_a_known_key_is_a_divergence_that_names_the_field(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        await (await store.journal("s0")).emit("k", entered(1))
        with pytest.raises(DivergedError, match="visit was 1, is 2"):
            await (await store.journal("s0")).emit("k", entered(2))


async def test_an_effect_where_an_event_without_answer_was_recorded_is_a_divergence(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        await (await store.journal("s0")).emit("k", entered(1))
        with pytest.raises(DivergedError, match="which has no answer"):
            await ask(await store.journal("s0"), "k", [])


async def test_a_key_used_twice_is_a_programming_error(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        journal = await store.journal("s0")
        await journal.emit("k", entered(1))
        with pytest.raises(RuntimeError, match="used twice"):
            await journal.emit("k", entered(1))


async def test_a_key_may_be_used_again_after_its_call_failed(tmp_path: Path) -> None:
    async def failing() -> Solution:
        raise ConnectionError

    with create_run(tmp_path / "run") as store:
        journal = await store.journal("s0")
        with pytest.raises(ConnectionError):
            await journal.effect("a", "a", failing, Solution, answered)
        assert (await ask(journal, "a", [])).code == "a"


async def test_calls_of_one_session_run_at_the_same_time(tmp_path: Path) -> None:
    both = asyncio.Barrier(2)

    async def call() -> Solution:
        await both.wait()
        return Solution(code="x", author="model")

    with create_run(tmp_path / "run") as store:
        journal = await store.journal("s0")
        async with asyncio.timeout(5):
            answers = await asyncio.gather(*(journal.effect(key, key, call, Solution, answered) for key in "ab"))
    assert [answer.code for answer in answers] == ["x", "x"]


async def test_an_earlier_journal_of_a_session_is_closed_by_a_later_one(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        first = await store.journal("s0")
        await store.journal("s0")
        with pytest.raises(RuntimeError, match="was closed"):
            await first.emit("k", entered(1))


async def test_branches_in_another_order_wait_for_the_recorded_one(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        journal = await store.journal("s0")
        await journal.emit("left", entered(1))
        await journal.emit("right", entered(2))
        again = await store.journal("s0")
        right = asyncio.create_task(again.emit("right", entered(2)))
        new = asyncio.create_task(again.emit("new", entered(3)))
        await asyncio.sleep(0.01)
        assert not right.done()
        assert not new.done()
        await again.emit("left", entered(1))
        await asyncio.gather(right, new)
        assert again.compared == 2
    assert [key for _, key, _ in stored(tmp_path / "run")] == ["left", "right", "new"]


async def test_standing_still_is_a_divergence_for_every_branch(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        await (await store.journal("s0")).emit("left", entered(1))
        again = await store.journal("s0", patience_s=0.05)
        errors = await asyncio.gather(
            again.emit("new", entered(2)), again.emit("newer", entered(3)), return_exceptions=True
        )
    assert [type(error) for error in errors] == [DivergedError, DivergedError]
    assert "'left'" in str(errors[0])


async def test_a_session_that_ends_before_its_recording_has_diverged(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        await (await store.journal("s0")).emit("k", entered(1))
        with pytest.raises(DivergedError, match="1 recorded events were never asked for"):
            (await store.journal("s0")).end()


async def test_an_event_of_an_earlier_version_without_a_newer_field_still_agrees(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        journal = await store.journal("s0")
        await journal.emit("k", entered(1))
        await store.flush()
        [event] = store._reader.events("s0")
        older = StoredEvent(**{**vars(event), "payload": event.payload.replace(',"v":1', "")})
        assert older.payload != event.payload
        journal._compare("k", older, entered(1))
        with pytest.raises(DivergedError):
            journal._compare("k", older, entered(2))


# --- replay ----------------------------------------------------------------------------------------------------------


async def session(journal: Journal, calls: list[str]) -> None:
    """A small session: two branches with answers, then an end."""
    await journal.emit("started", STARTED)
    await asyncio.gather(ask(journal, "left", calls, pause=0.002), ask(journal, "right", calls))
    await journal.emit("finished", FINISHED)


async def test_a_replay_compares_every_event_and_calls_nothing(tmp_path: Path) -> None:
    calls: list[str] = []
    with create_run(tmp_path / "run") as store:
        await session(await store.journal("s0"), calls)
    with Reader(tmp_path / "run") as reader:
        replay = ReplayJournal(reader, "s0")
        await session(replay, calls)
        replay.end()
    assert (replay.compared, sorted(calls)) == (4, ["left", "right"])


async def test_the_replay_of_an_interrupted_session_ends_as_a_prefix(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        journal = await store.journal("s0")
        await journal.emit("started", STARTED)
        await ask(journal, "right", [])
    with Reader(tmp_path / "run") as reader:
        replay = ReplayJournal(reader, "s0")
        with pytest.raises(ReplayEnded):
            await session(replay, [])
    assert (replay.compared, replay.remaining) == (2, 0)


async def test_the_replay_of_a_finished_session_that_asks_for_more_has_diverged(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        await session(await store.journal("s0"), [])
    with Reader(tmp_path / "run") as reader:
        replay = ReplayJournal(reader, "s0", patience_s=0.05)
        await session(replay, [])
        with pytest.raises(DivergedError):
            await replay.emit("more", entered(9))


async def test_a_run_that_asks_for_more_than_it_did_has_diverged_too(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        journal = await store.journal(RUN_SESSION)
        await journal.emit("end", RunFinished(reason="target", counted=1, kept=1))
        await journal.emit("left", entered(0))
    with Reader(tmp_path / "run") as reader:
        replay = ReplayJournal(reader, RUN_SESSION)
        await replay.emit("end", RunFinished(reason="target", counted=1, kept=1))
        await replay.emit("left", entered(0))
        with pytest.raises(DivergedError):
            await replay.emit("more", entered(9))


async def test_a_replay_of_a_changed_session_has_diverged(tmp_path: Path) -> None:
    with create_run(tmp_path / "run") as store:
        await session(await store.journal("s0"), [])
    with Reader(tmp_path / "run") as reader:
        replay = ReplayJournal(reader, "s0")
        with pytest.raises(DivergedError, match="index was 0, is 7"):
            await replay.emit("started", SessionStarted(index=7, memory="off"))


async def test_a_replay_gives_references_without_writing(tmp_path: Path) -> None:
    value = Solution(code="x = 1", author="model")
    with create_run(tmp_path / "run") as store:
        ref = store.put(value)
    with Reader(tmp_path / "run") as reader:
        replay = ReplayJournal(reader, "s0")
        new = replay.put(Solution(code="never stored", author="model"))
        assert replay.put(value) == ref
        assert replay.get(new.sha256, Solution).code == "never stored"
        assert ReplayJournal(reader, "s0").get(ref.sha256, Solution) == value


# --- the law of resuming ---------------------------------------------------------------------------------------------

Step = tuple[str, str]
STEPS = st.lists(st.tuples(st.sampled_from(["emit", "exit", "ask", "put"]), st.text(max_size=8)), max_size=8)


async def play(journal: Journal, steps: list[Step], calls: list[str]) -> None:
    for number, (verb, text) in enumerate(steps):
        key = f"{number}/{verb}"
        if verb == "emit":
            await journal.emit(key, entered(number))
        elif verb == "exit":
            await journal.emit(key, NodeExited(node=text, visit=number))
        elif verb == "put":
            await journal.emit(key, ClockRead(request=text, result=journal.put(text)))
        else:
            await ask(journal, key, calls, request=text)


@settings(max_examples=15, deadline=None)
@given(steps=STEPS, cuts=st.lists(st.integers(0, 8), max_size=3))
async def test_a_session_stopped_anywhere_and_resumed_gives_the_same_events(steps: list[Step], cuts: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        calls: list[str] = []
        whole, pieces = Path(folder, "whole"), Path(folder, "pieces")
        with create_run(whole) as store:
            await play(await store.journal("s0"), steps, [])
        create_run(pieces).close()
        for cut in [*sorted(cuts), len(steps)]:
            with open_run(pieces) as store:
                await play(await store.journal("s0"), steps[: max(cut, 0)], calls)
        assert stored(pieces) == stored(whole)
        assert len(calls) == len(set(calls)) == sum(verb == "ask" for verb, _ in steps)
        with Reader(pieces) as reader:
            replay = ReplayJournal(reader, "s0")
            await play(replay, steps, calls)
            replay.end()
        assert verify(pieces).ok


class Listed:
    """Storage in memory: what a live journal appends, in order."""

    def __init__(self, events: list[StoredEvent]) -> None:
        self.events, self.blobs = list(events), dict[str, str]()

    def put(self, value: object) -> Ref:
        ref, text = Redactor().pack(value)
        self.blobs[ref.sha256] = text
        return ref

    def get(self, sha256: str, model: type[Model]) -> Model:
        return unpack(self.blobs[sha256], model)

    def clean(self, event: AnyEvent) -> AnyEvent:
        return event

    async def append(self, session: str, key: str, event: AnyEvent, *, durable: bool) -> None:
        n = len(self.events) + 1
        self.events.append(StoredEvent(n, session, n, event.kind, 1, key, canonical_json(event), 0.0, ""))
        await asyncio.sleep(0.0001 if durable else 0)


async def branches(journal: Journal, pauses: list[int], calls: list[str]) -> None:
    """Three branches side by side whose calls take as long as `pauses` say."""

    async def branch(name: str, mine: list[int]) -> None:
        for step, pause in enumerate(mine):
            await journal.emit(f"{name}{step}/enter", entered(step))
            await ask(journal, f"{name}{step}/ask", calls, pause=pause / 5000)

    await asyncio.gather(*(branch(name, pauses[start::3]) for start, name in enumerate("abc")))
    await journal.emit("end", FINISHED)


@settings(max_examples=30, deadline=None)
@given(
    first=st.lists(st.integers(0, 9), min_size=6, max_size=9),
    later=st.lists(st.integers(0, 9), min_size=9, max_size=9),
    share=st.floats(0, 1),
)
async def test_parallel_branches_go_on_from_any_prefix_at_any_other_speed(
    first: list[int], later: list[int], share: float
) -> None:
    whole = Listed([])
    await branches(SessionJournal(whole, "s0"), first, [])
    prefix = whole.events[: round(share * len(whole.events))]
    resumed, calls = Listed(prefix), list[str]()
    resumed.blobs = dict(whole.blobs)
    journal = SessionJournal(resumed, "s0", prefix, patience_s=5)
    await branches(journal, later[: len(first)], calls)
    journal.end()
    assert resumed.events[: len(prefix)] == prefix
    assert sorted(event.key for event in resumed.events) == sorted(event.key for event in whole.events)
    assert not {event.key for event in prefix} & set(calls)


def test_a_store_hands_out_journals_that_fit_the_seam(tmp_path: Path) -> None:
    async def journal(store: Store) -> Journal:
        return await store.journal("s0")

    with create_run(tmp_path / "run") as store:
        assert asyncio.run(journal(store))
