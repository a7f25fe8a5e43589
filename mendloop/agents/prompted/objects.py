"""Answers as JSON objects, where the server honours a schema: the same sections in another form, never code.

A schema fixes the form only. Code stays in fences: escaped into a JSON string it loses more than it wins.
"""

from __future__ import annotations

import json

from pydantic import JsonValue

from mendloop.specs import PromptName
from mendloop.tools.chat.protocol import Chat, ChatMessage, ChatRequest

FIELDS: dict[PromptName, tuple[str, ...]] = {
    "diagnose": ("WHY", "LINE", "FAULT", "SENTENCE", "LESSON"),
    "judge": ("SENTENCE", "WHY", "VERDICT"),
    "rederive": ("STEPS", "VALUE"),
    "restate": ("STATEMENT", "INPUTS"),
}
"""The prompts whose answers hold no code, and their sections."""


def schema_of(fields: tuple[str, ...]) -> dict[str, JsonValue]:
    """Return the JSON schema of an object with these sections as texts."""
    return {
        "type": "object",
        "properties": {name.lower(): {"type": "string"} for name in fields},
        "required": [name.lower() for name in fields],
        "additionalProperties": False,
    }


def asking_for_object(messages: tuple[ChatMessage, ...], fields: tuple[str, ...]) -> tuple[ChatMessage, ...]:
    """Return the messages with a last line that asks for an object instead of sections."""
    keys = ", ".join(f'"{name.lower()}"' for name in fields)
    *before, last = messages
    asked = f"{last.content}\n\nAnswer with one JSON object with the keys {keys}, each a text."
    return (*before, last.model_copy(update={"content": asked}))


def as_sections(text: str, fields: tuple[str, ...]) -> str:
    """Return an object's texts as sections; a text that is no such object is returned as it is."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(found, dict):
        return text
    given = {str(key).upper(): value for key, value in found.items()}
    return "\n".join(f"{name}: {given[name]}" for name in fields if isinstance(given.get(name), str | int | float))


async def honours_schema(chat: Chat) -> bool:
    """Ask for a small object by schema and say whether one came. Raises ProviderError."""
    fields = ("COLOUR", "COUNT")
    question = ChatMessage(role="user", content="Name a colour and write a number in words.")
    request = ChatRequest(messages=(question,), max_tokens=100, temperature=None, seed=0, json_schema=schema_of(fields))
    answer = await chat.ask(request)
    try:
        found = json.loads(answer.text)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and set(found) == {name.lower() for name in fields}
