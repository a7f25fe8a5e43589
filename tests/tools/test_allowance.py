"""A session's own budget: counted from what its journal gives out, and refused in a way that can be replayed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from mendloop.events import AnyEvent, LlmAnswered, Model, QuestionRefused, Ref
from mendloop.executions import Execution, Request
from mendloop.frozen import canonical_json, digest
from mendloop.specs import SessionBudget
from mendloop.tools.allowance import Allowance, OverBudget
from mendloop.tools.bench import Bench
from mendloop.tools.chat.protocol import Answer, ChatMessage, ChatRequest, Usage
from mendloop.tools.chat.scripted import ScriptedChat

ASKED = ChatRequest(messages=(ChatMessage(role="user", content="x"),), max_tokens=9, temperature=None, seed=0)
ANSWER = Answer(text="y", finish="stop", usage=Usage(prompt=30, completion=10), ms=2_000, usd=0.25)


class Notebook:
    """A journal in memory that gives out what it holds."""

    def __init__(self, held: dict[str, tuple[AnyEvent, str]] | None = None) -> None:
        self.held: dict[str, tuple[AnyEvent, str]] = dict(held or {})

    def put(self, value: object) -> Ref:
        return Ref(sha256=digest(value), bytes=0)

    def get(self, sha256: str, model: type[Model]) -> Model:
        raise KeyError(sha256)

    async def emit(self, key: str, event: AnyEvent) -> None:
        raise AssertionError(key)

    async def effect(
        self,
        key: str,
        request: object,
        call: Callable[[], Awaitable[Model]],
        model: type[Model],
        event: Callable[[str, Ref, Model], AnyEvent],
    ) -> Model:
        if key not in self.held:
            value = await call()
            self.held[key] = (event(digest(request), self.put(value), value), canonical_json(value))
        return model.model_validate_json(self.held[key][1])


class Still:
    """A sandbox in which every program takes a second."""

    async def probe(self) -> tuple[()]:
        return ()

    async def run(self, request: object) -> Execution:
        return Execution(status="ok", isolation="none", wall_s=1.0)

    async def aclose(self) -> None:
        """Release nothing."""


def bench(journal: Notebook, budget: SessionBudget) -> Bench:
    return Bench(journal, Still(), 0, "s", "repair", 0, "programmer", Allowance(budget))


def chat(asked: list[ChatRequest] | None = None) -> ScriptedChat:
    def answer(request: ChatRequest) -> Answer:
        if asked is not None:
            asked.append(request)
        return ANSWER

    return ScriptedChat(answer)


@pytest.mark.parametrize(
    ("budget", "what"),
    [
        (SessionBudget(tokens=80), "tokens"),
        (SessionBudget(usd=0.5), "usd"),
        (SessionBudget(wall=4.0), "wall"),
    ],
)
async def test_the_question_after_the_last_dollar_token_or_second_is_refused(budget: SessionBudget, what: str) -> None:
    asked: list[ChatRequest] = []
    desk = bench(Notebook(), budget)
    for number in range(2):
        await desk.ask(f"repair/{number}", chat(asked), ASKED)
    with pytest.raises(OverBudget) as caught:
        await desk.as_role("critic").ask("diagnose", chat(asked), ASKED)
    assert str(caught.value) == f"budget_session: {what}"
    assert len(asked) == 2


async def test_without_a_limit_nothing_is_refused() -> None:
    desk = bench(Notebook(), SessionBudget())
    for number in range(20):
        await desk.ask(f"repair/{number}", chat(), ASKED)
    assert (desk.allowance.tokens, desk.allowance.usd, desk.allowance.used_up) == (800, 5.0, "")


async def test_the_sandbox_counts_into_the_seconds() -> None:
    desk = bench(Notebook(), SessionBudget(wall=3.0))
    await desk.ask("repair/0", chat(), ASKED)
    assert desk.allowance.used_up == ""
    await desk.run("candidate", Request(code=""))
    assert (desk.allowance.wall_s, desk.allowance.used_up) == (3.0, "wall")


async def test_a_refusal_is_journalled_as_what_it_is_and_not_as_a_call() -> None:
    journal = Notebook()
    desk = bench(journal, SessionBudget(tokens=40))
    await desk.ask("repair/0", chat(), ASKED)
    with pytest.raises(OverBudget):
        await desk.ask("repair/1", chat(), ASKED)
    kinds = [type(event) for event, _ in journal.held.values()]
    assert kinds == [LlmAnswered, QuestionRefused]
    answered, refused = (event for event, _ in journal.held.values())
    assert isinstance(answered, LlmAnswered)
    assert isinstance(refused, QuestionRefused)
    assert (answered.usd, refused.reason) == (0.25, "tokens")


async def test_a_session_that_is_played_again_ends_at_the_same_question_whatever_comes_first() -> None:
    """Side-by-side nodes may ask in another order the second time: the decision is the journal's."""
    journal = Notebook()
    first = bench(journal, SessionBudget(tokens=80))
    for slot in ("a", "b"):
        await first.ask(slot, chat(), ASKED)
    with pytest.raises(OverBudget):
        await first.ask("c", chat(), ASKED)
    again = bench(Notebook(journal.held), SessionBudget(tokens=80))
    with pytest.raises(OverBudget, match="budget_session: tokens"):
        await again.ask("c", chat(), ASKED)
    assert [(await again.ask(slot, chat(), ASKED)).text for slot in ("b", "a")] == ["y", "y"]
    assert again.allowance.tokens == first.allowance.tokens == 80
