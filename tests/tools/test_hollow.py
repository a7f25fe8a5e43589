"""Hollow programs load as the program does, keep its names, and do nothing."""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendloop.tools.hollow import hollow_programs
from mendloop.tools.hollowing import MOST_CALLS

PROGRAM = """
from __future__ import annotations
import math
from collections import deque
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache, partial

LIMIT = 10

def squares(n: int) -> list[int]:
    return [k * k for k in range(n)]

TABLE = {k: v for k, v in enumerate(squares(LIMIT))}

@lru_cache
def cached(n):
    return n

def generated():
    yield 1

async def awaited():
    return 1

power = partial(pow, 2)
short = lambda n: n + 1

class Stack:
    size = 3
    def __init__(self, items):
        self.items = list(items)
    def pop(self):
        return self.items.pop()
    @property
    def top(self):
        return self.items[-1]
    @staticmethod
    def made():
        return Stack([])
    @classmethod
    def of(cls, *items):
        return cls(items)
    def __len__(self):
        return len(self.items)
    def __eq__(self, other):
        return self.items == other.items
    def __iter__(self):
        return iter(self.items)
    def __exit__(self, *args):
        return True
    def __str__(self):
        return "stack"

@dataclass
class Point:
    x: int
    y: int = 0

class Colour(Enum):
    RED = 1

class OwnError(ValueError):
    pass

SHARED = Stack([1])
"""


def run(code: str) -> ModuleType:
    """Load a program as the module that tests import."""
    module = ModuleType("solution")
    with patch.dict(sys.modules, {"solution": module}):
        exec(compile(code, "solution.py", "exec"), vars(module))
    return module


def loaded(*, filled: bool) -> ModuleType:
    return run(hollow_programs(PROGRAM)[filled])


@pytest.fixture(params=[False, True], ids=["None", "placeholders"])
def filled(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_every_name_of_the_program_stays_and_none_comes(filled: bool) -> None:
    assert vars(loaded(filled=filled)).keys() == vars(run(PROGRAM)).keys()


@pytest.mark.parametrize(
    "call",
    [
        "squares(3)",
        "cached(1)",
        "generated()",
        "power(3)",
        "short(1)",
        "Stack([1]).pop()",
        "Stack([1]).top",
        "Stack.made()",
        "Stack.of(1)",
        "SHARED.pop()",
    ],
)
def test_functions_and_methods_return_none_or_a_fresh_placeholder(call: str) -> None:
    program = vars(loaded(filled=False))
    assert eval(call, program) is None
    program = vars(loaded(filled=True))
    program["SHARED"] = program["Stack"]([1])
    first, second = eval(call, program), eval(call, program)
    assert type(first).__name__ == "Placeholder"
    assert first != second
    assert first


def test_a_coroutine_function_stays_one() -> None:
    assert asyncio.run(loaded(filled=False).awaited()) is None
    assert asyncio.run(loaded(filled=True).awaited()) is not None


def test_methods_with_a_fixed_type_keep_it(filled: bool) -> None:
    stack = loaded(filled=filled).Stack([1, 2])
    assert (len(stack), len(list(stack)), bool(str(stack))) == (filled, filled, filled)
    assert stack.__exit__(None, None, None) is None  # what it swallowed would be swallowed for every test


def test_what_the_module_made_while_loading_is_there_to_import() -> None:
    program = loaded(filled=False)
    assert (program.LIMIT, program.TABLE[3]) == (10, 9)


@pytest.mark.parametrize(
    "claim",
    [
        "LIMIT == 10",
        "TABLE[2] == 4",
        "Stack.size == 3",
        "Stack([1]) == Stack([1])",
        "Point(1, 2) == Point(1, 2)",
        "Point(1, 2).x == 1",
        "Point(1).y == 0",
        "Colour.RED.value == 1",
        "issubclass(OwnError, ValueError)",
        "list(generated()) == [1]",
        "len(Stack([])) == 0",
    ],
)
def test_what_is_true_of_a_program_is_not_true_of_both_hollow_ones(claim: str) -> None:
    def holds(filled: bool) -> bool:
        try:
            return bool(eval(claim, vars(loaded(filled=filled))))
        except Exception:
            return False

    assert not (holds(False) and holds(True))


def test_an_exception_of_the_program_stays_one(filled: bool) -> None:
    assert issubclass(loaded(filled=filled).OwnError, Exception)


def test_waiting_for_a_hollow_program_comes_to_an_end(filled: bool) -> None:
    program = loaded(filled=filled)
    for _ in range(MOST_CALLS):
        program.squares(1)
    with pytest.raises(Exception, match="does not come to an end"):
        program.squares(1)
    program.squares(1)  # the next test has as many calls again


def test_a_text_that_is_no_python_has_no_hollow_program() -> None:
    assert hollow_programs("def f(:\n") == ()


@given(st.text(max_size=60))
def test_a_program_that_compiles_has_hollow_ones_that_compile(text: str) -> None:
    try:
        compile(text, "solution.py", "exec")
    except (SyntaxError, ValueError):
        return
    assert len([compile(each, "solution.py", "exec") for each in hollow_programs(text)]) == 2
