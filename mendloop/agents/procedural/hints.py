"""How a function uses its parameters, read from its syntax: a score for each kind of value that would fit."""

from __future__ import annotations

import ast
from collections import defaultdict
from dataclasses import dataclass, field

from mendloop.agents.procedural.kinds import LISTS, NUMBERS

_METHODS: dict[str, tuple[str, ...]] = {}
for _kind, _type in (("bytes", bytes), ("str", str), ("list[int]", list), ("dict[str, int]", dict), ("set[int]", set)):
    for _name in dir(_type):
        _METHODS[_name] = (*_METHODS.get(_name, ()), _kind)
for _name in ("numerator", "denominator", "is_integer", "bit_length", "real", "imag", "as_integer_ratio", "to_bytes"):
    _METHODS[_name] = ("int", "float")

_CALLS: dict[str, tuple[str, ...]] = {
    "ord": ("str",), "chr": ("nonneg int",), "range": ("small int",), "abs": NUMBERS, "divmod": NUMBERS,
    "hex": ("int",),
    "round": ("float", "int"), "sum": ("list[int]", "list[float]"), "max": ("list[int]", "list[float]"),
    "min": ("list[int]", "list[float]"), "sorted": LISTS, "reversed": LISTS, "enumerate": LISTS, "zip": LISTS,
    "list": LISTS, "tuple": LISTS, "set": LISTS, "iter": LISTS, "map": LISTS, "filter": LISTS, "all": LISTS,
    "any": LISTS, "len": ("str", "list[int]", "list[str]"), "dict": ("dict[str, int]",), "int": ("int",),
    "float": ("float", "int"), "bytes": ("bytes",), "bytearray": ("bytes",), "fspath": ("path",), "deque": LISTS,
    "Counter": LISTS, "chain": LISTS, "islice": LISTS, "groupby": LISTS, "frozenset": LISTS, "Fraction": NUMBERS,
    "escape": ("str",), "match": ("str",), "search": ("str",), "sub": ("str",), "split": ("str",), "findall": ("str",),
    "fullmatch": ("str",), "join": ("list[str]",), "sqrt": ("float",), "floor": ("float",), "isnan": ("float",),
    "isinf": ("float",), "exp": ("float",), "log": ("float",), "gcd": ("int",), "index": ("int",), "fsum": LISTS,
    "unhexlify": ("str",), "hexlify": ("bytes",), "a2b_base64": ("bytes",), "b2a_base64": ("bytes",),
    "unpack": ("bytes",), "indent": ("str",), "dedent": ("str",), "finditer": ("str",), "normcase": ("path",),
}  # fmt: skip

_NAMES: dict[str, tuple[str, ...]] = {
    "s": ("str",), "st": ("str",), "str": ("str",), "text": ("str",), "string": ("str",), "line": ("str",),
    "name": ("identifier", "str"), "word": ("identifier",), "key": ("identifier", "str"), "pattern": ("str",),
    "path": ("path",), "filename": ("path",), "fname": ("path",), "pathname": ("path",), "file": ("path",),
    "p": ("path",), "url": ("str",), "prefix": ("str",), "suffix": ("str",), "value": ("str", "int"), "sep": ("str",),
    "header": ("str",), "lines": ("list[str]",), "words": ("list[str]",), "names": ("list[str]",), "c": ("str",),
    "paths": ("list[str]",),
    "n": ("int",), "i": ("int",), "k": ("int",), "count": ("small int",), "num": ("int",), "number": ("int",),
    "width": ("small int",), "size": ("small int",), "length": ("small int",), "indent": ("small int",),
    "year": ("int",), "month": ("int",), "day": ("int",), "level": ("small int",), "depth": ("small int",),
    "x": ("float", "int"), "y": ("float", "int"), "r": ("float",), "g": ("float",), "b": ("float",), "h": ("float",),
    "v": ("float",), "l": ("float",), "q": ("float",), "data": ("list[float]", "list[int]", "bytes", "str"),
    "items": LISTS, "values": LISTS, "seq": LISTS, "sequence": LISTS, "iterable": LISTS, "lst": LISTS, "a": LISTS,
    "xs": LISTS, "numbers": ("list[int]",), "args": ("list[str]",), "d": ("dict[str, int]",), "flags": ("small int",),
    "mapping": ("dict[str, str]",), "flag": ("bool",), "strict": ("bool",), "charset": ("str",), "bytes": ("bytes",),
    "bytearray": ("bytes",), "buf": ("bytes",), "buffer": ("bytes",), "heap": ("list[int]",),
    "pathnames": ("list[str]",),
}  # fmt: skip


@dataclass
class Use:
    """What is known of one parameter: scores of kinds, literals it is compared with, why it cannot be drawn."""

    scores: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    choices: list[object] = field(default_factory=list)
    element: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    undrawable: str = ""

    def add(self, kinds: tuple[str, ...], weight: float) -> None:
        """Raise the score of kinds, the first most."""
        for place, kind in enumerate(kinds):
            self.scores[kind] += weight * (1 - 0.1 * place)


def uses_in(function: ast.FunctionDef, helpers: dict[str, ast.FunctionDef], depth: int = 2) -> dict[str, Use]:
    """Return the uses of every parameter of a function, followed into the helpers it hands them to."""
    found: dict[str, Use] = defaultdict(Use)
    names = {argument.arg for argument in _arguments(function)}
    aliases = _aliases(function, names)
    for node in ast.walk(function):
        _note(node, aliases, found)
        if isinstance(node, ast.Call) and depth:
            _follow(node, aliases, found, helpers, depth)
    loops = _loop_names(function, aliases)
    for node in ast.walk(function) if loops else ():
        _note_element(node, loops, found)
    for name in names:
        _settle(found[name])
        if name in _NAMES:
            found[name].add(_NAMES[name], 2)
        if found[name].scores.get("path") and "str" in found[name].scores:
            found[name].scores["path"] += found[name].scores["str"]
    return dict(found)


def _arguments(function: ast.FunctionDef) -> list[ast.arg]:
    found = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return [*found, function.args.vararg] if function.args.vararg else found


def _aliases(function: ast.FunctionDef, names: set[str]) -> dict[str, str]:
    """Map local names to the parameter they stand for: `q = p`, `q = iter(p)`, `q = os.fspath(p)`."""
    aliases = {name: name for name in names}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            value = node.value
            if isinstance(value, ast.Call) and len(value.args) == 1 and _called(value) in ("iter", "fspath", "list"):
                value = value.args[0]
            if isinstance(value, ast.Name) and value.id in names:
                aliases.setdefault(node.targets[0].id, value.id)
    return aliases


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Name):
        return node.func.id
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _parameter(node: ast.AST | None, aliases: dict[str, str]) -> str | None:
    return aliases.get(node.id) if isinstance(node, ast.Name) else None


def _note(node: ast.AST, aliases: dict[str, str], found: dict[str, Use]) -> None:
    if isinstance(node, ast.Attribute) and (name := _parameter(node.value, aliases)):
        _note_attribute(node.attr, found[name])
    elif isinstance(node, ast.Call):
        _note_call(node, aliases, found)
    elif isinstance(node, ast.Subscript) and (name := _parameter(node.value, aliases)):
        keyed = isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)
        found[name].add(("dict[str, str]", "dict[str, int]") if keyed else ("str", *LISTS), 1.5)
        if (index := _parameter(node.slice, aliases)) and not keyed:
            found[index].add(("small int",), 1)
    elif isinstance(node, ast.For | ast.comprehension) and (name := _parameter(node.iter, aliases)):
        pairs = isinstance(node.target, ast.Tuple) and len(node.target.elts) == 2
        found[name].add(("list[tuple[str, int]]", "list[tuple[str, str]]") if pairs else (*LISTS, "str"), 1.5)
    elif isinstance(node, ast.BinOp):
        _note_operator(node, aliases, found)
    elif isinstance(node, ast.Compare):
        _note_comparison(node, aliases, found)
    elif isinstance(node, ast.Raise) and (name := _parameter(node.exc, aliases)):
        found[name].undrawable = "takes an exception"


def _note_attribute(attribute: str, use: Use) -> None:
    if attribute in _METHODS:
        use.add(tuple(sorted(_METHODS[attribute], key=lambda kind: kind == "bytes")), 3)
    else:
        use.undrawable = "takes an object"


def _note_call(node: ast.Call, aliases: dict[str, str], found: dict[str, Use]) -> None:
    if name := _parameter(node.func, aliases):
        found[name].undrawable = "takes a function"
    called = _called(node)
    if called == "isinstance" and (name := _parameter(node.args[0], aliases)) and len(node.args) == 2:
        checked = ast.unparse(node.args[1])
        for kind in ("str", "bytes", "int", "float", "list", "dict", "tuple"):
            full = {"list": "list[int]", "dict": "dict[str, str]", "tuple": "tuple[int, ...]"}.get(kind, kind)
            if kind in checked:
                found[name].add((full,), 2)
        return
    for place, argument in enumerate(node.args):
        if (name := _parameter(argument, aliases)) and called in _CALLS:
            last = place == len(node.args) - 1
            if called not in ("match", "search", "sub", "map", "filter", "split", "join") or last:
                found[name].add(_CALLS[called], 2)


def _note_operator(node: ast.BinOp, aliases: dict[str, str], found: dict[str, Use]) -> None:
    for side, other in ((node.left, node.right), (node.right, node.left)):
        name = _parameter(side, aliases)
        if not name:
            continue
        constant = other.value if isinstance(other, ast.Constant) else None
        if isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant) and isinstance(node.left.value, str):
            continue
        if isinstance(constant, str | bytes) or isinstance(other, ast.JoinedStr):
            found[name].add((type(constant).__name__ if constant is not None else "str",), 3)
        elif isinstance(node.op, ast.BitAnd | ast.BitOr | ast.LShift | ast.RShift | ast.BitXor):
            found[name].add(("nonneg int", "int"), 2)
        elif isinstance(node.op, ast.Add | ast.Mult) and constant is None:
            found[name].add((*NUMBERS, "str"), 0.7)
        elif not isinstance(node.op, ast.Mod) or node.left is side or constant is not None:
            found[name].add(("float", "int") if isinstance(constant, float) else NUMBERS, 2)


def _note_comparison(node: ast.Compare, aliases: dict[str, str], found: dict[str, Use]) -> None:
    sides = [node.left, *node.comparators]
    for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
        for side, other in ((left, right), (right, left)):
            name = _parameter(side, aliases)
            if name:
                _note_compared(found[name], operator, other, side is right)


def _note_compared(use: Use, operator: ast.cmpop, other: ast.expr, is_right: bool) -> None:
    if isinstance(operator, ast.In | ast.NotIn) and is_right:
        use.add(("str", *LISTS, "dict[str, int]"), 1)
        return
    try:
        value = ast.literal_eval(other)
    except (ValueError, TypeError):
        return
    values = [value]
    if isinstance(operator, ast.In | ast.NotIn) and not isinstance(value, int):
        # The order of a set differs from process to process.
        values = sorted(value, key=repr) if isinstance(value, set) else list(value)
    kinds = {bool: "bool", int: "int", float: "float", str: "str", bytes: "bytes"}
    for each in values[:8]:
        if type(each) in kinds:
            use.add((kinds[type(each)],), 2)
            use.choices.append(each)


def _follow(
    node: ast.Call, aliases: dict[str, str], found: dict[str, Use], helpers: dict[str, ast.FunctionDef], depth: int
) -> None:
    helper = helpers.get(_called(node)) if isinstance(node.func, ast.Name) else None
    if helper is None:
        return
    inner: dict[str, Use] | None = None
    parameters = [*helper.args.posonlyargs, *helper.args.args]
    for argument, parameter in zip(node.args, parameters, strict=False):
        if name := _parameter(argument, aliases):
            inner = inner or uses_in(helper, helpers, depth - 1)
            use = inner.get(parameter.arg, Use())
            for kind, score in use.scores.items():
                found[name].scores[kind] += score * 0.8
            found[name].choices += use.choices
            found[name].undrawable = found[name].undrawable or use.undrawable


def _loop_names(function: ast.FunctionDef, aliases: dict[str, str]) -> dict[str, str]:
    """Map the loop variables over a parameter to that parameter."""
    loops: dict[str, str] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.For | ast.comprehension):
            source = node.iter
            if isinstance(source, ast.Call) and _called(source) in ("sorted", "set", "reversed") and source.args:
                source = source.args[0]
            if (name := _parameter(source, aliases)) and isinstance(node.target, ast.Name):
                loops[node.target.id] = name
    return loops


def _note_element(node: ast.AST, loops: dict[str, str], found: dict[str, Use]) -> None:
    inner: dict[str, Use] = defaultdict(Use)
    _note(node, {name: name for name in loops}, inner)
    for loop, use in inner.items():
        element = found[loops[loop]].element
        for kind, score in use.scores.items():
            element[kind] += score
        if any(isinstance(choice, str) and len(choice) == 1 for choice in use.choices):
            found[loops[loop]].scores["str"] += 5  # compared with single characters, so what is walked is a text
            element["str"] = 0
        if use.undrawable:
            found[loops[loop]].undrawable = "takes a list of objects"


def _settle(use: Use) -> None:
    """Let what is done with the elements decide between the lists."""
    lists = {"int": "list[int]", "float": "list[float]", "str": "list[str]", "nonneg int": "list[int]"}
    for kind, score in use.element.items():
        if kind in lists:
            use.scores[lists[kind]] += score
        elif kind.startswith("list"):
            use.scores["list[list[int]]"] += score * 0.5
