"""Explanations as published methods have them: the author's own reflection, or a questioner's words for the failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from mendloop.agents.critic import Critic, Opinion, unexplained
from mendloop.agents.prompted.asking import Voice
from mendloop.agents.prompted.critic import MAX_WHY, diagnosis_facts, prose
from mendloop.agents.prompted.sections import Malformed
from mendloop.records import Diagnosis, Failure, Problem, Solution
from mendloop.tools.bench import Bench

Explaining: TypeAlias = Literal["reflect", "question"]


@dataclass(frozen=True)
class Reflector:
    """Explains a failure as the program's author does to itself (Reflexion, arXiv 2303.11366, section 3).

    The explanation is also the lesson of its turn. Conflicts are judged by another critic.
    """

    voice: Voice
    judging: Critic

    async def diagnose(self, bench: Bench, problem: Problem, solution: Solution, failure: Failure) -> Diagnosis:
        """Return the model's reflection; error type and symptom are what was executed."""
        said = await _said(self.voice, bench, "reflect", diagnosis_facts(problem, solution, failure))
        return unexplained(failure).model_copy(update={"text": said, "lesson": said, "by": "reflection"})

    async def judge(self, bench: Bench, problem: Problem, failure: Failure) -> Opinion:
        """Ask the other critic."""
        return await self.judging.judge(bench, problem, failure)


@dataclass(frozen=True)
class Questioner:
    """Says a failure in the words of somebody who asks for help (AIEV-Instruct, arXiv 2405.14906)."""

    voice: Voice
    judging: Critic

    async def diagnose(self, bench: Bench, problem: Problem, solution: Solution, failure: Failure) -> Diagnosis:
        """Return the questioner's words; they hold no lesson."""
        counts = {
            "failing": failure.also_failing + 1,
            "total": failure.also_failing + 1 + failure.passing,
        }
        facts = diagnosis_facts(problem, solution, failure) | counts
        said = await _said(self.voice, bench, "question", facts)
        return unexplained(failure).model_copy(update={"text": said, "by": "questioner"})

    async def judge(self, bench: Bench, problem: Problem, failure: Failure) -> Opinion:
        """Ask the other critic."""
        return await self.judging.judge(bench, problem, failure)


async def _said(voice: Voice, bench: Bench, prompt: Explaining, facts: dict[str, object]) -> str:
    def read(text: str) -> str:
        said = prose(text, MAX_WHY)
        if not said:
            raise Malformed("the answer says nothing in words")
        return said

    return await voice.ask(bench, prompt, prompt, facts, read)
