"""Who sees what: every question of a whole session, held against what its role may know."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mendloop.agents.contractor import PromptedContractor
from mendloop.agents.procedural.mutants import mutants
from mendloop.agents.prompted.author import PromptedAuthor
from mendloop.agents.prompted.critic import PromptedCritic
from mendloop.agents.prompted.programmer import PromptedProgrammer
from mendloop.agents.prompted.tester import FOCUS, PromptedTester
from mendloop.agents.scripted import ScriptedProposer
from mendloop.records import Problem
from mendloop.runs.store import Store
from mendloop.specs import Loop, MemorySpec
from mendloop.tools.chat.protocol import ChatRequest
from mendloop.tools.sandbox.protocol import Sandbox
from tests.agents.prompted.acting import LIMITS, Model, fenced
from tests.graphs.playing import play
from tests.graphs.stages import PROBLEM, team

SENTENCE = "Numbers above ten are capped: the result is 20 there."
STATED: Problem = PROBLEM.model_copy(
    update={"statement": f"Write `double(n)`.\nIt returns twice the number. {SENTENCE}", "signature": "double(n: int)"}
)
RIGHT = "def double(n):\n    capped = min(n, 10)\n    return capped + capped\n"
FIRST = "def double(n):\n    result = n * 2\n    return result\n"
PEERS = [
    "def double(n):\n    total = 2 * n\n    return total\n",
    "def double(n):\n    ten = 10\n    return n + n if n < ten else 20\n",
]
SHOWN = "\n".join(f"assert double({n}) == {value}" for n, value in ((1, 2), (0, 0), (3, 6), (15, 20), (4, 9)))
HELD_OUT = "assert double(7) == 14\nassert double(2) == 4\nassert double(31) == 20"
FURTHER = "assert double(9) == 18\nassert double(10) == 20\nassert double(11) == 20"
KINDS = {
    "contract": "You read a programming task and say which inputs",
    "tests": "You design tests",
    "write": "You write correct Python functions.",
    "repair": "You repair Python functions",
    "diagnose": "You review Python functions",
    "judge": "You decide what a task asks for",
    "rederive": "You work out by hand",
}


def kind_of(request: ChatRequest) -> str:
    return next(kind for kind, opening in KINDS.items() if request.messages[0].content.startswith(opening))


def said(request: ChatRequest) -> str:
    return request.messages[-1].content


def suite_for(request: ChatRequest) -> str:
    if "miss some mistakes" in said(request):
        return FURTHER
    return HELD_OUT if FOCUS["held_out"] in said(request) else SHOWN


def write_for(request: ChatRequest) -> str:
    warmth = request.temperature or 0.0
    return FIRST if warmth < 0.8 else PEERS[0] if warmth < 1.0 else PEERS[1]


def verdict_for(request: ChatRequest) -> str:
    """Side with the answer 20, wherever it stands, and with no label."""
    side = "A" if "Answer A: 20" in said(request) else "B"
    return f"SENTENCE: {SENTENCE}\nWHY: it is capped.\nVERDICT: {side}"


def answer(request: ChatRequest) -> str:
    answers: dict[str, Callable[[], str]] = {
        "contract": lambda: fenced("def valid(n):\n    return n >= 0\n"),
        "tests": lambda: fenced(suite_for(request) + "\n"),
        "write": lambda: fenced(write_for(request)),
        "repair": lambda: fenced(RIGHT),
        "diagnose": lambda: "WHY: The cap is missing.\nLINE: 2\nFAULT: missing_case\nLESSON: Read to the end.",
        "judge": lambda: verdict_for(request),
        "rederive": lambda: "STEPS: twice four\nVALUE: 8",
    }
    return answers[kind_of(request)]()


@pytest.fixture
async def asked(store: Store, sandbox: Sandbox) -> dict[str, list[ChatRequest]]:
    """The questions of one session, by kind; its program is repaired once and one of its tests is wrong."""
    model = Model(answer)
    voice = model.voice()
    made = team(
        sandbox,
        proposer=ScriptedProposer([STATED]),
        programmer=PromptedProgrammer(voice, LIMITS),
        tester=PromptedTester(voice),
        critic=PromptedCritic(voice),
        author=PromptedAuthor(voice),
        contractor=PromptedContractor(voice),
        mutants=mutants,
        loop=Loop(memory=MemorySpec(enabled=False)),
        peers=2,
    )
    played = await play(store, made)
    assert played.record is not None, played.dropped
    assert [attempt.verdict.kind for attempt in played.record.attempts] == ["code_fault", "passed"]
    kinds: dict[str, list[ChatRequest]] = {kind: [] for kind in KINDS}
    for request in model.asked:
        kinds[kind_of(request)].append(request)
    return kinds


def lines_of_programs() -> set[str]:
    bodies = [line.strip() for code in (RIGHT, FIRST, *PEERS) for line in code.splitlines()[1:]]
    return {line for line in bodies if line}


async def test_whoever_works_from_the_statement_sees_no_line_of_a_program(
    asked: dict[str, list[ChatRequest]],
) -> None:
    blind = [said(request) for kind in ("contract", "tests", "rederive", "judge", "write") for request in asked[kind]]
    assert len(blind) >= 9
    assert [line for line in lines_of_programs() for text in blind if line in text] == []


async def test_nobody_is_told_a_case_that_is_held_out(asked: dict[str, list[ChatRequest]]) -> None:
    calls = [line.removeprefix("assert ").partition(" ==")[0] for line in HELD_OUT.splitlines()]
    texts = [said(request) for requests in asked.values() for request in requests]
    assert [call for call in calls for text in texts if call in text] == []


async def test_whoever_derives_a_value_anew_is_told_neither_the_expected_nor_an_observed_one(
    asked: dict[str, list[ChatRequest]],
) -> None:
    assert {said(request).rpartition("```python")[2].strip("`\n") for request in asked["rederive"]} == {"double(4)"}
    assert all("Observed" not in said(request) and " 9" not in said(request) for request in asked["rederive"])


async def test_a_repair_is_given_its_own_program_and_one_failing_case(asked: dict[str, list[ChatRequest]]) -> None:
    (first, *_) = asked["repair"]
    assert FIRST.strip() in said(first)
    assert said(first).count("double(15)") == 1
    assert [peer for peer in PEERS if peer.strip() in said(first)] == []


async def test_the_critic_reads_both_sides_unlabelled_and_swapped(asked: dict[str, list[ChatRequest]]) -> None:
    one, other = asked["judge"]
    assert "Answer A: 20\nAnswer B: 30" in said(one) or "Answer A: 30\nAnswer B: 20" in said(one)
    assert said(one) != said(other)
    assert {line for line in said(one).splitlines() if line.startswith("Answer")} != {
        line for line in said(other).splitlines() if line.startswith("Answer")
    }
    labels = ("expected", "observed", "test", "program", "peer")
    conflict = [text.partition("The input:")[2].lower() for text in (said(one), said(other))]
    assert [label for label in labels for text in conflict if label in text] == []
