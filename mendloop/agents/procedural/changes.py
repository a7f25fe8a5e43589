"""Describing a repair from two program texts, and choosing the failing case that is easiest to read."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_letters

from mendloop.agents.procedural.changed_tokens import describe_tokens, token_texts
from mendloop.agents.procedural.literals import plural, quote

TOLD = 2
"""Changes that a description names one by one; the rest is counted."""


@dataclass(frozen=True)
class Hunk:
    """Lines `start..` (1-based, in the old program) that became lines `new_start..` of the new one."""

    start: int
    old: tuple[str, ...]
    new_start: int
    new: tuple[str, ...]


def describe_change(before: str, after: str) -> str:
    """Return one or two sentences on what a repair changed, in the line numbers of the new program. Never raises."""
    if before == after:
        return "The program is unchanged."
    hunks = [hunk for hunk in _hunks(before, after) if _means(hunk)]
    if not hunks:
        return "Only comments, blank lines or spacing change; the program does the same."
    moved = _moved(hunks)
    if moved:
        return moved
    told = [_sentence(hunk) for hunk in hunks[:TOLD]]
    rest = len(hunks) - TOLD
    if rest > 0:
        told[-1] = f"{told[-1][:-1]}, and {plural(rest, 'further place')} {'changes' if rest == 1 else 'change'} too."
    return " ".join(told)


def _hunks(before: str, after: str) -> list[Hunk]:
    old, new = before.splitlines(), after.splitlines()
    codes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    found: list[Hunk] = []
    for tag, start, end, other, other_end in codes:
        if tag == "replace" and end - start == other_end - other:
            pairs = range(end - start)
            found += [Hunk(start + i + 1, (old[start + i],), other + i + 1, (new[other + i],)) for i in pairs]
        elif tag != "equal":
            found.append(Hunk(start + 1, tuple(old[start:end]), other + 1, tuple(new[other:other_end])))
    return found


def _means(hunk: Hunk) -> bool:
    """Return whether a hunk changes more than comments and blank lines; a new indentation means something."""
    return [_meaning(line) for line in hunk.old if _meaning(line)] != [
        _meaning(line) for line in hunk.new if _meaning(line)
    ]


def _meaning(line: str) -> tuple[str, ...]:
    tokens = token_texts(line)
    return (line[: len(line) - len(line.lstrip())], *tokens) if tokens else ()


def _moved(hunks: list[Hunk]) -> str:
    """Return the sentence for statements that stand elsewhere now, empty when that is not the whole change."""
    if len(hunks) != 2:
        return ""
    taken, put = sorted(hunks, key=lambda hunk: not hunk.old)
    if taken.new or put.old or [line.strip() for line in taken.old] != [line.strip() for line in put.new]:
        return ""
    way = "down" if put.new_start > taken.start else "up"
    return f"{_code(taken.old)} moves {way} from line {taken.start} to line {put.new_start}."


def _sentence(hunk: Hunk) -> str:
    if not hunk.old:
        return _added(hunk)
    if not hunk.new:
        return f"Line {hunk.start} goes: {_code(hunk.old)}."
    if [line.strip() for line in hunk.old] == [line.strip() for line in hunk.new]:
        return _indented(hunk)
    if len(hunk.old) == len(hunk.new) == 1:
        return f"On line {hunk.new_start}, {describe_tokens(hunk.old[0], hunk.new[0])}."
    return _rewritten(hunk)


def _rewritten(hunk: Hunk) -> str:
    kept = [line.strip() for line in hunk.old]
    added = [line.strip() for line in hunk.new if line.strip() not in kept]
    if added and len(hunk.new) > len(hunk.old) and all(line in [new.strip() for new in hunk.new] for line in kept):
        return f"{_at(hunk)} {_code(added)} comes in around {_code(hunk.old)}."
    return f"{_at(hunk)} {_code(hunk.old)} becomes {_code(hunk.new)}."


def _added(hunk: Hunk) -> str:
    first = hunk.new[0].strip()
    word = first[: len(first) - len(first.lstrip(ascii_letters))]
    noun = {
        "if": "A branch",
        "elif": "A branch",
        "else": "A branch",
        "return": "A return",
        "raise": "An error",
        "for": "A loop",
        "while": "A loop",
        "def": "A function",
        "import": "An import",
        "from": "An import",
        "try": "A guard",
        "except": "A guard",
        "break": "A way out of the loop",
    }.get(word, "A statement")
    return f"{noun} comes in on line {hunk.new_start}: {_code(hunk.new)}."


def _indented(hunk: Hunk) -> str:
    deeper = _depth(hunk.new[0]) - _depth(hunk.old[0])
    way = "deeper, into the block above it" if deeper > 0 else "out of its block"
    return f"{_code(hunk.new)} on line {hunk.new_start} moves {way}."


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _at(hunk: Hunk) -> str:
    return f"On line {hunk.new_start}," if len(hunk.new) == 1 else f"From line {hunk.new_start} on,"


def _code(lines: Sequence[str]) -> str:
    shown = [line.strip() for line in lines if line.strip()]
    text = quote(" / ".join(shown[:2]), 100) if shown else "`` ``"
    return f"{text} and {plural(len(shown) - 2, 'further line')}" if len(shown) > 2 else text
