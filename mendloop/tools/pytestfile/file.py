"""One pytest file: its tests with their decorators, and the functions beside them that they call."""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mendloop.tools.pytestfile.names import Function, last_name

_MOST_BASES = 20
_CALLED_BY_PYTEST = ("pytest_", "setup", "teardown", "setUp", "tearDown", "asyncSetUp", "asyncTearDown")


@dataclass(frozen=True)
class Item:
    """A test as `test_name` or `TestClass::test_name`; `marks` are its decorators and those of what it stands in.

    One that is not `collected` stands in a class in which pytest looks for no tests.
    """

    name: str
    function: Function
    marks: tuple[ast.expr, ...] = ()
    collected: bool = True


def parsed(text: str) -> ast.Module:
    """Return the syntax tree of a file, without the warnings of the parser. Raises SyntaxError for what has none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error)) from error


def items_of(tree: ast.Module) -> Iterator[Item]:
    """Yield the tests of a file in order, with those that pytest does not collect where their class stands."""
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    bases = {last_name(base) for node in classes.values() for base in node.bases}
    yield from _functions(tree.body, "", tuple(_pytestmark(tree.body)), collected=True)
    for node in classes.values():
        if _is_collected(node) or node.name not in bases:
            yield from _methods(node, classes, _pytestmark(tree.body))


def _methods(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef], marks: Iterable[ast.expr]) -> Iterator[Item]:
    """Yield the tests of a class, with those that it inherits from classes of the file."""
    line = [node]
    for ancestor in line:
        known = [classes[name] for base in ancestor.bases if (name := last_name(base)) in classes]
        line += [base for base in known if base not in line and len(line) < _MOST_BASES]
    own: dict[str, Item] = {}
    for ancestor in line:
        above = (*marks, *ancestor.decorator_list, *_pytestmark(ancestor.body))
        for item in _functions(ancestor.body, f"{node.name}::", above, collected=any(map(_is_collected, line))):
            own.setdefault(item.name, item)
    yield from own.values()


def _functions(body: Sequence[ast.stmt], before: str, marks: Sequence[ast.expr], *, collected: bool) -> Iterator[Item]:
    for node in body:
        if isinstance(node, Function) and node.name.startswith("test"):
            yield Item(before + node.name, node, (*marks, *node.decorator_list), collected)


def _pytestmark(body: Sequence[ast.stmt]) -> Iterator[ast.expr]:
    for node in body:
        if isinstance(node, ast.Assign) and any(last_name(target) == "pytestmark" for target in node.targets):
            yield node.value


def _is_collected(node: ast.ClassDef) -> bool:
    if any("TestCase" in last_name(base) for base in node.bases):
        return True
    made = any(isinstance(part, ast.FunctionDef) and part.name in ("__init__", "__new__") for part in node.body)
    return node.name.startswith("Test") and not made


def functions_in(node: ast.AST) -> dict[str, Function]:
    """Return the functions and methods inside a node by name, but for tests; names that come twice stand for none."""
    found = [
        inner
        for inner in ast.walk(node)
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and not inner.name.startswith("test")
    ]
    times = Counter(function.name for function in found)
    return {function.name: function for function in found if times[function.name] == 1}


def idle_functions(tree: ast.Module) -> Iterator[Function]:
    """Yield the functions with an assert in them whose name nothing in the file reads."""
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    read |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    read |= {argument.arg for argument in ast.walk(tree) if isinstance(argument, ast.arg)}
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    for function in [node for body in bodies for node in body if isinstance(node, ast.FunctionDef)]:
        name = function.name
        hooked = name.startswith(("test", *_CALLED_BY_PYTEST)) or (name.startswith("__") and name.endswith("__"))
        if name not in read and not hooked and not function.decorator_list and holds_assert(function):
            yield function


def holds_assert(node: ast.AST) -> bool:
    """Tell whether an assert, or a method of unittest that is one, stands anywhere in a node."""
    return any(
        isinstance(inner, ast.Assert) or (isinstance(inner, ast.Call) and last_name(inner.func).startswith("assert"))
        for inner in ast.walk(node)
    )


def line_of_first_assert(node: ast.AST) -> int:
    """Return the line of the first assert in a node."""
    return min(inner.lineno for inner in ast.walk(node) if isinstance(inner, ast.Assert | ast.Call))
