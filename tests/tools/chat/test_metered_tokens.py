"""Tokens are bounded from below and from above without a tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendloop.tools.chat.protocol import ChatMessage, ChatRequest
from mendloop.tools.chat.tokens import FRAME, at_least, at_most, prompt_at_most

WRITE = (
    (
        "You write correct Python functions. Answer with one ```python block that holds the whole p"
        "rogram, and nothing after it."
    ),
    (
        "Write the Python function `string_length(input: str) -> int`.\n\nReturn the length of the in"
        "put string. The length is defined as the number of characters in the string.\n\nInputs: a st"
        "ring of any length\n\nWrite a Python program that defines `string_length(input: str) -> int`"
        ". Use only the standard library. Mind the edge cases."
    ),
)
REPAIR = (
    (
        "You repair Python functions. Answer with one ```python block that holds the whole correcte"
        "d program, then one or two\nsentences that say what was wrong."
    ),
    (
        "Write the Python function `_days_before_year(year)`.\n\nyear -> number of days before Januar"
        "y 1st of year.\n\nInputs:\n\n- `year` is an integer.\n\nExamples:\n\n```python\n>>> _days_before_ye"
        "ar(6)\n1826\n>>> _days_before_year(202)\n73413\n>>> _days_before_year(1914)\n698708\n```\n\nThis p"
        'rogram is wrong:\n\n```python\ndef _days_before_year(year):\n    "year -> number of days befor'
        'e January 1st of year."\n    return year*365 + year//4 - year//100 + year//400\n```\n\n12 of 1'
        "2 tests fail, for example:\n\n```python\n_days_before_year(1)\n```\n\nExpected: 0\nObserved: 365\n"
        "\nA reviewer says: The function does not correctly calculate the number of days before Janu"
        "ary 1st of the given year. It incorrectly adds `year//100` to the result, which is not nec"
        "essary.\n\nWrite the corrected program."
    ),
)


@pytest.mark.parametrize(("messages", "tokens"), [(WRITE, 106), (REPAIR, 272)], ids=["write", "repair"])
def test_what_a_server_counted_lies_between_the_bounds(messages: tuple[str, str], tokens: int) -> None:
    """Prompts of a recorded run, with the prompt tokens that llama.cpp counted for Qwen2.5-Coder-1.5B."""
    system, user = messages
    asked = (ChatMessage(role="system", content=system), ChatMessage(role="user", content=user))
    request = ChatRequest(messages=asked, max_tokens=1, temperature=None, seed=0)
    assert sum(at_least(text) for text in messages) <= tokens <= prompt_at_most(request) <= 2 * tokens


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("", 0, 0),
        ("one word", 2, 3),
        ("1234567890", 1, 10),
        ("[1, 2]", 2, 5),
        ("naïve 東京", 2, 10),
        ("a\n\n    b", 2, 5),
    ],
)
def test_a_digit_a_sign_and_a_byte_beyond_ascii_are_a_token_each_at_most(text: str, least: int, most: int) -> None:
    assert (at_least(text), at_most(text)) == (least, most)


@given(st.text(max_size=200), st.text(max_size=200))
def test_the_bound_from_below_is_below_and_both_grow_with_the_text(text: str, more: str) -> None:
    assert at_least(text) <= at_most(text)
    assert at_most(f"{text} {more}") >= at_most(text)


def test_a_request_counts_what_a_server_puts_around_its_messages_and_its_schema() -> None:
    message = ChatMessage(role="user", content="one word")
    plain = ChatRequest(messages=(message, message), max_tokens=1, temperature=None, seed=0)
    assert prompt_at_most(plain) == 3 * FRAME + 6
    assert prompt_at_most(plain.model_copy(update={"json_schema": {"type": "object"}})) > prompt_at_most(plain)


def test_our_own_prompts_are_bounded_too() -> None:
    for path in sorted((Path(__file__).parents[3] / "mendloop" / "agents" / "prompts").glob("*.j2")):
        text = path.read_text("utf-8")
        assert at_least(text) < len(text) / 4 < at_most(text), path.name
