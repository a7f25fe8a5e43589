"""Answers as JSON objects: the same sections in another form, and only where a probe shows that the server can."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendloop.agents.prompted.objects import FIELDS, as_sections, asking_for_object, honours_schema, schema_of
from mendloop.agents.prompted.sections import sections_of
from mendloop.agents.prompted.templates import Prompts
from mendloop.tools.chat.protocol import ChatMessage, ChatRequest
from mendloop.tools.chat.scripted import ScriptedChat

one_line = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=30)


@given(st.dictionaries(st.sampled_from(FIELDS["diagnose"]), one_line, min_size=1))
def test_an_object_reads_as_its_sections(values: dict[str, str]) -> None:
    text = json.dumps({name.lower(): value for name, value in values.items()})
    assert sections_of(as_sections(text, FIELDS["diagnose"]), FIELDS["diagnose"]) == values


@given(st.text(max_size=200))
def test_what_is_no_object_stays_as_it_is(text: str) -> None:
    try:
        is_object = isinstance(json.loads(text), dict)
    except ValueError:
        is_object = False
    if not is_object:
        assert as_sections(text, FIELDS["judge"]) == text


def test_no_prompt_that_wants_code_is_asked_for_an_object() -> None:
    assert not {"write", "repair", "tests", "problem"} & set(FIELDS)
    for name, fields in FIELDS.items():
        shown = Prompts().text(name)
        assert all(f"{field}:" in shown for field in fields), name


def test_the_question_names_the_keys_and_keeps_what_came_before() -> None:
    messages = (ChatMessage(role="system", content="s"), ChatMessage(role="user", content="u"))
    system, user = asking_for_object(messages, ("WHY", "LINE"))
    assert system == messages[0]
    assert user.content == 'u\n\nAnswer with one JSON object with the keys "why", "line", each a text.'


@pytest.mark.parametrize(
    ("said", "honoured"),
    [
        ('{"colour": "red", "count": "three"}', True),
        ('{"colour": "red"}', False),
        ('```json\n{"colour": "red", "count": "three"}\n```', False),
        ("Red, and three.", False),
        ("[1]", False),
    ],
)
async def test_a_schema_is_honoured_when_the_object_comes_bare_and_whole(said: str, honoured: bool) -> None:
    asked: list[ChatRequest] = []

    def script(request: ChatRequest) -> str:
        asked.append(request)
        return said

    assert await honours_schema(ScriptedChat(script)) is honoured
    assert asked[0].json_schema == schema_of(("COLOUR", "COUNT"))
