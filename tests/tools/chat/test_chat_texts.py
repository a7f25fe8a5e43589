"""A model's text is cleaned at the edge: any text at all comes out as one that a file can hold."""

from __future__ import annotations

import random
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mendloop.tools.chat.texts import LONG_ENOUGH, is_degenerate, storable, without_thoughts

ANY_TEXT = st.text(
    st.characters(codec=None, categories=None, exclude_categories=()) | st.sampled_from("\0\ud83d\udc00")
)
"""Surrogates and NULs too, and often."""
TAGGED = st.lists(ANY_TEXT | st.sampled_from(["<think>", "</think>", "<thinking>", "</thinking>", "\n"])).map("".join)


@settings(deadline=None)
@given(ANY_TEXT)
def test_any_text_becomes_one_that_a_file_can_hold(text: str) -> None:
    clean, odd = storable(text)
    assert clean.encode("utf-8").decode("utf-8") == clean
    assert "\0" not in clean
    assert odd == sum(char == "\0" or "\ud800" <= char <= "\udfff" for char in text)
    assert len(clean) == len(text) + 5 * odd
    assert storable(clean) == (clean, 0)


@settings(deadline=None)
@given(ANY_TEXT)
def test_a_text_that_a_file_can_hold_is_left_as_it_is(text: str) -> None:
    clean, _ = storable(text)
    assert storable(clean)[0] is clean


@pytest.mark.parametrize(
    ("text", "clean", "odd"),
    [("", "", 0), ("a\0b", "a\\u0000b", 1), ("\ud83d\ude00", "\\ud83d\\ude00", 2), ("\U0001f600", "\U0001f600", 0)],
)
def test_what_no_file_can_hold_is_written_as_an_escape(text: str, clean: str, odd: int) -> None:
    assert storable(text) == (clean, odd)


@settings(deadline=None)
@given(TAGGED)
def test_thoughts_are_taken_off_any_text_and_nothing_is_invented(text: str) -> None:
    rest, thoughts = without_thoughts(text)
    assert text.endswith(rest)
    assert thoughts in text
    assert thoughts == thoughts.strip()
    if not text.lstrip().startswith("<think"):
        assert (rest, thoughts) == (text, "")


@settings(deadline=None)
@given(TAGGED)
def test_cleaning_never_fails_whatever_the_order(text: str) -> None:
    rest, thoughts = without_thoughts(text)
    for part in (rest, thoughts, text):
        kept, _ = storable(part)
        assert kept.encode("utf-8").decode("utf-8") == kept
        assert is_degenerate(part) in (True, False)


@pytest.mark.parametrize(
    ("text", "rest", "thoughts"),
    [
        ("<think>why</think>so", "so", "why"),
        ("\n <think>\nwhy\n</think>\n\n  so", "  so", "why"),
        ("<thinking>why</thinking>so", "so", "why"),
        ("<think>why, and never so", "", "why, and never so"),
        ("<think></think>so", "so", ""),
        ("so <think>why</think>", "so <think>why</think>", ""),
        ("<thought>why</thought>so", "<thought>why</thought>so", ""),
        ("<think>a</think>b<think>c</think>d", "b<think>c</think>d", "a"),
    ],
)
def test_only_a_block_of_thoughts_at_the_beginning_is_taken_off(text: str, rest: str, thoughts: str) -> None:
    assert without_thoughts(text) == (rest, thoughts)


@pytest.mark.parametrize("text", ["x" * 5_000, "and so on, " * 500, "assert f(1) == 2\n" * 200])
def test_endless_repetition_is_seen(text: str) -> None:
    assert is_degenerate(text)


@pytest.mark.parametrize("length", [0, 100, LONG_ENOUGH - 1])
def test_a_short_text_is_never_called_endless(length: int) -> None:
    assert not is_degenerate("x" * length)


def test_random_words_and_real_code_are_not_endless() -> None:
    draw = random.Random(0)
    words = " ".join("".join(draw.choices(string.ascii_lowercase, k=draw.randint(2, 9))) for _ in range(2_000))
    assert not is_degenerate(words)
    assert not is_degenerate(Path(__file__).read_text("utf-8"))


def test_a_text_of_lone_surrogates_can_be_judged() -> None:
    assert is_degenerate("\ud83d" * LONG_ENOUGH)
