"""Snippets about adding numbers, and two models behind one server: the first program of the big one is always wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.e2e.model_team import diagnosis, fence, first_sample, role_of
from tests.openai_server import Asked, Reply

BIG, SMALL = "big-coder", "small-coder"
ROLES = ("proposer", "programmer", "tester", "critic")


def write_snippets(folder: Path, count: int) -> Path:
    """Write a folder of code with so many functions."""
    code = folder / "code"
    code.mkdir()
    for number in range(count):
        text = f"def add_{number}(n):\n    total = n\n    total = total + {number}\n    return total\n"
        (code / f"adding_{number}.py").write_text(text)
    return code


def scenario(folder: Path, snippets: int, stages: str, more: str = "") -> Path:
    """Write a scenario with stages about such a folder; return its file."""
    write_snippets(folder, snippets)
    file = folder / "adders.yaml"
    file.write_text(
        f"goal: small functions that add numbers\ntarget: {{records: {snippets}, min_tier: C, min_failed_turns: 0}}\n"
        f"source: {{kind: snippets, path: code}}\n"
        f"models: {{teacher: {{kind: openai, model: {BIG}}}, student: {{kind: openai, model: {SMALL}}}}}\n"
        f"loop: {{peers: 2, variants: 1, concurrency: 1, memory: {{enabled: false}}, stages: {stages}{more}}}\n"
        "sandbox: {limits: {wall_s: 600}}\nexport: [sft_multiturn]\nscreening: {licences: [any]}\n"
    )
    return file


def model_of(asked: Asked) -> str:
    """Return which model a request asks."""
    return str(asked.body["model"])


def number_of(asked: Asked) -> int:
    """Return the number that a request is about."""
    found = re.search(r"add_(\d+)", asked.last)
    assert found, asked.text
    return int(found[1])


def adders(meets: Callable[[Asked], Reply | None] = lambda asked: None) -> Callable[[Asked], Reply]:
    """Return what the two models answer; `meets` comes first, and may answer something else."""

    def answer(asked: Asked) -> Reply:
        return meets(asked) or Reply(said(asked))

    return answer


def said(asked: Asked) -> str:
    """Return what the model of a request says, which follows from the request alone."""
    match played(asked):
        case "hello":
            return "OK"
        case "problem":
            number = number_of(asked)
            return (
                f"SIGNATURE: add_{number}(n: int) -> int\n"
                f"STATEMENT: Return the number n with {number} added to it, whatever the sign of n may be.\n"
                f"INPUTS: any whole number.\nEXAMPLES:\n{fence(asserts(number, 0, 1))}"
            )
        case "tests":
            inputs = (2, 3, 4, 5) if "Keep the inputs small" in asked.text else (10, 20, 30, -40)
            return fence(asserts(number_of(asked), *inputs))
        case "both":
            return f"{fence(written(asked))}\n\n{fence(asserts(number_of(asked), 2, 3, 4, 5))}"
        case "write":
            return fence(written(asked))
        case "repair":
            return f"{fence(program(number_of(asked), 0))}\n\nThe sum was too large."
        case "question":
            return "I ran it and the result was one too large. Please correct it."
        case _:
            return diagnosis(asked)


def asserts(number: int, *inputs: int) -> str:
    """Return tests of a function, one for each input."""
    return "\n".join(f"assert add_{number}({n}) == {n + number}" for n in inputs)


def played(asked: Asked) -> str:
    """Return which prompt a request is: those of the team, the paper's joint answer, and its questioner."""
    if "and test them" in asked.system:
        return "both"
    return "question" if "You are a user who ran a program" in asked.system else role_of(asked)


def written(asked: Asked) -> str:
    """Return a program: the big model's first one is wrong."""
    return program(number_of(asked), 1 if model_of(asked) == BIG and first_sample(asked) else 0)


def program(number: int, off: int) -> str:
    """Return a function that adds a number, and is off by something."""
    return f"def add_{number}(n):\n    return n + {number + off}\n"
