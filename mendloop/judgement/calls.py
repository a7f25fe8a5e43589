"""Call texts as values and back: `f([1, 2], k=3)` read without evaluating anything, and written again."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from mendloop.executions import Call

MAX_TEXT = 20_000
"""Characters of a call text; a longer one is not read."""
MAX_DEPTH = 12
"""How deep containers of an argument may nest; a deeper one is not read."""

Binding = Mapping[str, Any]
"""The values of one call by parameter; those of `*names` come as one tuple."""


@dataclass(frozen=True)
class Slot:
    """One parameter as calls pass it: by position, by keyword only, or as any number of arguments.

    `required` says that a call cannot leave it out, `annotation` is the text of its type, empty where it has none.
    """

    name: str
    how: Literal["position", "star", "keyword"]
    required: bool = True
    annotation: str = ""


# --- reading ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def layout(signature: str) -> tuple[Slot, ...]:
    """Return how the parameters of a signature `name(parameters) -> type` are passed.

    Raises SyntaxError for a text that is none.
    """
    node = ast.parse(f"def {signature}: pass").body[0]
    if not isinstance(node, ast.FunctionDef):
        raise SyntaxError("not a signature")
    plain = [*node.args.posonlyargs, *node.args.args]
    free = len(plain) - len(node.args.defaults)
    slots = [_slot(argument, "position", place < free) for place, argument in enumerate(plain)]
    if node.args.vararg:
        slots.append(_slot(node.args.vararg, "star", False))
    pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    return (*slots, *(_slot(argument, "keyword", default is None) for argument, default in pairs))


def _slot(argument: ast.arg, how: Literal["position", "star", "keyword"], required: bool) -> Slot:
    return Slot(argument.arg, how, required, ast.unparse(argument.annotation) if argument.annotation else "")


def parse_arguments(call: str) -> tuple[list[object], dict[str, object]] | None:
    """Return the values of a call's arguments, or None when any of them is not a literal."""
    node = _expression(call)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return None
    try:
        values = [ast.literal_eval(argument) for argument in node.args]
        return values, {str(k.arg): ast.literal_eval(k.value) for k in node.keywords if k.arg}
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def bound(signature: str, call: str) -> dict[str, Any] | None:
    """Return the arguments of a call by parameter, or None where they are no literals or do not fit the signature.

    Where the text is an expression around a call of the function (`len(f([1]))`), that call counts; a text that does
    not name the function counts by its own arguments, whatever it calls. Texts that are too long or too deep give None.
    """
    inner = _call_of(signature.partition("(")[0], call)
    if inner is None or any(keyword.arg is None for keyword in inner.keywords):
        return None
    try:
        values = [ast.literal_eval(argument) for argument in inner.args]
        named = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in inner.keywords}
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    if max(map(_depth, [*values, *named.values()]), default=0) > MAX_DEPTH:
        return None
    return _placed(layout(signature), values, named)


def _call_of(name: str, text: str) -> ast.Call | None:
    node = _expression(text) if len(text) <= MAX_TEXT else None
    if node is None:
        return None
    calls = [part for part in ast.walk(node) if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)]
    own = [part for part in calls if isinstance(part.func, ast.Name) and part.func.id == name]
    if own:
        return own[0] if len(own) == 1 else None
    return node if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None


def _placed(slots: Sequence[Slot], values: list[Any], named: dict[str, Any]) -> dict[str, Any] | None:
    plain = [slot.name for slot in slots if slot.how == "position"]
    star = next((slot.name for slot in slots if slot.how == "star"), None)
    if len(values) > len(plain) and star is None:
        return None
    given = dict(zip(plain, values, strict=False))
    if star is not None and len(values) > len(plain):
        given[star] = tuple(values[len(plain) :])
    if named.keys() & given.keys() or star in named or not named.keys() <= {slot.name for slot in slots}:
        return None
    given |= named
    missing = any(slot.required and slot.name not in given for slot in slots)
    return None if missing else {slot.name: given[slot.name] for slot in slots if slot.name in given}


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, [*value, *value.values()]), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list | tuple | set | frozenset) else 0


def _expression(text: str) -> ast.expr | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def read_literal(text: str) -> object:
    """Return the value of a text that `literal` wrote. Raises ValueError or SyntaxError for another one."""
    return ast.literal_eval(text)


# --- writing ---------------------------------------------------------------------------------------------------------


def literal(value: object) -> str:
    """Return the text of a value; unlike repr it is the same under every hash seed."""
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(map(literal, value))) + "}" if value else "set()"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(key)}: {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(literal, value)) + ("," if len(value) == 1 else "") + ")"
    return repr(value).replace("inf", "1e999") if isinstance(value, float) else repr(value)


def render_call(name: str, values: Sequence[Any], named: Mapping[str, Any]) -> str:
    """Return the text of a call with literal arguments."""
    return f"{name}({', '.join([*map(literal, values), *(f'{key}={literal(value)}' for key, value in named.items())])})"


def call_text(signature: str, name: str, binding: Binding) -> str:
    """Return the call of `name` that passes a binding: by position as far as that goes, then by keyword."""
    values: list[Any] = []
    named: dict[str, Any] = {}
    gap = False
    for slot in layout(signature):
        if slot.name not in binding:
            gap = gap or slot.how == "position"
        elif slot.how == "star":
            values += binding[slot.name]
        elif slot.how == "keyword" or gap:
            named[slot.name] = binding[slot.name]
        else:
            values.append(binding[slot.name])
    return render_call(name, values, named)


# --- calls whose arguments are looked at afterwards ------------------------------------------------------------------


def observing(call: str, signature: str) -> Call:
    """Return a call with its container arguments in variables that are read again afterwards (`setup`, `after`).

    So a program that changes its arguments is noticed. A call without such an argument, or one that cannot be read, is
    returned as it is. Arguments that are passed by keyword stay where they are.
    """
    parsed, entry_point = parse_arguments(call), signature.partition("(")[0]
    slots = [slot for slot in layout(signature) if slot.how == "position"]
    plain = Call(id="observed", call=call)
    if parsed is None or len(parsed[0]) > len(slots):
        return plain
    values, named = parsed
    kept = {
        slots[place].name: value
        for place, value in enumerate(values)
        if isinstance(value, list | dict | set) and slots[place].name != entry_point
    }
    if not kept:
        return plain
    shown = [slots[place].name if slots[place].name in kept else literal(value) for place, value in enumerate(values)]
    shown += [f"{key}={literal(value)}" for key, value in named.items()]
    return Call(
        id="observed",
        call=f"{entry_point}({', '.join(shown)})",
        setup="; ".join(f"{name} = {literal(value)}" for name, value in kept.items()),
        after=tuple(kept),
    )
