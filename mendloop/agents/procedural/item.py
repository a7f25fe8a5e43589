"""The record of one usable function: what the procedural roles work from."""

from __future__ import annotations

from mendloop.executions import Call
from mendloop.frozen import Frozen
from mendloop.records import Case, Contract, Source


class Item(Frozen):
    """A real function with everything it needs, a contract, and inputs on which it is known to work.

    `code` is the closed text (imports, constants, helpers, then `entry_point`). `signature` reads `f(a, b=1)`.
    `pool` holds call texts on which the function returned, `raising` calls on which it raised on purpose. Items with
    the same `cluster` are near-duplicates of each other. `contradicted` counts examples that the code does not obey.
    `mutates` says that the function was seen to change an argument.
    """

    id: str
    module: str
    qualname: str
    entry_point: str
    code: str
    signature: str
    docstring: str
    contract: Contract
    examples: tuple[Case, ...] = ()
    contradicted: int = 0
    pool: tuple[str, ...] = ()
    mutates: bool = False
    raising: tuple[Call, ...] = ()
    exceptions: tuple[str, ...] = ()
    source: Source
    versions: dict[str, str] = {}
    cluster: str = ""


class Catalogue(Frozen):
    """What a survey found: the usable items in source order, and how many functions fell out for which reason."""

    items: tuple[Item, ...]
    skipped: dict[str, int] = {}
