"""The test designer that a model plays. It sees the statement, the signature and the contract, and never a program."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from mendloop.agents.assertions import parse_cases
from mendloop.agents.failing import case_text
from mendloop.agents.prompted.asking import Voice
from mendloop.agents.prompted.sections import Malformed, blocks_of, sections_of
from mendloop.agents.tester import SuiteRole
from mendloop.agents.unanswered import Unanswered
from mendloop.errors import InputError
from mendloop.records import Case, Problem, Suite
from mendloop.tools.bench import Bench
from mendloop.tools.judging import validate
from mendloop.tools.values import parse_expected, render

ASKED = 10
MAX_CASES = 16
MIN_CASES = 3
VOTES = 3
FOCUS: dict[SuiteRole, str] = {
    "shown": "Keep the inputs small, so that a reader can follow them.",
    "held_out": "Choose inputs that others would not think of first.",
}


@dataclass(frozen=True)
class PromptedTester:
    """Designs suites with a model; each suite is a question of its own, so that one does not know the other."""

    voice: Voice

    async def design(self, bench: Bench, problem: Problem, role: SuiteRole) -> Suite:
        """Return the cases that could be read from the model's asserts; the shown suite begins with the examples."""
        prefix = "s" if role == "shown" else "h"
        sample = 0 if role == "shown" else 1  # warmer, for a model asked alike writes the same tests again
        asked = await self._asked(bench, f"tests/{role}", problem, role, prefix, sample)
        given = problem.examples if role == "shown" else ()
        taken = {case_text(case) for case in problem.examples}
        cases = (*given, *(case for case in asked if case_text(case) not in taken))
        return Suite(author=self.voice.chat.model, role=role, cases=cases)

    async def extend(
        self, bench: Bench, problem: Problem, suites: Sequence[Suite], aims: Sequence[str] = ()
    ) -> tuple[Case, ...]:
        """Return further cases; none where the model gives nothing usable, which is not asked for again."""
        try:
            further = await self._asked(bench, "tests/further", problem, "held_out", "f", 1, aims, least=1)
        except Unanswered:
            return ()
        taken = {case_text(case) for suite in suites for case in suite.cases}
        return tuple(case for case in further if case_text(case) not in taken)

    async def compare(self, bench: Bench, problem: Problem, code: str, suites: Sequence[Suite]) -> tuple[Case, ...]:
        """Return nothing: there is no reference."""
        return ()

    async def rederive(self, bench: Bench, problem: Problem, case: Case) -> Case | None:
        """Return the case with the value that 2 of 3 derivations agree on; None where they do not.

        The third is asked for only where it can decide.
        """
        votes: Counter[str] = Counter()
        facts = {"statement": problem.statement, "case": case_text(case)}
        for vote in range(VOTES):
            with suppress(Unanswered):
                value = await self.voice.ask(
                    bench, f"rederive/{case.id}/{vote}", "rederive", facts, value_in, sample=vote, again=False
                )
                votes[value] += 1
                if votes[value] > VOTES // 2:
                    return _expecting(case, value)
            if max(votes.values(), default=0) + VOTES - 1 - vote <= VOTES // 2:
                break
        return None

    async def _asked(
        self,
        bench: Bench,
        slot: str,
        problem: Problem,
        role: SuiteRole,
        prefix: str,
        sample: int = 0,
        aims: Sequence[str] = (),
        *,
        least: int = MIN_CASES,
    ) -> tuple[Case, ...]:
        def read(text: str) -> tuple[Case, ...]:
            return cases_in(text, problem.entry_point, prefix, least)

        facts = {
            "statement": problem.statement,
            "signature": problem.signature,
            "entry_point": problem.entry_point,
            "count": ASKED,
            "focus": FOCUS[role],
            "aims": list(aims),
        }
        return await self.voice.ask(bench, slot, "tests", facts, read, sample=sample, again=least > 1)


def cases_in(text: str, entry_point: str, prefix: str, least: int = MIN_CASES) -> tuple[Case, ...]:
    """Return the cases of an answer. Raises Malformed where fewer of its asserts than `least` can be judged."""
    blocks = blocks_of(text)
    code = "\n".join(block.text for block in blocks) if blocks else text
    parsed = parse_cases(code, entry_point, prefix=prefix, limit=MAX_CASES)
    if len(parsed.cases) < least:
        why = "; ".join(f"{count}x {reason}" for reason, count in sorted(parsed.refused.items()))
        found = f"only {len(parsed.cases)} usable asserts of the form `assert {entry_point}(...) == literal`"
        raise Malformed(f"{found} ({why})" if why else found)
    return parsed.cases


def value_in(text: str) -> str:
    """Return the literal, or `raises NAME`, that an answer derives. Raises Malformed where it derives none."""
    section = sections_of(text, ("STEPS", "VALUE")).get("VALUE", "")
    blocks = blocks_of(section)
    whole = (blocks[0].text if blocks else section).strip("`* \n")
    for said in (whole, whole.partition("\n")[0].strip("`* ")):
        if raised := re.match(r"raises[\s`]+([A-Za-z_]\w*)", said, re.IGNORECASE):
            return f"raises {raised[1]}"
        try:
            return render(parse_expected(said))
        except InputError:
            continue
    raise Malformed(f"the section VALUE is no Python literal: {whole[:80]}")


def _expecting(case: Case, value: str) -> Case | None:
    raised = value.removeprefix("raises ") if value.startswith("raises ") else None
    derived = case.model_copy(update={"expect": None if raised else value, "raises": raised, "check": None})
    try:
        validate(derived)
    except InputError:
        return None
    return derived
