"""Asking a model so that the answer can be used: one prompt, up to two re-asks with what was wrong, or a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from mendloop.agents.prompted.objects import FIELDS, as_sections, asking_for_object, schema_of
from mendloop.agents.prompted.sections import Malformed
from mendloop.agents.prompted.slots import AGAIN, LONGER, SHORTER
from mendloop.agents.prompted.templates import Prompts
from mendloop.agents.unanswered import Unanswered
from mendloop.specs import PromptName
from mendloop.tools.bench import Bench
from mendloop.tools.chat.protocol import Answer, Chat, ChatMessage, ChatRequest, Finish
from mendloop.tools.chat.tokens import prompt_at_most

Read = TypeVar("Read")

WARMER = 0.2
"""How much warmer a further sample of the same question is asked than the first, to a limit of 1."""
LISTS: frozenset[PromptName] = frozenset({"tests", "concepts", "write_both"})
"""Prompts whose answers are, or end with, lists of lines that stand by themselves.

One without end is read as far as it goes.
"""
LIST_BEGINS: Mapping[PromptName, str] = {"write_both": "assert "}
"""How the first line of a list begins that has something before it; in a block of its own or not."""
REPAIRS = 2
"""How often an answer that cannot be read goes back."""
CUT: tuple[Finish, ...] = ("length", "missing")
"""How an answer ends of which more may be to come."""
SHOWN_BACK = 2_000
"""Characters of an unusable answer that the model is shown again."""


@dataclass(frozen=True)
class Voice:
    """A model as one role uses it: how long its answers may be, how warm it is asked, and how much it reads.

    `window` is how many tokens hold a question and its answer, where that is known.
    With `objects`, answers without code come as JSON objects, because a probe has shown that the server honours that.
    """

    chat: Chat
    prompts: Prompts
    max_tokens: int = 1024
    temperature: float | None = 0.7
    objects: bool = False
    window: int | None = None

    async def ask(
        self,
        bench: Bench,
        slot: str,
        prompt: PromptName,
        facts: Mapping[str, object],
        read: Callable[[str], Read],
        *,
        sample: int = 0,
        again: bool = True,
    ) -> Read:
        """Ask, and return what `read` makes of the answer; `read` raises Malformed for one that it cannot use.

        An unusable answer goes back at most twice with what is wrong with it. Raises Unanswered with the reason when
        there is none then, and for an answer that has no end, is refused, or does not fit the model.
        """
        messages = self.prompts.render(prompt, facts)
        fields = FIELDS.get(prompt, ()) if self.objects else ()
        if fields:
            messages = asking_for_object(messages, fields)
        for repairs in range(REPAIRS + 1):
            answer = await self._asked(bench, slot + AGAIN * repairs, prompt, messages, sample, fields)
            try:
                return read(as_sections(usable(answer, prompt), fields))
            except Malformed as wrong:
                if not again or repairs == REPAIRS:
                    raise Unanswered(f"{prompt}: {wrong}") from wrong
                said = ChatMessage(role="assistant", content=answer.text[:SHOWN_BACK] or "(nothing)")
                more = self.prompts.render("again", {"wrong": str(wrong)})
                messages = (*messages, said, *(message for message in more if message.role == "user"))
        raise AssertionError("the last answer was read or refused")

    async def _asked(
        self,
        bench: Bench,
        slot: str,
        prompt: PromptName,
        messages: tuple[ChatMessage, ...],
        sample: int,
        fields: tuple[str, ...],
    ) -> Answer:
        """Return the answer; one that came to its limit is asked for once more with twice the room.

        A list that was cut is good as far as it goes. Raises Unanswered for a question that is longer than the model
        reads.
        """
        request = ChatRequest(
            messages=messages,
            max_tokens=self.max_tokens,
            temperature=self._warmth(sample),
            seed=bench.random(bench.key(slot)).randrange(2**31),
            json_schema=schema_of(fields) if fields else None,
        )
        request, answer = await self._fitted(bench, slot, prompt, request)
        if answer.finish not in CUT or answer.degenerate or whole_lines(answer.text, prompt):
            return answer
        longer = request.model_copy(update={"max_tokens": self.max_tokens * 2})
        return await bench.ask(slot + LONGER, self.chat, longer)

    async def _fitted(
        self, bench: Bench, slot: str, prompt: PromptName, request: ChatRequest
    ) -> tuple[ChatRequest, Answer]:
        """Ask what fits the model, and return that with its answer; the oldest turns are dropped once if need be.

        They are dropped beforehand where the window is known to be too small. Raises Unanswered, with the tokens that
        were counted.
        """
        shorter = request.model_copy(update={"messages": without_oldest(request.messages)})
        if shorter != request and self._overflows(request):
            request = shorter
        answer = await bench.ask(slot, self.chat, request)
        if answer.finish != "context":
            return request, answer
        before = counted(request, answer)
        if shorter == request:
            raise Unanswered(f"{prompt}: context: longer than the model reads, {before} tokens")
        answer = await bench.ask(slot + SHORTER, self.chat, shorter)
        if answer.finish == "context":
            after = counted(shorter, answer)
            raise Unanswered(
                f"{prompt}: context: longer than the model reads, {before} tokens, {after} without the oldest turns"
            )
        return shorter, answer

    def _overflows(self, request: ChatRequest) -> bool:
        return self.window is not None and prompt_at_most(request) + request.max_tokens > self.window

    def _warmth(self, sample: int) -> float | None:
        """Return the temperature of a sample: a further one is warmer, so that it says something else."""
        if self.temperature is None or not sample:
            return self.temperature
        return max(self.temperature, min(1.0, self.temperature + WARMER * sample))


def without_oldest(messages: tuple[ChatMessage, ...]) -> tuple[ChatMessage, ...]:
    """Return messages without the turns between the question and the last of the user, which become one.

    The last one alone would say what is wrong with an answer to nothing.
    """
    system = tuple(message for message in messages if message.role == "system")
    turns = [message for message in messages if message.role != "system"]
    if len(turns) < 2:
        return messages
    return (*system, ChatMessage(role="user", content=f"{turns[0].content}\n\n{turns[-1].content}"))


def counted(request: ChatRequest, answer: Answer) -> int:
    """Return the tokens of a request that was too long: as the server counted them, else as they are estimated."""
    said = answer.overrun.asked if answer.overrun else None
    return prompt_at_most(request) if said is None else said


def whole_lines(text: str, prompt: PromptName) -> str:
    """Return a list that was cut without its last line, which may not be whole; an empty text where it cannot be read.

    That is so for an answer that is no list, and for one that was cut before its list begins.
    """
    lines = text.rpartition("\n")[0].strip() if prompt in LISTS else ""
    begins = LIST_BEGINS.get(prompt, "")
    return lines if any(line.startswith(begins) for line in lines.splitlines()) else ""


def usable(answer: Answer, prompt: PromptName) -> str:
    """Return an answer's text. Raises Unanswered for one that asking again would not mend."""
    if answer.finish in ("content_filter", "refusal"):
        raise Unanswered(f"{prompt}: refused")
    if (answer.degenerate or answer.finish in CUT) and (lines := whole_lines(answer.text, prompt)):
        return lines
    if answer.degenerate:
        raise Unanswered(f"{prompt}: the answer repeats itself without end")
    if answer.finish == "length":
        raise Unanswered(f"{prompt}: length: the answer has no end")
    if answer.finish == "context":
        raise Unanswered(f"{prompt}: length: the model has no room for an answer with an end")
    if answer.finish == "missing":
        raise Unanswered(f"{prompt}: missing: the server does not say that the answer is whole")
    return answer.text
