"""Drawing calls of a function: valid by its contract, short enough to read, different from each other."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from mendloop.agents.procedural.drawing import Style, draw_value, mutated
from mendloop.agents.procedural.item import Item
from mendloop.agents.procedural.palette import Palette, phrases_of, tokens_of
from mendloop.executions import Call
from mendloop.judgement.calls import Slot, layout, literal, observing, parse_arguments, render_call
from mendloop.records import Contract

MAX_CALL = 120
ATTEMPTS = 12
"""Draws per wanted call before giving up on more distinct ones."""

_STYLES: tuple[Style, ...] = ("basic", "edge", "basic", "large", "basic", "edge")


def draw_inputs(item: Item, rng: random.Random, n: int) -> tuple[Call, ...]:
    """Return up to n distinct calls, fewer when the function has no more: known good ones, and new ones like them.

    Known good inputs come first: the larger n, the more of the rest may turn out to be invalid.

    Among them are calls that show what happens to a container argument (`setup` and `after`), expressions that call
    the function twice (hidden state), and a call or two on which it raises on purpose.
    """
    texts = list(item.pool)
    rng.shuffle(texts)
    raising = [call.model_copy(update={"id": "raising"}) for call in item.raising]
    known = iter(texts)
    found: dict[tuple[str | None, str | None], Call] = {}
    for turn in range(n * ATTEMPTS):
        if len(found) == n:
            break
        call = _special(item, rng, turn, raising) or _plain(item, rng, turn, known)
        if call is not None and _length(call) <= MAX_CALL:
            found.setdefault((call.call, call.setup), call)
    return tuple(call.model_copy(update={"id": f"i{place:02d}"}) for place, call in enumerate(found.values(), 1))


def fresh_calls(
    signature: str, contract: Contract, code: str, rng: random.Random, n: int, seeds: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return up to n distinct call texts drawn from a contract, a third of them mutations of `seeds`."""
    found: dict[str, None] = dict.fromkeys(text for text in seeds if parse_arguments(text) and len(text) <= MAX_CALL)
    for turn in range(n * ATTEMPTS):
        if len(found) >= n:
            break
        if seeds and turn % 3 == 2:
            text = mutated_call(rng.choice(seeds), rng, code)
        else:
            text = one_call(signature, contract, code, rng, _STYLES[turn % len(_STYLES)])
        if text and len(text) <= MAX_CALL:
            found.setdefault(text)
    return tuple(found)[:n]


def one_call(signature: str, contract: Contract, code: str, rng: random.Random, style: Style) -> str:
    """Return one call text drawn from a contract."""
    tokens, phrases = tokens_of(code), phrases_of(code, signature.partition("(")[0])
    by_name = {parameter.name: parameter for parameter in contract.parameters}
    shown: list[str] = []
    by_keyword = False
    for slot in layout(signature):
        parameter = by_name.get(slot.name)
        if parameter is None or not parameter.kinds or (parameter.optional and rng.random() < _left_out(slot)):
            by_keyword = True
            continue
        palette = Palette(slot.name, parameter.seen, tokens, phrases)
        if slot.how == "star" and by_keyword:
            continue  # an argument that was left out before would be filled by these
        if slot.how == "star":
            shown += [literal(draw_value(parameter.kinds[0], rng, palette, style)) for _ in range(rng.randint(1, 3))]
            continue
        # The first kind is the surest one; the others are variations of it.
        kind = parameter.kinds[0] if rng.random() < 0.7 else rng.choice(parameter.kinds)
        value = literal(draw_value(kind, rng, palette, style))
        shown.append(f"{slot.name}={value}" if by_keyword or slot.how == "keyword" else value)
    return f"{signature.partition('(')[0]}({', '.join(shown)})"


def _left_out(slot: Slot) -> float:
    return 0.1 if slot.how == "star" else 0.6


def mutated_call(call: str, rng: random.Random, code: str) -> str | None:
    """Return a call with one argument changed a little, or None when its arguments are not literals."""
    parsed = parse_arguments(call)
    if parsed is None:
        return None
    values, named = parsed
    if not values and not named:
        return None
    palette = Palette(tokens=tokens_of(code))
    place = rng.randrange(len(values) + len(named))
    if place < len(values):
        values = [*values[:place], mutated(values[place], rng, palette), *values[place + 1 :]]
    else:
        key = list(named)[place - len(values)]
        named = {**named, key: mutated(named[key], rng, palette)}
    return render_call(call.partition("(")[0], values, named)


def passes(call: str, signature: str, name: str) -> bool:
    """Tell whether a call passes a value for the named parameter."""
    parsed = parse_arguments(call)
    if parsed is None:
        return False
    given = [slot.name for slot in layout(signature) if slot.how == "position"][: len(parsed[0])]
    return name in given or name in parsed[1]


def _plain(item: Item, rng: random.Random, turn: int, known: Iterator[str]) -> Call | None:
    """Return a call seen to work while there are any, then mutations of them and fresh draws in turn."""
    text = next(known, None)
    if text is None and item.pool and turn % 2:
        text = mutated_call(rng.choice(item.pool), rng, item.code)
    elif text is None:
        text = one_call(item.signature, item.contract, item.code, rng, _STYLES[turn % len(_STYLES)])
    if text is None:
        return None
    observed = observed_call(item.signature, text) if item.mutates else None
    return observed or Call(id="plain", call=text)


def _special(item: Item, rng: random.Random, turn: int, raising: list[Call]) -> Call | None:
    if turn % 12 == 7 and raising:
        return raising.pop(0)
    if not item.pool:
        return None
    if turn % 6 == 4:
        return observed_call(item.signature, rng.choice(item.pool))
    if turn % 10 == 9:
        return Call(id="twice", call=f"[{rng.choice(item.pool)}, {rng.choice(item.pool)}]")
    return None


def observed_call(signature: str, text: str) -> Call | None:
    """Return the same call with its container arguments in variables that are read again afterwards.

    None when it has no such argument.
    """
    call = observing(text, signature)
    return call if call.after else None


def _length(call: Call) -> int:
    return len(call.call or "") + len(call.setup or "")
