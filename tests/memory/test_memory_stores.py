"""What every store promises, on every store."""

from __future__ import annotations

import random
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mendloop.memory.none import NoMemory
from mendloop.memory.opening import open_memory
from mendloop.memory.plain import PlainMemory
from mendloop.memory.protocol import Credit, Entry, Found, Query, ReflectionStore, rebuild
from mendloop.records import Reflection


def lesson(index: int, text: str = "The loop ends too early.", **changes: Any) -> Reflection:
    values = {
        "id": f"r{index}",
        "session": f"s{index}",
        "index": index,
        "cluster": f"c{index}",
        "turn": 1,
        "fault": "off_by_one",
        "error_type": "wrong_value",
        "symptom": "",
        "lesson": f"{text} (seen in session {chr(97 + index % 26)})",
        "outcome": "fixed",
    }
    return Reflection.model_validate(values | changes)


def ask(text: str = "The loop ends too early.", **changes: Any) -> Query:
    return Query.model_validate({"text": text, "error_type": "wrong_value", "index": 100, "top": 9} | changes)


def names(found: Found) -> list[str]:
    return [retrieved.reflection.id for retrieved in found.reflections]


@pytest.fixture(params=["plain", "index"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ReflectionStore]:
    kind: str = request.param
    opened = PlainMemory() if kind == "plain" else await open_memory(tmp_path / "memory", ())
    yield opened
    await opened.aclose()


async def fill(store: ReflectionStore, *reflections: Reflection) -> None:
    for reflection in reflections:
        await store.store(reflection)


async def test_an_empty_store_finds_nothing_and_is_available(store: ReflectionStore) -> None:
    assert await store.query(ask()) == Found()


async def test_the_most_similar_lesson_comes_first(store: ReflectionStore) -> None:
    await store.store(lesson(1), "The guard for an empty list is inverted.")
    await store.store(lesson(2), "The loop ends one item too early.")
    found = await store.query(ask("The loop ends one element too early."))
    assert names(found) == ["r2", "r1"]
    assert (found.candidates, found.matched) == (2, "error_type")


async def test_top_bounds_what_is_returned_and_not_what_is_compared(store: ReflectionStore) -> None:
    await fill(store, *map(lesson, range(5)))
    found = await store.query(ask(top=2))
    assert (len(found.reflections), found.candidates) == (2, 5)


async def test_ties_are_broken_by_id(store: ReflectionStore) -> None:
    for index in (3, 1, 2):
        await store.store(lesson(index), "The same text.")
    assert names(await store.query(ask("The same text."))) == ["r1", "r2", "r3"]


async def test_the_same_lesson_is_given_once(store: ReflectionStore) -> None:
    await fill(store, lesson(1, lesson="Mind the end."), lesson(2, lesson="Mind the end."))
    assert names(await store.query(ask("Mind the end."))) == ["r1"]


async def test_only_lessons_that_led_to_a_fix_are_given(store: ReflectionStore) -> None:
    await fill(store, lesson(1, outcome="not_fixed"), lesson(2))
    assert names(await store.query(ask())) == ["r2"]


async def test_a_lesson_of_the_same_cluster_or_session_is_never_given(store: ReflectionStore) -> None:
    await fill(store, lesson(1, cluster="mine"), lesson(2), lesson(100))
    assert names(await store.query(ask(cluster="mine"))) == ["r2"]


async def test_another_error_type_is_asked_only_when_there_is_none_of_the_same(store: ReflectionStore) -> None:
    await fill(store, lesson(1, error_type="IndexError"), lesson(2, error_type="KeyError", fault="wrong_key"))
    found = [
        await store.query(ask(error_type="IndexError", fault="wrong_key")),
        await store.query(ask(error_type="TypeError", fault="wrong_key")),
        await store.query(ask(error_type="TypeError", fault="unheard_of")),
    ]
    assert [(names(each), each.matched) for each in found] == [
        (["r1"], "error_type"),
        (["r2"], "fault"),
        (["r1", "r2"], "any"),
    ]


async def test_a_deterministic_query_sees_only_earlier_sessions(store: ReflectionStore) -> None:
    await fill(store, *map(lesson, range(6)))
    assert sorted(names(await store.query(ask(index=8, before=3)))) == ["r0", "r1", "r2"]
    assert await store.query(ask(index=8, before=-5)) == Found()


async def test_a_deterministic_query_counts_only_earlier_credits(store: ReflectionStore) -> None:
    await fill(store, lesson(1))
    await store.credit(["r1"], ["r1"], 2)
    await store.credit(["r1"], [], 7)
    (early,) = (await store.query(ask(before=7))).reflections
    (late,) = (await store.query(ask())).reflections
    assert ((early.used, early.helped), (late.used, late.helped)) == ((1, 1), (2, 1))
    assert early.score == pytest.approx(early.similarity * 2 / 3)
    assert late.score == pytest.approx(late.similarity * 2 / 4)


async def test_a_lesson_that_helped_outranks_a_more_similar_one_that_did_not(store: ReflectionStore) -> None:
    await store.store(lesson(1), "The loop ends too early.")
    await store.store(lesson(2), "The loop ends too early, it seems.")
    for index in (10, 11, 12):
        await store.credit(["r1", "r2"], ["r2"], index)
    assert names(await store.query(ask())) == ["r2", "r1"]


async def test_a_session_counts_once_per_lesson(store: ReflectionStore) -> None:
    await fill(store, lesson(1))
    for helped in (["r1"], [], ["r1"]):
        await store.credit(["r1", "r1"], helped, 5)
    (retrieved,) = (await store.query(ask())).reflections
    assert (retrieved.used, retrieved.helped) == (1, 1)


async def test_a_credit_for_an_unknown_lesson_is_ignored(store: ReflectionStore) -> None:
    await store.credit(["r1"], ["r1"], 5)
    await store.credit([], [], 6)
    await fill(store, lesson(1))
    assert (await store.query(ask())).reflections[0].used == 0


async def test_storing_again_keeps_the_credits(store: ReflectionStore) -> None:
    await fill(store, lesson(1))
    await store.credit(["r1"], ["r1"], 5)
    await fill(store, lesson(1))
    assert (await store.query(ask())).reflections[0].helped == 1


async def test_code_is_kept_out_of_lessons_and_of_the_comparison(store: ReflectionStore) -> None:
    coded = "Mind the end.\n```python\nreturn items[:n]\n```"
    await fill(store, lesson(1, lesson=coded), lesson(2, lesson="```\nnothing but code\n```"))
    (retrieved,) = (await store.query(ask("Mind the end.\n```\nunrelated\n```"))).reflections
    assert (retrieved.reflection.lesson, retrieved.similarity) == ("Mind the end.", 1.0)


async def test_hostile_texts_are_kept_as_they_are(store: ReflectionStore) -> None:
    odd = lesson(1, lesson="nul \x00 and \u202e and \ud800", error_type="$ne \ud800", fault="", cluster="")
    await fill(store, odd)
    found = await store.query(ask("nul and", error_type="$ne \ud800", cluster="other"))
    assert (found.matched, found.reflections[0].reflection) == ("error_type", odd)


async def test_a_query_for_none_gives_none(store: ReflectionStore) -> None:
    await fill(store, lesson(1))
    assert names(await store.query(ask(top=0))) == []


async def test_closing_twice_is_harmless(store: ReflectionStore) -> None:
    await fill(store, lesson(1))
    for _ in range(2):
        await store.aclose()
        assert names(await store.query(ask())) == []


async def test_a_memory_that_is_off_says_so() -> None:
    store: ReflectionStore = NoMemory()
    await fill(store, lesson(1))
    await store.credit(["r1"], [], 2)
    assert await store.query(ask()) == Found(available=False, reason="memory is off")
    await store.aclose()


words = st.lists(st.sampled_from(["loop", "ends", "early", "guard", "empty", "list", "key"]), min_size=1, max_size=6)
entries = st.lists(
    st.builds(
        lambda index, text, kind, outcome, cluster: Entry(
            reflection=lesson(index, error_type=kind, outcome=outcome, cluster=cluster), text=" ".join(text)
        ),
        st.integers(0, 30),
        words,
        st.sampled_from(["wrong_value", "IndexError"]),
        st.sampled_from(["fixed", "fixed", "not_fixed"]),
        st.sampled_from(["a", "b"]),
    ),
    max_size=12,
    unique_by=lambda entry: entry.reflection.id,
)
credits = st.lists(
    st.builds(
        lambda ids, index: Credit(ids=tuple(ids), helped=tuple(ids[:1]), index=index),
        st.lists(st.integers(0, 30).map("r{}".format), max_size=4),
        st.integers(0, 30),
    ),
    max_size=8,
)
queries = st.builds(ask, words.map(" ".join), before=st.none() | st.integers(0, 31), cluster=st.sampled_from("ab"))


async def found_after(
    store: ReflectionStore, entries: Sequence[Entry], credits: Sequence[Credit], query: Query
) -> Found:
    await rebuild(store, entries, credits)
    found = await store.query(query)
    await store.aclose()
    return found


@given(entries, credits, queries, st.randoms(use_true_random=False))
async def test_the_order_of_storing_does_not_matter(
    entries: list[Entry], credits: list[Credit], query: Query, shuffler: random.Random
) -> None:
    expected = await found_after(PlainMemory(), entries, credits, query)
    shuffler.shuffle(entries)
    shuffler.shuffle(credits)
    assert await found_after(PlainMemory(), entries, credits, query) == expected


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(entries, credits, queries, st.booleans())
async def test_the_index_agrees_with_an_exhaustive_comparison(
    entries: list[Entry], credits: list[Credit], query: Query, at_once: bool
) -> None:
    expected = await found_after(PlainMemory(), entries, credits, query)
    with tempfile.TemporaryDirectory() as folder:
        given_now = (entries[::-1], credits) if at_once else ((), ())
        store = await open_memory(Path(folder) / "memory", *given_now)
        assert await found_after(store, *(([], []) if at_once else (entries[::-1], credits)), query) == expected
