"""Drawing values of a kind: short and readable, some of them at the edges, some like those seen in real use."""

from __future__ import annotations

import ast
import random
import string
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from mendloop.agents.procedural.palette import (
    EDGE_TEXTS,
    NAMES,
    PATHS,
    RANGES,
    UNICODE,
    WORDS,
    Palette,
    realistic,
)
from mendloop.judgement.calls import literal

Style = str
"""How a value is drawn: "basic", "edge" or "large"."""


def draw_value(kind: str, rng: random.Random, palette: Palette, style: Style) -> Any:
    """Return a value of a kind; the same generator state gives the same value."""
    if kind in ("choice", "as seen"):
        value = ast.literal_eval(rng.choice(palette.seen))
        return value if kind == "choice" or rng.random() < 0.4 else mutated(value, rng, palette)
    if kind.startswith("sorted "):
        return sorted(draw_value(kind.removeprefix("sorted "), rng, palette, style))
    values = _seen_values(palette.seen, kind)
    if values and rng.random() < 0.6:
        chosen = rng.choice(values)
        return chosen if rng.random() < 0.4 else mutated(chosen, rng, palette)
    return _DRAW[kind](rng, palette, style)


@lru_cache(maxsize=4096)
def _seen_values(seen: tuple[str, ...], kind: str) -> tuple[Any, ...]:
    values = [ast.literal_eval(text) for text in seen]
    return tuple(value for value in values if _fits(value, kind))


def _fits(value: object, kind: str) -> bool:
    kinds = {"str": str, "identifier": str, "path": str, "bytes": bytes, "float": float}
    if kind in ("int", "nonneg int", "small int"):
        return isinstance(value, int) and not isinstance(value, bool)
    head = kind.partition("[")[0]
    containers = {"list": list, "tuple": tuple, "dict": dict, "set": set}
    wanted = kinds.get(kind) or (containers.get(head) if "[" in kind else None)
    return wanted is not None and isinstance(value, wanted)


# --- numbers ---------------------------------------------------------------------------------------------------------


def _int(rng: random.Random, palette: Palette, style: Style) -> int:
    if palette.name in RANGES:
        low, high = RANGES[palette.name]
        if palette.name == "year" and style != "edge":
            low, high = 1900, 2100
        return rng.choice((low, high)) if style == "edge" else rng.randint(low, high)
    if style == "edge":
        return rng.choice((0, 1, -1, 2, 10, 100, -10, 255, 256))
    if style == "basic":
        return rng.randint(0, 30) if rng.random() < 0.8 else rng.randint(-20, -1)
    return rng.randint(100, 999) if rng.random() < 0.6 else rng.randint(-2000, 100000)


def _nonneg(rng: random.Random, palette: Palette, style: Style) -> int:
    return abs(_int(rng, palette, style))


def _small(rng: random.Random, palette: Palette, style: Style) -> int:
    if palette.name in RANGES:
        return _int(rng, palette, style)
    return rng.choice((0, 1, 2)) if style == "edge" else rng.randint(0, 12)


def _float(rng: random.Random, palette: Palette, style: Style) -> float:
    if style == "edge":
        return rng.choice((0.0, 1.0, 0.5, -1.0, 2.0))
    if style == "large":
        return round(rng.uniform(-200, 900), rng.choice((0, 1, 2)))
    return round(rng.uniform(0, 1), rng.choice((1, 2))) if rng.random() < 0.6 else round(rng.uniform(-9, 9), 1)


def _bool(rng: random.Random, palette: Palette, style: Style) -> bool:
    return rng.random() < 0.5


def _none(rng: random.Random, palette: Palette, style: Style) -> None:
    return None


# --- texts -----------------------------------------------------------------------------------------------------------


def _text(rng: random.Random, palette: Palette, style: Style) -> str:
    real = realistic(palette)
    if real and rng.random() < 0.5:
        chosen = rng.choice(real)
        return chosen if rng.random() < 0.5 else _mutated_text(chosen, rng, palette)
    if style == "edge":
        return rng.choice((*EDGE_TEXTS, *UNICODE, *palette.tokens[:8]))
    count = rng.randint(1, 3) if style == "basic" else rng.randint(4, 7)
    pieces = [_piece(rng, palette) for _ in range(count)]
    tokens = [token for token in palette.tokens if len(token) <= 3]
    glue = rng.choice(tokens) if tokens and rng.random() < 0.6 else rng.choice(("", " ", " ", "-"))
    return glue.join(pieces)[:60]


def _piece(rng: random.Random, palette: Palette) -> str:
    roll = rng.random()
    if palette.tokens and roll < 0.45:
        return rng.choice(palette.tokens)
    if roll < 0.85:
        return rng.choice(WORDS)
    return str(rng.randint(0, 99)) if roll < 0.95 else rng.choice(UNICODE)


def _identifier(rng: random.Random, palette: Palette, style: Style) -> str:
    words = [token for token in palette.tokens if token.isidentifier()]
    if words and rng.random() < 0.35:
        return rng.choice(words)
    return rng.choice(NAMES if style == "edge" else WORDS)


def _path(rng: random.Random, palette: Palette, style: Style) -> str:
    if any("\\" in token for token in palette.tokens) and rng.random() < 0.5:
        plain = _path(rng, Palette(), style).replace("/", "\\")
        return rng.choice(("C:", "d:\\", "", "")) + plain
    if rng.random() < 0.6:
        return rng.choice(PATHS)
    parts = [rng.choice(("a", "b", "src", "main.py", "..", ".", "data.json", "x.tar.gz", "")) for _ in range(3)]
    return rng.choice(("/", "", "")) + "/".join(parts)


def _bytes(rng: random.Random, palette: Palette, style: Style) -> bytes:
    if style == "edge":
        return rng.choice((b"", b"\x00", b"\xff", b"a", b"\n"))
    return _text(rng, palette, style).encode()[:40]


# --- containers ------------------------------------------------------------------------------------------------------


def _length(rng: random.Random, style: Style) -> int:
    return {"edge": rng.choice((0, 1, 1, 2)), "basic": rng.randint(2, 5)}.get(style, rng.randint(6, 10))


def _many(rng: random.Random, style: Style, one: Callable[[], Any]) -> list[Any]:
    items = [one() for _ in range(_length(rng, style))]
    if len(items) > 1 and rng.random() < 0.35:
        items[rng.randrange(1, len(items))] = items[0]
    return sorted(items) if rng.random() < 0.15 else items


def _ints(rng: random.Random, palette: Palette, style: Style) -> list[int]:
    return _many(rng, style, lambda: rng.randint(-9, 20))


def _floats(rng: random.Random, palette: Palette, style: Style) -> list[float]:
    return _many(rng, style, lambda: round(rng.uniform(-4, 12), 1))


def _texts(rng: random.Random, palette: Palette, style: Style) -> list[str]:
    if "path" in palette.name or "file" in palette.name:
        return _many(rng, style, lambda: _path(rng, palette, "basic"))
    real = realistic(palette)
    if real and rng.random() < 0.6:
        return _many(rng, style, lambda: rng.choice(real))
    if rng.random() < 0.2:
        start = rng.choice(WORDS)
        return _many(rng, style, lambda: start + _piece(rng, palette))
    if palette.tokens and rng.random() < 0.5:
        return _many(rng, style, lambda: _text(rng, palette, "basic")[:16])
    return _many(rng, style, lambda: rng.choice(WORDS))


def _grid(rng: random.Random, palette: Palette, style: Style) -> list[list[int]]:
    width = rng.randint(1, 3)
    rows = min(_length(rng, style), 4)
    return [[rng.randint(-5, 9) for _ in range(width)] for _ in range(rows)]


def _pairs(second: Callable[[random.Random], Any]) -> Callable[[random.Random, Palette, Style], list[Any]]:
    return lambda rng, palette, style: [(rng.choice(WORDS), second(rng)) for _ in range(min(_length(rng, style), 5))]


def _mapping(second: Callable[[random.Random], Any]) -> Callable[[random.Random, Palette, Style], dict[str, Any]]:
    pairs = _pairs(second)
    return lambda rng, palette, style: dict(pairs(rng, palette, style))


def _small_int(rng: random.Random) -> int:
    return rng.randint(-3, 12)


def _word(rng: random.Random) -> str:
    return rng.choice(WORDS)


_DRAW: Final[dict[str, Callable[[random.Random, Palette, Style], Any]]] = {
    "int": _int, "nonneg int": _nonneg, "small int": _small, "float": _float, "str": _text, "identifier": _identifier,
    "path": _path, "bytes": _bytes, "bool": _bool, "None": _none, "list[int]": _ints, "list[str]": _texts,
    "list[float]": _floats, "list[list[int]]": _grid,
    "list[bool]": lambda rng, palette, style: _many(rng, style, lambda: rng.random() < 0.5),
    "tuple[int, ...]": lambda rng, palette, style: tuple(_ints(rng, palette, style)),
    "tuple[str, ...]": lambda rng, palette, style: tuple(_texts(rng, palette, style)),
    "dict[str, int]": _mapping(_small_int), "dict[str, str]": _mapping(_word),
    "set[int]": lambda rng, palette, style: set(_ints(rng, palette, style)),
    "tuple[int, int]": lambda rng, palette, style: (_small_int(rng), _int(rng, palette, style)),
    "list[tuple[int, int]]": lambda rng, palette, style: _many(
        rng, style, lambda: (rng.randint(-5, 9), rng.randint(0, 20))
    ),
    "list[tuple[str, int]]": _pairs(_small_int), "list[tuple[str, str]]": _pairs(_word),
}  # fmt: skip


# --- mutation --------------------------------------------------------------------------------------------------------


def mutated(value: Any, rng: random.Random, palette: Palette) -> Any:
    """Return a value of the same type that differs a little, so that it stays realistic."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + rng.choice((-1, 1, 2, 10, -value, value))
    if isinstance(value, float):
        return rng.choice((value + 1, value / 2, -value, 0.0, round(value * 3, 2)))
    if isinstance(value, str):
        return _mutated_text(value, rng, palette)
    if isinstance(value, bytes):
        return _mutated_text(value.decode("latin-1"), rng, palette).encode("latin-1", "replace")
    if isinstance(value, list | tuple):
        nested = any(isinstance(item, list | tuple) for item in value)
        return type(value)(_mutated_items(list(value), rng, palette, nested))
    if isinstance(value, dict) and value:
        key = rng.choice(list(value))
        return {**value, key: mutated(value[key], rng, palette)}
    if isinstance(value, set) and value:
        return value - {rng.choice(sorted(value, key=literal))}
    return value


def _mutated_items(items: list[Any], rng: random.Random, palette: Palette, nested: bool) -> list[Any]:
    if not items:
        return items
    place = rng.randrange(len(items))
    roll = rng.random()
    if roll < 0.45:
        change = _same_shape if nested else mutated
        items[place] = change(items[place], rng, palette)
    elif roll < 0.6:
        del items[place]
    elif roll < 0.8:
        items.insert(place, rng.choice(items))
    else:
        rng.shuffle(items)
    return items


def _same_shape(value: Any, rng: random.Random, palette: Palette) -> Any:
    """Change one element of an inner container and not its length: rows of a table and pairs stay what they are."""
    if not isinstance(value, list | tuple) or not value:
        return mutated(value, rng, palette)
    items = list(value)
    place = rng.randrange(len(items))
    items[place] = _same_shape(items[place], rng, palette)
    return type(value)(items)


def _mutated_text(text: str, rng: random.Random, palette: Palette) -> str:
    if not text:
        return rng.choice((*WORDS[:6], *palette.tokens[:6]))
    place = rng.randrange(len(text))
    character = text[place]
    roll = rng.random()
    if roll < 0.4:
        return text[:place] + _like(character, rng) + text[place + 1 :]
    if roll < 0.55:
        return text[:place] + text[place + 1 :]
    if roll < 0.65:
        return text[:place] + character + text[place:]
    if roll < 0.75 and palette.tokens:
        return text[:place] + rng.choice(palette.tokens) + text[place:]
    if roll < 0.85:
        return rng.choice((text.upper(), text.lower(), text.swapcase(), text.title()))
    return rng.choice((text + " " + text, text + rng.choice(WORDS), " " + text, text[: place + 1], text[::-1]))[:70]


def _like(character: str, rng: random.Random) -> str:
    for group in (string.digits, string.ascii_lowercase, string.ascii_uppercase, "-/:., ;_"):
        if character in group:
            return rng.choice(group)
    return character
