"""What a model of half a billion parameters really says: each recorded answer is read, or it ends its session.

The answers and how each was obtained are in `weak_answers.yaml`. The other roles of a session are scripted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from mendloop.agents.prompted.critic import PromptedCritic
from mendloop.agents.prompted.programmer import PromptedProgrammer
from mendloop.agents.prompted.proposer import PromptedProposer
from mendloop.agents.prompted.sections import Malformed, program_in
from mendloop.agents.prompted.tester import PromptedTester
from mendloop.agents.scripted import ScriptedProgrammer, ScriptedProposer, ScriptedTester
from mendloop.agents.unanswered import Unanswered
from mendloop.records import Case, Origin, Problem, Source
from mendloop.runs.store import Store
from mendloop.specs import PROMPT_NAMES, Loop, MemorySpec
from mendloop.tools.bench import Bench
from mendloop.tools.chat.protocol import Answer
from mendloop.tools.chat.texts import is_degenerate
from mendloop.tools.sandbox.protocol import Sandbox
from tests.agents.prompted.acting import LIMITS, Model, Repairing, bench_of, play, saying
from tests.graphs.stages import team

WRONG = """def longest_run(text: str) -> int:
    best = 0
    count = 1
    for before, after in zip(text, text[1:]):
        count = count + 1 if before == after else 1
        best = max(best, count)
    return best
"""
RIGHT = WRONG.replace("best = 0", "best = 1 if text else 0")
PEERS = (RIGHT.replace("best", "most"), RIGHT.replace("count", "run"), RIGHT.replace("after", "next_one"))
PROBLEM = Problem(
    id="longest-run",
    statement="Write the Python function `longest_run(text: str) -> int`.\n\nIt returns the length of the longest run "
    "of equal neighbouring characters. The empty text gives 0.\n",
    entry_point="longest_run",
    signature="longest_run(text: str) -> int",
    source=Source(kind="scripted", package="tests", qualname="longest_run"),
    cluster="longest-run",
)


def cases(*expected: tuple[str, int], origin: Origin = "given") -> tuple[Case, ...]:
    return tuple(
        Case(id=f"s{number}", call=f"longest_run({text!r})", expect=str(length), origin=origin)
        for number, (text, length) in enumerate(expected, 1)
    )


TRUE = (("", 0), ("a", 1), ("aab", 2), ("abbb", 3))


@dataclass(frozen=True)
class Recorded:
    """One answer: the prompt it was given to, its text, why it ended, and what must come of it."""

    name: str
    prompt: str
    text: str
    finish: str
    ends: str
    obtained: str
    reads: dict[str, Any] | None = None

    def answer(self) -> Answer:
        degenerate = is_degenerate(self.text)  # as the edge judges it
        return Answer.model_validate({"text": self.text, "finish": self.finish, "degenerate": degenerate})


def recorded() -> list[Recorded]:
    rows = yaml.safe_load(Path(__file__).with_name("weak_answers.yaml").read_text("utf-8"))
    return [Recorded(**row) for row in rows]


RECORDED = recorded()


@dataclass(frozen=True)
class Rederiving(ScriptedTester):
    """The suites are written down, with one wrong case; the model derives it again."""

    model: PromptedTester | None = None

    async def rederive(self, bench: Bench, problem: Problem, case: Case) -> Case | None:
        assert self.model is not None
        return await self.model.rederive(bench, problem, case)


def cast(prompt: str, model: Model) -> dict[str, object]:
    """Return the roles of a session in which the model answers one prompt."""
    open_case = ScriptedTester(cases(*TRUE, origin="generated"))
    match prompt:
        case "write":
            return {"programmer": PromptedProgrammer(model.voice(), LIMITS)}
        case "repair":
            return {"programmer": Repairing([WRONG], model=PromptedProgrammer(model.voice(), LIMITS))}
        case "tests":
            return {"tester": PromptedTester(model.voice()), "programmer": ScriptedProgrammer([RIGHT])}
        case "rederive":
            doubted = cases(*TRUE, ("aabb", 9), origin="generated")
            tester = Rederiving(doubted, model=PromptedTester(model.voice()))
            return {"tester": tester, "programmer": ScriptedProgrammer([RIGHT], peers=PEERS), "peers": 3}
        case "diagnose":
            return {"critic": PromptedCritic(model.voice())}
        case "judge":
            return {"critic": PromptedCritic(model.voice()), "tester": open_case}
        case _:
            return {"proposer": PromptedProposer(model.voice(), "Small puzzles about text.")}


def no_mutants(code: str, entry_point: str, limit: int) -> Sequence[str]:
    return ()


@pytest.mark.parametrize("weak", [w for w in RECORDED if w.prompt != "concepts"], ids=lambda weak: weak.name)
async def test_a_session_with_a_weak_answer_ends_as_it_must(store: Store, sandbox: Sandbox, weak: Recorded) -> None:
    model = saying(weak.answer())
    roles: dict[str, object] = {
        "proposer": ScriptedProposer([PROBLEM]),
        "programmer": ScriptedProgrammer([WRONG, RIGHT]),
        "tester": ScriptedTester(cases(*TRUE)),
        "mutants": no_mutants,
        "loop": Loop(held_out=False, memory=MemorySpec(enabled=False)),
    }
    played = await play(store, team(sandbox, **{**roles, **cast(weak.prompt, model)}))
    assert played.outcome.reason == weak.ends
    assert model.asked


@pytest.mark.parametrize("weak", [w for w in RECORDED if w.prompt in ("write", "repair")], ids=lambda w: w.name)
def test_a_program_is_read_from_a_weak_answer(weak: Recorded) -> None:
    """Also from one that was cut, though no session uses it: reading it must come to an end as well."""
    read: dict[str, Any]
    try:
        lines = program_in(weak.text, "longest_run").splitlines()
        read = {"lines": len(lines), "last": lines[-1].strip()}
    except Malformed as wrong:
        read = {"wrong": str(wrong)}
    assert read == weak.reads


@pytest.mark.parametrize("weak", [weak for weak in RECORDED if weak.prompt == "diagnose"], ids=lambda w: w.name)
async def test_a_diagnosis_is_read_from_a_weak_answer(store: Store, sandbox: Sandbox, weak: Recorded) -> None:
    model = saying(weak.answer().model_copy(update={"finish": "stop"}))
    roles = {"tester": ScriptedTester(cases(*TRUE)), "programmer": ScriptedProgrammer([WRONG, RIGHT])}
    made = team(sandbox, proposer=ScriptedProposer([PROBLEM]), mutants=no_mutants, **roles, **cast("diagnose", model))
    played = await play(store, made)
    assert played.record is not None
    (lesson,) = played.record.reflections
    assert {"fault": lesson.fault, "error_type": lesson.error_type} == weak.reads


@pytest.mark.parametrize("weak", [w for w in RECORDED if w.prompt == "concepts"], ids=lambda weak: weak.name)
async def test_a_plan_is_read_from_a_weak_answer_or_the_reason_given(store: Store, weak: Recorded) -> None:
    proposer = PromptedProposer(saying(weak.answer()).voice(), "Small puzzles about text.")
    if weak.ends:
        with pytest.raises(Unanswered, match=weak.ends):
            await proposer.concepts(await bench_of(store), ())
    else:
        assert {"concepts": list(await proposer.concepts(await bench_of(store), ()))} == weak.reads


def test_the_answers_are_to_our_own_prompts() -> None:
    assert {weak.prompt for weak in RECORDED} <= set(PROMPT_NAMES)
    assert all(weak.obtained for weak in RECORDED)


def test_the_right_program_is_right() -> None:
    namespace: dict[str, Any] = {}
    exec(compile(program_in(RIGHT, "longest_run"), "right", "exec"), namespace)
    assert [namespace["longest_run"](text) for text, _ in TRUE] == [length for _, length in TRUE]
