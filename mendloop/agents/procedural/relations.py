"""How an observed outcome relates to the expected one: one named relation, one sentence with the values in it.

Both are texts as the judge writes them: a literal (also nan, inf, set(), frozenset({...}), iter([...])), an exception
(`raises Type: message`), or the way a run died (`timed out`). The most specific relation that holds is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mendloop.agents.procedural.literals import UNREAD, Items, Relation, is_number, kind_of, quote, read, same, show
from mendloop.agents.procedural.relations_calls import relate_change, relate_history, split_after
from mendloop.agents.procedural.relations_collections import relate_dicts, relate_sets
from mendloop.agents.procedural.relations_numbers import relate_numbers
from mendloop.agents.procedural.relations_raising import relate_death, relate_exits
from mendloop.agents.procedural.relations_sequences import elements_of, relate_sequences
from mendloop.agents.procedural.relations_texts import relate_texts

__all__ = ["Relation", "relate"]


def relate(
    expected: str,
    observed: str,
    *,
    arguments: Sequence[str] = (),
    call: str = "",
    setup: str | None = None,
    deliberate: bool = False,
) -> Relation:
    """Return how `observed` relates to `expected`. Never raises, whatever the texts hold.

    `arguments` are the literal texts of the call's arguments (was the input given back?), `call` and `setup` those of
    the case (did an earlier call leave something behind?). `deliberate`: a `raise` statement of the program raised.
    """
    early = relate_exits(expected, observed, deliberate=deliberate) or relate_change(expected, observed)
    if early:
        return early
    expected, observed = split_after(expected)[0], split_after(observed)[0]
    right, wrong = read(expected), read(observed)
    if right is UNREAD or wrong is UNREAD:
        return relate_death(observed) or _unread(expected, observed)
    if same(right, wrong) and type(right) is type(wrong):
        return Relation("equal", f"The value itself, {show(right)}, is as expected, so something beside it is wrong.")
    related = relate_history(right, wrong, call, setup) or relate_values(right, wrong)
    return (related.name in _COARSE and _unchanged(wrong, arguments)) or related


_CHECK = "a result with "
_COARSE = frozenset({
    "differs", "too_large", "too_small", "multiple", "scaled", "not_zero", "text_differs", "text_diverges",
    "length_differs", "elements_differ", "one_element_differs", "nested_element_differs", "other_type",
    "set_differs", "keys_differ", "cut_at_end", "cut_at_start", "cut_at_both_ends", "text_after", "text_before",
    "text_around", "goes_on", "starts_early", "values_under_keys_differ", "value_under_key_differs",
    "set_has_extra", "characters_reordered", "reordered", "sorted", "unsorted", "duplicated", "extra_at_end",
    "extra_at_start", "separator_differs", "whitespace_differs", "case_differs", "character_added",
    "character_differs", "extra_inside", "whitespace_at_edge", "reversed", "shifted", "nested", "flattened",
    "two_swapped", "empty", "not_empty",
})  # fmt: skip
"""Relations that say less than "this is the input itself"."""


def relate_values(expected: object, observed: object) -> Relation:
    """Return how two different values relate."""
    return (
        _number_type(expected, observed)
        or _none(expected, observed)
        or relate_numbers(expected, observed)
        or relate_texts(expected, observed)
        or relate_sequences(expected, observed, relate_values)
        or relate_sets(expected, observed)
        or relate_dicts(expected, observed, relate_values)
        or _other_type(expected, observed)
        or _fallback(expected, observed)
    )


def _number_type(expected: object, observed: object) -> Relation | None:
    if type(expected) is type(observed) or not same(expected, observed):
        return None
    return Relation(
        "number_type", f"The amount is right, but {show(observed)} is {kind_of(observed)} and not {kind_of(expected)}."
    )


def _none(expected: object, observed: object) -> Relation | None:
    if observed is None:
        return Relation(
            "none_instead_of_value", f"`None` came back instead of {show(expected)}, as if no `return` was reached."
        )
    if expected is None:
        return Relation("value_instead_of_none", f"`None` is the right answer, and {show(observed)} came back.")
    return None


def _unchanged(observed: object, arguments: Sequence[str]) -> Relation | None:
    if isinstance(observed, bool) or not observed or observed == 1:  # too common to say where it comes from
        return None
    at = next((index for index, text in enumerate(arguments) if same(read(text), observed)), None)
    if at is None:
        return None
    which = "the input" if len(arguments) == 1 else f"argument {at + 1}"
    return Relation(
        "input_unchanged", f"What comes back is {which} itself, {show(observed)}, as if no work was done on it."
    )


def _other_type(expected: object, observed: object) -> Relation | None:
    if type(expected) is type(observed):
        return None
    return (
        _digits(expected, observed)
        or _containers(expected, observed)
        or _wrapping(expected, observed)
        or _kinds(expected, observed)
    )


def _digits(expected: object, observed: object) -> Relation | None:
    if isinstance(observed, str) and observed == str(expected):
        return Relation(
            "text_of_value", f"The text {show(observed)} came back, not {kind_of(expected)} {show(expected)}."
        )
    if isinstance(expected, str) and expected == str(observed):
        return Relation(
            "value_of_text", f"{show(observed)} is {kind_of(observed)}; the text {show(expected)} is right."
        )
    if isinstance(expected, bytes | str) and isinstance(observed, bytes | str) and _text(expected) == _text(observed):
        return Relation(
            "bytes_and_text", f"The characters are right, but as {kind_of(observed)} and not as {kind_of(expected)}."
        )
    return None


def _text(value: bytes | str) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _containers(expected: object, observed: object) -> Relation | None:
    right, wrong = _members(expected), _members(observed)
    if right is None or wrong is None or not same(right, wrong):
        return None
    name = "lazy_and_eager" if isinstance(expected, Items) or isinstance(observed, Items) else "other_container"
    return Relation(
        name, f"The elements are right, but they come as {kind_of(observed)} and not as {kind_of(expected)}."
    )


def _members(value: object) -> list[Any] | None:
    if isinstance(value, set | frozenset | dict):
        return sorted(value, key=repr)
    elements = elements_of(value)
    return list(elements) if elements is not None else (list(value) if isinstance(value, str) and value else None)


def _wrapping(expected: object, observed: object) -> Relation | None:
    inside, outside = elements_of(observed), elements_of(expected)
    if inside and any(same(expected, value) for value in inside[:8]):
        return Relation(
            "wrapped", f"The answer {show(expected)} is there, wrapped in {kind_of(observed)}: {show(observed)}."
        )
    if outside and any(same(observed, value) for value in outside[:8]):
        return Relation("unwrapped", f"Only {show(observed)} came back, one element of {show(expected)}.")
    return None


def _kinds(expected: object, observed: object) -> Relation:
    if isinstance(observed, bool) and is_number(expected):
        return Relation(
            "bool_instead_of_number",
            f"A truth value, {show(observed)}, came back instead of the number {show(expected)}.",
        )
    if isinstance(expected, bool):
        return Relation(
            "value_instead_of_bool",
            f"A plain {show(expected)} is right; {kind_of(observed)}, {show(observed)}, came back.",
        )
    return Relation(
        "other_type",
        f"{kind_of(observed).capitalize()}, {show(observed)}, came "
        f"back; {kind_of(expected)}, {show(expected)}, is right.",
    )


def _fallback(expected: object, observed: object) -> Relation:
    return Relation("differs", f"{show(observed)} and {show(expected)} have no simple relation.")


def _unread(expected: str, observed: str) -> Relation:
    if expected.startswith(_CHECK):
        return Relation(
            "check_fails", f"The condition {quote(expected.removeprefix(_CHECK))} does not hold for {quote(observed)}."
        )
    return (relate_texts(expected, observed) if expected != observed else None) or Relation(
        "differs", f"{quote(observed)} is not {quote(expected)}."
    )
