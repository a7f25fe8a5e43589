"""The critic that a model plays: a diagnosis with a named fault and a cited sentence, and readings of conflicts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mendloop.agents.critic import Opinion, error_type_of, symptom_of
from mendloop.agents.failing import case_text
from mendloop.agents.faultnames import FAULTS, fault_named
from mendloop.agents.prompted.asking import Voice
from mendloop.agents.prompted.sections import Malformed, sections_of
from mendloop.records import Diagnosis, Failure, Problem, Solution, VerdictKind
from mendloop.tools.bench import Bench

MAX_WHY = 800
MAX_LESSON = 300
MIN_CITED = 12
"""Letters and digits that a citation must have to be one."""
MIN_NAME = 4
PLAIN_WORDS = frozenset(
    {"list", "dict", "bool", "float", "bytes", "tuple", "none", "None", "text", "string", "number", "numbers", "value",
     "values", "items", "item", "key", "keys", "words", "word", "index", "count", "start", "stop", "size", "length",
     "name", "names", "line", "lines", "data", "path", "code", "function", "object", "type", "types", "sequence",
     "character", "characters", "default", "input", "output", "result", "limit", "left", "right", "first", "last"}
)  # fmt: skip
"""Words of signatures that general advice uses too."""


@dataclass(frozen=True)
class PromptedCritic:
    """Diagnoses from the statement, the program and one failing case; it has no reference to look at."""

    voice: Voice

    async def diagnose(self, bench: Bench, problem: Problem, solution: Solution, failure: Failure) -> Diagnosis:
        """Return the model's diagnosis; the error type comes from what was executed, not from the model."""
        facts = diagnosis_facts(problem, solution, failure)
        return await self.voice.ask(
            bench, "diagnose", "diagnose", facts, lambda text: diagnosis_in(text, problem, solution, failure)
        )

    async def judge(self, bench: Bench, problem: Problem, failure: Failure) -> Opinion:
        """Return which side the statement is on. The sides are unlabelled, and swapped for the second reading."""
        swapped = bench.random("judge").random() < 0.5
        if bench.role == "critic-again":
            swapped = not swapped
        sides = (failure.observed, failure.expected) if swapped else (failure.expected, failure.observed)
        facts = {
            "statement": problem.statement,
            "case": case_text(failure.case),
            "a": sides[0],
            "b": sides[1],
        }
        return await self.voice.ask(
            bench, "judge", "judge", facts, lambda text: opinion_in(text, problem.statement, swapped=swapped)
        )


def diagnosis_facts(problem: Problem, solution: Solution, failure: Failure) -> dict[str, object]:
    """Return what a prompt for a diagnosis may use."""
    return {
        "statement": problem.statement,
        "code": solution.code,
        "case": case_text(failure.case),
        "expected": failure.expected,
        "observed": failure.observed,
        "faults": FAULTS,
    }


def diagnosis_in(text: str, problem: Problem, solution: Solution, failure: Failure) -> Diagnosis:
    """Return the diagnosis of an answer. Raises Malformed where it says nothing of why."""
    found = sections_of(text, ("WHY", "LINE", "FAULT", "SENTENCE", "LESSON"))
    why = prose(found.get("WHY") or found.get("", ""), MAX_WHY)
    if not why:
        raise Malformed("the section WHY is missing")
    line = line_named(found.get("LINE", ""), solution.code)
    fault = fault_named(found.get("FAULT", "").partition("\n")[0])
    sentence = cited(found.get("SENTENCE", ""), problem.statement)
    return Diagnosis(
        fault=fault,
        error_type=error_type_of(failure),
        line=line,
        symptom=symptom_of(failure),
        text=why,
        lesson=general(prose(found.get("LESSON", ""), MAX_LESSON), problem),
        sentence=sentence,
    )


def opinion_in(text: str, statement: str, *, swapped: bool) -> Opinion:
    """Return what an answer concludes: A is the expected value unless `swapped`. Raises Malformed."""
    found = sections_of(text, ("SENTENCE", "WHY", "VERDICT"))
    said = re.match(r"\W*(A|B|NEITHER|UNCLEAR)\b", found.get("VERDICT", "").upper())
    if said is None:
        raise Malformed("the section VERDICT must be A, B, NEITHER or UNCLEAR")
    kinds: dict[str, VerdictKind] = {"A": "code_fault", "B": "test_fault", "NEITHER": "test_fault"}
    if swapped:
        kinds |= {"A": "test_fault", "B": "code_fault"}
    kind = kinds.get(said[1], "spec_fault")
    sentence = cited(found.get("SENTENCE", ""), statement)
    return Opinion(kind=kind, cites=sentence or (found.get("WHY", "")[:MAX_LESSON] if kind == "spec_fault" else ""))


def general(lesson: str, problem: Problem) -> str:
    """Return a lesson that can help elsewhere; one that names this problem's function or parameters is none."""
    own = {name for name in re.findall(r"[A-Za-z_]\w+", problem.signature) if len(name) >= MIN_NAME}
    said = set(re.findall(r"[A-Za-z_]\w+", lesson))
    return "" if (own - PLAIN_WORDS) & said else lesson


def cited(text: str, statement: str) -> str:
    """Return a citation as the statement has it; empty where the statement does not say so."""
    said = " ".join(text.strip().strip("\"'`“”").split())
    wanted = _bare(said)
    if len(wanted) < MIN_CITED:
        return ""
    for sentence in re.split(r"(?<=[.!?:])\s+|\n+", statement):
        if (have := _bare(sentence)) and len(have) >= MIN_CITED and (wanted in have or have in wanted):
            return " ".join(sentence.split())
    return said if wanted in _bare(statement) else ""


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.lower())


def prose(text: str, limit: int) -> str:
    """Return a text as one paragraph of at most `limit` characters, ending with a whole sentence where it was cut."""
    said = " ".join(re.sub(r"```.*?(```|\Z)", " ", text, flags=re.DOTALL).split()).strip("* ")
    if len(said) <= limit:
        return said
    cut = said[:limit]
    return cut[: cut.rfind(". ") + 1] or f"{cut}..."


def line_named(text: str, code: str) -> int | None:
    """Return the line that an answer names by its number, or by quoting it; None where there is no such line."""
    lines = code.splitlines()
    number = re.match(r"\D{0,12}(\d{1,5})\b", text)
    if number is not None:
        named = int(number[1])
        return named if 1 <= named <= len(lines) and lines[named - 1].strip() else None
    for quoted in re.findall(r"`([^`\n]{3,200})`", text):
        having = [place for place, line in enumerate(lines, 1) if quoted.strip() in line]
        if len(having) == 1:
            return having[0]
    return None
