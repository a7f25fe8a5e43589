"""Branches and statements that are missing."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mendloop.agents.procedural.operators.edits import Edit, Operator, quote
from mendloop.agents.procedural.operators.scope import Scope
from mendloop.agents.procedural.operators.walks import leaves, names_in, stored


def missing_base_case(scope: Scope) -> Iterator[Edit]:
    """A recursive function without the test that ends it."""
    name = scope.function.name
    if any(isinstance(node, ast.Call) and names_in(node.func) == {name} for node in ast.walk(scope.function)):
        for guard in _guards(scope):
            if name not in names_in(guard):
                yield _removed(scope, guard, f"The base case {quote(f'if {scope.source(guard.test)}')} is missing.")


def lost_guard(scope: Scope) -> Iterator[Edit]:
    """A special case at the front of a block that is no longer handled."""
    for guard in _guards(scope):
        head = quote(f"if {scope.source(guard.test)}")
        yield _removed(scope, guard, f"The special case {head} is no longer handled.")


def _guards(scope: Scope) -> Iterator[ast.If]:
    for node in scope.nodes(ast.If):
        if leaves(node.body) and not node.orelse and not _is_elif(scope, node):
            block = scope.block_of(node)
            if len(block) > 1 and scope.may_remove(node) and scope.text.owns_lines(node):
                yield node


def _removed(scope: Scope, statement: ast.stmt, summary: str) -> Edit:
    return scope.replace_span(scope.text.lines_of(statement), "", summary)


def _is_elif(scope: Scope, node: ast.If) -> bool:
    start = scope.text.span(node).start
    return scope.text.code.startswith("elif", start)


def lost_else(scope: Scope) -> Iterator[Edit]:
    """An `else` whose case is no longer handled."""
    for node in scope.nodes(ast.If):
        if not node.orelse or not scope.may_remove(node):
            continue
        last = node.orelse[-1]
        start = scope.text.span(node.body[-1]).end
        first = node.orelse[0]
        if isinstance(first, ast.If) and _is_elif(scope, first):
            continue
        if not scope.text.owns_lines(last):
            continue
        begin = scope.text.lines(scope.text.line_at(start), scope.text.line_at(start)).end
        end = scope.text.lines_of(last).end
        if begin < end:
            lost = quote(scope.source(first).splitlines()[0])
            yield Edit(
                begin, end, "", f"The `else` of {quote('if ' + scope.source(node.test))} is gone: it did {lost}."
            )


def lost_elif(scope: Scope) -> Iterator[Edit]:
    """An `elif` whose case now falls to the next branch."""
    for node in scope.nodes(ast.If):
        if not _is_elif(scope, node) or not scope.may_remove(node):
            continue
        if not scope.text.owns_lines(node.body[-1]):
            continue
        begin = scope.text.lines(node.lineno, node.lineno).start
        end = scope.text.lines_of(node.body[-1]).end
        summary = f"The case {quote('elif ' + scope.source(node.test))} is no longer handled."
        yield Edit(begin, end, "", summary)


def if_for_elif(scope: Scope) -> Iterator[Edit]:
    """`if` for `elif`: the second case is tried although the first held."""
    for node in scope.nodes(ast.If):
        parent = scope.parents[node]
        if _is_elif(scope, node) and isinstance(parent, ast.If) and not leaves(parent.body):
            start, _ = scope.text.span(node)
            summary = (
                f"{quote('if ' + scope.source(node.test))} is tried even when an earlier case held: it was `elif`."
            )
            yield Edit(start, start + len("elif"), "if", summary)


def lost_statement(scope: Scope) -> Iterator[Edit]:
    """A step that is missing: an update, a call for its effect, or a preparation of a value."""
    for kind in (ast.AugAssign, ast.Expr, ast.Assign):
        for node in scope.nodes(kind):
            if not _is_step(scope, node) or not scope.may_remove(node) or not scope.text.owns_lines(node):
                continue
            summary = f"The step {quote(scope.source(node))} is missing."
            if len(scope.block_of(node)) > 1:
                yield _removed(scope, node, summary)
            else:
                yield scope.replace(node, "pass", summary)


def _is_step(scope: Scope, node: ast.stmt) -> bool:
    match node:
        case ast.AugAssign():
            return True
        case ast.Expr(value=ast.Call() as call):
            return isinstance(call.func, ast.Attribute)
        case ast.Assign(targets=[ast.Name() as target]):
            return stored(target) <= scope.bound_before(node)
        case ast.Assign(targets=[ast.Subscript()]):
            return True
        case _:
            return False


OPERATORS = (
    Operator("missing-base-case", "missing_base_case", missing_base_case),
    Operator("lost-guard", "lost_branch", lost_guard),
    Operator("lost-else", "lost_branch", lost_else),
    Operator("lost-elif", "lost_branch", lost_elif),
    Operator("if-for-elif", "wrong_nesting", if_for_elif),
    Operator("lost-statement", "lost_statement", lost_statement),
)
