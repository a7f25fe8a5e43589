"""The programmer that a model plays: writes programs, and repairs them from the smallest failing case."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mendloop.agents.executor import examine
from mendloop.agents.failing import case_text
from mendloop.agents.programmer import RepairAsk
from mendloop.agents.prompted.asking import Voice
from mendloop.agents.prompted.sections import program_in
from mendloop.agents.shapes import same_program
from mendloop.agents.unanswered import Unanswered
from mendloop.executions import Limits
from mendloop.records import Problem, Solution
from mendloop.tools.bench import Bench

MAX_NOTE = 600
EXPLAINED_BY = {"critic": "A reviewer says", "reflection": "You said of it", "questioner": "Its user says", "none": ""}
"""How an explanation is handed on, by whose words it is."""
_FENCED = re.compile(r"^[ \t]*(`{3,}|~{3,}).*?(?:^[ \t]*\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_REPORT = re.compile(r"^[^\w\n]{0,9}\d+ of \d+ tests? (?:pass|fail)", re.MULTILINE)


@dataclass(frozen=True)
class PromptedProgrammer:
    """Writes and repairs with a model; `samples` repairs are tried on the failing case before one is handed in."""

    voice: Voice
    limits: Limits
    samples: int = 3

    async def write(self, bench: Bench, problem: Problem, peer: int) -> Solution | None:
        """Write a program from the statement alone, warmer for peers and after a restart. No peer is None."""
        return await written(self.voice, bench, problem, peer, sample=peer + (2 if bench.node == "restart" else 0))

    async def repair(self, bench: Bench, problem: Problem, ask: RepairAsk) -> Solution:
        """Return the first sample that mends the failing case, else the first that changes anything, else any.

        A sample that gives the program back unchanged is not run. Raises Unanswered where none is a program.
        """
        first: Solution | None = None
        unchanged: Solution | None = None
        reasons: list[str] = []
        begin = self.samples if bench.node == "restart" else 0  # a second round is warmer than the first
        for sample in range(begin, begin + self.samples):
            try:
                solution = await self._sample(bench, problem, ask, sample)
            except Unanswered as reason:
                reasons.append(str(reason))
                continue
            tried = solution.model_copy(update={"trials": sample - begin + 1})
            if same_program(solution.code, ask.solution.code):
                unchanged = tried
                continue
            result = await examine(
                bench, f"sample{sample}", solution.code, [ask.failure.case], self.limits, confirm=False
            )
            if result.passed:
                return tried
            first = first or tried
        handed_in = first or unchanged
        if handed_in is None:
            raise Unanswered(reasons[0])
        return handed_in

    async def start_over(self, bench: Bench, problem: Problem, first: RepairAsk) -> Solution | None:
        """Write another program from the statement alone."""
        return await self.write(bench, problem, 0)

    async def _sample(self, bench: Bench, problem: Problem, ask: RepairAsk, sample: int) -> Solution:
        wrong = ask.solution.code

        def read(text: str) -> Solution:
            code = program_in(text, problem.entry_point, wrong)
            return Solution(code=code, author=self.voice.chat.model, note=note_in(text))

        facts = repair_facts(problem, ask)
        return await self.voice.ask(bench, f"repair/{sample}", "repair", facts, read, sample=sample, again=sample == 0)


async def written(
    voice: Voice, bench: Bench, problem: Problem, number: int, *, sample: int, tests: str = ""
) -> Solution | None:
    """Ask for program `number` of a problem; `tests` stand in the question where a method shows them.

    Without a usable answer number 0 raises Unanswered, and others are None.
    """
    facts = {"statement": problem.statement, "signature": problem.signature, "tests": tests}
    try:
        code = await voice.ask(
            bench,
            f"write/{number}",
            "write",
            facts,
            lambda text: program_in(text, problem.entry_point),
            sample=sample,
            again=number == 0,
        )
    except Unanswered:
        if number:
            return None
        raise
    return Solution(code=code, author=voice.chat.model)


def repair_facts(problem: Problem, ask: RepairAsk) -> dict[str, object]:
    """Return what a prompt for a repair may use."""
    lessons = [lesson.lesson for lesson in (*ask.recalled, *ask.recent) if lesson.lesson]
    return {
        "statement": problem.statement,
        "entry_point": problem.entry_point,
        "signature": problem.signature,
        "code": ask.solution.code,
        "failing": ask.failure.also_failing + 1,
        "total": ask.failure.also_failing + 1 + ask.failure.passing,
        "case": case_text(ask.failure.case),
        "expected": ask.failure.expected,
        "observed": ask.failure.observed,
        "diagnosis": ask.diagnosis.text,
        "explained_by": EXPLAINED_BY[ask.diagnosis.by],
        "line": ask.diagnosis.line,
        "lessons": list(dict.fromkeys(lessons)),
    }


def note_in(text: str) -> str:
    """Return what an answer says beside its program, as one paragraph; the last whole sentence ends it.

    A report of tests in the form of the question ends it, too: nothing was run, and the rest follows from what was not.
    """
    said = _FENCED.sub("\n", text)
    report = _REPORT.search(said)
    prose = " ".join(said[: report.start() if report else None].split())
    prose = re.sub(r"^(#+ *)?(explanation|corrected program|the corrected program)\s*:\s*", "", prose, flags=re.I)
    if len(prose) <= MAX_NOTE:
        return prose
    cut = prose[:MAX_NOTE]
    return cut[: cut.rfind(". ") + 1] or f"{cut}..."
