"""The closed vocabulary of input kinds, and what syntax says about them."""

from __future__ import annotations

import ast
from typing import Final

KINDS: Final = (
    "int", "nonneg int", "small int", "float", "str", "identifier", "path", "bytes", "bool", "None", "choice",
    "list[int]", "list[str]", "list[float]", "list[list[int]]", "list[bool]", "tuple[int, ...]", "tuple[str, ...]",
    "dict[str, int]", "dict[str, str]", "set[int]", "list[tuple[str, int]]", "list[tuple[str, str]]",
    "tuple[int, int]", "list[tuple[int, int]]", "sorted list[int]", "sorted list[float]", "as seen",
)  # fmt: skip

WORDS: Final[dict[str, str]] = {
    "int": "an integer", "nonneg int": "an integer >= 0", "small int": "a small integer >= 0",
    "float": "a float", "str": "a string", "identifier": "an identifier-like string", "path": "a path-like string",
    "bytes": "a bytes object", "bool": "True or False", "None": "None", "choice": "one of the values listed",
    "list[int]": "a list of integers", "list[str]": "a list of strings", "list[float]": "a list of floats",
    "list[list[int]]": "a list of lists of integers", "list[bool]": "a list of booleans",
    "tuple[int, ...]": "a tuple of integers", "tuple[str, ...]": "a tuple of strings",
    "dict[str, int]": "a dictionary from strings to integers", "dict[str, str]": "a dictionary from strings to strings",
    "set[int]": "a set of integers", "list[tuple[str, int]]": "a list of (string, integer) pairs",
    "list[tuple[str, str]]": "a list of (string, string) pairs",
    "tuple[int, int]": "a pair of integers", "list[tuple[int, int]]": "a list of pairs of integers",
    "sorted list[int]": "a list of integers in ascending order",
    "sorted list[float]": "a list of floats in ascending order", "as seen": "a value like those listed",
}  # fmt: skip
"""How each kind reads in a sentence."""

WIDER: Final[dict[str, str]] = {
    "identifier": "str", "path": "str", "nonneg int": "int", "small int": "int",
    "sorted list[int]": "list[int]", "sorted list[float]": "list[float]",
}  # fmt: skip
"""The kind whose words say all that those of a narrower kind say."""

LISTS: Final = ("list[int]", "list[str]", "list[float]")
NUMBERS: Final = ("int", "float")
TEXTS: Final = frozenset({"str", "identifier", "path"})

FAMILIES: Final[tuple[frozenset[str], ...]] = (
    frozenset({"int", "nonneg int", "small int", "float"}),
    TEXTS,
    frozenset({"list[int]", "list[float]", "tuple[int, ...]"}),
    frozenset({"list[str]", "tuple[str, ...]"}),
    frozenset({"dict[str, int]", "dict[str, str]"}),
    frozenset({"sorted list[int]", "sorted list[float]"}),
)

_SIMPLE: Final[dict[str, tuple[str, ...]]] = {
    "int": ("int",), "float": ("float",), "complex": ("float",), "str": ("str",), "bytes": ("bytes",),
    "AnyStr": ("str",), "bytearray": ("bytes",), "Text": ("str",),
    "bool": ("bool",), "None": ("None",), "list": LISTS, "tuple": ("tuple[int, ...]", "tuple[str, ...]"),
    "dict": ("dict[str, int]", "dict[str, str]"), "set": ("set[int]",), "frozenset": ("set[int]",),
    "Iterable": LISTS, "Sequence": LISTS, "List": LISTS, "Iterator": LISTS, "Collection": LISTS,
    "Mapping": ("dict[str, int]", "dict[str, str]"), "Dict": ("dict[str, int]", "dict[str, str]"),
    "Number": NUMBERS, "Real": NUMBERS, "Hashable": ("int", "str"), "PathLike": ("path",), "StrPath": ("path",),
    "Any": (), "object": (),
}  # fmt: skip

_CONTAINERS: Final = {
    "list": "list", "List": "list", "Iterable": "list", "Sequence": "list", "Collection": "list", "Iterator": "list",
    "MutableSequence": "list", "tuple": "tuple", "Tuple": "tuple", "set": "set", "Set": "set", "frozenset": "set",
    "AbstractSet": "set", "dict": "dict", "Dict": "dict", "Mapping": "dict", "MutableMapping": "dict",
}  # fmt: skip


def of_annotation(node: ast.expr | None) -> tuple[str, ...] | None:
    """Return the kinds an annotation allows; () when it says nothing, None when none of them can be drawn."""
    if node is None:
        return ()
    if isinstance(node, ast.Constant):
        return _of_constant(node)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([node.left, node.right])
    if isinstance(node, ast.Subscript):
        return _of_subscript(node)
    return _SIMPLE.get(ast.unparse(node).rpartition(".")[2])


def _of_constant(node: ast.Constant) -> tuple[str, ...] | None:
    if node.value is None:
        return ("None",)
    try:
        return of_annotation(ast.parse(str(node.value), mode="eval").body)
    except SyntaxError:
        return ()


def _of_subscript(node: ast.Subscript) -> tuple[str, ...] | None:
    head = ast.unparse(node.value).rpartition(".")[2]
    inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if head == "Optional":
        return _union([inner[0], ast.Constant(None)])
    if head == "Union":
        return _union(inner)
    if head == "Literal":
        return ("choice",)
    if head not in _CONTAINERS:
        return None
    shown = [of_annotation(part) for part in inner if not (isinstance(part, ast.Constant) and part.value is ...)]
    if _CONTAINERS[head] == "tuple" and len(shown) == len(inner) > 0:
        return ("tuple[int, int]",) if shown == [("int",), ("int",)] else _PAIRS.get(tuple(shown))
    return _container(_CONTAINERS[head], shown)


_PAIRS: Final[dict[tuple[tuple[str, ...] | None, ...], tuple[str, ...]]] = {
    (("str",), ("int",)): ("tuple[str, int]",), (("str",), ("str",)): ("tuple[str, str]",),
}  # fmt: skip
"""Pairs that are drawn only as elements of a list."""


def _union(parts: list[ast.expr]) -> tuple[str, ...] | None:
    found = [of_annotation(part) for part in parts]
    known = [kind for kinds in found if kinds for kind in kinds]
    return tuple(dict.fromkeys(known)) or (None if None in found else ())


def _container(head: str, inner: list[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    if None in inner:
        return None
    element = [kind for kind in (inner[0] or ("int", "str")) if kind != "None"]
    if head == "dict":
        values = inner[1] if len(inner) > 1 else None
        wanted = [f"dict[str, {kind}]" for kind in (values or ("int", "str"))]
    elif head == "tuple":
        wanted = [f"tuple[{kind}, ...]" for kind in element]
    else:
        wanted = [f"{head}[{kind}]" for kind in element]
    return tuple(kind for kind in wanted if kind in KINDS) or None


def of_value(value: object) -> str | None:
    """Return the kind of a literal's value, or None when the vocabulary has none."""
    if value is None or isinstance(value, bool):
        return "None" if value is None else "bool"
    if isinstance(value, str):
        return "path" if "/" in value and " " not in value and len(value) > 2 else "str"
    for kind in (int, float, bytes):
        if isinstance(value, kind):
            return kind.__name__
    return _of_container(value)


def _pairs(items: list[object]) -> str | None:
    pairs = [item for item in items if isinstance(item, tuple) and len(item) == 2]
    types = {(type(pair[0]).__name__, type(pair[1]).__name__) for pair in pairs}
    kind = "list[tuple[{}, {}]]".format(*types.pop()) if len(pairs) == len(items) and len(types) == 1 else ""
    return kind if kind in KINDS else None


def _of_container(value: object) -> str | None:
    if isinstance(value, dict):
        inner = {of_value(item) for item in value.values()}
        return "dict[str, int]" if inner == {"int"} else "dict[str, str]"
    if isinstance(value, set):
        return "set[int]"
    if not isinstance(value, list | tuple):
        return None
    head = type(value).__name__
    inner = {of_value(item) for item in value}
    if pairs := _pairs(list(value)) if value else None:
        return pairs
    if inner <= {"tuple[int, ...]", "list[int]"} and inner:
        return "list[list[int]]"
    if not inner <= {"int", "float", "str", "path"}:
        return "as seen"
    if inner <= {"int", "float"}:
        name = "float" if "float" in inner and head == "list" else "int"
        return f"{head}[{name}]" if head == "list" else "tuple[int, ...]"
    return f"{head}[str]" if head == "list" else "tuple[str, ...]"
