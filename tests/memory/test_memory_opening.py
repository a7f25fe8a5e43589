from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import chromadb
import numpy as np
import pytest
from chromadb.config import Settings

from mendloop.errors import StorageError
from mendloop.memory.chroma import Metadata
from mendloop.memory.minilm import installed_minilm
from mendloop.memory.ngrams import HashedNgrams
from mendloop.memory.opening import comparable, layout_of, open_memory
from mendloop.memory.protocol import Credit, EmbeddingFailed, Entry, Query, ReflectionStore, Vector
from mendloop.records import Reflection

JOURNAL = [
    Entry(
        reflection=Reflection(
            id=f"r{index}",
            session=f"s{index}",
            index=index,
            cluster=f"c{index}",
            turn=0,
            fault="off_by_one",
            error_type="wrong_value",
            symptom="f([1, 2]) returned [1].",
            lesson=f"{word} the end of the loop.",
            outcome="fixed",
        )
    )
    for index, word in enumerate(["Mind", "Watch", "Check"])
]
CREDITS = [Credit(ids=("r1",), helped=("r1",), index=9)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run" / "memory"


async def summary(store: ReflectionStore) -> list[tuple[str, int]]:
    """Return what the store holds, and close it."""
    found = await store.query(Query(text="Mind the end of the loop.", error_type="wrong_value", index=50, top=9))
    await store.aclose()
    assert found.available, found.reason
    return sorted((item.reflection.id, item.helped) for item in found.reflections)


async def make(folder: Path) -> None:
    store = await open_memory(folder, JOURNAL, CREDITS)
    assert await summary(store) == [("r0", 0), ("r1", 1), ("r2", 0)]


def database(folder: Path) -> int:
    return (folder / "chroma.sqlite3").stat().st_ino


async def test_a_good_index_is_taken_as_it_is_and_goes_on(folder: Path) -> None:
    await make(folder)
    before = database(folder)
    store = await open_memory(folder, JOURNAL, CREDITS)
    await store.credit(["r0"], ["r0"], 10)
    assert await summary(store) == [("r0", 1), ("r1", 1), ("r2", 0)]
    assert database(folder) == before


async def test_an_index_that_differs_from_the_journal_is_rebuilt(folder: Path) -> None:
    await make(folder)
    assert await summary(await open_memory(folder, JOURNAL[:2], ())) == [("r0", 0), ("r1", 0)]


async def test_an_index_of_another_embedding_is_rebuilt(folder: Path) -> None:
    await make(folder)
    store = await open_memory(folder, JOURNAL, CREDITS, HashedNgrams(dimensions=64))
    assert await summary(store) == [("r0", 0), ("r1", 1), ("r2", 0)]


class Counting:
    """Hashed n-grams that count what they embed, and turn by some degrees or fail when they are told to."""

    def __init__(self, turn: float = 0.0, fails_at: int = 10**6) -> None:
        self._ngrams, self._turn, self._fails_at = HashedNgrams(), turn, fails_at
        self.embedded: list[str] = []

    @property
    def name(self) -> str:
        return "counting"

    @property
    def dimensions(self) -> int:
        return self._ngrams.dimensions

    def embed(self, text: str) -> Vector:
        self.embedded.append(text)
        if len(self.embedded) >= self._fails_at:
            raise EmbeddingFailed("the endpoint answers no more")
        vector = self._ngrams.embed(text).astype(np.float64)
        radians = math.radians(self._turn)
        turned = math.cos(radians) * vector + math.sin(radians) * np.roll(vector, 1)
        unit: Vector = (turned / np.linalg.norm(turned)).astype(np.float32)
        return unit


async def test_vectors_that_differ_by_rounding_do_not_rebuild_an_index(folder: Path) -> None:
    await summary(await open_memory(folder, JOURNAL, CREDITS, Counting()))
    again = Counting(turn=0.5)
    before = database(folder)
    await (await open_memory(folder, JOURNAL, CREDITS, again)).aclose()
    assert (len(again.embedded), database(folder)) == (1, before)


async def test_another_model_under_the_same_name_rebuilds_an_index(folder: Path) -> None:
    await summary(await open_memory(folder, JOURNAL, CREDITS, Counting()))
    other = Counting(turn=10)
    assert await summary(await open_memory(folder, JOURNAL, CREDITS, other)) == [("r0", 0), ("r1", 1), ("r2", 0)]
    assert len(other.embedded) == 1 + len(JOURNAL) + 1  # the known text, the lessons, the question


async def test_a_rebuilt_index_keeps_the_vectors_of_the_texts_that_it_had(folder: Path) -> None:
    await summary(await open_memory(folder, JOURNAL[:2], (), Counting()))
    again = Counting()
    await (await open_memory(folder, JOURNAL, CREDITS, again)).aclose()
    assert again.embedded[1:] == [f"{JOURNAL[2].reflection.symptom}\n\n{JOURNAL[2].reflection.lesson}"]


async def test_a_text_that_changed_is_embedded_anew(folder: Path) -> None:
    await summary(await open_memory(folder, JOURNAL, (), Counting()))
    again = Counting()
    changed = [JOURNAL[0].model_copy(update={"text": "Other words."}), *JOURNAL[1:]]
    await (await open_memory(folder, changed, (), again)).aclose()
    assert again.embedded[1:] == ["Other words."]


async def test_without_an_embedding_the_memory_says_so_and_the_index_stays(folder: Path) -> None:
    await make(folder)
    before = database(folder)
    store = await open_memory(folder, JOURNAL, CREDITS, Counting(fails_at=2))
    await store.store(JOURNAL[0].reflection)
    found = await store.query(Query(text="x", error_type="wrong_value", index=50))
    await store.aclose()
    assert not found.available
    assert found.reason == "the memory's embedding cannot be used: the endpoint answers no more"
    assert database(folder) == before


async def test_an_embedding_that_fails_later_ends_the_memory_and_not_the_run(folder: Path) -> None:
    store = await open_memory(folder, JOURNAL[:1], (), Counting(fails_at=3))
    await store.store(JOURNAL[1].reflection)
    await store.credit(["r0"], ["r0"], 9)
    found = await store.query(Query(text="x", error_type="wrong_value", index=50))
    await store.aclose()
    assert not found.available
    assert found.reason == "the memory's embedding failed: the endpoint answers no more"


@pytest.mark.parametrize(
    "change",
    [{"embedding": "x"}, {"dimensions": 3}, {"layout": 1}, {"probe": "[1.0]"}, {"probe": "{}"}, {"probe": "?"}],
)
def test_stamps_that_differ_are_not_comparable(change: Metadata) -> None:
    stamp = layout_of(HashedNgrams())
    assert comparable(stamp, stamp)
    assert not comparable({**stamp, **change}, stamp)
    assert not comparable({key: value for key, value in stamp.items() if key != "probe"}, stamp)


async def test_minilm_opens_what_ngrams_made(folder: Path) -> None:
    await make(folder)
    for _ in range(2):
        store = await open_memory(folder, JOURNAL, CREDITS, installed_minilm())
        assert await summary(store) == [("r0", 0), ("r1", 1), ("r2", 0)]


def truncate_header(folder: Path) -> None:
    for header in folder.glob("*/header.bin"):
        header.write_bytes(header.read_bytes()[:10])


def garble_vectors(folder: Path) -> None:
    for vectors in folder.glob("*/data_level0.bin"):
        vectors.write_bytes(b"\xff" * vectors.stat().st_size)


def garble_database(folder: Path) -> None:
    (folder / "chroma.sqlite3").write_bytes(b"garbage" * 1000)


def remove_database(folder: Path) -> None:
    (folder / "chroma.sqlite3").unlink()


def replace_by_a_file(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
    folder.write_text("not a folder")


@pytest.mark.parametrize(
    "damage", [truncate_header, garble_vectors, garble_database, remove_database, replace_by_a_file]
)
async def test_a_damaged_index_is_rebuilt_from_the_journal(folder: Path, damage: Callable[[Path], None]) -> None:
    await make(folder)
    damage(folder)
    assert await summary(await open_memory(folder, JOURNAL, CREDITS)) == [("r0", 0), ("r1", 1), ("r2", 0)]


async def test_without_a_journal_a_damaged_index_is_kept_aside(folder: Path) -> None:
    await make(folder)
    garble_database(folder)
    assert await summary(await open_memory(folder)) == []
    assert (folder.parent / "memory.damaged" / "chroma.sqlite3").exists()


async def test_opening_twice_is_refused_until_it_is_closed(folder: Path) -> None:
    store = await open_memory(folder, JOURNAL)
    with pytest.raises(StorageError, match=r"open already \(process \d+\)"):
        await open_memory(folder, JOURNAL)
    await store.aclose()
    assert len(await summary(await open_memory(folder, JOURNAL))) == 3


async def test_an_index_that_cannot_be_loaded_gives_a_memory_that_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "chromadb", None)
    store = await open_memory(folder, JOURNAL)
    await store.store(JOURNAL[0].reflection)
    found = await store.query(Query(text="x", error_type="wrong_value", index=50))
    await store.aclose()
    assert not found.available
    assert "chromadb" in found.reason


async def test_a_folder_that_cannot_be_made_stops_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="lock cannot be made"):
        await open_memory(tmp_path / "file" / "memory")


async def test_an_index_that_fails_later_ends_quietly(folder: Path) -> None:
    store = await open_memory(folder, JOURNAL)
    other = chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False))
    other.delete_collection("reflections")
    for _ in range(3):
        await store.store(JOURNAL[0].reflection.model_copy(update={"id": "new"}))
    found = await store.query(Query(text="x", error_type="wrong_value", index=50))
    await store.aclose()
    assert not found.available
    assert found.reason.startswith("the memory's index failed: ")


async def test_many_sessions_use_one_store_at_once(folder: Path) -> None:
    store = await open_memory(folder, ())
    await asyncio.gather(*(store.store(entry.reflection) for entry in JOURNAL * 5))
    assert await summary(store) == [("r0", 0), ("r1", 0), ("r2", 0)]


def test_the_index_is_loaded_only_when_it_is_opened() -> None:
    program = "import sys, mendloop.memory.opening; sys.exit('chromadb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
