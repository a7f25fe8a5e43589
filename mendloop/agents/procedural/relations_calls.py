"""What more than one call, or a look at the arguments afterwards, shows."""

from __future__ import annotations

import ast
import re

from mendloop.agents.asserts.expressions import expression
from mendloop.agents.procedural.literals import UNREAD, Relation, quote, read, same, show
from mendloop.agents.procedural.relations_sequences import elements_of

_AFTER = re.compile(r"; ([^\W\d]\w*) == ((?:(?! afterwards).)*) afterwards", re.DOTALL)


def relate_change(expected: str, observed: str) -> Relation | None:
    """Return the relation when the value is right and a variable after the call is not, None otherwise.

    A text may end in `; name == literal afterwards` for each variable looked at.
    """
    value, due = split_after(expected)
    got, left = split_after(observed)
    if not due or not (value == got or same_text(value, got)):
        return None
    wrong = next((name for name in due if name in left and not same_text(due[name], left[name])), None)
    if wrong:
        sentence = f"After the call `{wrong}` is {quote(left[wrong])}; the call should leave {quote(due[wrong])} in it."
    else:
        told = " and ".join(f"`{name}` as {quote(text)}" for name, text in due.items())
        sentence = f"The value itself is right; what the call leaves behind is not: it should leave {told}."
    return Relation("argument_mutated", sentence)


def split_after(text: str) -> tuple[str, dict[str, str]]:
    """Return the value in an outcome's text, and the variables after the call that it tells of."""
    value, *rest = _AFTER.split(text)
    return value, dict(zip(rest[::3], rest[1::3], strict=False))


def same_text(left: str, right: str) -> bool:
    """Return whether two texts are literals of equal values."""
    one, two = read(left), read(right)
    return one is not UNREAD and two is not UNREAD and same(one, two)


def relate_history(expected: object, observed: object, call: str, setup: str | None) -> Relation | None:
    """Return the relation when a second call of the same function seems to remember the first, None otherwise."""
    displayed = expression(call)
    if isinstance(displayed, ast.Tuple | ast.List) and len(displayed.elts) > 1:
        return _in_display(expected, observed, displayed)
    function = _function(displayed)
    if setup and function and f"{function}(" in setup and _keeps_more(expected, observed):
        return Relation(
            "remembers_earlier_call",
            f"A second call of `{function}` still holds what the first "
            f"one left: {show(observed)} instead of {show(expected)}.",
        )
    return None


def _in_display(expected: object, observed: object, display: ast.Tuple | ast.List) -> Relation | None:
    right, wrong = elements_of(expected), elements_of(observed)
    names = {_function(element) for element in display.elts}
    if right is None or wrong is None or len(names) != 1 or None in names or len(right) != len(wrong):
        return None
    at = next((index for index, pair in enumerate(zip(right, wrong, strict=True)) if not same(*pair)), 0)
    if not any(_keeps_more(*pair) for pair in zip(right, wrong, strict=True)):
        return None
    return Relation(
        "remembers_earlier_call",
        f"Calls of `{names.pop()}` in a row should not know of each other, but call {at + 1} gives {show(wrong[at])}, "
        f"not {show(right[at])}.",
    )


def _keeps_more(expected: object, observed: object) -> bool:
    if type(expected) is not type(observed):
        return False
    if isinstance(expected, dict | set) and isinstance(observed, dict | set):
        return len(observed) > len(expected) and set(expected) <= set(observed)
    if isinstance(expected, str) and isinstance(observed, str):
        return len(observed) > len(expected) and expected in observed
    right, wrong = elements_of(expected), elements_of(observed)
    return right is not None and wrong is not None and len(wrong) > len(right)


def _function(node: ast.expr | None) -> str | None:
    match node:
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name
    return None


def argument_texts(call: str) -> tuple[str, ...]:
    """Return the texts of a call's arguments, positional then by keyword; nothing for what is no call."""
    match expression(call):
        case ast.Call(args=positional, keywords=named):
            return tuple(ast.unparse(node) for node in [*positional, *(keyword.value for keyword in named)])
    return ()
