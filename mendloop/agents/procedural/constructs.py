"""What a line is made of: one construct, the one that most likely decides what the line does."""

from __future__ import annotations

import ast
from typing import Literal

from mendloop.agents.procedural.code_lines import Node, expressions

Construct = Literal[
    "accumulator", "bits", "boolean", "builtin", "call", "comparison", "comprehension", "constant", "default",
    "division", "equality", "except", "format", "identity", "index", "initial", "jump", "key", "length",
    "literal", "loop", "membership", "method", "name", "negation", "product", "raise", "range", "return",
    "slice", "sum", "ternary", "truth", "unpack", "while", "yield", "other",
]  # fmt: skip

BUILTINS = frozenset({
    "abs", "all", "any", "bool", "chr", "dict", "divmod", "enumerate", "filter", "float", "frozenset", "hash",
    "hex", "int", "isinstance", "iter", "list", "map", "max", "min", "next", "oct", "ord", "pow", "range",
    "repr", "reversed", "round", "set", "sorted", "str", "sum", "tuple", "type", "zip",
})  # fmt: skip

_OPERATORS: dict[type[ast.operator], Construct] = {
    ast.Add: "sum", ast.Sub: "sum", ast.Mult: "product", ast.Pow: "product", ast.Div: "division",
    ast.FloorDiv: "division", ast.Mod: "division",
}  # fmt: skip
_COMPARISONS: dict[type[ast.cmpop], Construct] = {
    ast.Eq: "equality", ast.NotEq: "equality", ast.In: "membership", ast.NotIn: "membership", ast.Is: "identity",
    ast.IsNot: "identity",
}  # fmt: skip

CONDITIONS: tuple[Construct, ...] = ("boolean", "negation", "comparison", "equality", "membership", "identity")
_VALUES: tuple[Construct, ...] = (
    "ternary", "comprehension", "range", "slice", "index", "division", "sum", "product", "bits", *CONDITIONS, "length",
    "key", "builtin", "method", "call", "format", "literal", "constant", "name",
)  # fmt: skip


def construct_of(node: Node | None) -> Construct:
    """Return the construct that decides what a statement does."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return "default"
        case ast.AugAssign():
            return "accumulator"
        case ast.Break() | ast.Continue():
            return "jump"
        case ast.Raise():
            return "raise"
        case ast.ExceptHandler() | ast.Try():
            return "except"
        case ast.Assign(targets=[ast.Tuple() | ast.List()], value=ast.Tuple() | ast.List()):
            return "unpack"
        case ast.Assign(value=value) | ast.AnnAssign(value=value) if value is not None and _is_initial(value):
            return "initial"
        case ast.While(test=ast.Constant()):
            return "while"
        case ast.If(test=test) | ast.While(test=test):
            plain = isinstance(test, ast.Name | ast.Attribute | ast.Subscript | ast.Constant)
            return "truth" if plain else _pick(node, CONDITIONS) or _pick(node, _VALUES) or "other"
        case ast.Return(value=ast.BoolOp() | ast.Compare() | ast.UnaryOp(op=ast.Not())):
            return _pick(node, CONDITIONS) or "return"
        case ast.For():
            found = _pick(node, ("range", "slice"))
            return found or "loop"
        case ast.Return(value=None):
            return "return"
        case ast.Return(value=ast.Call() as call) | ast.Assign(value=ast.Call() as call) if _chooses(call):
            return "builtin"
    return _pick(node, _VALUES) or _last_word(node)


def _chooses(node: ast.Call) -> bool:
    """Return whether a call only picks or judges: then its name says more than its arguments."""
    named = isinstance(node.func, ast.Name) and node.func.id in ("min", "max", "any", "all", "abs", "round", "sorted")
    return (
        named
        and not node.keywords
        and not any(isinstance(each, ast.Slice | ast.comprehension) for each in ast.walk(node))
    )


def has(node: Node | None, construct: Construct) -> bool:
    """Return whether an expression of the statement is of this construct."""
    return any(kind_of_expression(each) == construct for each in expressions(node))


def kind_of_expression(node: ast.expr) -> Construct | None:
    """Return the construct of one expression, None when it only holds others together."""
    match node:
        case ast.Call(func=func):
            return _call(node, func)
        case ast.Compare(ops=[op, *_]):
            return _COMPARISONS.get(type(op), "comparison")
        case ast.BinOp(left=ast.Constant(value=str()), op=ast.Mod()):
            return "format"
        case ast.BinOp(op=op):
            return _OPERATORS.get(type(op), "bits")
        case ast.Subscript(slice=ast.Slice()):
            return "slice"
        case ast.UnaryOp(op=ast.Not()):
            return "negation"
    simple: dict[type[ast.expr], Construct] = {
        ast.BoolOp: "boolean", ast.Subscript: "index", ast.IfExp: "ternary", ast.JoinedStr: "format", ast.Name: "name",
        ast.ListComp: "comprehension", ast.SetComp: "comprehension", ast.DictComp: "comprehension", ast.Lambda: "key",
        ast.GeneratorExp: "comprehension", ast.Constant: "constant", ast.List: "literal", ast.Dict: "literal",
        ast.Set: "literal",
    }  # fmt: skip
    return simple.get(type(node))


def _call(node: ast.Call, func: ast.expr) -> Construct:
    if any(keyword.arg in ("key", "default") for keyword in node.keywords):
        return "key"
    if isinstance(func, ast.Name):
        special: dict[str, Construct] = {"range": "range", "len": "length"}
        return special.get(func.id, "builtin" if func.id in BUILTINS else "call")
    return "method"


def _pick(node: Node | None, wanted: tuple[Construct, ...]) -> Construct | None:
    found = {kind_of_expression(each) for each in expressions(node)}
    return next((construct for construct in wanted if construct in found), None)


def _is_initial(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    made = isinstance(node, ast.Call) and not node.args and isinstance(node.func, ast.Name) and node.func.id in BUILTINS
    return isinstance(node, ast.Constant) or made or _is_plain_display(node)


def _is_plain_display(node: ast.expr) -> bool:
    if isinstance(node, ast.Dict):
        return not node.keys
    return isinstance(node, ast.List | ast.Tuple) and all(isinstance(each, ast.Constant) for each in node.elts)


def _last_word(node: Node | None) -> Construct:
    if isinstance(node, ast.Return):
        return "return"
    return "call" if isinstance(node, ast.Expr) else "other"
