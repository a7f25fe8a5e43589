"""What a session can cost, before anything is asked: bounds from a scenario's templates and the numbers of its loop.

No model, no tokenizer and no sandbox is used. A session that is kept asks at least what its record needs. No session
asks more than its loop allows, with every question answered as long as it may be and asked again as often as it may be.
Where a text comes from outside (a function, a case), its size is an assumption that stands here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mendloop.agents.critic import SHOWN_TEXT_CAP
from mendloop.agents.faultnames import FAULTS
from mendloop.agents.procedural.closure import MAX_LINES
from mendloop.agents.prompted.asking import REPAIRS, SHOWN_BACK
from mendloop.agents.prompted.critic import MAX_LESSON
from mendloop.agents.prompted.proposer import CONCEPTS
from mendloop.agents.prompted.proposing import MAX_STATEMENT
from mendloop.agents.prompted.templates import Prompts
from mendloop.agents.prompted.tester import ASKED
from mendloop.agents.sources.failures import read_failures
from mendloop.agents.sources.instructions import read_instructions
from mendloop.agents.sources.problems import read_problems
from mendloop.agents.sources.snippets import MAX_LINES as SNIPPET_LINES
from mendloop.frozen import Frozen
from mendloop.graphs.opening import MAX_TITLE
from mendloop.graphs.planning import MAX_PLANS, TITLES_KEPT
from mendloop.graphs.strengthening import MAX_AIMS
from mendloop.modelspecs import LanguageModel, PlayedRole, Price
from mendloop.runs.questions import ROLE_OF, Count, run_counts, session_counts
from mendloop.sourcespecs import (
    FailureSource,
    GoalSource,
    InstructionSource,
    ProblemSource,
    PythonSource,
    SnippetSource,
)
from mendloop.specs import PromptName, Scenario
from mendloop.tools.chat.metered import most_cost
from mendloop.tools.chat.tokens import FRAME, at_least, at_most

LINE_TOKENS = 20
"""Tokens of a line of code at most, on average over a program."""
CASE_TOKENS = 400
"""Tokens of a failing case at most."""
BACK_TOKENS = 2 * FRAME + SHOWN_BACK + 200
"""Tokens of an answer that goes back, and of what is said to it, at most."""
ONCE: frozenset[PromptName] = frozenset({"rederive"})
"""Questions whose answers never go back."""


class Bounds(Frozen):
    """Tokens and US dollars, from below and from above; dollars are None where a price is not known."""

    low_tokens: int
    high_tokens: int
    low_usd: float | None = None
    high_usd: float | None = None


class Estimate(Frozen):
    """Bounds for one session that is kept (no session costs more), and for the target's records.

    `target` is what the records cost where no session is lost: each that is lost costs `session.high_tokens` at most.
    """

    questions_low: int
    questions_high: int
    session: Bounds
    records: int
    target: Bounds


@dataclass
class _Total:
    """What some questions come to; `usd` is None once a price is not known."""

    tokens: int = 0
    usd: float | None = 0.0
    questions: int = 0

    def add(self, times: int, prompt: int, completion: int, usd: float | None) -> None:
        """Add a question that is asked so many times."""
        self.questions += times
        self.tokens += times * (prompt + completion)
        if times and self.usd is not None:
            self.usd = None if usd is None else self.usd + times * usd


@dataclass(frozen=True)
class Estimator:
    """Estimates a scenario. The prices are those of the roles' models, the cheapest and the dearest of several."""

    scenario: Scenario
    cheapest: Mapping[PlayedRole, Price | None] = field(default_factory=dict)
    dearest: Mapping[PlayedRole, Price | None] = field(default_factory=dict)

    def estimate(self, records: int) -> Estimate:
        """Return the bounds of a session, and of `records` records. Raises SourceError."""
        low, high = self._low(session_counts(self.scenario)), self._high(session_counts(self.scenario))
        whole = run_counts(self.scenario, records)
        run_low, run_high = self._low(whole), self._high(whole)
        return Estimate(
            questions_low=low.questions,
            questions_high=high.questions,
            session=_bounds(low, high, 1, _Total(), _Total()),
            records=records,
            target=_bounds(low, high, records, run_low, run_high),
        )

    def _low(self, counts: Sequence[Count]) -> _Total:
        """Add up the shortest questions, each answered by one token."""
        total, facts = _Total(), self._facts(large=False)
        for count in counts:
            prompt = sum(at_least(text) for text in self._texts(count.prompt, facts))
            price = self.cheapest.get(ROLE_OF[count.prompt])
            total.add(count.low, prompt, 1, None if price is None else _usd_at_least(prompt, 1, price))
        return total

    def _high(self, counts: Sequence[Count]) -> _Total:
        """Add up the longest ones. Each may come back with more text, and each time once more with twice the room."""
        total, facts = _Total(), self._facts(large=True)
        for count in counts:
            price = self.dearest.get(ROLE_OF[count.prompt])
            first = FRAME + sum(FRAME + at_most(text) for text in self._texts(count.prompt, facts))
            answer = self._answer_tokens(count.prompt)
            for number in range(1 if count.prompt in ONCE else 1 + REPAIRS):
                prompt = first + number * BACK_TOKENS
                for room in (answer, 2 * answer):
                    total.add(count.high, prompt, room, None if price is None else most_cost(prompt, room, price))
        return total

    def _answer_tokens(self, prompt: PromptName) -> int:
        model = self.scenario.models.named[self.scenario.models.name_of(ROLE_OF[prompt])]
        return model.max_tokens if isinstance(model, LanguageModel) else 0

    def _texts(self, prompt: PromptName, facts: Mapping[str, object]) -> list[str]:
        prompts = Prompts({name: template.text or "" for name, template in self.scenario.prompts.items()})
        return [message.content for message in prompts.render(prompt, facts)]

    def _facts(self, *, large: bool) -> dict[str, object]:
        """Return what every template may use."""

        def text(tokens: int) -> str:
            return filled(tokens) if large else "x"

        statement, code = source_sizes(self.scenario) if large else (0, 0)
        written = 2 * max(self._answer_tokens(name) for name in ROLE_OF)
        memory = self.scenario.loop.memory
        lessons = memory.recent + (memory.top if memory.enabled else 0) if large else 0
        titles = [text(MAX_TITLE)] * (TITLES_KEPT if large else 0)
        said = text(max(statement, MAX_STATEMENT // 2))
        return {
            "goal": self.scenario.goal,
            "concept": text(30),
            "style": text(30),
            "avoid": titles,
            "count": ASKED,
            "have": [text(30)] * (CONCEPTS * MAX_PLANS if large else 0),
            "instruction": text(statement),
            "snippet": text(code),
            "statement": said,
            "signature": text(60),
            "entry_point": text(20),
            "focus": text(20),
            "tests": text(ASKED * SHOWN_TEXT_CAP) if large and self.scenario.loop.rules.programmer_sees_tests else "",
            "aims": [text(60)] * (MAX_AIMS if large else 0),
            "parameters": text(60),
            "code": text(max(code, written)),
            "case": text(CASE_TOKENS),
            "expected": text(SHOWN_TEXT_CAP),
            "observed": text(SHOWN_TEXT_CAP),
            "a": text(SHOWN_TEXT_CAP),
            "b": text(SHOWN_TEXT_CAP),
            "failing": 1,
            "total": 1,
            "diagnosis": text(300) if large else "",
            "explained_by": text(10),
            "line": None,
            "lessons": [text(MAX_LESSON)] * lessons,
            "conflict": text(300),
            "faults": FAULTS,
            "wrong": text(200),
        }


def source_sizes(scenario: Scenario) -> tuple[int, int]:
    """Return how many tokens a statement and a program of the source have at most. Raises SourceError."""
    match scenario.source:
        case PythonSource(max_lines=lines):
            code = min(lines or MAX_LINES, MAX_LINES) * LINE_TOKENS
            return code, code
        case FailureSource(path=path):
            rows = read_failures(path).items
            return max(at_most(row.statement) for row in rows), max(at_most(row.code) for row in rows)
        case ProblemSource(path=path):
            return max(at_most(each.statement) for each in read_problems(path).items), 0
        case InstructionSource(path=path):
            return max(at_most(each.text) for each in read_instructions(path).items), 0
        case SnippetSource() | GoalSource():
            return 0, SNIPPET_LINES * LINE_TOKENS


def filled(tokens: int) -> str:
    """Return a text of so many tokens by the bound from above, in lines of eight."""
    return "\n".join("abc " * min(8, tokens - start) for start in range(0, tokens, 8))


def _usd_at_least(prompt: int, completion: int, price: Price) -> float:
    """Return what these tokens cost at least: the server may have the whole question cached."""
    cheapest = price.input if price.cached is None else min(price.input, price.cached)
    return (prompt * cheapest + completion * price.output) / 1_000_000


def _bounds(low: _Total, high: _Total, times: int, run_low: _Total, run_high: _Total) -> Bounds:
    return Bounds(
        low_tokens=times * low.tokens + run_low.tokens,
        high_tokens=times * high.tokens + run_high.tokens,
        low_usd=_usd(low, times, run_low),
        high_usd=_usd(high, times, run_high),
    )


def _usd(session: _Total, times: int, run: _Total) -> float | None:
    return None if session.usd is None or run.usd is None else round(times * session.usd + run.usd, 6)
