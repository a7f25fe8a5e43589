"""Strings drawn from a domain of strings, and strings varied."""

from __future__ import annotations

import random
from typing import Final

from mendloop.judgement.inputs.domains import Run, Words
from mendloop.judgement.inputs.texts import CLASSES

_PAIRS: Final = ("()", "[]", "{}", "<>")
MAX_DRAWN = 60
"""Characters that a drawn string has at most, where the seen ones were longer."""


def draw_words(words: Words, rng: random.Random) -> str:
    """Return a string of the domain's kind; most of the time it is in the domain."""
    if words.empty and (not words.seen or rng.random() < 0.06):
        return ""
    if words.only:
        return rng.choice(words.only)
    if words.forms:
        return "".join(_draw_run(run, words, rng) for run in rng.choice(words.forms))
    if words.delimiter:
        return words.delimiter.join(_draw_word(words, rng) for _ in range(rng.randint(words.least, words.most)))
    if words.balanced:
        return _draw_balanced(words, rng)
    if words.seen and rng.random() < 0.3:
        return vary_words(words, rng.choice(words.seen), rng)
    return "".join(_letter(words, rng) for _ in range(_length(words.least, words.most, rng)))


def _draw_word(words: Words, rng: random.Random) -> str:
    word = words.word[0]
    if word.seen and rng.random() < 0.5:
        return rng.choice(word.seen)
    return draw_words(word, rng)


def _length(least: int, most: int, rng: random.Random) -> int:
    most = max(least, min(most, MAX_DRAWN))
    return rng.choice((least, most)) if rng.random() < 0.15 else rng.randint(least, most)


def _draw_run(run: Run, words: Words, rng: random.Random) -> str:
    if run.text:
        return run.text
    if run.low is not None and run.high is not None:
        number = rng.choice((run.low, run.high)) if rng.random() < 0.15 else rng.randint(run.low, run.high)
        width = rng.randint(run.least, run.most) if run.zeros else 0
        return str(number).zfill(width)
    letters = [letter for letter in words.letters if letter in run.alphabet] or list(run.alphabet)
    few = letters if rng.random() < 0.5 else rng.sample(letters, min(len(letters), 3))
    return "".join(rng.choice(few) for _ in range(_length(run.least, run.most, rng)))


def _letter(words: Words, rng: random.Random) -> str:
    letters = words.letters or words.alphabet
    return rng.choice(letters) if letters else ""


def _draw_balanced(words: Words, rng: random.Random) -> str:
    """Return brackets that close, with other characters between them where there were any."""
    pairs = [pair for pair in _PAIRS if set(pair) <= set(words.letters)]
    others = [letter for letter in words.letters if letter not in "".join(_PAIRS)]
    target, text = _length(words.least, words.most, rng), ""
    while pairs and len(text) + 2 <= target:
        place = rng.randint(0, len(text))
        text = text[:place] + rng.choice(pairs) + text[place:]
        if others and rng.random() < 0.6:
            place = rng.randint(0, len(text))
            text = text[:place] + rng.choice(others) + text[place:]
    return text


# --- variation -------------------------------------------------------------------------------------------------------


def vary_words(words: Words, text: str, rng: random.Random) -> str:
    """Return a string that differs a little from one of the domain; most of the time it is in the domain, too."""
    if not text or words.only or (words.balanced and not words.delimiter and rng.random() < 0.6):
        return draw_words(words, rng)
    if words.forms:
        return _splice(words, text, rng) if rng.random() < 0.3 else draw_words(words, rng)
    if words.delimiter:
        return words.delimiter.join(_vary_list(words, text.split(words.delimiter), rng))
    return _splice(words, text, rng)


def _vary_list(words: Words, parts: list[str], rng: random.Random) -> list[str]:
    place, roll = rng.randrange(len(parts)), rng.random()
    if roll < 0.3:
        parts[place] = vary_words(words.word[0], parts[place], rng)
    elif roll < 0.45:
        parts[place] = _draw_word(words, rng)
    elif roll < 0.6:
        parts.insert(place, rng.choice(parts))
    elif roll < 0.7:
        parts.insert(place, _draw_word(words, rng))
    elif roll < 0.85 and len(parts) > 1:
        del parts[place]
    else:
        rng.shuffle(parts)
    return parts


def _splice(words: Words, text: str, rng: random.Random) -> str:
    """Return a text with characters changed, moved, repeated, or taken from another that was seen."""
    place, other = rng.randrange(len(text)), rng.randrange(len(text))
    roll = rng.random()
    if roll < 0.25:
        return text[:place] + _like(words, text[place], rng) + text[place + 1 :]
    if roll < 0.35:
        return text[:place] + text[place + 1 :]
    if roll < 0.45:
        return text[:place] + text[other] + text[place:]
    if roll < 0.55:
        return text[:place] + _letter(words, rng) + text[place:]
    if roll < 0.62:
        low, high = sorted((place, other))
        return text[low : high + 1]
    if roll < 0.7:
        return text + text[:place]
    if roll < 0.76:
        return text[::-1]
    if roll < 0.82:
        return text + text[::-1][1:]
    if roll < 0.88:
        return "".join(sorted(text)) if rng.random() < 0.5 else "".join(rng.sample(text, len(text)))
    if roll < 0.94:
        return rng.choice((text.upper(), text.lower(), text.swapcase()))
    mate = rng.choice(words.seen) if words.seen else text
    return text[:place] + mate[min(place, len(mate)) :]


def _like(words: Words, character: str, rng: random.Random) -> str:
    """Return a character of the same class: one that was seen, now and then any."""
    group = next((each for each in CLASSES if character in each), words.letters)
    seen = [letter for letter in words.letters if letter in group]
    return rng.choice(seen) if seen and rng.random() < 0.85 else rng.choice(group or character)
