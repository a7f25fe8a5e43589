"""The survey against the real sandbox: what it keeps, and that what it keeps is true."""

from __future__ import annotations

import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mendloop.agents.procedural.inputs import draw_inputs
from mendloop.agents.procedural.item import Catalogue, Item
from mendloop.agents.procedural.source import read_source
from mendloop.agents.procedural.survey import survey
from mendloop.agents.procedural.twins import clusters
from mendloop.executions import Execution, Request
from mendloop.tools.sandbox.local import LocalSandbox

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
MODULE = '''
import itertools

_calls = itertools.count()


def total(prices: list[int], discount: int = 0) -> int:
    """Return the sum of the prices after a discount in per cent, rounded down.

    >>> total([100, 50], 10)
    135
    >>> total([1], 0)
    2
    """
    if not 0 <= discount <= 100:
        raise ValueError("discount")
    return sum(prices) * (100 - discount) // 100


def version(text):
    """Parse '1.2.3' into a tuple of integers."""
    return tuple(int(part) for part in text.strip().split("."))


def drop_twins(values):
    """Remove repeated values from a list in place, keeping the first of each."""
    seen = []
    for value in list(values):
        if value not in seen:
            seen.append(value)
    values[:] = seen


def is_leap(year):
    """Return whether a year is a leap year in the Gregorian calendar."""
    return year % 400 == 0 or (year % 4 == 0 and year % 100 != 0)


def counted(text):
    """Return the text with a number that grows with every call."""
    return text.lower() + str(next(_calls))


def hashed(words: list[str]) -> list[str]:
    """Return the different words of a list in no particular order."""
    return [word.lower() for word in set(words) | {"a", "b", "c", "d"}]


def endless(n: int) -> int:
    """Count up to a number and never come back."""
    while n < n + 1:
        n = n + 1
    return n


def slow(n: int) -> int:
    """Return the number after counting for a while."""
    for _ in range(3_000_000 if n else 0):
        n = n + 1 - 1
    return n if n > 0 else -n


def constant(text: str) -> str:
    """Return a word that does not depend on the text."""
    return "same" if len(text) >= 0 else "other"
'''
TESTS = "def test_version():\n    assert version('1.0.7') == (1, 0, 7)\n"


@pytest.fixture(name="sandbox")
async def _sandbox() -> AsyncIterator[LocalSandbox]:
    async with LocalSandbox() as sandbox:
        yield sandbox


async def surveyed(folder: Path, sandbox: LocalSandbox, slots: list[str]) -> Catalogue:
    async def run(slot: str, request: Request) -> Execution:
        slots.append(f"{slot} {request.model_dump_json()}")
        return await sandbox.run(request)

    (folder / "shop.py").write_text(MODULE)
    (folder / "test_shop.py").write_text(TESTS)
    return await survey(read_source(path=folder), run, 3)


async def test_the_survey_keeps_what_can_be_tested_and_says_why_it_drops_the_rest(
    tmp_path: Path, sandbox: LocalSandbox
) -> None:
    slots: list[str] = []
    catalogue = await surveyed(tmp_path, sandbox, slots)
    items = {item.entry_point: item for item in catalogue.items}
    assert set(items) == {"total", "version", "drop_twins", "is_leap"}
    assert catalogue.skipped == {
        "no kind of input works": 1,
        "results depend on earlier calls or on the hash seed": 2,
        "results hardly differ": 1,
        "takes too long": 1,
    }
    check_total(items["total"])
    version = items["version"]
    assert [case.call for case in version.examples] == ["version('1.0.7')"]
    assert "tests" in version.contract.evidence
    assert items["drop_twins"].mutates
    assert not items["total"].mutates
    again: list[str] = []
    assert await surveyed(tmp_path, sandbox, again) == catalogue
    assert sorted(again) == sorted(slots)
    await check_draws(items, sandbox)


def check_total(item: Item) -> None:
    assert [(case.call, case.expect, case.origin) for case in item.examples] == [
        ("total([100, 50], 10)", "135", "doctest")
    ]
    assert item.contradicted == 1
    assert item.exceptions == ("ValueError",)
    assert item.contract.evidence == ("annotations", "doctests", "probing")
    assert (item.source.licence, item.source.file, item.versions) == ("user's own", "shop.py", {"python": HERE})
    assert len(item.pool) >= 12


async def check_draws(items: dict[str, Item], sandbox: LocalSandbox) -> None:
    for item in items.values():
        calls = draw_inputs(item, random.Random(5), 20)
        execution = await sandbox.run(Request(code=item.code, calls=calls))
        returned = [outcome.status for outcome in execution.outcomes].count("returned")
        assert returned >= len(calls) - len(item.raising)


def test_functions_that_differ_in_names_only_share_a_cluster() -> None:
    body = "    out = []\n    for x in a:\n        if x > 2 and x % 2:\n            out.append(x * 2)\n    return out\n"
    other = "def h(s):\n    return s.lower().strip().replace('a', 'b')\n"
    programs = [
        ("1", "def f(a):\n" + body, "f"),
        ("2", "def g(b):\n" + body.replace("a:", "b:"), "g"),
        ("3", other, "h"),
    ]
    assert clusters(programs) == {"1": "1", "2": "1", "3": "3"}
