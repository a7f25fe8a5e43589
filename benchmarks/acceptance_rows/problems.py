"""Problems with programs and suites that models wrote for them, and with what is known to be right."""

from __future__ import annotations

import ast
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from mendloop.agents.assertions import parse_cases
from mendloop.agents.shapes import parsed, shape
from mendloop.agents.tester import SuiteRole
from mendloop.records import Case

MAX_CASES = 40


@dataclass(frozen=True)
class Program:
    """One program, and which model wrote it."""

    code: str
    model: str


@dataclass(frozen=True)
class Recorded:
    """One problem. `suites` are by author, `anchors` the statement's own examples.

    The truth is `reference` (a person's solution), `tests` of the benchmark that parse, and `check`, its test program.
    """

    name: str
    statement: str
    entry_point: str
    signature: str
    programs: tuple[Program, ...]
    suites: tuple[tuple[Case, ...], ...]
    anchors: tuple[Case, ...]
    reference: str
    tests: tuple[Case, ...]
    check: str = ""


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSONL file."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def distinct(programs: Sequence[Program]) -> tuple[Program, ...]:
    """Return the programs that parse, one for each syntax tree."""
    found: dict[str, Program] = {}
    for program in programs:
        if parsed(program.code) is not None:
            found.setdefault(shape(program.code), program)
    return tuple(found.values())


# --- HumanEval -------------------------------------------------------------------------------------------------------

WEAK = "codegen-16b"


def humaneval(data: Path, *, weak: bool = False) -> Iterator[Recorded]:
    """Yield HumanEval with recorded programs of five models, or of CodeGen alone (`weak`)."""
    programs: dict[str, list[Program]] = {}
    for row in rows(data / "recorded/humaneval_programs.jsonl"):
        if (row["model"] == WEAK) is weak:
            programs.setdefault(row["task_id"], []).append(Program(row["code"], row["model"]))
    suites: dict[str, list[list[str]]] = {}
    for row in rows(data / "recorded/humaneval_suites.jsonl"):
        if (row["model"] == WEAK) is weak:
            suites.setdefault(row["task_id"], []).append(row["asserts"])
    for row in rows(data / "humaneval/HumanEval.jsonl"):
        name, entry = row["task_id"], row["entry_point"]
        asserts = [_cases(texts, entry, f"s{number}-") for number, texts in enumerate(suites.get(name, []))]
        header = row["prompt"][row["prompt"].rindex(f"def {entry}") + 4 :]
        yield Recorded(
            name=name,
            statement=row["prompt"],
            entry_point=entry,
            signature=header[: header.index(":\n")],
            programs=distinct([_whole(each, row["prompt"], entry) for each in programs.get(name, [])]),
            suites=tuple(asserts if weak else _halves(asserts)),
            anchors=examples(row["prompt"], entry),
            reference=row["prompt"] + row["canonical_solution"],
            tests=parse_cases(row["test"], entry, prefix="t", limit=MAX_CASES, origin="given").cases,
            check=f"{row['test']}\n",
        )


def _whole(program: Program, prompt: str, entry: str) -> Program:
    """Return a program that defines its entry point; some were recorded as the body alone."""
    if f"def {entry}" in program.code:
        return program
    return replace(program, code=prompt + program.code)


def _cases(texts: Sequence[str], entry: str, prefix: str) -> tuple[Case, ...]:
    return parse_cases("\n".join(texts), entry, prefix=prefix, limit=MAX_CASES).cases


def _halves(suites: Sequence[tuple[Case, ...]]) -> list[tuple[Case, ...]]:
    """Return one good suite as two: every third case is held out."""
    (suite,) = suites or [()]
    held = suite[2::3]
    return [tuple(case for case in suite if case not in held), held]


def examples(prompt: str, entry: str) -> tuple[Case, ...]:
    """Return the examples of a docstring."""
    return parse_cases(prompt, entry, prefix="e", limit=MAX_CASES, origin="given").cases


# --- MBPP, as one model of our own recorded it -----------------------------------------------------------------------


def mbpp(data: Path, recorded: Path) -> Iterator[Recorded]:
    """Yield the MBPP problems of a recording (the view `recorded`), with the programs that are no repairs.

    The first of the three asserts is the statement's example.
    """
    given = {row["task_id"]: row for row in rows(data / "mbpp/mbpp.jsonl")}
    programs: dict[str, list[Program]] = {}
    for row in rows(recorded / "programs.jsonl"):
        if not row["turn"]:
            programs.setdefault(row["task_id"], []).append(Program(row["code"], row["model"]))
    suites: dict[str, list[list[str]]] = {}
    for row in rows(recorded / "suites.jsonl"):
        if row["role"] in get_args(SuiteRole):
            suites.setdefault(row["task_id"], []).append(row["asserts"])
    for row in rows(recorded / "problems.jsonl"):
        name, entry = row["id"], row["entry_point"]
        source = given[int(name.rpartition("/")[2])]
        tests = parse_cases(
            "\n".join([*source["test_list"], *source["challenge_test_list"]]),
            entry,
            prefix="t",
            limit=MAX_CASES,
            origin="given",
        ).cases
        yield Recorded(
            name=name,
            statement=row["statement"],
            entry_point=entry,
            signature=row["signature"],
            programs=distinct(programs.get(name, [])),
            suites=tuple(_cases(texts, entry, f"s{number}-") for number, texts in enumerate(suites.get(name, []))),
            anchors=tuple(Case.model_validate(each) for each in row["examples"]),
            reference=source["code"].replace("\r\n", "\n"),
            tests=tests,
        )


# --- anchors that lie ------------------------------------------------------------------------------------------------


def corrupted(problem: Recorded, share: float, seed: int) -> Recorded:
    """Return the problem with a share of its anchors expecting another anchor's value, or a value near their own."""
    rng = random.Random(f"{seed}/{problem.name}")
    values = [case.expect for case in problem.anchors if case.expect is not None]
    changed = []
    for case in problem.anchors:
        others = [value for value in values if value != case.expect]
        lies = case.expect is not None and rng.random() < share
        wrong = (rng.choice(others) if others else near(case.expect or "")) if lies else case.expect
        changed.append(case.model_copy(update={"expect": wrong}))
    return replace(problem, anchors=tuple(changed))


def near(literal: str) -> str:
    """Return a literal that is not the given one, of the same kind."""
    value = ast.literal_eval(literal)
    match value:
        case bool():
            return repr(not value)
        case int() | float():
            return repr(value + 1)
        case str():
            return repr(value[1:] if value else "x")
        case list():
            return repr(value[1:] if value else [0])
        case tuple():
            return repr(value[1:] if value else (0,))
    return "None" if value is not None else "0"
