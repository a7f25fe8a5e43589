"""The shelf: the catalogue that the procedural roles share once the source has been surveyed."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable

from mendloop.agents.procedural.item import Catalogue, Item
from mendloop.records import Problem
from mendloop.tools.bench import derive


class Shelf:
    """Functions in the order in which they become problems. Empty until `fill` is called."""

    def __init__(self, variants: int) -> None:
        self.variants = variants
        self._items: tuple[Item, ...] = ()
        self._by_id: dict[str, Item] = {}

    def fill(self, catalogue: Catalogue, seed: int) -> None:
        """Put a catalogue on the shelf, in an order drawn from the seed that spreads over modules."""
        self._items = spread(catalogue.items, seed)
        self._by_id = {item.id: item for item in self._items}

    @property
    def items(self) -> tuple[Item, ...]:
        """All functions in order."""
        return self._items

    def place(self, index: int) -> tuple[Item, int] | None:
        """Return the function of problem `index` and its variant number, or None past the end."""
        variant, place = divmod(index, len(self._items)) if self._items else (self.variants, 0)
        return (self._items[place], variant) if variant < self.variants else None

    def item_of(self, problem: Problem) -> Item:
        """Return the function behind a problem."""
        return self._by_id[problem.id.rpartition("-")[0]]

    def variant_of(self, problem: Problem) -> int:
        """Return which variant of its function a problem is."""
        return int(problem.id.rpartition("-")[2])


def spread(items: Iterable[Item], seed: int) -> tuple[Item, ...]:
    """Return the items shuffled, then ordered so that every module gives its first before any gives its second."""
    shuffled = sorted(items, key=lambda item: item.id)
    random.Random(derive(seed, "shelf")).shuffle(shuffled)  # noqa: S311 - sampling, not secrecy
    turn: dict[str, int] = defaultdict(int)
    ranked: list[tuple[int, int, Item]] = []
    for place, item in enumerate(shuffled):
        ranked.append((turn[item.module], place, item))
        turn[item.module] += 1
    return tuple(item for _, _, item in sorted(ranked, key=lambda each: each[:2]))
