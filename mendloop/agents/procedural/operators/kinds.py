"""A rough guess of what kind of value a name or an expression holds."""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import Literal

from mendloop.agents.procedural.operators.walks import FunctionNode, is_call

ValueKind = Literal["number", "text", "sequence", "mapping", "truth"]
Evidence = dict[str, set[ValueKind]]

_ANNOTATIONS: dict[str, ValueKind] = {
    "int": "number",
    "float": "number",
    "complex": "number",
    "str": "text",
    "bytes": "text",
    "bool": "truth",
    "list": "sequence",
    "tuple": "sequence",
    "Sequence": "sequence",
    "Iterable": "sequence",
    "List": "sequence",
    "Tuple": "sequence",
    "set": "sequence",
    "dict": "mapping",
    "Dict": "mapping",
    "Mapping": "mapping",
}
_CALLS: dict[str, ValueKind] = {
    **dict.fromkeys(("len", "int", "float", "abs", "round", "ord", "hash", "id", "pow"), "number"),
    **dict.fromkeys(("str", "repr", "chr", "hex", "ascii", "format", "bin", "oct", "bytes"), "text"),
    **dict.fromkeys(("list", "tuple", "sorted", "set", "frozenset", "bytearray", "deque"), "sequence"),
    **dict.fromkeys(("dict", "Counter", "defaultdict", "OrderedDict"), "mapping"),
    **dict.fromkeys(("isinstance", "any", "all", "bool", "callable", "hasattr", "issubclass"), "truth"),
}
# What only texts can do: first what gives a text back, then what gives something else.
_TEXT_RESULTS = frozenset(
    {
        *("capitalize", "casefold", "center", "decode", "encode", "expandtabs", "format", "join", "ljust", "lower"),
        *("lstrip", "removeprefix", "removesuffix", "replace", "rjust", "rstrip", "strip", "swapcase", "title"),
        *("translate", "upper", "zfill"),
    }
)
_TEXT_QUESTIONS = frozenset(
    {
        *("endswith", "isalnum", "isalpha", "isdigit", "isidentifier", "islower", "isspace", "istitle", "isupper"),
        *("partition", "rfind", "rindex", "rpartition", "rsplit", "split", "splitlines", "startswith"),
    }
)
_METHODS: dict[str, ValueKind] = {
    **dict.fromkeys(_TEXT_RESULTS | _TEXT_QUESTIONS, "text"),
    **dict.fromkeys(("append", "extend", "insert", "sort", "reverse"), "sequence"),
    **dict.fromkeys(("items", "keys", "values", "get", "setdefault"), "mapping"),
}


def kind_of(node: ast.AST, evidence: Evidence | None = None) -> ValueKind | None:
    """Return the kind of an expression's value, or None where the text does not say."""
    match node:
        case ast.Constant(value=bool()) | ast.Compare() | ast.UnaryOp(op=ast.Not()):
            return "truth"
        case ast.Constant(value=int() | float() | complex()):
            return "number"
        case ast.Constant(value=str() | bytes()) | ast.JoinedStr():
            return "text"
        case ast.List() | ast.Tuple() | ast.Set() | ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            return "sequence"
        case ast.Dict() | ast.DictComp():
            return "mapping"
        case ast.Call(func=ast.Name(id=name)):
            return _CALLS.get(name)
        case ast.Call(func=ast.Attribute(attr=name)):
            return "text" if name in _TEXT_RESULTS else "number" if name in ("find", "rfind", "count") else None
        case ast.UnaryOp(operand=operand):
            return kind_of(operand, evidence)
        case ast.Subscript(value=value, slice=ast.Slice()):
            return kind_of(value, evidence)
        case ast.BinOp(left=left, op=op, right=right):
            return _kind_of_result(kind_of(left, evidence), op, kind_of(right, evidence))
        case ast.Name(id=name) if evidence and len(evidence.get(name, ())) == 1:
            return next(iter(evidence[name]))
        case _:
            return None


def _kind_of_result(left: ValueKind | None, op: ast.operator, right: ValueKind | None) -> ValueKind | None:
    for whole in ("text", "sequence"):
        if left == whole or (right == whole and isinstance(op, ast.Add | ast.Mult)):
            return whole
    if left == right or isinstance(op, ast.Div | ast.FloorDiv | ast.Pow):
        return left or right
    return "number" if "number" in (left, right) and isinstance(op, ast.Sub) else None


def gather_evidence(function: FunctionNode) -> Evidence:
    """Return for each name of a function every kind of value that its uses suggest."""
    evidence: Evidence = defaultdict(set)
    _from_signature(function.args, evidence)
    for node in ast.walk(function):
        for name, kind in _suggestions(node):
            if kind:
                evidence[name].add(kind)
    return dict(evidence)


def _from_signature(arguments: ast.arguments, evidence: Evidence) -> None:
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [*zip(reversed(positional), reversed(arguments.defaults), strict=False)]
    defaults += [
        (each, value) for each, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if value
    ]
    for argument, default in defaults:
        if kind := kind_of(default):
            evidence.setdefault(argument.arg, set()).add(kind)
    for argument in (*positional, *arguments.kwonlyargs):
        if argument.annotation and (kind := _annotated(argument.annotation)):
            evidence.setdefault(argument.arg, set()).add(kind)


def _annotated(annotation: ast.expr) -> ValueKind | None:
    match annotation:
        case ast.Name(id=name) | ast.Subscript(value=ast.Name(id=name)):
            return _ANNOTATIONS.get(name)
        case ast.BinOp(left=left):
            return _annotated(left)
        case _:
            return None


def _suggestions(node: ast.AST) -> list[tuple[str, ValueKind | None]]:
    match node:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value) | ast.AugAssign(target=ast.Name(id=name), value=value)
        ):
            return [(name, kind_of(value))]
        case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"))):
            return [(name, "number")]
        case ast.For(target=ast.Tuple(elts=[ast.Name(id=name), *_]), iter=ast.Call(func=ast.Name(id="enumerate"))):
            return [(name, "number")]
        case ast.For(iter=ast.Name(id=name)) | ast.comprehension(iter=ast.Name(id=name)):
            return [(name, "sequence")]
        case ast.Compare(left=ast.Name(id=name), comparators=[other]) if not isinstance(
            node.ops[0], ast.In | ast.NotIn
        ):
            return [(name, kind_of(other))]
        case ast.BinOp(left=ast.Name(id=name), right=ast.Constant() as other) if not isinstance(node.op, ast.Mod):
            return [(name, kind_of(other))]
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attribute)):
            return [(name, _METHODS.get(attribute))]
        case ast.Call(func=ast.Name(id="range")):
            return [(each.id, "number") for each in node.args if isinstance(each, ast.Name)]
        case ast.Call(args=[ast.Name(id=name)]) if is_call(node, "len", "sum", "sorted"):
            return [(name, "sequence")]
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Slice()):
            return [(name, "sequence")]
        case _:
            return []
