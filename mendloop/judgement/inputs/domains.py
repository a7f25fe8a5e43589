"""Domains: which values one place of a call takes. A place is a parameter, an item of its lists, a key of its dicts.

A domain has one part for each exact Python type seen there. Parts hold data; `fitting` says whether a value is in one.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mendloop.frozen import Frozen


class Nothing(Frozen):
    """None."""

    kind: Literal["none"] = "none"


class Flag(Frozen):
    """True and False."""

    kind: Literal["bool"] = "bool"


class Whole(Frozen):
    """Integers from `low` to `high`, both in; without 0 unless `zero`.

    `only` lists them where few were seen often. `step` is the distance that all of them keep from `low` (2: all even,
    or all odd). `digits` are the decimal digits that they are made of, where those are fewer than all.
    """

    kind: Literal["int"] = "int"
    low: int
    high: int
    zero: bool
    only: tuple[int, ...] = ()
    step: int = 1
    digits: str = ""


class Real(Frozen):
    """Floats from `low` to `high`, with at most `places` decimals; without 0 unless `zero`.

    `odd` names what else was seen: nan, inf, -inf.
    """

    kind: Literal["float"] = "float"
    low: float
    high: float
    zero: bool
    places: int
    odd: tuple[str, ...] = ()


class Run(Frozen):
    """One stretch of a text's form: literal `text`, or `least` to `most` characters of `alphabet`.

    Digits that are read as a number stay from `low` to `high`, and begin with 0 only where `zeros`.
    """

    text: str = ""
    alphabet: str = ""
    least: int = 0
    most: int = 0
    low: int | None = None
    high: int | None = None
    zeros: bool = False


class Words(Frozen):
    """Strings. One of four descriptions holds, the first that is there: `only` the listed ones; texts with one of the
    `forms`; `least` to `most` words of the domain `word`, joined by `delimiter`; else `least` to `most` characters of
    `alphabet`, with a margin of spaces, or two of them in a row, only where `padded` or `spaced`.

    `empty` allows the empty string beside that. `balanced` strings close every bracket that they open. `seen` are
    some of the strings that were seen, and `letters` the characters in them.
    """

    kind: Literal["str"] = "str"
    only: tuple[str, ...] = ()
    forms: tuple[tuple[Run, ...], ...] = ()
    delimiter: str = ""
    word: tuple[Words, ...] = ()
    alphabet: str = ""
    least: int = 0
    most: int = 0
    empty: bool = False
    padded: bool = False
    spaced: bool = False
    balanced: bool = False
    seen: tuple[str, ...] = ()
    letters: str = ""


class Exact(Frozen):
    """Values of a type that is only repeated, never varied (bytes, complex): their literal texts."""

    kind: Literal["exact"] = "exact"
    texts: tuple[str, ...]


Sequence = Literal["list", "tuple"]
Order = Literal["", "rising", "falling", "rotated"]
"""A rotated sequence rises, but for one place from which on it begins again."""


class Row(Frozen):
    """Sequences of one length whose places have domains of their own: pairs, records."""

    kind: Literal["row"] = "row"
    container: Sequence
    fields: tuple[Domain, ...]
    order: Order = ""
    distinct: bool = False


class Many(Frozen):
    """`least` to `most` items of one domain; no items where `empty`.

    `step` is the distance that all lengths keep from `least`. `order` holds for all of them; `distinct` items never
    repeat, `mixed` ones are of every type of the domain each time. The items of a `rectangle` are sequences of one
    length, and of a `square` as many as that.
    """

    kind: Literal["many"] = "many"
    container: Literal["list", "tuple", "set", "frozenset"]
    item: Domain
    least: int
    most: int
    empty: bool
    step: int = 1
    order: Order = ""
    distinct: bool = False
    mixed: bool = False
    rectangle: bool = False
    square: bool = False


class Keyed(Frozen):
    """Dicts with the same string keys every time."""

    kind: Literal["keyed"] = "keyed"
    keys: tuple[str, ...]
    values: tuple[Domain, ...]


class Table(Frozen):
    """Dicts of `least` to `most` items with keys and values of one domain each; none where `empty`."""

    kind: Literal["table"] = "table"
    key: Domain
    value: Domain
    least: int
    most: int
    empty: bool


Part = Annotated[
    Nothing | Flag | Whole | Real | Words | Exact | Row | Many | Keyed | Table, Field(discriminator="kind")
]
Domain = tuple[Part, ...]
"""The values of one place; an empty domain has none: a list that was always empty has such items."""

for _each in (Words, Row, Many, Keyed, Table):
    _each.model_rebuild()
