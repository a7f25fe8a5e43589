"""Strings: what kind of text they are, learned from some, and whether another one is of that kind."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from mendloop.judgement.inputs.domains import Run, Words

DELIMITERS: Final = (", ", " ", ",", ";", "|", "/", "-", "_", ":", "\n", ".")
"""What joins the words of a text, in the order in which it is looked for."""
CLASSES: Final = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
MAX_SEEN = 24
MAX_LETTERS = 120
MAX_VOCABULARY = 12
MAX_NUMBER = 15
"""Digits that are read as one number."""
_NUMBER: Final = re.compile(r"(-?)([0-9]+)(?:([.,])([0-9]+))?")
_OPENS: Final = {"(": ")", "[": "]", "{": "}", "<": ">"}
_BRACKETS: Final = frozenset("()[]{}<>")


# --- learning --------------------------------------------------------------------------------------------------------


def words_of(values: Sequence[str], *, whole: bool = True) -> Words:
    """Return the domain of strings: every one of them is in it. Words of a text (not `whole`) are not split again."""
    full = [value for value in values if value]
    distinct = list(dict.fromkeys(full))
    found = Words(
        empty=len(full) < len(values),
        balanced=len(distinct) >= 2 and any(_BRACKETS & set(value) for value in distinct) and all(map(balanced, full)),
        seen=tuple(distinct[:MAX_SEEN]),
        letters="".join(sorted(set().union(*distinct)))[:MAX_LETTERS],
    )
    if not distinct:
        return found
    if _is_vocabulary(distinct, len(full)):
        return found.model_copy(update={"only": tuple(sorted(distinct))})
    if all(map(_NUMBER.fullmatch, distinct)):
        return found.model_copy(update={"forms": _numbers(distinct)})
    skeletons: dict[str, list[str]] = {}
    for value in distinct:
        skeletons.setdefault(skeleton(value), []).append(value)
    one_form = len(skeletons) == 1 and len(distinct) >= 2 and len(runs(distinct[0])) >= 2
    if one_form or (all(map(_is_figures, distinct)) and len(skeletons) <= MAX_VOCABULARY):
        return found.model_copy(update={"forms": _forms(skeletons)})
    if whole and (delimiter := _delimiter(distinct)):
        return found.model_copy(update=_delimited(distinct, delimiter))
    if len(skeletons) * 3 <= len(distinct):
        return found.model_copy(update={"forms": _forms(skeletons)})
    return found.model_copy(update=_free(full))


def _is_vocabulary(distinct: list[str], all_seen: int) -> bool:
    """Tell whether no other strings are expected: they come again and again, or are operators and the like."""
    if len(distinct) == 1:
        return all_seen >= 3
    if all(len(value) <= 2 and not any(map(str.isalnum, value)) and not value.isspace() for value in distinct):
        return True
    return len(distinct) <= MAX_VOCABULARY and 2 * all_seen >= 3 * len(distinct) and all_seen >= 12


def _is_figures(value: str) -> bool:
    """Tell whether a text is made of digits and signs: a number, a date, a time."""
    return any(map(str.isdigit, value)) and not any(map(str.isalpha, value)) and " " not in value


def _delimiter(values: list[str]) -> str:
    for delimiter in DELIMITERS:
        split = [value for value in values if delimiter in value]
        most = 2 * len(split) >= len(values) if delimiter == " " else len(split) == len(values)
        if split and most and all(all(value.split(delimiter)) for value in values):
            return delimiter
    return ""


def _delimited(values: list[str], delimiter: str) -> dict[str, object]:
    split = [value.split(delimiter) for value in values]
    word = words_of([word for words in split for word in words], whole=False)
    least, most = _room([len(words) for words in split])
    return {"delimiter": delimiter, "word": (word,), "least": least, "most": most}


def _free(values: list[str]) -> dict[str, object]:
    least, most = _room([len(value) for value in values])
    return {
        "alphabet": alphabet_of("".join(values)),
        "least": least,
        "most": most,
        "padded": any(value != value.strip() for value in values),
        "spaced": any("  " in value for value in values),
    }


def _room(lengths: list[int]) -> tuple[int, int]:
    low, high = min(lengths), max(lengths)
    if low == high and len(lengths) >= 3:
        return low, high
    return low if low <= 1 else max(2, low - 1), high + max(1, high // 4)


def alphabet_of(text: str) -> str:
    """Return the characters that texts like this are made of: whole classes of letters and digits, or those seen.

    A class of which few characters come again and again is no more than those, and neither are binary digits; other
    characters are those seen.
    """
    found = ""
    for each in CLASSES:
        own = [character for character in text if character in each]
        used = "".join(sorted(set(own)))
        closed = (len(used) <= 6 and len(own) >= max(6, 4 * len(used))) or (len(own) >= 3 and set(used) <= set("01"))
        found += used if closed or not own else each
    known = frozenset("".join(CLASSES))
    return found + "".join(sorted(set(text) - known))


# --- forms -----------------------------------------------------------------------------------------------------------


def _class(character: str) -> str:
    return next((each[0] for each in CLASSES if character in each), character)


def runs(text: str) -> list[tuple[str, str]]:
    """Return the stretches of a text whose characters are of one class, each with its class."""
    return [(name, "".join(group)) for name, group in groupby(text, _class)]


def skeleton(text: str) -> str:
    """Return the classes of a text's stretches; texts of one form have the same."""
    return "".join(name if name in ("a", "A", "0") else stretch for name, stretch in runs(text))


def _forms(skeletons: dict[str, list[str]]) -> tuple[tuple[Run, ...], ...]:
    return tuple(_form([runs(value) for value in values]) for values in skeletons.values())


def _numbers(values: list[str]) -> tuple[tuple[Run, ...], ...]:
    """Return the forms of numbers: their whole parts and their decimals are alike in all of them."""
    matches = [match for value in values if (match := _NUMBER.fullmatch(value))]
    whole = _run([("0", match[2]) for match in matches], True)
    decimals = [match[4] for match in matches if match[4]]
    rest = Run(alphabet=CLASSES[2], least=min(map(len, decimals), default=1), most=max(map(len, decimals), default=1))
    if whole.text:
        whole = Run(alphabet=CLASSES[2], least=len(whole.text), most=len(whole.text))
    forms: dict[str, tuple[Run, ...]] = {}
    for match in matches:
        sign = (Run(text=match[1]),) if match[1] else ()
        tail = (Run(text=match[3]), rest) if match[3] else ()
        forms.setdefault(match[1] + "0" + (match[3] or ""), (*sign, whole, *tail))
    return tuple(forms.values())


def _form(values: list[list[tuple[str, str]]]) -> tuple[Run, ...]:
    alone = len(values[0]) == 1
    return tuple(_run([value[place] for value in values], alone) for place in range(len(values[0])))


def _run(stretches: list[tuple[str, str]], alone: bool) -> Run:
    name, texts = stretches[0][0], [text for _, text in stretches]
    if name not in ("a", "A", "0") or (len(texts) >= 2 and len(set(texts)) == 1):
        return Run(text=texts[0])
    lengths = [len(text) for text in texts]
    least, most = _room(lengths) if alone or name != "0" else (min(lengths), max(lengths))
    alphabet = CLASSES[2] if name == "0" and not alone else alphabet_of("".join(texts))
    run = Run(alphabet=alphabet, least=least, most=most)
    if name != "0" or most > MAX_NUMBER or set(run.alphabet) <= set("01"):
        return run
    numbers = [int(text) for text in texts]
    high = max(numbers) + (max(1, max(numbers) // 4) if alone else 0)
    zeros = any(text[0] == "0" and len(text) > 1 for text in texts)
    return run.model_copy(update={"low": min(numbers), "high": high, "zeros": zeros})


# --- fitting ---------------------------------------------------------------------------------------------------------


def fits_words(words: Words, text: str) -> bool:
    """Tell whether a string is in a domain of strings."""
    if not text:
        return words.empty
    if words.balanced and not balanced(text):
        return False
    if words.only:
        return text in words.only
    if words.forms:
        stretches = [stretch for _, stretch in runs(text)]
        return any(_fits_form(form, stretches) for form in words.forms)
    if words.delimiter:
        parts = text.split(words.delimiter)
        return words.least <= len(parts) <= words.most and all(
            part and fits_words(words.word[0], part) for part in parts
        )
    return (
        words.least <= len(text) <= words.most
        and set(text) <= set(words.alphabet)
        and (words.padded or text == text.strip())
        and (words.spaced or "  " not in text)
    )


def _fits_form(form: tuple[Run, ...], stretches: list[str]) -> bool:
    if len(form) != len(stretches):
        return False
    return all(_fits_run(run, stretch) for run, stretch in zip(form, stretches, strict=True))


def _fits_run(run: Run, text: str) -> bool:
    if run.text:
        return text == run.text
    if not run.least <= len(text) <= run.most or not set(text) <= set(run.alphabet):
        return False
    if run.low is None or run.high is None:
        return True
    return run.low <= int(text) <= run.high and (run.zeros or len(text) == 1 or text[0] != "0")


def balanced(text: str) -> bool:
    """Tell whether every bracket of a text is closed in its order."""
    expected: list[str] = []
    for character in text:
        if character in _OPENS:
            expected.append(_OPENS[character])
        elif character in _BRACKETS and (not expected or expected.pop() != character):
            return False
    return not expected
