"""How often the memory finds the lesson that fits, when somebody else put the same cause into other words.

Run `python benchmarks/memory.py`: it prints one table for MiniLM and hashed n-grams, each with the store's metadata
filter (error type first) and without (every text has the same error type). Nothing is downloaded. All figures but the
times are the same on every run.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from mendloop.memory.embedding import choose_embedder
from mendloop.memory.opening import open_memory
from mendloop.memory.protocol import Embedder, Entry, Query
from mendloop.records import Reflection

FILE = Path(__file__).with_name("paraphrases.yaml")
RESAMPLES = 10_000
CUTOFF = 3
NOWHERE = 10**6
"""The rank of a lesson that was not found."""


@dataclass(frozen=True)
class Pair:
    """A question, the id of the lesson that answers it, and that of the one that only looks alike, if there is one."""

    text: str
    error_type: str
    fault: str
    answer: str
    lookalike: str


@dataclass(frozen=True)
class Ranks:
    """For each pair, the rank of its answer, and of its lookalike (nowhere where it has none)."""

    answers: NDArray[np.int64]
    lookalikes: NDArray[np.int64]
    has_lookalike: NDArray[np.bool_]


def read() -> tuple[list[Entry], list[Pair]]:
    """Return the lessons to store and the questions to ask."""
    written: dict[str, list[dict[str, str]]] = yaml.safe_load(FILE.read_text("utf-8"))
    lookalikes = {each["near"]: f"not-{each['near']}" for each in written["distractors"]}
    lessons = [(each["id"], each) for each in written["pairs"]]
    lessons += [(lookalikes[each["near"]], each) for each in written["distractors"]]
    entries = [_entry(index, name, each) for index, (name, each) in enumerate(lessons)]
    pairs = [
        Pair(
            text=each["asked"],
            error_type=each.get("asked_error_type", each["error_type"]),
            fault=each["fault"],
            answer=each["id"],
            lookalike=lookalikes.get(each["id"], ""),
        )
        for each in written["pairs"]
    ]
    return entries, pairs


def _entry(index: int, name: str, written: dict[str, str]) -> Entry:
    reflection = Reflection(
        id=name,
        session=f"s{index}",
        index=index,
        cluster=f"c{index}",
        turn=0,
        fault=written["fault"],
        error_type=written["error_type"],
        concepts=(written["concept"],),
        symptom=written["symptom"],
        lesson=written["lesson"],
        outcome="fixed",
    )
    return Entry(reflection=reflection, text=f"{reflection.symptom} {reflection.lesson}")


async def ranks(embedder: Embedder, entries: Sequence[Entry], pairs: Sequence[Pair], *, metadata: bool) -> Ranks:
    """Ask a real store for everything it finds, and return where the answers stand."""
    if not metadata:
        entries = [_like_all(entry) for entry in entries]
    with tempfile.TemporaryDirectory() as folder:
        store = await open_memory(Path(folder) / "memory", entries, (), embedder)
        orders = []
        for pair in pairs:
            error_type = pair.error_type if metadata else ""
            query = Query(text=pair.text, error_type=error_type, fault=pair.fault, index=len(entries), top=len(entries))
            found = await store.query(query)
            if not found.available:
                raise SystemExit(found.reason)
            orders.append({each.reflection.id: rank for rank, each in enumerate(found.reflections, start=1)})
        await store.aclose()
    answers = [order.get(pair.answer, NOWHERE) for order, pair in zip(orders, pairs, strict=True)]
    lookalikes = [order.get(pair.lookalike, NOWHERE) for order, pair in zip(orders, pairs, strict=True)]
    return Ranks(np.array(answers), np.array(lookalikes), np.array([bool(pair.lookalike) for pair in pairs]))


def _like_all(entry: Entry) -> Entry:
    return entry.model_copy(update={"reflection": entry.reflection.model_copy(update={"error_type": ""})})


def recall(ranks: Ranks, cutoff: int) -> NDArray[np.float64]:
    """Return 1 for each pair whose answer stands among the first, else 0."""
    return (ranks.answers <= cutoff).astype(np.float64)


def reciprocal(ranks: Ranks) -> NDArray[np.float64]:
    """Return 1 / rank of each pair's answer, 0 where it was not found."""
    return np.where(ranks.answers < NOWHERE, 1.0 / ranks.answers, 0.0)


def fooled(ranks: Ranks) -> NDArray[np.float64]:
    """Return 1 for each pair with a lookalike that stands before the answer, else 0."""
    return (ranks.lookalikes < ranks.answers)[ranks.has_lookalike].astype(np.float64)


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean, over the pairs."""
    drawn = np.random.default_rng(0).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), (2.5, 97.5))
    return float(low), float(high)


def cpu_ms(embedder: Embedder, texts: Sequence[str]) -> float:
    """Return the median CPU time of a text that was not embedded before, on all threads."""
    embedder.embed("Something to load what is loaded at the first use.")
    times = []
    for text in texts:
        start = time.process_time()
        embedder.embed(text)
        times.append(time.process_time() - start)
    return float(np.median(times)) * 1000


def _cell(values: NDArray[np.float64]) -> str:
    low, high = interval(values)
    return f"{values.mean():.2f} [{low:.2f}, {high:.2f}]"


async def main() -> None:
    """Print the tables."""
    entries, pairs = read()
    embedders = {
        "MiniLM (int8)": choose_embedder("minilm").embedder,
        "hashed n-grams": choose_embedder("ngrams").embedder,
    }
    measured: dict[tuple[str, bool], Ranks] = {}
    columns: dict[str, Callable[[Ranks], Any]] = {
        f"recall at {CUTOFF}": lambda each: recall(each, CUTOFF),
        "recall at 1": lambda each: recall(each, 1),
        "MRR": reciprocal,
        "lookalike first": fooled,
    }
    with_lookalike = sum(bool(pair.lookalike) for pair in pairs)
    print(
        f"{len(pairs)} questions, {len(entries)} stored lessons, {with_lookalike} of them lookalikes of another cause;"
    )
    print(f"means with 95 % intervals ({RESAMPLES:,} bootstrap resamples of the questions).\n")
    print("| embedding | metadata filter |", " | ".join(columns), "| CPU ms a text |")
    print("|---|---|" + "---|" * (len(columns) + 1))
    for name, embedder in embedders.items():
        cost = f"{cpu_ms(embedder, [pair.text for pair in pairs]):.1f}"
        for metadata in (True, False):
            found = measured[name, metadata] = await ranks(embedder, entries, pairs, metadata=metadata)
            cells = " | ".join(_cell(column(found)) for column in columns.values())
            print(f"| {name} | {'yes' if metadata else 'no'} | {cells} | {cost} |")
    print(f"\n| MiniLM less n-grams, same questions | {' | '.join(list(columns)[:3])} |\n|---|---|---|---|")
    for metadata in (True, False):
        left, right = (measured[name, metadata] for name in embedders)
        cells = " | ".join(_cell(column(left) - column(right)) for column in list(columns.values())[:3])
        print(f"| {'with' if metadata else 'without'} metadata filter | {cells} |")


if __name__ == "__main__":
    asyncio.run(main())
