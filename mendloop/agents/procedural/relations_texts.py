"""How an observed string relates to the expected one."""

from __future__ import annotations

import re

from mendloop.agents.procedural.literals import Finder, Relation, first_of, plural, show

Text = str | bytes


def relate_texts(expected: object, observed: object) -> Relation | None:
    """Return the relation of two strings (or two byte strings), None for anything else."""
    if isinstance(expected, bytes) and isinstance(observed, bytes):
        return relate_texts(expected.decode("latin-1"), observed.decode("latin-1"))
    if not (isinstance(expected, str) and isinstance(observed, str)):
        return None
    return first_of(_FINDERS, expected, observed)


def _empty(expected: str, observed: str) -> Relation | None:
    if not observed:
        return Relation("empty", f"The text came out empty; {show(expected)} is right.")
    if not expected:
        return Relation("not_empty", f"Nothing should be left, and {show(observed)} is.")
    return None


def _case(expected: str, observed: str) -> Relation | None:
    if expected.casefold() != observed.casefold() or len(expected) != len(observed):
        return None
    at = _first_difference(expected, observed)
    return Relation(
        "case_differs",
        f"Only upper and lower case differ, first at index {at}: "
        f"{show(observed[at])} where {show(expected[at])} is right.",
    )


def _whitespace(expected: str, observed: str) -> Relation | None:
    if "".join(expected.split()) != "".join(observed.split()):
        return None
    if expected.strip() == observed.strip():
        side = "the start" if expected.rstrip() != observed.rstrip() else "the end"
        verb = "is missing" if len(observed) < len(expected) else "is left over"
        return Relation("whitespace_at_edge", f"The words are right, but white space at {side} {verb}.")
    at = _first_difference(expected, observed)
    return Relation("whitespace_differs", f"Only white space differs, first at index {at} of {show(observed)}.")


def _one_character(expected: str, observed: str) -> Relation | None:
    at = _first_difference(expected, observed)
    if observed == expected[:at] + expected[at + 1 :]:
        return Relation("character_dropped", f"One character is lost: {show(expected[at])} at {_place(at, expected)}.")
    if expected == observed[:at] + observed[at + 1 :]:
        return Relation("character_added", f"One character too many: {show(observed[at])} at {_place(at, observed)}.")
    if len(expected) == len(observed) and expected[at + 1 :] == observed[at + 1 :]:
        return Relation(
            "character_differs",
            f"One character differs: {show(observed[at])} instead of {show(expected[at])} at {_place(at, expected)}.",
        )
    return None


def _reversed(expected: str, observed: str) -> Relation | None:
    if observed == expected[::-1]:
        return Relation("reversed", f"{show(observed)} is {show(expected)} read backwards.")
    return None


def _part(expected: str, observed: str) -> Relation | None:
    if expected.startswith(observed):
        return Relation("cut_at_end", f"The text stops early: {show(expected[len(observed) :])} is missing at its end.")
    if expected.endswith(observed):
        return Relation(
            "cut_at_start", f"The text starts late: {show(expected[: -len(observed)])} is missing before it."
        )
    if observed.startswith(expected):
        return Relation(
            "text_after", f"The right text is there, followed by {show(observed[len(expected) :])} too much."
        )
    if observed.endswith(expected):
        return Relation("text_before", f"The right text is there, after {show(observed[: -len(expected)])} too much.")
    if observed in expected:
        return Relation(
            "cut_at_both_ends", f"{show(observed)} is the middle of the right text; both its ends are missing."
        )
    if expected in observed:
        return Relation("text_around", f"The right text {show(expected)} sits inside a longer one, {show(observed)}.")
    return None


def _separator(expected: str, observed: str) -> Relation | None:
    words = re.findall(r"\w+", expected)
    longer, shorter = sorted((expected, observed), key=len, reverse=True)
    if longer.startswith(shorter) or longer.endswith(shorter):
        return None
    if len(words) < 2 or words != re.findall(r"\w+", observed):
        return None
    right, wrong = re.split(r"\w+", expected), re.split(r"\w+", observed)
    first = next(index for index, pair in enumerate(zip(right, wrong, strict=True)) if pair[0] != pair[1])
    return Relation(
        "separator_differs",
        "The words are the same and what stands between them is not: "
        f"{show(wrong[first])} where {show(right[first])} is right.",
    )


def _order(expected: str, observed: str) -> Relation | None:
    if sorted(expected) == sorted(observed):
        at = _first_difference(expected, observed)
        return Relation("characters_reordered", f"The same characters stand in another order from index {at} on.")
    return None


def _repeated(expected: str, observed: str) -> Relation | None:
    times = len(observed) // len(expected)
    if times > 1 and observed == expected * times:
        return Relation("text_repeated", f"{show(expected)} is there {times} times over.")
    return None


def _diverge(expected: str, observed: str) -> Relation | None:
    at = _first_difference(expected, observed)
    if at == 0:
        return Relation(
            "text_differs", f"The two texts differ from the first character: {show(observed)}, not {show(expected)}."
        )
    return Relation(
        "text_diverges",
        f"The texts agree for {plural(at, 'character')}, then "
        f"{show(observed[at:])} stands where {show(expected[at:])} is right.",
    )


def _first_difference(expected: str, observed: str) -> int:
    pairs = enumerate(zip(expected, observed, strict=False))
    return next((index for index, (left, right) in pairs if left != right), min(len(expected), len(observed)))


def _place(index: int, text: str) -> str:
    if index == 0:
        return "the start"
    return "the end" if index == len(text) - 1 else f"index {index}"


_FINDERS: tuple[Finder, ...] = (
    _empty,
    _case,
    _whitespace,
    _reversed,
    _repeated,
    _separator,
    _one_character,
    _part,
    _order,
    _diverge,
)
