"""The author that a model plays: programs from the statement, with the shown tests in sight, or together with tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mendloop.agents.assertions import parse_cases
from mendloop.agents.author import Joint
from mendloop.agents.failing import asked_text
from mendloop.agents.prompted.asking import Voice
from mendloop.agents.prompted.programmer import written
from mendloop.agents.prompted.sections import program_in
from mendloop.agents.prompted.tester import ASKED, MAX_CASES, PromptedTester
from mendloop.records import Case, Problem, Solution, Suite
from mendloop.tools.bench import Bench


@dataclass(frozen=True)
class PromptedAuthor:
    """Asks the model that programs."""

    voice: Voice

    async def draw(self, bench: Bench, problem: Problem, number: int, shown: Sequence[Case] = ()) -> Solution | None:
        """Write a program, warmer for higher numbers. Raises Unanswered for number 0, None for others, as peers are."""
        tests = "\n".join(asked_text(case) for case in shown)
        return await written(self.voice, bench, problem, number, sample=number, tests=tests)

    async def design(self, bench: Bench, problem: Problem) -> Suite:
        """Write a shown suite as a tester does, in a question of its own. Raises Unanswered."""
        return await PromptedTester(self.voice).design(bench, problem, "shown")

    async def write_both(self, bench: Bench, problem: Problem) -> Joint:
        """Write a program and its tests; asserts that test nothing give no case. Raises Unanswered without program."""

        def read(text: str) -> Joint:
            code = program_in(text, problem.entry_point)
            parsed = parse_cases(text, problem.entry_point, prefix="s", limit=MAX_CASES)
            return Joint(solution=Solution(code=code, author=self.voice.chat.model), cases=parsed.cases)

        facts = {
            "statement": problem.statement,
            "signature": problem.signature,
            "entry_point": problem.entry_point,
            "count": ASKED,
        }
        return await self.voice.ask(bench, "write_both", "write_both", facts, read)
