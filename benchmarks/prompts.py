"""Prompt templates compared on the same cases: programs with one known fault, repaired or diagnosed by a real model.

    python benchmarks/prompts.py repair --template shipped --template benchmarks/prompts/repair_trace_first.j2
    python benchmarks/prompts.py diagnose --template shipped --template benchmarks/prompts/diagnose_fault_first.j2

Needs an OpenAI-compatible endpoint in OPENAI_BASE_URL (with MENDLOOP_MODEL, where it offers several) and the data of
MENDLOOP_BENCH_DATA: humanevalfix/python.jsonl, humaneval/HumanEval.jsonl, quixbugs/python.jsonl. Every template sees
the same cases with the same seeds. A repair counts when it passes all tests, of which the prompt shows one.
"""

from __future__ import annotations

import argparse
import asyncio
import difflib
import json
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mendloop.agents.assertions import parse_cases
from mendloop.agents.critic import error_type_of, failure_of, symptom_of
from mendloop.agents.executor import examine
from mendloop.agents.programmer import RepairAsk
from mendloop.agents.prompted.asking import Voice
from mendloop.agents.prompted.critic import PromptedCritic
from mendloop.agents.prompted.programmer import PromptedProgrammer
from mendloop.agents.prompted.templates import Prompts
from mendloop.agents.selection import smallest_failing
from mendloop.agents.unanswered import Unanswered
from mendloop.choosing import endpoint_of
from mendloop.events import AnyEvent, Model, Ref
from mendloop.executions import Limits
from mendloop.frozen import canonical_json, digest
from mendloop.judgement.shares import wilson
from mendloop.records import Case, Diagnosis, Failure, Problem, Solution, Source
from mendloop.settings import load_settings
from mendloop.specs import PromptName
from mendloop.tools.bench import Bench
from mendloop.tools.chat.endpoint import EndpointChat
from mendloop.tools.chat.protocol import Answer
from mendloop.tools.sandbox.open import open_sandbox

LIMITS = Limits(cpu_s=2, wall_s=10)
MIN_CASES = 3


@dataclass(frozen=True)
class Faulty:
    """One program with a known fault."""

    name: str
    statement: str
    entry_point: str
    signature: str
    wrong: str
    right: str
    cases: tuple[Case, ...]

    @property
    def problem(self) -> Problem:
        """The problem as the loop has it."""
        return Problem(
            id=self.name,
            statement=self.statement,
            entry_point=self.entry_point,
            signature=self.signature,
            source=Source(kind="benchmark", package="", qualname=self.entry_point),
        )

    @property
    def changed(self) -> set[int]:
        """The lines of the wrong program that the right one changes; for a lost line, the ones beside it."""
        matcher = difflib.SequenceMatcher(a=self.wrong.splitlines(), b=self.right.splitlines(), autojunk=False)
        lines: set[int] = set()
        for kind, start, end, _, _ in matcher.get_opcodes():
            if kind != "equal":
                lines |= set(range(start + 1, end + 1)) or {start, start + 1}
        return lines


@dataclass
class Tally:
    """What a template gave on one case."""

    good: bool = False
    usable: bool = False
    reason: str = ""
    detail: str = ""
    answers: list[Answer] = field(default_factory=list)


class NoJournal:
    """A journal that keeps what it must give back and serves nothing: every answer is asked for."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.answers: list[Answer] = []

    def put(self, value: object) -> Ref:
        text = canonical_json(value)
        self.kept[digest(text)] = text
        return Ref(sha256=digest(text), bytes=len(text))

    def get(self, sha256: str, model: type[Model]) -> Model:
        return model.model_validate_json(self.kept[sha256])

    async def emit(self, key: str, event: AnyEvent) -> None:
        pass

    async def effect(
        self,
        key: str,
        request: object,
        call: Callable[[], Awaitable[Model]],
        model: type[Model],
        event: Callable[[str, Ref, Model], AnyEvent],
    ) -> Model:
        found = await call()
        if isinstance(found, Answer):
            self.answers.append(found)
        return found


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSONL file."""
    for line in path.read_text("utf-8").splitlines():
        yield json.loads(line)


def faulty_programs(data: Path) -> Iterator[Faulty]:
    """Yield the programs of HumanEvalFix and QuixBugs whose tests can be judged by value."""
    prompts = {row["task_id"].rpartition("/")[2]: row["prompt"] for row in rows(data / "humaneval/HumanEval.jsonl")}
    for row in rows(data / "humanevalfix/python.jsonl"):
        number, entry = row["task_id"].rpartition("/")[2], row["entry_point"]
        parsed = parse_cases(row["test"], entry, prefix="t", limit=40, origin="given")
        header = row["declaration"]
        yield Faulty(
            name=f"humanevalfix/{number}",
            statement=f"Complete this Python function:\n\n```python\n{prompts[number].rstrip()}\n```\n",
            entry_point=entry,
            signature=header[header.rindex("def ") + 4 :].strip().removesuffix(":"),
            wrong=header + row["buggy_solution"],
            right=header + row["canonical_solution"],
            cases=parsed.cases,
        )
    for row in rows(data / "quixbugs/python.jsonl"):
        parsed = parse_cases(row["tests"], row["name"], prefix="t", limit=40, origin="given")
        header = next(line for line in row["buggy_program"].splitlines() if line.startswith(f"def {row['name']}"))
        yield Faulty(
            name=f"quixbugs/{row['name']}",
            statement=f"Write the Python function `{row['name']}`.\n\n" + row["docstring"].strip().strip('"').strip(),
            entry_point=row["name"],
            signature=header.removeprefix("def ").strip().removesuffix(":"),
            wrong=row["buggy_program"] + "\n",
            right=row["solution"] + "\n",
            cases=parsed.cases,
        )


async def failing(bench: Bench, program: Faulty) -> Failure | None:
    """Return the smallest failing case; None where the tests do not tell the two programs apart as they should."""
    if len(program.cases) < MIN_CASES or not program.changed:
        return None
    right = await examine(bench, "right", program.right, program.cases, LIMITS, confirm=False)
    wrong = await examine(bench, "wrong", program.wrong, program.cases, LIMITS, confirm=False)
    if not right.passed or wrong.passed:
        return None
    case = smallest_failing([each for each in wrong.cases if each.status != "pass"], program.cases)
    return failure_of(program.cases, wrong.cases, case)


async def chosen(data: Path, count: int, seed: int, bench: Bench) -> list[tuple[Faulty, Failure]]:
    """Return `count` usable cases, two thirds from HumanEvalFix, drawn by seed."""
    drawn = list(faulty_programs(data))
    random.Random(seed).shuffle(drawn)
    found: dict[str, list[tuple[Faulty, Failure]]] = {"humanevalfix": [], "quixbugs": []}
    wanted = {"humanevalfix": count - count // 3, "quixbugs": count // 3}
    for program in drawn:
        family = program.name.partition("/")[0]
        if len(found[family]) < wanted[family] and (failure := await failing(bench, program)):
            found[family].append((program, failure))
    return found["humanevalfix"] + found["quixbugs"]


async def repaired(voice: Voice, bench: Bench, program: Faulty, failure: Failure, said: str) -> Tally:
    """Ask for one repair and run it on every test."""
    diagnosis = Diagnosis(
        fault="unknown_logic",
        error_type=error_type_of(failure),
        line=None,
        symptom=symptom_of(failure),
        text=said,
        lesson="",
    )
    ask = RepairAsk(solution=Solution(code=program.wrong, author="benchmark"), failure=failure, diagnosis=diagnosis)
    try:
        solution = await PromptedProgrammer(voice, LIMITS, samples=1).repair(bench, program.problem, ask)
    except Unanswered as unanswered:
        return Tally(reason=str(unanswered))
    result = await examine(bench, "judged", solution.code, program.cases, LIMITS, confirm=False)
    reason = "fixed" if result.passed else "still wrong"
    return Tally(good=result.passed, usable=True, reason=reason, detail=solution.code)


async def diagnosed(voice: Voice, bench: Bench, program: Faulty, failure: Failure, said: str) -> Tally:
    """Ask for one diagnosis and compare the line it names with the lines that the right program changes."""
    solution = Solution(code=program.wrong, author="benchmark")
    try:
        found = await PromptedCritic(voice).diagnose(bench, program.problem, solution, failure)
    except Unanswered as reason:
        return Tally(reason=str(reason))
    near = found.line is not None and any(abs(found.line - line) <= 1 for line in program.changed)
    parts = [name for name, there in (("line", found.line), ("sentence", found.sentence)) if there]
    parts += ["fault"] if found.fault != "unknown_logic" else []
    return Tally(good=near, usable=True, reason="+".join(parts) or "why only", detail=canonical_json(found))


TASKS: dict[str, tuple[PromptName, Any]] = {"repair": ("repair", repaired), "diagnose": ("diagnose", diagnosed)}


def template_of(name: PromptName, given: str) -> tuple[str, Prompts]:
    """Return a template's short name and the prompts with it."""
    if given == "shipped":
        return "shipped", Prompts()
    path = Path(given)
    return path.stem, Prompts({name: path.read_text("utf-8")})


async def compare(arguments: argparse.Namespace) -> None:
    """Ask for every case with every template, and print a table."""
    settings = load_settings(os.environ)
    if settings.bench_data is None or settings.openai_base_url is None:
        sys.exit("set MENDLOOP_BENCH_DATA and OPENAI_BASE_URL")
    name, work = TASKS[arguments.task]
    chat = EndpointChat(model="", endpoint=endpoint_of(settings), parallel=arguments.parallel)
    chat.model = settings.model or (await chat.offered())[0]
    sandbox = open_sandbox("local", 2)
    said: dict[str, str] = {}
    if arguments.diagnoses:
        said = {row["case"]: json.loads(row["detail"])["text"] for row in rows(arguments.diagnoses) if row["usable"]}
    out = arguments.out.open("w", encoding="utf-8") if arguments.out else None

    def bench(case: str) -> tuple[Bench, NoJournal]:
        journal = NoJournal()
        return Bench(journal, sandbox, arguments.seed, case, "benchmark", 0, arguments.task), journal

    try:
        cases = await chosen(settings.bench_data, arguments.cases, arguments.seed, bench("choice")[0])
        tallies: dict[str, list[Tally]] = {}
        gate = asyncio.Semaphore(arguments.parallel)
        for given in arguments.template:
            short, prompts = template_of(name, given)
            voice = Voice(chat, prompts, arguments.max_tokens, arguments.temperature)
            began = time.monotonic()

            async def one(program: Faulty, failure: Failure, voice: Voice = voice, short: str = short) -> Tally:
                async with gate:
                    own, journal = bench(program.name)
                    tally: Tally = await work(voice, own, program, failure, said.get(program.name, ""))
                    tally.answers = journal.answers
                if out:
                    texts = [answer.text for answer in tally.answers]
                    row = {"template": short, "case": program.name, "good": tally.good, "usable": tally.usable}
                    print(json.dumps({**row, "reason": tally.reason, "detail": tally.detail, "texts": texts}), file=out)
                    out.flush()
                return tally

            tallies[short] = await asyncio.gather(*(one(*case) for case in cases))
            print(f"{short}: {len(cases)} cases in {time.monotonic() - began:.0f} s", file=sys.stderr)
    finally:
        await sandbox.aclose()
        await chat.aclose()
    print(f"{arguments.task}, {chat.model}, {len(cases)} cases, temperature {arguments.temperature}\n")
    show(arguments.task, tallies)
    print("\nreasons:", {short: reasons(each) for short, each in tallies.items()})


def show(task: str, tallies: dict[str, list[Tally]]) -> None:
    """Print the table and, for every template but the first, the cases on which it differs from the first."""
    good = "fixed" if task == "repair" else "line within 1"
    print(f"| template | {good} | 95 % interval | usable | asked again | prompt tokens | answer tokens |")
    print("|---|---|---|---|---|---|---|")
    for short, each in tallies.items():
        n, hit = len(each), sum(tally.good for tally in each)
        low, high = wilson(hit, n)
        answers = [answer for tally in each for answer in tally.answers]
        again = sum(len(tally.answers) > 1 for tally in each)
        prompt = sum(answer.usage.prompt for answer in answers) / n
        said = sum(answer.usage.completion for answer in answers) / n
        usable = sum(tally.usable for tally in each)
        print(f"| {short} | {hit} of {n} | {low:.2f}-{high:.2f} | {usable} | {again} | {prompt:.0f} | {said:.0f} |")
    first, *others = tallies
    for short in others:
        pairs = list(zip(tallies[first], tallies[short], strict=True))
        only_first = sum(a.good and not b.good for a, b in pairs)
        only_other = sum(b.good and not a.good for a, b in pairs)
        print(f"\nonly {first}: {only_first}; only {short}: {only_other}")


def reasons(tallies: Sequence[Tally]) -> dict[str, int]:
    """Count the reasons."""
    counts: dict[str, int] = {}
    for tally in tallies:
        counts[tally.reason] = counts.get(tally.reason, 0) + 1
    return dict(sorted(counts.items(), key=lambda each: -each[1]))


def main() -> None:
    """Read the arguments and compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--template", action="append", required=True, help="`shipped`, or a file; may be given again")
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parallel", type=int, default=4)
    parser.add_argument("--temperature", type=float, default=0.6)
    parser.add_argument("--max-tokens", type=int, default=768)
    parser.add_argument("--diagnoses", type=Path, help="what `diagnose --out` wrote, to be shown to the programmer")
    parser.add_argument("--out", type=Path, help="every answer, one JSON object a line")
    asyncio.run(compare(parser.parse_args()))


if __name__ == "__main__":
    main()
