"""What changed within one line, told by its tokens."""

from __future__ import annotations

import difflib
import keyword
import re
from collections.abc import Sequence

from mendloop.agents.procedural.literals import quote

_TOKEN = re.compile(
    r"""(?P<comment>\#.*)|(?P<string>[rbfuRBFU]{0,2}(?:'''|\"\"\"|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))
    |(?P<number>\d[\w.]*|\.\d\w*)|(?P<name>[^\W\d]\w*)|(?P<operator>[-+*/%@&|^<>=!]=|\*\*=?|//=?|<<=?|>>=?|->|:=|[^\w\s])""",
    re.VERBOSE,
)
_COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!=", "in", "not", "is"})
_ARITHMETIC = frozenset(
    {"+", "-", "*", "/", "//", "%", "**", "&", "|", "^", "<<", ">>", "+=", "-=", "*=", "/=", "//=", "%="}
)
_JOINING = _ARITHMETIC | {".", "<", "<=", ">", ">=", "==", "!="}
_LOGIC = frozenset({"and", "or"})
_CONSTANTS = frozenset({"True", "False", "None"})
_STATEMENTS = frozenset({"pass", "return", "raise", "yield", "del"})
AROUND = 3
"""Tokens shown on either side of a change."""


def token_texts(line: str) -> tuple[str, ...]:
    """Return the tokens of a line without comments and spacing; works on any text."""
    return tuple(found.group() for found in _TOKEN.finditer(line) if found.lastgroup != "comment")


def describe_tokens(before: str, after: str) -> str:
    """Return what changed from one line to another, as a clause without its full stop."""
    old, new = token_texts(before), token_texts(after)
    codes = [
        code for code in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if code[0] != "equal"
    ]
    other_statement = old[:1] != new[:1] and {*old[:1], *new[:1]} & _STATEMENTS
    if not codes or not old or not new or other_statement:
        return f"{quote(before.strip(), 100)} becomes {quote(after.strip(), 100)}"
    spans = _span(before, codes[0][1], codes[-1][2]), _span(after, codes[0][3], codes[-1][4])
    becomes = f"{spans[0]} becomes {spans[1]}"
    if sorted(old) == sorted(new):
        return f"the order changes: {becomes}"
    if len(codes) > 1:
        return becomes
    _, start, end, other, other_end = codes[0]
    kind = _kind(old[start:end], new[other:other_end])
    return f"{kind} changes: {becomes}"


def _kind(old: Sequence[str], new: Sequence[str]) -> str:
    """Return what the differing tokens are, most telling first."""
    both = [*old, *new]
    if not old or not new:
        return _one_sided(both)
    for kind, words in (("the logic", _LOGIC), ("the comparison", _COMPARISONS), ("the operator", _ARITHMETIC)):
        if all(word in words for word in both):
            return kind
    if all(_is_constant(word) for word in both):
        return "the constant"
    if all(word in ("break", "continue", "pass", "return") for word in both):
        return "the jump"
    return "the name" if len(both) == 2 and all(_is_name(word) for word in both) else "the expression"


def _one_sided(words: Sequence[str]) -> str:
    if list(words) == ["not"]:
        return "the negation"
    return "the term" if words[0] in _ARITHMETIC else "the expression"


def _is_constant(word: str) -> bool:
    return word in _CONSTANTS or word[0].isdigit() or word[-1] in "'\""


def _is_name(word: str) -> bool:
    return word.isidentifier() and not keyword.iskeyword(word)


def _span(line: str, first: int, last: int) -> str:
    """Return the stretch of a line from token `first` to before token `last`, and a few around it, in backticks."""
    found = [match for match in _TOKEN.finditer(line) if match.lastgroup != "comment"]
    if not found:
        return "nothing"
    tokens = [match.group() for match in found]
    start, end = _widen(tokens, first - AROUND, last + AROUND)
    while end < len(tokens) and tokens[end - 1] in _JOINING:
        end += 1
    while start > 0 and tokens[start] in _JOINING:
        start -= 1
    if end > last and tokens[end - 1] == ":":
        end -= 1
    if start < first and tokens[start] in ("=", ","):
        start += 1
    return quote(line[found[start].start() : found[end - 1].end()], 90)


def _widen(tokens: Sequence[str], start: int, end: int) -> tuple[int, int]:
    """Return the stretch inside the line, extended until its brackets close."""
    start, end = max(start, 0), min(end, len(tokens))
    while end < len(tokens) and _open(tokens[start:end]) > 0:
        end += 1
    while start > 0 and _open(tokens[start:end]) < 0:
        start -= 1
    return min(start, max(end - 1, 0)), max(end, 1)


def _open(tokens: Sequence[str]) -> int:
    return sum((token in ("(", "[", "{")) - (token in (")", "]", "}")) for token in tokens)
