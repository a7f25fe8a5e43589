"""How an observed dict or set relates to the expected one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from mendloop.agents.procedural.literals import Relation, plural, same, show

Inner = Callable[[object, object], Relation]


def relate_sets(expected: object, observed: object) -> Relation | None:
    """Return which members two sets do not share, None when these are no two sets of one kind."""
    if not isinstance(expected, set | frozenset) or type(expected) is not type(observed):
        return None
    missing, extra = expected - observed, observed - expected
    if not observed:
        return Relation("empty", f"The set came out empty; it should hold {plural(len(expected), 'member')}.")
    if missing and extra:
        return Relation(
            "set_differs", f"{_listed(missing)} is missing from the set, and {_listed(extra)} is in it instead."
        )
    if missing:
        return Relation("set_misses", f"The set lacks {_listed(missing)}; its other members are right.")
    return Relation("set_has_extra", f"The set also holds {_listed(extra)}; the rest of it is right.")


def relate_dicts(expected: object, observed: object, inner: Inner) -> Relation | None:
    """Return how two dicts differ; `inner` relates the values under one key. None when these are no two dicts."""
    if not (isinstance(expected, dict) and isinstance(observed, dict)):
        return None
    missing, extra = expected.keys() - observed.keys(), observed.keys() - expected.keys()
    if not observed:
        return Relation("empty", f"The dict came out empty instead of {show(expected)}.")
    return (
        _swapped(expected, observed)
        or _other_keys(expected, missing, extra)
        or _other_values(expected, observed, inner)
    )


def _swapped(expected: dict[Any, Any], observed: dict[Any, Any]) -> Relation | None:
    pairs = {(text, key) for key, text in expected.items() if isinstance(text, Hashable) and _hashes(text)}
    if expected != observed and len(pairs) == len(expected) and pairs == _pairs(observed):
        return Relation("keys_and_values_swapped", f"Keys and values changed places: {show(observed)}.")
    return None


def _pairs(mapping: dict[Any, Any]) -> set[tuple[Any, Any]]:
    return {(key, value) for key, value in mapping.items() if _hashes(value)}


def _hashes(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _other_keys(expected: dict[Any, Any], missing: set[Any], extra: set[Any]) -> Relation | None:
    if missing and extra:
        if {str(key) for key in missing} == {str(key) for key in extra}:
            return Relation(
                "key_type_differs",
                f"The keys look alike and are of another type: {_listed(extra)}, not {_listed(missing)}.",
            )
        return Relation("keys_differ", f"The key {_listed(missing)} is missing, and {_listed(extra)} is there instead.")
    if len(missing) == 1:
        value = show(expected[next(iter(missing))])
        return Relation("key_missing", f"{_listed(missing)} is not among the keys, although it should map to {value}.")
    if missing:
        return Relation("keys_missing", f"{len(missing)} keys are missing: {_listed(missing)}.")
    if extra:
        return Relation("key_extra", f"The dict has a key that should not be there: {_listed(extra)}.")
    return None


def _other_values(expected: dict[Any, Any], observed: dict[Any, Any], inner: Inner) -> Relation | None:
    wrong = [key for key, value in expected.items() if not same(value, observed[key])]
    if not wrong:
        return None
    key = wrong[0]
    if len(wrong) == 1 or len(expected) == 1:
        return Relation(
            "value_under_key_differs",
            f"Only the value under {show(key)} is wrong. {inner(expected[key], observed[key]).sentence}",
        )
    return Relation(
        "values_under_keys_differ",
        f"The keys are right; {len(wrong)} of {len(expected)} values "
        f"are not, such as {show(observed[key])} under {show(key)}.",
    )


def _listed(values: Iterable[object]) -> str:
    shown = sorted(show(value) for value in values)
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")
