"""Inputs on which two programs are most likely to part: at the constants that either of them compares with.

Random inputs rarely hit `if c == b"_"`. Each constant takes the place of an argument of its type in calls that are
known to work, numbers also with their neighbours.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from mendloop.judgement.calls import parse_arguments, render_call

MAX_CONSTANTS = 24
MAX_TEXT = 60


def compared_constants(code: str) -> tuple[object, ...]:
    """Return the constants that a program compares or looks up, once each, in the order of the text."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return ()
    found: list[object] = []
    for node in ast.walk(tree):
        for constant in _constants(node):
            if not any(type(constant) is type(other) and constant == other for other in found):
                found.append(constant)
    return tuple(found[:MAX_CONSTANTS])


def _constants(node: ast.AST) -> Iterator[object]:
    """Yield what one node compares with: both sides of a comparison, cases of a match, arguments of text methods."""
    parts: Iterable[ast.AST] = ()
    if isinstance(node, ast.Compare):
        parts = (node.left, *node.comparators)
    elif isinstance(node, ast.MatchValue):
        parts = (node.value,)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        parts = node.args
    elif isinstance(node, ast.Dict):
        parts = [key for key in node.keys if key is not None]
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.FloorDiv):
        parts = (node.right,)
    for part in parts:
        items = part.elts if isinstance(part, ast.Tuple | ast.List | ast.Set) else [part]
        for item in items:
            if isinstance(item, ast.Constant) and _fits(item.value):
                yield item.value


def _fits(value: object) -> bool:
    if isinstance(value, bool) or value is None or value is Ellipsis:
        return False
    return not isinstance(value, str | bytes) or len(value) <= MAX_TEXT


def guided_calls(known: Sequence[str], constants: Iterable[object]) -> tuple[str, ...]:
    """Return calls in which a constant stands for an argument of its type, or is part of it. `known` calls work."""
    parsed = [(call.partition("(")[0], *arguments) for call in known if (arguments := parse_arguments(call))]
    found: dict[str, None] = {}
    for constant in constants:
        for name, values, named in parsed:
            for place, old in enumerate(values):
                for new in _replacements(old, constant):
                    found.setdefault(render_call(name, [*values[:place], new, *values[place + 1 :]], named))
            for key, old in named.items():
                for new in _replacements(old, constant):
                    found.setdefault(render_call(name, values, {**named, key: new}))
    return tuple(found)


def _replacements(old: object, constant: object) -> Iterator[object]:
    """Yield what a value becomes with the constant in it; nothing where their types have nothing to do with it."""
    if isinstance(old, bool):
        return
    if isinstance(old, int) and isinstance(constant, int):
        yield from (constant - 1, constant, constant + 1)
    elif isinstance(old, float) and isinstance(constant, int | float):
        yield float(constant)
    elif isinstance(old, str) and isinstance(constant, str):
        yield from (constant, constant + old, old + constant, old[: len(old) // 2] + constant + old[len(old) // 2 :])
    elif isinstance(old, bytes) and isinstance(constant, bytes):
        yield from (constant, constant + old, old + constant)
    elif isinstance(old, list | tuple) and old and type(old[0]) is type(constant):
        yield type(old)([*old, constant])
        yield type(old)([constant, *old[1:]])
    elif isinstance(old, dict) and old and type(next(iter(old))) is type(constant):
        yield {**old, constant: next(iter(old.values()))}
