"""What a signature and a contract promise of a parameter of which no value was seen."""

from __future__ import annotations

import ast
from typing import Final

from mendloop.judgement.calls import Slot
from mendloop.judgement.inputs.domains import Domain
from mendloop.judgement.inputs.learning import domain_of
from mendloop.records import Contract, Parameter

_PLAIN: Final[dict[str, tuple[object, ...]]] = {
    "int": (1, 2, 3, 5, 8, 12, 20), "float": (0.5, 1.0, 2.25, 7.5), "bool": (True, False), "None": (None,),
    "str": ("a", "word", "Two words", "level"),
}  # fmt: skip
"""Values of a type that hardly any function refuses: small, positive, not empty."""
_SEQUENCES: Final = {"list": list, "List": list, "Sequence": list, "Iterable": list, "Collection": list}
_SETS: Final = {"set": set, "Set": set, "frozenset": frozenset, "FrozenSet": frozenset}
_TUPLES: Final = ("tuple", "Tuple")
_DICTS: Final = ("dict", "Dict", "Mapping")
MAX_NESTING = 4


def promised(slot: Slot, contract: Contract) -> Domain:
    """Return the domain of a parameter by the contract's literals, its kinds, or the annotation; empty for none."""
    parameter = next((each for each in contract.parameters if each.name == slot.name), None)
    if parameter is not None and (domain := _of_parameter(parameter)):
        return domain
    return domain_of(_examples(_parsed(slot.annotation), 0)) if slot.annotation else ()


def _of_parameter(parameter: Parameter) -> Domain:
    values: list[object] = []
    for text in parameter.seen:
        try:
            values.append(ast.literal_eval(text))
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue
    if values:
        return domain_of(values)
    kinds = (kind.removeprefix("sorted ").removeprefix("nonneg ").removeprefix("small ") for kind in parameter.kinds)
    return domain_of([value for kind in kinds for value in _examples(_parsed(kind), 0)])


def _parsed(text: str) -> ast.expr | None:
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return _parsed(node.value) if isinstance(node, ast.Constant) and isinstance(node.value, str) else node


def _examples(node: ast.expr | None, depth: int) -> list[object]:
    """Return some values of an annotated type; none where it says nothing."""
    match node:
        case ast.Constant(value=None):
            return [None]
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return list(_PLAIN.get(name, ())) or _containers(name, [], depth)
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return [*_examples(left, depth), *_examples(right, depth)]
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return _subscribed(name, parts, depth)
    return []


def _subscribed(name: str, parts: list[ast.expr], depth: int) -> list[object]:
    if name == "Literal":
        return [part.value for part in parts if isinstance(part, ast.Constant)]
    if name in ("Union", "Optional"):
        values = [value for part in parts for value in _examples(part, depth)]
        return [*values, None] if name == "Optional" else values
    return _containers(name, parts, depth)


def _containers(name: str, parts: list[ast.expr], depth: int) -> list[object]:
    """Return containers of an annotated type; items without a type are integers."""
    if depth > MAX_NESTING:
        return []
    inner = [_examples(part, depth + 1) for part in parts] or [list(_PLAIN["int"])]
    if not all(inner) and name not in _TUPLES:
        return []
    first = inner[0]
    cuts = [first[:3], first[1:], [*first[2:], *first[:2]]]
    if name in _SEQUENCES:
        return [list(cut) for cut in cuts]
    try:
        if name in _SETS:
            return [_SETS[name](cut) for cut in cuts]
        if name in _DICTS:
            values = inner[1] if len(inner) > 1 else first
            return [dict(zip(cut, values, strict=False)) for cut in cuts]
    except TypeError:
        return []
    if name not in _TUPLES:
        return []
    if len(parts) == 2 and isinstance(parts[1], ast.Constant) and parts[1].value is ...:
        return [tuple(cut) for cut in cuts]
    return [tuple(each[turn % len(each)] for each in inner) for turn in range(3)] if all(inner) else []
