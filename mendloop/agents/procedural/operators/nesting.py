"""Statements on the wrong level, and loops that go on or stop wrongly."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mendloop.agents.procedural.operators.edits import Edit, Operator, quote
from mendloop.agents.procedural.operators.scope import Scope
from mendloop.agents.procedural.operators.walks import Exit, mutated, stored, walk_inside


def outdented_statement(scope: Scope) -> Iterator[Edit]:
    """The last step of a loop or branch stands after it."""
    for node in _blocks(scope):
        last = node.body[-1]
        if node.orelse or len(node.body) < 2 or not _can_move(scope, last):
            continue
        drop = len(scope.text.indent(last.lineno)) - len(scope.text.indent(node.lineno))
        moved = scope.shifted(last, "", drop) if drop > 0 else None
        if moved is not None:
            where = quote(_head(scope, node))
            yield _relaid(
                scope, last, moved, f"{quote(_head(scope, last))} stands after the block of {where}, not in it."
            )


def indented_statement(scope: Scope) -> Iterator[Edit]:
    """The step after a loop or branch stands in it."""
    for node in _blocks(scope):
        following = _next(scope, node)
        if following is None or node.orelse or not _can_move(scope, following):
            continue
        if isinstance(node.body[-1], Exit) or node.body[0].lineno == node.lineno:
            continue
        if stored(following) - scope.bound_before(node):
            continue
        indent = scope.text.indent(node.body[0].lineno)
        moved = scope.shifted(following, indent[len(scope.text.indent(following.lineno)) :])
        if moved is not None:
            where = quote(_head(scope, node))
            summary = f"{quote(_head(scope, following))} stands in the block of {where}, not after it."
            yield _relaid(scope, following, moved, summary)


def _blocks(scope: Scope) -> list[ast.For | ast.If]:
    return [*scope.nodes(ast.For), *scope.nodes(ast.If)]


def _can_move(scope: Scope, node: ast.stmt) -> bool:
    simple = isinstance(node, ast.Assign | ast.AugAssign | ast.Expr | ast.If)
    leaves = any(isinstance(each, Exit | ast.Yield) for each in (node, *walk_inside(node)))
    return simple and not leaves and scope.may_remove(node) and scope.may_edit(node)


def _next(scope: Scope, node: ast.stmt) -> ast.stmt | None:
    block = list(scope.block_of(node))
    position = block.index(node) + 1
    return block[position] if position < len(block) else None


def _head(scope: Scope, node: ast.stmt) -> str:
    return scope.source(node).splitlines()[0]


def _relaid(scope: Scope, node: ast.stmt, lines: str, summary: str) -> Edit:
    whole = scope.text.lines_of(node)
    has_newline = scope.text.code[whole.end - 1 : whole.end] == "\n"
    return scope.replace_span(whole, lines if has_newline else lines.rstrip("\n"), summary)


def reset_in_loop(scope: Scope) -> Iterator[Edit]:
    """The first value is set in the loop, so that each round starts anew."""
    for loop in scope.nodes(ast.For):
        block = list(scope.block_of(loop))
        position = block.index(loop)
        start = block[position - 1] if position else None
        if not isinstance(start, ast.Assign) or not scope.may_remove(start) or not scope.may_edit(start):
            continue
        if len(start.targets) != 1 or not isinstance(start.targets[0], ast.Name) or loop.body[0].lineno == loop.lineno:
            continue
        changed = set[str]().union(*(mutated(statement) | stored(statement) for statement in loop.body))
        if start.targets[0].id not in changed or start.targets[0].id in _walked(loop):
            continue
        indent = scope.text.indent(loop.body[0].lineno)
        moved = scope.shifted(start, indent[len(scope.text.indent(start.lineno)) :])
        header = scope.text.lines(loop.lineno, loop.body[0].lineno - 1)
        between = scope.text.code[scope.text.lines_of(start).end : header.start]
        if moved is not None:
            summary = f"{quote(scope.source(start))} stands in the loop, so that each round forgets the one before."
            after = between + scope.text.code[slice(*header)] + moved
            yield Edit(scope.text.lines_of(start).start, header.end, after, summary)


def _walked(loop: ast.For) -> set[str]:
    return {node.id for node in ast.walk(loop.iter) if isinstance(node, ast.Name)}


def break_for_continue(scope: Scope) -> Iterator[Edit]:
    """`break` for `continue`: the rest of the items is not looked at."""
    for node in scope.nodes(ast.Continue):
        yield scope.replace(node, "break", "The loop stops where it should only skip one item: `break` for `continue`.")


def continue_for_break(scope: Scope) -> Iterator[Edit]:
    """`continue` for `break` in a `for` loop: later items overwrite what was found."""
    for node in scope.nodes(ast.Break):
        if isinstance(scope.loop_of(node), ast.For):
            summary = "The loop goes on where it should stop: `continue` for `break`."
            yield scope.replace(node, "continue", summary)


def lost_continue(scope: Scope) -> Iterator[Edit]:
    """`pass` for `continue`: what should be skipped is treated like the rest."""
    for node in scope.nodes(ast.Continue):
        if isinstance(scope.loop_of(node), ast.For):
            summary = "The item is not skipped: `pass` stands where `continue` belongs."
            yield scope.replace(node, "pass", summary)


OPERATORS = (
    Operator("reset-in-loop", "wrong_nesting", reset_in_loop),
    Operator("outdented-statement", "wrong_nesting", outdented_statement),
    Operator("indented-statement", "wrong_nesting", indented_statement),
    Operator("break-for-continue", "loop_control", break_for_continue),
    Operator("continue-for-break", "loop_control", continue_for_break),
    Operator("lost-continue", "loop_control", lost_continue),
)
