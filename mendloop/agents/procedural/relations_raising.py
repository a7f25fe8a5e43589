"""What an exception, a time-out or another death says about a program, beside what was expected."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mendloop.agents.procedural.literals import Relation, quote

_RAISES = re.compile(r"(?:raises?|raised)\s+(?P<type>[A-Za-z_][\w.]*)(?:\(\w+\))?(?::\s*(?P<message>.*))?\Z", re.DOTALL)

_MEANING = {
    "IndexError": "a position beyond the end (or of an empty sequence) was asked for",
    "KeyError": "a key was looked up that was never stored",
    "TypeError": "a value of the wrong type reached an operation, or a call got the wrong arguments",
    "ValueError": "a value had the right type but lay outside what the operation accepts",
    "AttributeError": "a value has not the type that its method or field belongs to, often None",
    "ZeroDivisionError": "a divisor came to zero, mostly a count or a length that is empty",
    "RecursionError": "the function calls itself without ever reaching the case that ends it",
    "UnboundLocalError": "a local variable is read on a path that never assigned it",
    "NameError": "a name is used that is not defined there",
    "OverflowError": "a number grew beyond what its type can hold",
    "StopIteration": "an iterator was asked for an element it no longer had",
    "AssertionError": "the program's own assertion found its state wrong",
    "UnicodeDecodeError": "bytes were decoded with an encoding they are not in",
    "UnicodeEncodeError": "a text was encoded with an encoding that lacks its characters",
    "RuntimeError": "the program met a state it forbids, such as a dict changed while it is walked",
    "NotImplementedError": "a branch was reached that has no body yet",
    "ImportError": "a module or a name in it was not found",
    "ModuleNotFoundError": "a module was not found",
    "FileNotFoundError": "a file was opened that does not exist",
    "OSError": "the operating system refused an operation",
    "LookupError": "a lookup failed",
    "ArithmeticError": "a calculation has no result|without a result",
    "SyntaxError": "the program text itself is not valid",
    "IndentationError": "the program text is indented wrongly",
}

_DEATHS = (
    (
        re.compile(r"time[d ]?-?\s*out", re.IGNORECASE),
        "timed_out",
        "It did not end in its time: a loop or recursion has no way out.",
    ),
    (
        re.compile(r"\bmemory\b", re.IGNORECASE),
        "memory",
        "It used up its memory: something keeps growing and never stops.",
    ),
    (
        re.compile(r"\bmissing\b|no result|without a result", re.IGNORECASE),
        "no_result",
        "It gave no result at all; the process ended before.",
    ),
    (
        re.compile(r"unencodable", re.IGNORECASE),
        "unencodable",
        "It returned an object that is no plain value, so it cannot be compared.",
    ),
)


@dataclass(frozen=True)
class Exit:
    """An exception as a text tells it."""

    type: str
    message: str


def read_exit(text: str) -> Exit | None:
    """Return the exception in a text such as `raises ValueError: empty`, None for other texts."""
    found = _RAISES.match(text.strip())
    return Exit(found["type"], (found["message"] or "").strip()) if found else None


def relate_death(observed: str) -> Relation | None:
    """Return the relation for a run that ended neither with a value nor with an exception."""
    if len(observed) > 80:
        return None
    return next((Relation(name, sentence) for pattern, name, sentence in _DEATHS if pattern.search(observed)), None)


def relate_exits(expected: str, observed: str, *, deliberate: bool = False) -> Relation | None:
    """Return the relation when at least one side is an exception, None otherwise.

    `deliberate` says that a `raise` statement of the program raised: then the class has the meaning it was given there.
    """
    right, wrong = read_exit(expected), read_exit(observed)
    if right and wrong:
        return _two_exits(right, wrong, _meaning(wrong, deliberate=deliberate))
    if wrong:
        return Relation(
            f"raises_{wrong.type.rsplit('.', 1)[-1]}",
            f"{_meaning(wrong, deliberate=deliberate)}; a value is right here.",
        )
    if right:
        said = f"The input should be refused with {_named(right)}"
        return Relation(
            "value_instead_of_exception", f"{said}, and the program answers {quote(observed)} as if it were fine."
        )
    return None


def _two_exits(right: Exit, wrong: Exit, meaning: str) -> Relation:
    if right.type == wrong.type:
        return Relation(
            "other_message",
            f"The exception is the right class, {quote(right.type)}, with another message: {quote(wrong.message)}.",
        )
    return Relation("other_exception", f"It is right to refuse this input, but with {quote(right.type)}. {meaning}.")


def _meaning(exit_: Exit, *, deliberate: bool) -> str:
    if deliberate:
        return f"The program itself raises {_named(exit_)}"
    plain = exit_.type.rsplit(".", 1)[-1]
    meaning = _MEANING.get(plain)
    return f"{_named(exit_)} means that {meaning}" if meaning else f"The run broke off with {_named(exit_)}"


def _named(exit_: Exit) -> str:
    return quote(f"{exit_.type}: {exit_.message}" if exit_.message else exit_.type, 90)
