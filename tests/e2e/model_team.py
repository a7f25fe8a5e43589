"""A language model as a script: it plays every role of a team about a few small tasks, and knows the right programs.

What it answers follows from the request alone: a first program is wrong, a warmer sample is right.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.e2e.product import LISTS, TEXTS
from tests.openai_server import Asked, Reply

KEY = "sk-canary-e2e-0123456789abcdef"
FIRST_WARMTH = 0.7
"""Further samples of a question are asked warmer than the first."""


@dataclass(frozen=True)
class Task:
    """One problem with a right and a wrong program; `shown` and `held_out` are asserts."""

    concept: str
    signature: str
    statement: str
    right: str
    wrong: str
    shown: str
    held_out: str

    @property
    def name(self) -> str:
        """The function's name."""
        return self.signature.partition("(")[0]

    @property
    def problem(self) -> str:
        """What the proposer says."""
        examples = "\n".join(self.shown.splitlines()[:2])
        return (
            f"SIGNATURE: {self.signature}\nSTATEMENT: {self.statement}\nINPUTS: any list of integers.\n"
            f"EXAMPLES:\n{fence(examples)}"
        )


def fence(code: str) -> str:
    """Return a text as a block of Python."""
    return f"```python\n{code.strip()}\n```"


def program(signature: str, *body: str) -> str:
    """Return a function of these lines."""
    return "\n".join([f"def {signature}:", *(f"    {line}" for line in body), ""])


TASKS = (
    Task(
        concept="counting items",
        signature="count_even(items: list[int]) -> int",
        statement="Return how many items of the list are even numbers. Zero is even. An empty list has none.",
        right=program(
            "count_even(items)",
            "found = 0",
            "for item in items:",
            "    if item % 2 == 0:",
            "        found += 1",
            "return found",
        ),
        wrong=program(
            "count_even(items)",
            "found = 0",
            "for item in items[1:]:",
            "    if item % 2 == 0:",
            "        found += 1",
            "return found",
        ),
        shown="assert count_even([2]) == 1\nassert count_even([]) == 0\nassert count_even([1, 2, 3, 4]) == 2\n"
        "assert count_even([0, 0]) == 2\nassert count_even([-2, -1]) == 1",
        held_out="assert count_even([8, 9, 10]) == 2\nassert count_even([5]) == 0\nassert count_even([6, 6, 6]) == 3\n"
        "assert count_even([7, 0]) == 1",
    ),
    Task(
        concept="largest gaps",
        signature="widest_gap(items: list[int]) -> int",
        statement="Return the largest difference of neighbours in the sorted list, and 0 for fewer than two items.",
        right=program(
            "widest_gap(items)",
            "ordered = sorted(items)",
            "widest = 0",
            "for left, right in zip(ordered, ordered[1:]):",
            "    widest = max(widest, right - left)",
            "return widest",
        ),
        wrong=program(
            "widest_gap(items)",
            "ordered = list(items)",
            "widest = 0",
            "for left, right in zip(ordered, ordered[1:]):",
            "    widest = max(widest, right - left)",
            "return widest",
        ),
        shown="assert widest_gap([5, 1]) == 4\nassert widest_gap([]) == 0\nassert widest_gap([3]) == 0\n"
        "assert widest_gap([1, 9, 4]) == 5\nassert widest_gap([2, 2]) == 0",
        held_out="assert widest_gap([10, 0, 3]) == 7\nassert widest_gap([-5, 5]) == 10\n"
        "assert widest_gap([4, 3, 2, 1]) == 1\nassert widest_gap([1, 1, 8]) == 7",
    ),
    Task(
        concept="sums of pairs",
        signature="pair_sums(items: list[int]) -> list[int]",
        statement="Return the sums of each item and the next one, in order; a list of fewer than two items has none.",
        right=program(
            "pair_sums(items)",
            "sums = []",
            "for place in range(len(items) - 1):",
            "    sums.append(items[place] + items[place + 1])",
            "return sums",
        ),
        wrong=program(
            "pair_sums(items)",
            "sums = []",
            "for place in range(len(items) - 2):",
            "    sums.append(items[place] + items[place + 1])",
            "return sums",
        ),
        shown="assert pair_sums([1, 2]) == [3]\nassert pair_sums([]) == []\nassert pair_sums([7]) == []\n"
        "assert pair_sums([1, 2, 3]) == [3, 5]\nassert pair_sums([0, 0]) == [0]",
        held_out="assert pair_sums([5, 5, 5]) == [10, 10]\nassert pair_sums([-1, 1]) == [0]\n"
        "assert pair_sums([1, 2, 3, 4]) == [3, 5, 7]\nassert pair_sums([9]) == []",
    ),
)

ROLES: Mapping[str, str] = {
    "concepts": "You plan a collection",
    "problem": "You state small Python programming problems",
    "instruction": "You turn a request into",
    "tests": "You design tests",
    "write": "You write correct Python functions",
    "repair": "You repair Python functions",
    "diagnose": "You review Python functions",
    "judge": "You decide what a task asks for",
    "rederive": "You work out by hand",
    "contract": "You read a programming task and say which inputs",
}
"""How each prompt begins."""

DIAGNOSIS = {
    "WHY": "The loop leaves one item out, so that the result is too small.",
    "LINE": "3",
    "FAULT": "wrong_loop",
    "SENTENCE": "",
    "LESSON": "Check whether a loop meets the first and the last item.",
}


def role_of(asked: Asked) -> str:
    """Return which prompt a request is; `hello` for the first look at the server."""
    return next((role for role, opening in ROLES.items() if opening in asked.system), "hello")


def known_programs() -> dict[str, str]:
    """Return the right program of every function that there is, by name."""
    functions = [node for text in (TEXTS, LISTS) for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    return {task.name: task.right for task in TASKS} | {node.name: ast.unparse(node) for node in functions}


def team(**changes: Callable[[Asked], Reply | str]) -> Callable[[Asked], Reply]:
    """Return a model that plays all roles; `changes` play some of them differently."""
    roles: dict[str, Callable[[Asked], Reply | str]] = {
        "hello": lambda asked: "OK",
        "concepts": lambda asked: "\n".join(f"- {task.concept}" for task in TASKS),
        "problem": lambda asked: task_of(asked).problem,
        "instruction": lambda asked: task_of(asked).problem,
        "tests": lambda asked: fence(task_of(asked).shown if "Keep the inputs small" in asked.text else _held(asked)),
        "write": lambda asked: fence(task_of(asked).wrong if first_sample(asked) else task_of(asked).right),
        "repair": lambda asked: f"{fence(known_programs()[named(asked)])}\n\nThe loop left one item out.",
        "diagnose": diagnosis,
        "judge": lambda asked: "WHY: it is open.\nVERDICT: UNCLEAR",
        "rederive": lambda asked: "STEPS: none\nVALUE: UNCLEAR",
        "contract": lambda asked: fence("def valid(items):\n    return all(type(item) is int for item in items)"),
        **changes,
    }

    def answer(asked: Asked) -> Reply:
        told = roles[role_of(asked)](asked)
        return Reply(told) if isinstance(told, str) else told

    return answer


def diagnosis(asked: Asked) -> str:
    """Return what the critic says, as an object where one was asked for."""
    if "response_format" in asked.body:
        return json.dumps({name.lower(): text for name, text in DIAGNOSIS.items()})
    return "\n".join(f"{name}: {text}" for name, text in DIAGNOSIS.items())


def first_sample(asked: Asked) -> bool:
    """Tell whether a question is asked for the first time."""
    return bool(asked.body.get("temperature", 0) <= FIRST_WARMTH)


def named(asked: Asked) -> str:
    """Return the function that a request is about."""
    return next(name for name in known_programs() if f"`{name}(" in asked.text or f"def {name}(" in asked.last)


def task_of(asked: Asked) -> Task:
    """Return the task that a request is about, by its function or its concept; the first one where it names none."""
    said = asked.last
    fitting = [task for task in TASKS if f"{task.name}(" in said or f"about: {task.concept}" in said]
    return (fitting or [task for task in TASKS if task.concept in said] or list(TASKS))[0]


def _held(asked: Asked) -> str:
    return task_of(asked).held_out


def question(asked: Asked) -> str:
    """Return what makes a request the same as another: its messages and its seed."""
    body: dict[str, Any] = asked.body
    return json.dumps([body["messages"], body.get("seed"), body.get("temperature"), body.get("max_tokens")])
