"""Fuzzed calls: contract-valid inputs like those that are known, and unlike each other.

After EvalPlus (Liu et al., arXiv 2305.01210, section 2.1): known inputs are mutated by their types. Every call is then
held against the envelope, so that none leaves what valid calls have in common.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from mendloop.judgement.calls import Binding, bound, call_text
from mendloop.judgement.envelope import Envelope, contains
from mendloop.judgement.inputs.domains import Whole
from mendloop.judgement.inputs.drawing import Empty, draw
from mendloop.judgement.inputs.members import MOST, members
from mendloop.judgement.inputs.relating import related
from mendloop.judgement.inputs.varying import vary

LONGEST = 300
"""Characters of a call, by default."""
ATTEMPTS = 25
"""Calls made for each one wanted before giving up on more distinct ones."""
SPARE = 2
"""Calls from which each wanted one is chosen, for the sake of different shapes."""
MUTATED = 0.75
"""Share of calls that are variations of a known one; the others are drawn afresh."""


def fuzzed(
    envelope: Envelope, entry_point: str, seeds: Sequence[str], rng: random.Random, n: int, longest: int = LONGEST
) -> tuple[str, ...]:
    """Return up to n distinct calls of `entry_point` within an envelope, of at most `longest` characters.

    `seeds` are texts of valid calls; those that leave the envelope are not used. New calls come first, and seeds only
    where there are not enough of them. Where the envelope has few calls in all, it gives all of them. The same
    generator state gives the same calls.
    """
    read = [binding for seed in seeds if (binding := bound(envelope.signature, seed)) is not None]
    known = [binding for binding in read if contains(envelope, binding)]
    old = {call_text(envelope.signature, entry_point, binding): None for binding in known}
    found: dict[str, Binding] = {}
    for offered in _offered(envelope, known, rng, n * ATTEMPTS):
        text = call_text(envelope.signature, entry_point, offered)
        if len(text) <= longest and text not in old and contains(envelope, offered):
            found.setdefault(text, offered)
        if len(found) >= n * SPARE:
            break
    chosen = _unlike(found, n)
    spare = [text for text in old if len(text) <= longest]
    rng.shuffle(spare)
    return (*chosen, *spare[: n - len(chosen)])


def _offered(envelope: Envelope, known: Sequence[Binding], rng: random.Random, most: int) -> Iterator[Binding]:
    """Yield all calls of a small envelope in a random order; of another one, up to `most` new calls."""
    listed = _all_bindings(envelope)
    if listed is not None:
        rng.shuffle(listed)
        yield from listed
        return
    for _ in range(most):
        if (binding := _made(envelope, known, rng)) is not None:
            yield binding


def _made(envelope: Envelope, known: Sequence[Binding], rng: random.Random) -> Binding | None:
    try:
        if known and rng.random() < MUTATED:
            binding = _mutated(envelope, rng.choice(known), rng.choice(known), rng)
        else:
            binding = _fresh(envelope, rng)
    except Empty:
        return None
    return related(binding, envelope.relations, _lows(envelope), rng)


def _mutated(envelope: Envelope, seed: Binding, mate: Binding, rng: random.Random) -> dict[str, Any]:
    """Return a known call with one to three changes: an argument varied, or taken from another known call."""
    binding = dict(seed)
    for _ in range(rng.choice((1, 1, 2, 2, 3))):
        if not binding:
            break
        name = rng.choice(list(binding))
        if name in mate and rng.random() < 0.15:
            binding[name] = mate[name]
        else:
            binding[name] = vary(envelope.domain(name), binding[name], rng, mate.get(name))
    return binding


def _fresh(envelope: Envelope, rng: random.Random) -> dict[str, Any]:
    return {
        argument.name: draw(argument.domain, rng)
        for argument in envelope.arguments
        if not argument.optional or rng.random() < 0.5
    }


def _lows(envelope: Envelope) -> dict[str, int]:
    return {
        argument.name: part.low
        for argument in envelope.arguments
        for part in argument.domain
        if isinstance(part, Whole) and not part.only
    }


def _all_bindings(envelope: Envelope) -> list[Binding] | None:
    """Return all calls of a small envelope, in a fixed order."""
    choices: list[list[tuple[str, Any] | None]] = []
    total = 1
    for argument in envelope.arguments:
        values = members(argument.domain)
        if values is None:
            return None
        choices.append([(argument.name, value) for value in values] + ([None] if argument.optional else []))
        total *= len(choices[-1])
        if total > MOST:
            return None
    return [dict(pair for pair in pairs if pair is not None) for pairs in product(*choices)]


# --- different shapes ------------------------------------------------------------------------------------------------


def _unlike(found: Mapping[str, Binding], n: int) -> list[str]:
    """Return n of the calls, one of each shape in turn: lengths, signs, repeats, order."""
    shapes: dict[Hashable, list[str]] = {}
    for text, binding in found.items():
        shapes.setdefault(tuple(_shape(value) for value in binding.values()), []).append(text)
    chosen: list[str] = []
    for turn in range(max(map(len, shapes.values()), default=0)):
        chosen += [texts[turn] for texts in shapes.values() if turn < len(texts)]
    return chosen[:n]


def _shape(value: Any) -> Hashable:
    if isinstance(value, bool | int | float):
        return (value > 0) - (value < 0), abs(value) > 10, isinstance(value, int) and value % 2
    if isinstance(value, str):
        return min(len(value), 4), len(set(value)) == len(value), value == value[::-1], value.islower()
    if isinstance(value, list | tuple):
        texts = list(map(repr, value))
        return min(len(value), 4), len(set(texts)) == len(texts), texts == sorted(texts), _signs(value)
    return min(len(value), 4) if isinstance(value, dict | set | frozenset) else None


def _signs(value: Sequence[Any]) -> tuple[bool, bool]:
    numbers = [item for item in value if isinstance(item, int | float)]
    return any(number < 0 for number in numbers), any(number == 0 for number in numbers)
