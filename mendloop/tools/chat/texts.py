"""Cleaning a model's text at the edge: what no file can hold, thoughts, and endless repetition."""

from __future__ import annotations

import re
import zlib

REPETITIVE = 10.0
"""A text that packs better than this ratio repeats itself; real code and prose stay below 6."""
LONG_ENOUGH = 1_500
"""Characters below which repetition is not judged: a short table of test cases packs well too."""

_ODD = re.compile("[\0\ud800-\udfff]")
_THOUGHTS = re.compile(r"\A\s*<think(?:ing)?>(.*?)(?:</think(?:ing)?>|\Z)", re.DOTALL)


def storable(text: str) -> tuple[str, int]:
    """Return the text with lone surrogates and NULs written as escapes, and how many there were."""
    odd = sum(char == "\0" or "\ud800" <= char <= "\udfff" for char in text)
    if not odd:
        return text, 0
    return "".join(
        f"\\u{ord(char):04x}" if char == "\0" or "\ud800" <= char <= "\udfff" else char for char in text
    ), odd


def without_thoughts(text: str) -> tuple[str, str]:
    """Return the text after a leading block of thoughts (`<think>`), and the thoughts."""
    match = _THOUGHTS.match(text)
    return (text[match.end() :].lstrip("\n"), match[1].strip()) if match else (text, "")


def is_degenerate(text: str) -> bool:
    """Tell whether a text repeats itself without end."""
    if len(text) < LONG_ENOUGH:
        return False
    data = text.encode("utf-8", "replace")
    return len(data) / len(zlib.compress(data)) > REPETITIVE
