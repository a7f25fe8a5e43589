"""The scripted model: answers written down beforehand. It ships, because tests of prompts and scenarios need it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mendloop.tools.chat.protocol import Answer, ChatRequest, Usage


@dataclass(frozen=True)
class ScriptedChat:
    """Answers with a function of the request, never of how often it is asked, so that a resumed session gets the same.

    A text that the function returns becomes an answer that stopped by itself, with about four characters a token.
    """

    script: Callable[[ChatRequest], str | Answer]
    model: str = "scripted"

    async def ask(self, request: ChatRequest) -> Answer:
        """Return what the script says."""
        said = self.script(request)
        if isinstance(said, Answer):
            return said
        asked = sum(len(message.content) for message in request.messages)
        usage = Usage(prompt=asked // 4 + 1, completion=len(said) // 4 + 1)
        return Answer(text=said, finish="stop", model=self.model, usage=usage)

    async def aclose(self) -> None:
        """Release nothing."""
