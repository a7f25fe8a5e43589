"""Which parts of a function no fault may touch: what cannot be seen from outside, and what could loop for ever."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mendloop.agents.procedural.operators.walks import (
    Exit,
    FunctionNode,
    grown,
    is_call,
    is_method,
    names_in,
    names_loaded,
    root_name,
    touched,
    walk_inside,
)

_TALK = ("print", "warn", "debug", "info", "warning", "error", "exception", "log", "_warn", "warn_deprecated")
_LOGGERS = frozenset({"logging", "logger", "log", "_log", "LOG", "warnings"})
_COPYING = ("list", "tuple", "set", "frozenset", "sorted", "dict", "range", "len")
_ENDLESS = ("count", "repeat", "cycle")


def silent_nodes(function: FunctionNode) -> set[ast.AST]:
    """Return the nodes whose change nobody sees: documentation, annotations, messages, assertions."""
    silent = set[ast.AST]()
    for node in ast.walk(function):
        for part in _silent_parts(node):
            silent.update(ast.walk(part))
    return silent | _message_assignments(function, silent)


def _silent_parts(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Assert() | ast.JoinedStr() | ast.ClassDef():
            yield node
        case ast.Import() | ast.ImportFrom() | ast.Global() | ast.Nonlocal():
            yield node
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield node.args
            yield from node.decorator_list
            if node.returns:
                yield node.returns
        case ast.Lambda():
            yield node.args
        case ast.AnnAssign():
            yield node.annotation
        case ast.Raise():
            if isinstance(node.exc, ast.Call):
                yield from (*node.exc.args, *node.exc.keywords)
            if node.cause:
                yield node.cause
        case ast.Call() if _only_talks(node):
            yield node
        case ast.Expr() if _only_talks(node.value):
            yield node
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            yield node
        case ast.BinOp(left=ast.Constant(value=str() | bytes()), op=ast.Mod()):
            yield node.left


def _only_talks(node: ast.expr) -> bool:
    return is_call(node, *_TALK) or (is_method(node, *_TALK) and root_name(node.func) in _LOGGERS)


def _message_assignments(function: FunctionNode, silent: set[ast.AST]) -> set[ast.AST]:
    heard = {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node not in silent
    }
    found = set[ast.AST]()
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) if name not in heard:
                found.update(ast.walk(node))
    return found


def delicate_nodes(function: FunctionNode) -> set[ast.AST]:
    """Return the nodes that decide whether a loop ends: an edit there may run for ever."""
    frozen = set[ast.AST]()
    progress = set[str]()
    for loop in ast.walk(function):
        if _never_ends_alone(loop):
            frozen.update(ast.walk(loop))
            progress |= touched(loop)
        elif isinstance(loop, ast.While):
            progress |= _progress_names(loop)
            frozen.update(ast.walk(loop.test))
            frozen.update(_exits(loop, progress))
            frozen.add(loop)
    if progress:
        frozen.update(_updates(function, progress))
    frozen.update(node for call in ast.walk(function) if _is_endless(call) for node in ast.walk(call))
    return frozen


def _never_ends_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.While):
        return isinstance(node.test, ast.Constant)
    return isinstance(node, ast.For) and any(_is_endless(part) for part in ast.walk(node.iter))


def _is_endless(node: ast.AST) -> bool:
    if is_call(node, "iter"):
        return len(node.args) == 2
    if is_call(node, *_ENDLESS):
        return True
    return is_method(node, *_ENDLESS) and root_name(node.func) in ("itertools", "it")


def _progress_names(loop: ast.While) -> set[str]:
    """Return the names that decide when a loop ends: those of its test, of its exits, and what they are made from."""
    progress = names_in(loop.test)
    size = -1
    while size != len(progress):
        size = len(progress)
        for node in walk_inside(loop):
            if isinstance(node, ast.If) and _decides(node, progress):
                progress |= names_in(node.test)
            elif _is_simple(node) and touched(node) & progress:
                progress |= names_loaded(node)
    return progress


def _decides(branch: ast.If, progress: set[str]) -> bool:
    return any(isinstance(node, Exit) for node in walk_inside(branch)) or bool(touched(branch) & progress)


def _exits(loop: ast.While, progress: set[str]) -> Iterator[ast.AST]:
    for node in walk_inside(loop):
        if isinstance(node, ast.If) and _decides(node, progress):
            yield node
            yield from ast.walk(node.test)
        elif isinstance(node, Exit | ast.ExceptHandler | ast.Try):
            yield node
            if isinstance(node, ast.ExceptHandler) and node.type:
                yield from ast.walk(node.type)


def _updates(function: FunctionNode, progress: set[str]) -> Iterator[ast.AST]:
    for node in ast.walk(function):
        if _is_simple(node) and touched(node) & progress:
            yield from ast.walk(node)
        elif isinstance(node, ast.For | ast.AsyncFor) and names_in(node.target) & progress:
            yield node
            yield from ast.walk(node.target)
            yield from ast.walk(node.iter)


def _is_simple(node: ast.AST) -> bool:
    return isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Expr | ast.Delete)


def grows_while_iterating(tree: ast.AST) -> set[str]:
    """Return the names that some `for` loop walks over and makes longer in its body."""
    loops = (node for node in ast.walk(tree) if isinstance(node, ast.For))
    return set[str]().union(*(_walked(loop.iter) & grown(loop) for loop in loops))


def _walked(node: ast.AST) -> set[str]:
    """Return the names in an iterable that it does not copy before the loop begins."""
    if is_call(node, *_COPYING) or (isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice)):
        return set()
    if isinstance(node, ast.Name):
        return {node.id}
    return set[str]().union(*(_walked(child) for child in ast.iter_child_nodes(node)))


def called_in_while(tree: ast.AST) -> set[str]:
    """Return the names that `while` loops call: their results may decide when a loop ends."""
    return {
        node.func.id
        for loop in ast.walk(tree)
        if isinstance(loop, ast.While)
        for node in ast.walk(loop)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
