"""The roles of published methods as a model plays them: what they ask, and what they make of the answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from mendloop.agents.critic import Opinion
from mendloop.agents.methods import seated
from mendloop.agents.programmer import RepairAsk
from mendloop.agents.prompted.asking import Voice
from mendloop.agents.prompted.author import PromptedAuthor
from mendloop.agents.prompted.critic import PromptedCritic
from mendloop.agents.prompted.explaining import Questioner, Reflector
from mendloop.agents.prompted.programmer import PromptedProgrammer, repair_facts
from mendloop.agents.prompted.templates import Prompts
from mendloop.agents.prompted.tester import PromptedTester
from mendloop.agents.roles import Roles
from mendloop.agents.scripted import ScriptedCritic, ScriptedProposer
from mendloop.agents.unanswered import Unanswered
from mendloop.errors import ScenarioError
from mendloop.modelspecs import PlayedRole
from mendloop.records import Diagnosis, Failure, Solution
from mendloop.runs.store import Store
from mendloop.scenario import parse_scenario
from mendloop.specs import Loop
from tests.agents.prompted.acting import LIMITS, PROSE, bench_of, cut, fenced, saying
from tests.graphs.stages import OFF, PROBLEM, RIGHT, case, cases

FAILURE = Failure(case=case("s3", 3), expected="6", observed="7", status="fail", also_failing=1, passing=2)
WRONG = Solution(code=OFF, author="m")
TWO = "assert double(1) == 2\nassert double(3) == 6\n"
SAID = "My program adds one at the end. I should leave that out."


# --- the author ------------------------------------------------------------------------------------------------------


async def test_program_and_tests_are_read_from_one_answer(store: Store) -> None:
    model = saying(f"{fenced(RIGHT)}\n{fenced(TWO)}")
    both = await PromptedAuthor(model.voice()).write_both(await bench_of(store), PROBLEM)
    assert both.solution == Solution(code=RIGHT, author="scripted")
    assert [(each.call, each.expect) for each in both.cases] == [("double(1)", "2"), ("double(3)", "6")]
    assert len(model.asked) == 1


@pytest.mark.parametrize(
    "tests",
    ['assert (double(1), "two")', "assert True", "try:\n    assert double(1) == 2\nexcept Exception:\n    pass"],
)
async def test_asserts_that_test_nothing_give_no_case(store: Store, tests: str) -> None:
    answer = f"{fenced(RIGHT)}\n{fenced(tests)}"
    both = await PromptedAuthor(saying(answer).voice()).write_both(await bench_of(store), PROBLEM)
    assert both.cases == ()


ENDLESS = f"{TWO}assert double(4"


@pytest.mark.parametrize("degenerate", [False, True])
@pytest.mark.parametrize("between", ["```\n```python\n", "\n# Tests\n"])
async def test_tests_without_end_are_read_as_far_as_they_go(store: Store, between: str, degenerate: bool) -> None:
    text = f"```python\n{RIGHT}{between}{ENDLESS}"
    model = saying(cut(text).model_copy(update={"degenerate": degenerate}))
    both = await PromptedAuthor(model.voice()).write_both(await bench_of(store), PROBLEM)
    assert both.solution.code == RIGHT
    assert [each.call for each in both.cases] == ["double(1)", "double(3)"]
    assert len(model.asked) == 1


@pytest.mark.parametrize("text", [f"```python\n{RIGHT}", fenced(RIGHT)])
async def test_a_program_that_was_cut_before_its_tests_is_asked_for_again(store: Store, text: str) -> None:
    model = saying(cut(text))
    with pytest.raises(Unanswered, match=r"^write_both: length: the answer has no end$"):
        await PromptedAuthor(model.voice()).write_both(await bench_of(store), PROBLEM)
    assert [request.max_tokens for request in model.asked] == [100, 200]


async def test_an_answer_without_a_program_goes_back(store: Store) -> None:
    with pytest.raises(Unanswered, match=r"^write_both: the answer has no program"):
        await PromptedAuthor(saying(PROSE).voice()).write_both(await bench_of(store), PROBLEM)


async def test_the_shown_tests_stand_in_the_question_where_the_method_shows_them(store: Store) -> None:
    model = saying(fenced(RIGHT))
    await PromptedAuthor(model.voice()).draw(await bench_of(store), PROBLEM, 0, cases("s", [1, 2]))
    assert "```python\nassert double(1) == 2\nassert double(2) == 4\n```" in model.prompts[0]


async def test_a_drawn_program_is_asked_for_as_a_peer_is(store: Store) -> None:
    drawn, peer = saying(fenced(RIGHT)), saying(fenced(RIGHT))
    bench = await bench_of(store)
    await PromptedAuthor(drawn.voice()).draw(bench, PROBLEM, 2)
    await PromptedProgrammer(peer.voice(), LIMITS).write(await bench_of(store, session="s000001"), PROBLEM, 2)
    assert drawn.asked[0].messages == peer.asked[0].messages
    assert drawn.asked[0].temperature == peer.asked[0].temperature


# --- explanations ----------------------------------------------------------------------------------------------------


async def test_a_reflection_is_explanation_and_lesson_in_the_authors_own_words(store: Store) -> None:
    model = saying(SAID)
    found = await Reflector(model.voice(), ScriptedCritic()).diagnose(await bench_of(store), PROBLEM, WRONG, FAILURE)
    assert (found.text, found.lesson, found.by) == (SAID, SAID, "reflection")
    assert (found.error_type, found.line) == ("WrongValue", None)
    assert OFF.strip() in model.prompts[0]


async def test_a_questioner_tells_what_happened_and_teaches_nothing(store: Store) -> None:
    model = saying("I ran double(3) and got 7, I had expected 6. Can you correct it?")
    found = await Questioner(model.voice(), ScriptedCritic()).diagnose(await bench_of(store), PROBLEM, WRONG, FAILURE)
    assert found.by == "questioner"
    assert found.lesson == ""
    assert "2 of 4 tests fail" in model.prompts[0]


@pytest.mark.parametrize("explaining", [Reflector, Questioner])
async def test_who_explains_leaves_conflicts_to_the_critic(
    store: Store, explaining: type[Reflector] | type[Questioner]
) -> None:
    opinion = Opinion(kind="test_fault", cites="twice the number")
    critic = explaining(saying(SAID).voice(), ScriptedCritic(opinions=(opinion, opinion)))
    assert await critic.judge(await bench_of(store), PROBLEM, FAILURE) == opinion


@pytest.mark.parametrize(
    ("by", "opening"),
    [("critic", "A reviewer says: "), ("reflection", "You said of it: "), ("questioner", "Its user says: ")],
)
def test_a_repair_says_whose_words_it_hands_on(by: str, opening: str) -> None:
    told = Diagnosis.model_validate(
        {"fault": "x", "error_type": "x", "line": None, "symptom": "", "text": SAID, "lesson": "", "by": by}
    )
    facts = repair_facts(PROBLEM, RepairAsk(solution=WRONG, failure=FAILURE, diagnosis=told))
    assert f"{opening}{SAID}" in Prompts().render("repair", facts)[-1].content


# --- who is seated ---------------------------------------------------------------------------------------------------


def seats(method: str, **policy: object) -> tuple[Roles, dict[PlayedRole, Voice]]:
    model = saying("")
    voices: dict[PlayedRole, Voice] = {role: model.voice() for role in ("proposer", "programmer", "tester", "critic")}
    loop = Loop.model_validate({"method": method, "policy": policy})
    roles = Roles(
        ScriptedProposer([]),
        PromptedProgrammer(voices["programmer"], LIMITS),
        PromptedTester(voices["tester"]),
        PromptedCritic(voices["critic"]),
    )
    return seated(roles, loop, voices, stated=True), voices


def test_a_reflection_is_the_programmers_and_a_question_the_critics() -> None:
    reflexion, voices = seats("reflexion")
    assert reflexion.critic == Reflector(voices["programmer"], PromptedCritic(voices["critic"]))
    aiev, voices = seats("aiev_paper")
    assert aiev.critic == Questioner(voices["critic"], PromptedCritic(voices["critic"]))
    assert {"write_both", "question"} <= set(aiev.prompts)


def test_the_suite_that_measures_a_method_is_a_testers() -> None:
    roles, voices = seats("reflexion")
    assert roles.tester == PromptedTester(voices["tester"])
    assert roles.author == PromptedAuthor(voices["programmer"])


def test_only_a_method_with_contracts_asks_for_one() -> None:
    assert seats("mendloop")[0].contractor is not None
    assert seats("mendloop", contract=False)[0].contractor is None
    assert seats("agentcoder")[0].contractor is None


# --- scenarios -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ("loop: {method: aiev_paper}", "loop.policy.tests"),
        ("loop: {method: tests_first}", "loop.policy.programmer_sees_tests"),
        ("loop: {control: 0.1}", "loop.control"),
        ("loop: {policy: {mend: resample}}", "loop.policy.mend"),
        ("loop: {policy: {accept: dual_agreement}}", "target.min_failed_turns"),
    ],
)
def test_a_method_that_nobody_here_can_play_is_refused(lines: str, place: str, tmp_path: Path) -> None:
    text = f"goal: g\nsource: {{kind: python, package: json}}\nmodels: {{teacher: {{kind: procedural}}}}\n{lines}\n"
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, "s.yaml", tmp_path)
    assert place in str(caught.value)
