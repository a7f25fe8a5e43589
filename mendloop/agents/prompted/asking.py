"""Asking a model so that the answer can be used: one prompt, one re-ask with what was wrong, or a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from mendloop.agents.prompted.objects import FIELDS, as_sections, asking_for_object, schema_of
from mendloop.agents.prompted.sections import Malformed
from mendloop.agents.prompted.templates import Prompts
from mendloop.agents.unanswered import Unanswered
from mendloop.specs import PromptName
from mendloop.tools.bench import Bench
from mendloop.tools.chat.protocol import Answer, Chat, ChatMessage, ChatRequest

Read = TypeVar("Read")

WARMER = 0.2
"""How much warmer a further sample of the same question is asked than the first, to a limit of 1."""
LISTS: frozenset[PromptName] = frozenset({"tests", "concepts"})
"""Prompts whose answers are lists of lines that stand by themselves: one without end is read as far as it goes."""
SHOWN_BACK = 2_000
"""Characters of an unusable answer that the model is shown again."""


@dataclass(frozen=True)
class Voice:
    """A model as one role uses it: how long its answers may be, and how warm it is asked.

    With `objects`, answers without code come as JSON objects, because a probe has shown that the server honours that.
    """

    chat: Chat
    prompts: Prompts
    max_tokens: int = 1024
    temperature: float | None = 0.7
    objects: bool = False

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

        An unusable answer goes back once with what is wrong with it. Raises Unanswered with the reason when there is
        none then, and for an answer that has no end, is refused, or does not fit the model.
        """
        messages = self.prompts.render(prompt, facts)
        fields = FIELDS.get(prompt, ()) if self.objects else ()
        if fields:
            messages = asking_for_object(messages, fields)
        answer = await self._asked(bench, slot, prompt, messages, sample, fields)
        try:
            return read(as_sections(usable(answer, prompt), fields))
        except Malformed as wrong:
            if not again:
                raise Unanswered(f"{prompt}: {wrong}") from wrong
            said = ChatMessage(role="assistant", content=answer.text[:SHOWN_BACK] or "(nothing)")
            more = self.prompts.render("again", {"wrong": str(wrong)})
            second = (*messages, said, *(message for message in more if message.role == "user"))
        answer = await self._asked(bench, f"{slot}/again", prompt, second, sample, fields)
        try:
            return read(as_sections(usable(answer, prompt), fields))
        except Malformed as wrong:
            raise Unanswered(f"{prompt}: {wrong}") from wrong

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

        A list that was cut is good as far as it goes.
        """
        request = ChatRequest(
            messages=messages,
            max_tokens=self.max_tokens,
            temperature=self._warmth(sample),
            seed=bench.random(bench.key(slot)).randrange(2**31),
            json_schema=schema_of(fields) if fields else None,
        )
        answer = await bench.ask(slot, self.chat, request)
        if answer.finish != "length" or answer.degenerate or (prompt in LISTS and whole_lines(answer.text)):
            return answer
        longer = request.model_copy(update={"max_tokens": self.max_tokens * 2})
        return await bench.ask(f"{slot}/longer", self.chat, longer)

    def _warmth(self, sample: int) -> float | None:
        """Return the temperature of a sample: a further one is warmer, so that it says something else."""
        if self.temperature is None or not sample:
            return self.temperature
        return max(self.temperature, min(1.0, self.temperature + WARMER * sample))


def whole_lines(text: str) -> str:
    """Return a text that was cut without its last line, which may not be whole."""
    return text.rpartition("\n")[0].strip()


def usable(answer: Answer, prompt: PromptName) -> str:
    """Return an answer's text. Raises Unanswered for one that asking again would not mend."""
    if answer.finish in ("content_filter", "refusal"):
        raise Unanswered(f"{prompt}: refused")
    if answer.finish == "context":
        raise Unanswered(f"{prompt}: longer than the model reads")
    if prompt in LISTS and (answer.degenerate or answer.finish == "length") and (lines := whole_lines(answer.text)):
        return lines
    if answer.degenerate:
        raise Unanswered(f"{prompt}: the answer repeats itself without end")
    if answer.finish == "length":
        raise Unanswered(f"{prompt}: the answer has no end")
    return answer.text
